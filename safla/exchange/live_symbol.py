"""One symbol of a live source: which candle it wants next, what came, and when it may be asked for again.

When that is due, and what goes out, is decided in live_candles.py.
"""

import math
from collections import Counter
from typing import NamedTuple

from safla.candles.normalise import CandleRow, ScaledCandles, in_units
from safla.clock import Clock
from safla.core.candles import Scale, Series, iso
from safla.core.timeframes import TIMEFRAMES, Interval
from safla.errors import ConfigError, ExchangeError, SaflaError
from safla.exchange import missing_candles, pages
from safla.exchange.circuit_breaker import CircuitOpen
from safla.exchange.client import Feed
from safla.exchange.missing_candles import PageSource, Settled
from safla.exchange.outages import TroubleListener
from safla.exchange.pages import BadRow

PAUSES = (0.25, 0.5, 1.0, 2.0)  # seconds until a candle that is not served yet is asked for again, the last for ever
UNUSUAL = 5  # so often it was asked for before that is told
LEAST_WAIT, MOST_WAIT = 1.0, 30.0  # seconds after an error, twice as long each time; an open breaker says how long
LARGEST_EXPONENT = 10  # far above what MOST_WAIT lets through
LATE_MS = 5_000  # from a close to its candle: later is told
GAP_PAUSE = 1.0  # seconds before a gap is asked for again, twice as many each time
UNPROVEN_MS = 10_000  # from a close: so long a candle is not taken by the clock alone, where none after it is served
FEWEST = 2  # candles a page: the last one that is known, and one more

# What is told, for the log and for alerts: of each trouble once, until it is over
MISSING = "missing"  # a candle is over and not served: every symbol waits for it
REFUSED = "refused"  # the exchange cannot be had, or gives errors
REVISED = "revised"  # a candle came again with other values: what was taken first stands (S2)
GAP = "gap"  # candles that the exchange does not have
LATE = "late"  # a candle came long after its close
WELL = "well"  # what was missing or refused is there
SILENT = "silent"  # a symbol is passed over: the others go on without it (S6a)
BAD = "bad"  # a finished candle is not sound, and stays so
ENDED = "ended"  # the market trades no more: its series ends
CLOCK = "clock"  # the exchange's clock was elsewhere than was believed, or a candle came back with other values


class Gone(ExchangeError):
    """A symbol that was there and is not any more: delisted, or renamed. Waiting brings nothing; look it up."""


class SymbolSpec(NamedTuple):
    """What the candles of a symbol must be, and how many a page holds."""

    timeframe: str
    scale: Scale
    price_limit: int  # D1
    limit: int
    max_wait: int  # candles for which an answer without the candle is waited out (S6a)


class Due:
    """When something may be asked for again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = -math.inf  # seconds, monotonic
        self._pauses = self._failures = 0

    def left(self) -> float:
        """Seconds until then; 0 or less: now."""
        return self._at - self._clock.monotonic()

    def pause(self) -> int:
        """It was not served yet. How often that was so by now."""
        self._wait(PAUSES[min(self._pauses, len(PAUSES) - 1)])
        self._pauses += 1
        return self._pauses

    def fail(self, error: SaflaError) -> None:
        """It could not even be asked: an open breaker sets the pace (R8)."""
        own = min(MOST_WAIT, LEAST_WAIT * 2.0 ** min(self._failures, LARGEST_EXPONENT))
        cause = error.__cause__
        self._wait(cause.retry_after if isinstance(cause, CircuitOpen) else own)
        self._failures += 1

    def now(self) -> None:
        """At once."""
        self._at = -math.inf

    def well(self) -> None:
        """All begins anew."""
        self._at, self._pauses, self._failures = -math.inf, 0, 0

    def _wait(self, seconds: float) -> None:
        self._at = self._clock.monotonic() + seconds


class Followed:
    """The candles of one symbol, as far as they are known and did not go out yet."""

    def __init__(
        self,
        feed: Feed,
        symbol: str,
        shape: SymbolSpec,
        *,
        want: int,
        clock: Clock,
        told: TroubleListener,
        counts: Counter[str],
    ) -> None:  # fmt: skip
        self.symbol = symbol
        self.want = want  # ms: every candle before it is known, or known not to be
        self.rows: dict[int, CandleRow] = {}  # that did not go out yet
        self.came = 0.0  # when the last of them did, seconds, monotonic
        self.due = Due(clock)
        self.silent = False  # it was passed over, and has served no candle in time since (S6a)
        self.ended = False  # its market trades no more
        self.bad: BadRow | None = None  # the oldest finished candle that is wanted and not sound
        self._later = False  # sound candles later than that were served
        self._answering: int | None = None  # ms: since when it answers without an error
        self._answered = 0  # ms: when the last answer was asked for
        self.heard_over = 0  # ms: what opens before it is over, as the stream says (0: it is mute)
        self.waits = False  # the next candle is served, and nothing shows yet that it is over
        self._held = False  # it was so since the last candle came
        self._feed, self._clock, self._told, self._counts = feed, clock, told, counts
        self._shape, self._step, self._limit = shape, TIMEFRAMES[shape.timeframe], max(FEWEST, shape.limit)
        self._origin = f"{feed.name} {symbol} {shape.timeframe}"
        self._last: tuple[int, CandleRow] | None = None  # asked for again each time, and compared

    @property
    def full(self) -> bool:
        """Whether it is so far ahead of another symbol that nothing more is asked for (Z24)."""
        return len(self.rows) >= self._limit

    def failed(self) -> None:
        """It could not be asked: what was waited out before counts no more (S6a)."""
        self._answering = None

    def passed_over(self, ts: int) -> bool:
        """Whether the others need not wait for its candle of a time: it answered for long enough without it (S6a)."""
        over = ts + self._step
        if self.ended:
            return True
        if self._answering is None or self._answered < over:
            return False
        wait = 0 if self.silent else self._shape.max_wait * self._step
        return self._answered >= max(over, self._answering) + wait

    def pass_over(self, ts: int) -> None:
        """Go on without its candle of a time; whatever comes for it later is ignored and counted (S2)."""
        self.want = ts + self._step
        self._counts["passed over"] += 1
        why = "" if self.bad is None or self.bad.ts != ts else f": {self.bad.why}"
        if self.bad is not None and self.bad.ts <= ts:
            self.bad, self._answered = None, ts + self._step  # what comes after it was not taken yet
            self.due.now()
        if not self.silent and not self.ended:
            self.silent = True
            text = f"no candle of {iso(ts)} for {self._shape.max_wait} candles; the others go on without it"
            self._told(SILENT, self.symbol, f"{self._origin}: {text}{why}")

    @property
    def stuck(self) -> bool:
        """Whether it answers for so long without the candle that is wanted that its market may trade no more."""
        return not self.ended and self.bad is None and self.passed_over(self.want)

    def end(self, what: str) -> None:
        """Its market trades no more: nothing is asked for, and nobody waits (S6a). what: the exchange says of it."""
        self.ended = True
        last = "" if self._last is None else f" after the candle of {iso(self._last[0])}"
        self._told(ENDED, self.symbol, f"{self._origin}: the exchange says that this market {what}: it ends{last}")

    def skip_bad(self) -> None:
        """Its own later candles are sound: after the same wait it goes on without the one that is not (S6a)."""
        if self.bad is not None and self._later and self.passed_over(self.bad.ts):
            self.pass_over(self.bad.ts)

    async def bring(self, to: int, *, goal: int, now: int) -> bool:
        """Ask for what is missing, the oldest first (R9). Whether anything came.

        to    ms: every candle before it is over by the exchange's clock
        goal  ms: nothing from there on is wanted; what is over there still proves gaps
        now   ms: the exchange's clock
        """
        before, self.waits = self.want, False
        try:
            while self.want < goal and not self.full:
                first = await self._first(to)
                if first is None or first.columns.ts[-1] < self.want:
                    break
                await self._settle(first, to)
        except ConfigError as error:
            if self._last is None:
                raise
            raise Gone(f"{self._origin}: not there any more: {error}") from error
        self._answering = now if self._answering is None else self._answering
        self._answered = self._answered if self.full else now  # what it has further was not asked for
        if self.want > before:
            self.silent = False
        return self.want > before

    async def _first(self, to: int) -> Series | None:
        since = self.want if self._last is None else self._last[0]
        found = await self._ask((since, None), to)
        while found is None and not self._feed.honours_since and since + self._limit * self._step < to:
            since += self._limit * self._step  # its pages end with their window (X16)
            found = await self._ask((since, None), to)
        return found

    async def _ask(self, window: tuple[int, int | None], to: int) -> Series | None:
        """What is over of a page, or of a window."""
        since, until = window
        bad: list[BadRow] = []
        later: list[int] = []
        found = await self._feed.page(
            self.symbol, self._shape.timeframe, since=since, limit=self._limit, until=until, sound=self._in_units,
            bad=bad, cut=later.append,
        )  # fmt: skip
        seen = [*([] if found is None else found.columns.ts[-1:].tolist()), *later, *(one.ts for one in bad)]
        if until is None and seen and max(seen) < to:
            to = await self._proven(max(seen))
        over = None if found is None else pages.upto(found, to)
        first_bad = next((one for one in bad if self.want <= one.ts < to), None)
        if until is None:
            self._note_bad(first_bad, over)
        if over is not None and first_bad is not None:
            over = pages.upto(over, first_bad.ts)
        return None if over is None or not len(over.columns.ts) else over

    async def _proven(self, newest: int) -> int:
        """Up to where candles are over, ms, of a page in which none is served after the newest.

        Only the clock says then that it is over, and what is believed of the clock may be wrong: it is read, and must
        say so by a margin. The stream's word is as good as a later candle.
        """
        end = newest + self._step
        if self.heard_over >= end:
            return end
        self.waits = (await self._feed.time.fresh()).least < end + UNPROVEN_MS
        self._held = self._held or self.waits
        return newest if self.waits else end

    def _note_bad(self, bad: BadRow | None, over: Series | None) -> None:
        """The oldest candle that is over and not sound: nothing after it is taken until it was waited out."""
        if bad is not None and (self.bad is None or self.bad.ts != bad.ts):
            self._counts["bad candles"] += 1
            self._told(BAD, self.symbol, f"{bad.why}; it is asked for again")
        self.bad = bad
        self._later = bad is not None and over is not None and len(over.columns.ts) > 0 and over.columns.ts[-1] > bad.ts

    async def _settle(self, first: Series, to: int) -> None:
        newest = None if self._feed.honours_since else self._feed.time.latest() - 2 * self._step
        asked = PageSource(self._origin, self._step, self._limit, newest)
        settled = await missing_candles.settle(
            first, (self.want, to), asked=asked, ask=lambda window: self._ask(window, to),
            pause=missing_candles.growing(GAP_PAUSE, self._clock.sleep),
        )  # fmt: skip
        self._counts["asked again"] += settled.reasked
        self._tell_gaps(settled.gaps)
        followed, want = self._last is not None, self.want
        self._take(settled)
        if followed:
            self._tell_late(want)
        self._held = False
        self.came = self._clock.monotonic()

    def _take(self, settled: Settled) -> None:
        want, self.want = self.want, int(settled.ts[-1]) + self._step
        for part in settled.parts:
            taken = self._in_units(part)
            self._counts["volumes cut"] += taken.cut
            for ts, row in taken.rows:
                if ts < want or ts in self.rows:
                    self._compare(ts, row)
                elif ts < self.want:
                    self.rows[ts] = row
        newest = int(settled.ts[-1])
        self._last = newest, self.rows[newest]

    def _compare(self, ts: int, row: CandleRow) -> None:
        """S2: a candle again. What was taken first stands, whatever comes."""
        known, just_taken = self.rows.get(ts), False
        if self._last is not None and self._last[0] == ts:
            known, just_taken = self._last[1], True
        if known == row:
            self._counts["repeated"] += 1
            return
        self._counts["revised"] += 1
        was = "was not there" if known is None else "had other values"
        text = f"candle_revised: {iso(ts)} {was} when it was taken, and that stands"
        self._told(REVISED, self.symbol, f"{self._origin}: {text}")
        if just_taken:
            self._feed.time.suspect(
                f"{self.symbol}: {iso(ts)} came back with other values than it was taken with", grave=True
            )

    def _tell_gaps(self, gaps: list[Interval]) -> None:
        for since, until in gaps:
            self._counts["gaps"] += 1
            self._counts["missing candles"] += (until - since) // self._step
            text = f"no candle from {iso(since)} to {iso(until)}, asked for twice"
            self._told(GAP, self.symbol, f"{self._origin}: {text}")

    def _tell_late(self, ts: int) -> None:
        late = self._feed.time.latest() - ts - self._step
        if late > LATE_MS + (UNPROVEN_MS if self._held else 0):
            self._told(LATE, self.symbol, f"{self._origin}: {iso(ts)} came {late / 1000:.1f} s after its close")

    def _in_units(self, series: Series) -> ScaledCandles:
        return in_units(series, self._shape.scale, price_limit=self._shape.price_limit, origin=self._origin)
