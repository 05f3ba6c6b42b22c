"""The exchange's clock: read at the start and every hour, and carried on by our monotonic clock in between (X8).

No single reading is believed: the estimate so far, this machine's wall clock or another reading must agree with it.
Evidence against the estimate (doubt, suspect, recheck) has the clock read again before its next use.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import combinations
from typing import NamedTuple

from loguru import logger

from safla.clock import Clock

BELIEVED_SECONDS, DOUBTED_SECONDS = 3600.0, 60.0  # how old a reading may be, and how old after doubt()
FRESH_SECONDS = 5.0  # how old a reading may be that alone decides whether the newest candle has closed
RECENT_SECONDS = 1.0  # a reading younger than this is not repeated, whatever the evidence
SKEW_SECONDS = 1.0  # a larger difference of two clocks is logged
AGREED_SECONDS = 0.5  # two offsets that are no further apart agree
DRIFT = 1e-4  # seconds a second by which our clock may drift between two readings
SLOW_SECONDS = 1.0  # a reading that took longer is too imprecise to be believed without another
# If wall clock and monotonic clock went apart by more than this, the machine was suspended, or its clock was set.
JUMP_SECONDS = 2.0
MOST_READINGS = 5  # after so many without two that agree, the median counts
MOST_SUSPICIONS = 6  # readings because of evidence in a minute


class ServerNow(NamedTuple):
    """The exchange's time in ms: an interval, because the answer with the time takes time itself."""

    least: int
    most: int

    def within(self, ts: object, step: int) -> bool:
        """Whether a candle that opens at ts, ms, lies on the grid, may have begun and has not certainly closed."""
        return type(ts) is int and ts % step == 0 and ts <= self.most and ts + step > self.least


class ClockReading(NamedTuple):
    """One reading of the exchange's clock."""

    server: int  # the time that it gave, ms
    sent: float  # when the request went out, seconds, monotonic
    came: float  # when the answer came, seconds, monotonic

    @property
    def took(self) -> float:
        """How long the request took, seconds."""
        return self.came - self.sent

    @property
    def offset(self) -> float:
        """The exchange's time less our monotonic clock, seconds, if both ways took equally long."""
        return self.server / 1000 - (self.sent + self.came) / 2

    def agrees(self, offset: float, tolerance: float) -> bool:
        """Whether another offset lies within the uncertainty of this reading and the tolerance, seconds."""
        return abs(self.offset - offset) <= self.took / 2 + tolerance


AskClock = Callable[[], Awaitable[ClockReading]]


class ServerTime:
    """The clock of one exchange.

    ask     reads it, through retries, breaker and rate limiter
    notify  is called with one line when a new reading shows that the estimate was wrong, and after grave evidence
    """

    def __init__(self, name: str, *, clock: Clock, ask: AskClock) -> None:
        self.skew_seconds: float | None = None  # by how much this machine's wall clock is ahead; None: not known
        self.notify: Callable[[str], None] = lambda text: None
        self._name, self._clock, self._ask = name, clock, ask
        self._read: ClockReading | None = None
        self._wall = 0.0  # wall clock less monotonic clock at the last reading, seconds
        self._doubted = False
        self._suspicion, self._grave = "", False  # the evidence since the last reading
        self._rereads: deque[float] = deque(maxlen=MOST_SUSPICIONS)  # readings because of evidence, seconds, monotonic
        self._asking, self._rechecking = asyncio.Lock(), asyncio.Lock()

    async def now(self) -> ServerNow:
        """Return the exchange's time; read it again first if necessary. Raises what the request raises."""
        return await self._now(BELIEVED_SECONDS)

    async def fresh(self) -> ServerNow:
        """Return the exchange's time by a reading of the last FRESH_SECONDS: for when a candle depends on it alone."""
        return await self._now(FRESH_SECONDS)

    def doubt(self) -> None:
        """Have the clock read again before its next use, at most once a minute: weak evidence, as a reconnection."""
        self._doubted = True

    def suspect(self, why: str, *, grave: bool = False) -> None:
        """Have the clock read again before its next use: there is evidence that the estimate is wrong.

        grave  the new reading is reported even if the estimate was right
        """
        if not self._suspicion or grave:
            self._suspicion, self._grave = why, grave

    async def recheck(self, why: str, ask: AskClock) -> None:
        """Read the clock again at once, from within a request. `ask` must not wait for what waits for that request."""
        async with self._rechecking:
            if self._old(RECENT_SECONDS) and self._may_reread():
                self.suspect(why)
                await self._renew(ask)

    @property
    def known(self) -> bool:
        """Whether the clock was read at all; latest() and carried() need that."""
        return self._read is not None

    def latest(self) -> int:
        """Return the late end of the exchange's time, ms, by the last reading."""
        return self.carried().most

    def carried(self) -> ServerNow:
        """Return the exchange's time by the last reading and the time since. now() must have been called before."""
        assert self._read is not None, "now() comes first"
        read, here = self._read, self._clock.monotonic()
        return ServerNow(read.server + int((here - read.came) * 1000), read.server + int((here - read.sent) * 1000) + 1)

    async def _now(self, good_for: float) -> ServerNow:
        async with self._asking:  # tasks that come during a reading wait here and use its result
            if self._must_read(good_for):
                await self._renew(self._ask)
        return self.carried()

    def _must_read(self, good_for: float) -> bool:
        """Whether the last reading is too old, or there is evidence against it that has not been checked."""
        if self._old(DOUBTED_SECONDS if self._doubted else good_for):
            return True
        apart = self._ahead_of_monotonic() - self._wall
        if abs(apart) > JUMP_SECONDS:
            self.suspect(f"this machine's wall clock moved by {apart:.1f} s, as after a suspend")
        if self._suspicion and self._old(RECENT_SECONDS) and self._may_reread():
            return True
        if not self._old(RECENT_SECONDS):
            self._suspicion = ""  # the last reading came after the evidence
        return False

    def _old(self, seconds: float) -> bool:
        return self._read is None or self._clock.monotonic() - self._read.came > seconds

    def _may_reread(self) -> bool:
        """Count a reading because of evidence; False if there were too many: bad pages must not cause endless ones."""
        here = self._clock.monotonic()
        if len(self._rereads) == MOST_SUSPICIONS and here - self._rereads[0] < DOUBTED_SECONDS:
            return False
        self._rereads.append(here)
        return True

    async def _renew(self, ask: AskClock) -> None:
        """Read the clock until a reading can be believed."""
        readings: list[ClockReading] = []
        believed = None
        while believed is None:
            readings.append(await ask())
            believed = self._agreed(readings)
        before, self._read = self._read, believed
        self._wall = self._ahead_of_monotonic()
        self._doubted = False
        self._compare(believed)
        self._report(before, believed)

    def _agreed(self, readings: list[ClockReading]) -> ClockReading | None:
        """Return the reading to believe; None: read once more."""
        newest = readings[-1]
        if newest.took <= SLOW_SECONDS and any(newest.agrees(*witness) for witness in self._witnesses()):
            return newest
        pairs = (
            pair
            for pair in combinations(readings, 2)
            if pair[0].agrees(pair[1].offset, pair[1].took / 2 + AGREED_SECONDS)
        )
        quickest = min((reading for pair in pairs for reading in pair), key=lambda reading: reading.took, default=None)
        if quickest is None and len(readings) == MOST_READINGS:
            logger.warning("{}: {} readings of its clock all differ", self._name, MOST_READINGS)
            return sorted(readings, key=lambda reading: reading.offset)[MOST_READINGS // 2]
        return quickest

    def _witnesses(self) -> list[tuple[float, float]]:
        """The offsets that can confirm a reading, each with its tolerance, seconds: the wall clock and the estimate."""
        witnesses = [(self._ahead_of_monotonic(), AGREED_SECONDS)]
        if self._read is not None:
            meanwhile = self._clock.monotonic() - self._read.came
            witnesses.append((self._read.offset, AGREED_SECONDS + self._read.took / 2 + DRIFT * meanwhile))
        return witnesses

    def _ahead_of_monotonic(self) -> float:
        """This machine's wall clock less its monotonic clock, seconds."""
        here = self._clock.monotonic()
        return self._clock.wall() - here

    def _report(self, before: ClockReading | None, now: ClockReading) -> None:
        """Report that the estimate was wrong, and what came of grave evidence."""
        why, grave = self._suspicion, self._grave
        self._suspicion, self._grave = "", False
        moved = 0.0 if before is None else now.offset - before.offset
        if abs(moved) <= SKEW_SECONDS and not grave:
            return
        result = "the estimate was right"
        if abs(moved) > SKEW_SECONDS:
            result = f"the estimate was {abs(moved):.1f} s {'behind' if moved > 0 else 'ahead'}"
        text = f"{self._name}: {f'{why}; ' if why else ''}its clock was read again: {result}"
        logger.warning("{}", text)
        self.notify(text)

    def _compare(self, read: ClockReading) -> None:
        """Compare with this machine's wall clock, for the log and `safla doctor`."""
        self.skew_seconds = self._ahead_of_monotonic() - read.offset
        if abs(self.skew_seconds) > SKEW_SECONDS:
            logger.warning("{}: its clock and this machine's differ by {:.1f} s", self._name, self.skew_seconds)
