"""One symbol of a live source: the candle that it needs next, the candles that came, and when to request again.

It fetches pages, proves that their candles have closed, settles gaps, and compares what comes again. When requests are
made, and which candles are passed on to the run, is decided in live_candles.py.
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
from safla.exchange.missing_candles import PageSource, SettledPage
from safla.exchange.outages import TroubleListener
from safla.exchange.pages import BadRow

PAUSES = (0.25, 0.5, 1.0, 2.0)  # seconds between requests for a candle that is not served yet; the last repeats
UNUSUAL = 5  # requests for such a candle before MISSING is reported
LEAST_WAIT, MOST_WAIT = 1.0, 30.0  # seconds after an error; the wait doubles each time (an open breaker sets its own)
LARGEST_EXPONENT = 10  # keeps 2**n small; MOST_WAIT is reached long before
LATE_MS = 5_000  # after its close a candle is expected; a later one is reported
GAP_PAUSE = 1.0  # seconds before a gap is requested again; the pause doubles each time
UNPROVEN_MS = 10_000  # after its close a candle is taken by the clock alone; before, only with further proof
FEWEST = 2  # candles in a page at least: the last known one, for comparison, and a new one

# The kinds of trouble, for the log and for alerts. Each is reported once until it is over.
MISSING = "missing"  # a candle has closed and is not served: every symbol waits for it
REFUSED = "refused"  # requests fail: the exchange cannot be reached, or answers with errors
REVISED = "revised"  # a candle came again with other values: the first values stay (S2)
GAP = "gap"  # candles that the exchange does not have
LATE = "late"  # a candle came long after its close
WELL = "well"  # a trouble is over
SILENT = "silent"  # a symbol is passed over: the other symbols go on without it (S6a)
BAD = "bad"  # the row of a closed candle is invalid
ENDED = "ended"  # the market has ended, and so does its series
CLOCK = "clock"  # our estimate of the exchange's clock was wrong, or a candle came back with other values


class SymbolEnded(ExchangeError):
    """A symbol that existed and does not any more: delisted, or renamed. Waiting does not help; look it up."""


class SymbolSpec(NamedTuple):
    """What the candles of a symbol must be like, how many a page holds, and how long they are waited for."""

    timeframe: str
    scale: Scale
    price_limit: int  # the highest price, in price units of the scale (D1)
    limit: int  # candles in a page
    max_wait: int  # candles for which the others wait while it answers without its candle (S6a)


class DueCandle:
    """The schedule of one kind of request: when it may be sent again, after an answer without a result or a failure."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = -math.inf  # the earliest time of the next request, seconds, monotonic
        self._pauses = self._failures = 0

    def left(self) -> float:
        """Seconds until the next request may be sent; 0 or less: now."""
        return self._at - self._clock.monotonic()

    def pause(self) -> int:
        """Note an answer without the candle. Returns how many there were in a row."""
        self._wait(PAUSES[min(self._pauses, len(PAUSES) - 1)])
        self._pauses += 1
        return self._pauses

    def fail(self, error: SaflaError) -> None:
        """Note a failed request: wait longer each time, or until an open breaker lets a call pass (R8)."""
        backoff = min(MOST_WAIT, LEAST_WAIT * 2.0 ** min(self._failures, LARGEST_EXPONENT))
        cause = error.__cause__
        self._wait(cause.retry_after if isinstance(cause, CircuitOpen) else backoff)
        self._failures += 1

    def now(self) -> None:
        """Allow the next request at once; what was counted stays."""
        self._at = -math.inf

    def well(self) -> None:
        """Note a success: allow the next request at once, and count from zero."""
        self._at, self._pauses, self._failures = -math.inf, 0, 0

    def _wait(self, seconds: float) -> None:
        self._at = self._clock.monotonic() + seconds


class LiveSymbol:
    """The state of one symbol: its candles that were not passed on yet, and what is known of its answers.

    want      the candle that is needed next, ms
    clock     for the times of requests; candles are judged by the exchange's clock (feed.time)
    listener  called with each report: kind of trouble, symbol, text
    counts    shared with the other symbols of the source
    """

    def __init__(
        self,
        feed: Feed,
        symbol: str,
        shape: SymbolSpec,
        *,
        want: int,
        clock: Clock,
        listener: TroubleListener,
        counts: Counter[str],
    ) -> None:  # fmt: skip
        self.symbol = symbol
        self.want = want  # ms: every candle before it was taken, is a believed gap, or was passed over
        self.rows: dict[int, CandleRow] = {}  # by open time: taken and not passed on to the run yet
        self.came = 0.0  # when the last of them came, seconds, monotonic
        self.due = DueCandle(clock)
        self.silent = False  # it was passed over, and has brought no candle since (S6a)
        self.ended = False  # its market has ended
        self.bad: BadRow | None = None  # the oldest row of a closed candle that is needed and invalid
        self._later = False  # valid candles after that row were served
        self._answering: int | None = None  # ms, the exchange's clock: since when it answers without an error
        self._answered = 0  # ms, the exchange's clock: the time of the last good answer
        self.heard_over = 0  # ms: candles that open before it have closed, by the stream; 0: the stream said nothing
        self.waits = False  # the next candle is served, but nothing proves yet that it has closed
        self._waited = False  # that was so at some time since the last candle was taken
        self._feed, self._clock, self._report, self._counts = feed, clock, listener, counts
        self._shape, self._step, self._limit = shape, TIMEFRAMES[shape.timeframe], max(FEWEST, shape.limit)
        self._origin = f"{feed.name} {symbol} {shape.timeframe}"
        self._last: tuple[int, CandleRow] | None = None  # the newest candle taken; each page begins with it

    @property
    def full(self) -> bool:
        """Whether it is a page ahead of another symbol: then nothing more is requested, to bound the memory (Z24)."""
        return len(self.rows) >= self._limit

    def failed(self) -> None:
        """Note a failed request: the wait for a silent symbol begins again with the next good answer (S6a)."""
        self._answering = None

    def passed_over(self, ts: int) -> bool:
        """Whether the others need not wait for its candle of ts, ms: it answered without it for long enough (S6a).

        The time counts from the close of the candle or from the first answer without an error, whichever is later: a
        symbol is not silent while the exchange fails.
        """
        over = ts + self._step
        if self.ended:
            return True
        if self._answering is None or self._answered < over:
            return False
        wait = 0 if self.silent else self._shape.max_wait * self._step
        return self._answered >= max(over, self._answering) + wait

    def pass_over(self, ts: int) -> None:
        """Go on without its candle of ts, ms. If that comes later, it is ignored and counted (S2)."""
        self.want = ts + self._step
        self._counts["passed over"] += 1
        why = "" if self.bad is None or self.bad.ts != ts else f": {self.bad.why}"
        if self.bad is not None and self.bad.ts <= ts:
            # Answers were cut off at the bad row, so they say nothing of what comes after it: request that now.
            self.bad, self._answered = None, ts + self._step
            self.due.now()
        if not self.silent and not self.ended:
            self.silent = True
            text = f"no candle of {iso(ts)} for {self._shape.max_wait} candles; the other symbols go on without it"
            self._report(SILENT, self.symbol, f"{self._origin}: {text}{why}")

    @property
    def stuck(self) -> bool:
        """Whether it has answered without the next candle for so long that its market may have ended."""
        return not self.ended and self.bad is None and self.passed_over(self.want)

    def end(self, what: str) -> None:
        """Note that its market has ended: nothing is requested any more, and nobody waits for it (S6a).

        what  the exchange's word for it, such as "is closed"
        """
        self.ended = True
        last = "" if self._last is None else f" after the candle of {iso(self._last[0])}"
        text = f"the exchange says that this market {what}; the series ends{last}"
        self._report(ENDED, self.symbol, f"{self._origin}: {text}")

    def skip_bad(self) -> None:
        """Pass over an invalid candle after the same wait as for a silent symbol, if later ones are valid (S6a)."""
        if self.bad is not None and self._later and self.passed_over(self.bad.ts):
            self.pass_over(self.bad.ts)

    async def bring(self, to: int, *, goal: int, now: int) -> bool:
        """Request the missing candles, the oldest first (R9). Returns whether any was taken.

        to    ms: every candle that opens before it has closed by the exchange's clock
        goal  ms: candles from here on are not needed, but those that have closed still prove gaps before them
        now   ms: the exchange's clock
        Raises Gone if the symbol existed and is unknown now, ConfigError if it never existed, and errors of requests.
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
            raise SymbolEnded(f"{self._origin}: not there any more: {error}", code="symbol_ended") from error
        self._answering = now if self._answering is None else self._answering
        self._answered = self._answered if self.full else now  # if full, later candles were not requested
        if self.want > before:
            self.silent = False
        return self.want > before

    async def _first(self, to: int) -> Series | None:
        """The first page with closed candles; None if there is none. It begins with the newest candle taken."""
        since = self.want if self._last is None else self._last[0]
        page = await self._ask((since, None), to)
        # Some exchanges return an empty page if the candles begin after the window that a page covers (X16).
        while page is None and not self._feed.honours_since and since + self._limit * self._step < to:
            since += self._limit * self._step
            page = await self._ask((since, None), to)
        return page

    async def _ask(self, window: tuple[int, int | None], to: int) -> Series | None:
        """Request a page, or a window with an end, and return its closed candles up to the first invalid one.

        None if there are none. A window is requested to settle a gap: its candles need no further proof, because later
        ones are known.
        """
        since, until = window
        bad: list[BadRow] = []
        cut: list[int] = []
        page = await self._feed.page(
            self.symbol, self._shape.timeframe, since=since, limit=self._limit, until=until, sound=self._in_units,
            bad=bad, cut=cut.append,
        )  # fmt: skip
        seen = [*([] if page is None else page.columns.ts[-1:].tolist()), *cut, *(row.ts for row in bad)]
        if until is None and seen and max(seen) < to:
            to = await self._proven(max(seen))
        closed = None if page is None else pages.upto(page, to)
        first_bad = next((row for row in bad if self.want <= row.ts < to), None)
        if until is None:
            self._note_bad(first_bad, closed)
        if closed is not None and first_bad is not None:
            closed = pages.upto(closed, first_bad.ts)
        return None if closed is None or not len(closed.columns.ts) else closed

    async def _proven(self, newest: int) -> int:
        """Return the time (ms) before which candles have closed, for a page that has none after `newest`.

        A later candle would prove that the newest has closed; the stream can prove it as well. Otherwise only the
        clock says so, and our estimate of it may be wrong: so it is read again, and the close must be UNPROVEN_MS ago.
        """
        end = newest + self._step
        if self.heard_over >= end:
            return end
        self.waits = (await self._feed.time.fresh()).least < end + UNPROVEN_MS
        self._waited = self._waited or self.waits
        return newest if self.waits else end

    def _note_bad(self, bad: BadRow | None, closed: Series | None) -> None:
        """Note the oldest invalid row of a closed candle. Nothing after it is taken while it is there."""
        if bad is not None and (self.bad is None or self.bad.ts != bad.ts):
            self._counts["bad candles"] += 1
            self._report(BAD, self.symbol, f"{bad.why}; it is requested again")
        self.bad = bad
        self._later = (
            bad is not None and closed is not None and len(closed.columns.ts) > 0 and closed.columns.ts[-1] > bad.ts
        )

    async def _settle(self, first: Series, to: int) -> None:
        """Settle the gaps of a page (missing_candles.py), take its candles and report what is worth it."""
        # The page of an exchange that may return its newest candles (X16) reaches at least to here then.
        newest = None if self._feed.honours_since else self._feed.time.latest() - 2 * self._step
        source = PageSource(self._origin, self._step, self._limit, newest)
        settled = await missing_candles.settle(
            first, (self.want, to), asked=source, ask=lambda window: self._ask(window, to),
            pause=missing_candles.growing(GAP_PAUSE, self._clock.sleep),
        )  # fmt: skip
        self._counts["asked again"] += settled.reasked
        self._report_gaps(settled.gaps)
        had_candles, want = self._last is not None, self.want
        self._take(settled)
        if had_candles:  # the first candles of a session may be old
            self._report_late(want)
        self._waited = False
        self.came = self._clock.monotonic()

    def _take(self, settled: SettledPage) -> None:
        """Take the new candles of a page and its further answers, and compare those that were known."""
        want, self.want = self.want, int(settled.ts[-1]) + self._step
        for part in settled.parts:
            scaled = self._in_units(part)
            self._counts["volumes cut"] += scaled.cut
            for ts, row in scaled.rows:
                if ts < want or ts in self.rows:
                    self._compare(ts, row)
                elif ts < self.want:  # later ones are not settled: they come again with the next page
                    self.rows[ts] = row
        newest = int(settled.ts[-1])
        self._last = newest, self.rows[newest]

    def _compare(self, ts: int, row: CandleRow) -> None:
        """Compare a candle that comes again. What was taken first stays, whatever comes (S2)."""
        known, just_taken = self.rows.get(ts), False
        if self._last is not None and self._last[0] == ts:
            known, just_taken = self._last[1], True
        if known == row:
            self._counts["repeated"] += 1
            return
        self._counts["revised"] += 1
        what = "comes after the run went on without it" if known is None else "comes again with other values"
        self._report(REVISED, self.symbol, f"{self._origin}: candle_revised: {iso(ts)} {what}; it is ignored")
        if just_taken:  # perhaps it was taken before its close, by a wrong clock
            self._feed.time.suspect(
                f"{self.symbol}: {iso(ts)} came back with other values than it was taken with", grave=True
            )

    def _report_gaps(self, gaps: list[Interval]) -> None:
        for since, until in gaps:
            self._counts["gaps"] += 1
            self._counts["missing candles"] += (until - since) // self._step
            text = f"no candle from {iso(since)} to {iso(until)}, asked for twice"
            self._report(GAP, self.symbol, f"{self._origin}: {text}")

    def _report_late(self, ts: int) -> None:
        """Report a candle that came long after its close. A wait for proof is no lateness."""
        late = self._feed.time.latest() - ts - self._step
        if late > LATE_MS + (UNPROVEN_MS if self._waited else 0):
            self._report(LATE, self.symbol, f"{self._origin}: {iso(ts)} came {late / 1000:.1f} s after its close")

    def _in_units(self, series: Series) -> ScaledCandles:
        return in_units(series, self._shape.scale, price_limit=self._shape.price_limit, origin=self._origin)
