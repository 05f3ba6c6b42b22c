"""What time it is at an exchange: read at first and every hour, and carried on by our own clock in between (X8).

No reading is believed by itself: what is carried on, this machine's wall clock or another reading must agree with it.
Evidence that what is believed is wrong has it read again at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import combinations
from typing import NamedTuple

from loguru import logger

from safla.clock import Clock

BELIEVED_SECONDS, DOUBTED_SECONDS = 3600.0, 60.0  # between two readings
FRESH_SECONDS = 5.0  # so old may be what the end of the newest candle is judged by
RECENT_SECONDS = 1.0  # what was read so lately is not read again, whatever the evidence
SKEW_SECONDS = 1.0  # a difference of the clocks above it is said
AGREED_SECONDS = 0.5  # two witnesses that are no further apart agree
DRIFT = 1e-4  # of a second a second, by which our clock may go wrong meanwhile
SLOW_SECONDS = 1.0  # an answer that took longer says too little to be believed without another
JUMP_SECONDS = (
    2.0  # by so much the wall's clock and the monotonic one went apart: a suspend, or somebody set the wall's
)
MOST_READINGS = 5  # until two agree
MOST_SUSPICIONS = 6  # a minute


class Now(NamedTuple):
    """The exchange's clock, ms: between these two, for the way of an answer takes time."""

    least: int
    most: int

    def within(self, ts: object, step: int) -> bool:
        """Whether a candle of the grid that opens at ts, ms, began and is not certainly over."""
        return type(ts) is int and ts % step == 0 and ts <= self.most and ts + step > self.least


class ClockReading(NamedTuple):
    """When the exchange's clock was asked, and what it said."""

    server: int  # ms
    sent: float  # seconds, monotonic
    came: float

    @property
    def took(self) -> float:
        """Seconds."""
        return self.came - self.sent

    @property
    def offset(self) -> float:
        """By how much it is ahead of the monotonic clock, seconds, if the way there was as long as the way back."""
        return self.server / 1000 - (self.sent + self.came) / 2

    def agrees(self, offset: float, tolerance: float) -> bool:
        """Whether another offset could be this one's."""
        return abs(self.offset - offset) <= self.took / 2 + tolerance


AskClock = Callable[[], Awaitable[ClockReading]]


class ServerTime:
    """The clock of one exchange.

    ask   reads it, through gate, retries and breaker
    told  in one line: it turned out to be elsewhere than was believed, or a candle came back with other values
    """

    def __init__(self, name: str, *, clock: Clock, ask: AskClock) -> None:
        self.skew_seconds: float | None = None  # this machine's wall clock is so far ahead; None: not known
        self.told: Callable[[str], None] = lambda text: None
        self._name, self._clock, self._ask = name, clock, ask
        self._read: ClockReading | None = None
        self._wall = 0.0  # by how much the wall's clock was ahead of the monotonic one when it was read, seconds
        self._doubted = False
        self._suspicion, self._grave = "", False
        self._suspicions: deque[float] = deque(maxlen=MOST_SUSPICIONS)  # when they were followed, monotonic
        self._asking, self._rechecking = asyncio.Lock(), asyncio.Lock()

    async def now(self) -> Now:
        """Its now, read again where that is due. Errors are those of the question."""
        return await self._now(BELIEVED_SECONDS)

    async def fresh(self) -> Now:
        """Its now by a reading of the last seconds: where a candle hangs on it."""
        return await self._now(FRESH_SECONDS)

    def doubt(self) -> None:
        """Let it be read again, though not twice a minute: the line broke, or the clock seems to be elsewhere."""
        self._doubted = True

    def suspect(self, why: str, *, grave: bool = False) -> None:
        """There is evidence that what is believed is wrong: it is read again before it is used again.

        grave  it is told whatever comes of that
        """
        if not self._suspicion or grave:
            self._suspicion, self._grave = why, grave

    async def recheck(self, why: str, ask: AskClock) -> None:
        """The same within a request of one's own: ask must wait for nobody who may wait for that request."""
        async with self._rechecking:
            if self._old(RECENT_SECONDS) and self._may_follow():
                self.suspect(why)
                await self._renew(ask)

    @property
    def known(self) -> bool:
        """Whether it was read, so that latest() has something to go by."""
        return self._read is not None

    def latest(self) -> int:
        """Its now at most, ms, by what it said last."""
        return self.carried().most

    def carried(self) -> Now:
        """Its now by what it said last."""
        assert self._read is not None, "now() comes first"
        read, here = self._read, self._clock.monotonic()
        return Now(read.server + int((here - read.came) * 1000), read.server + int((here - read.sent) * 1000) + 1)

    async def _now(self, good_for: float) -> Now:
        async with self._asking:  # whoever comes meanwhile has that answer too
            if self._due(good_for):
                await self._renew(self._ask)
        return self.carried()

    def _due(self, good_for: float) -> bool:
        if self._old(DOUBTED_SECONDS if self._doubted else good_for):
            return True
        apart = self._ahead_of_monotonic() - self._wall
        if abs(apart) > JUMP_SECONDS:
            self.suspect(f"this machine's clocks went apart by {apart:.1f} s, as in a suspend")
        if self._suspicion and self._old(RECENT_SECONDS) and self._may_follow():
            return True
        if not self._old(RECENT_SECONDS):
            self._suspicion = ""  # it was read behind it
        return False

    def _old(self, seconds: float) -> bool:
        return self._read is None or self._clock.monotonic() - self._read.came > seconds

    def _may_follow(self) -> bool:
        """Whether one more suspicion may be followed: no stream and no page may have it read all the time."""
        here = self._clock.monotonic()
        if len(self._suspicions) == MOST_SUSPICIONS and here - self._suspicions[0] < DOUBTED_SECONDS:
            return False
        self._suspicions.append(here)
        return True

    async def _renew(self, ask: AskClock) -> None:
        readings: list[ClockReading] = []
        found = None
        while found is None:
            readings.append(await ask())
            found = self._agreed(readings)
        before, self._read = self._read, found
        self._wall = self._ahead_of_monotonic()
        self._doubted = False
        self._compare(found)
        self._tell(before, found)

    def _agreed(self, readings: list[ClockReading]) -> ClockReading | None:
        """The reading to believe, if there is one by now."""
        newest = readings[-1]
        if newest.took <= SLOW_SECONDS and any(newest.agrees(*one) for one in self._witnesses()):
            return newest
        pairs = (
            pair
            for pair in combinations(readings, 2)
            if pair[0].agrees(pair[1].offset, pair[1].took / 2 + AGREED_SECONDS)
        )
        found = min((one for pair in pairs for one in pair), key=lambda one: one.took, default=None)
        if found is None and len(readings) == MOST_READINGS:
            logger.warning("{}: {} readings of its clock all differ", self._name, MOST_READINGS)
            return sorted(readings, key=lambda one: one.offset)[MOST_READINGS // 2]
        return found

    def _witnesses(self) -> list[tuple[float, float]]:
        """What an offset is compared with, and how far it may be away."""
        found = [(self._ahead_of_monotonic(), AGREED_SECONDS)]
        if self._read is not None:
            meanwhile = self._clock.monotonic() - self._read.came
            found.append((self._read.offset, AGREED_SECONDS + self._read.took / 2 + DRIFT * meanwhile))
        return found

    def _ahead_of_monotonic(self) -> float:
        here = self._clock.monotonic()
        return self._clock.wall() - here

    def _tell(self, before: ClockReading | None, now: ClockReading) -> None:
        """What became of a suspicion, and that the clock was elsewhere."""
        why, grave = self._suspicion, self._grave
        self._suspicion, self._grave = "", False
        moved = 0.0 if before is None else now.offset - before.offset
        if abs(moved) <= SKEW_SECONDS and not grave:
            return
        where = "what was believed is right"
        if abs(moved) > SKEW_SECONDS:
            where = f"what was believed was {abs(moved):.1f} s {'behind' if moved > 0 else 'ahead'}"
        text = f"{self._name}: {f'{why}; ' if why else ''}its clock was read again: {where}"
        logger.warning("{}", text)
        self.told(text)

    def _compare(self, read: ClockReading) -> None:
        self.skew_seconds = self._ahead_of_monotonic() - read.offset
        if abs(self.skew_seconds) > SKEW_SECONDS:
            logger.warning("{}: its clock and this machine's differ by {:.1f} s", self._name, self.skew_seconds)
