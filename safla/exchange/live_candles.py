"""The live source of candles: batches of all symbols, one timestamp at a time, in order (S1, S2, S6, X8-X13).

A batch is yielded once every symbol has its candle, or once it is certain that it has none. Requests bring all values;
the stream only tells when to request (candle_stream.py). The state of one symbol is in live_symbol.py.

    loop:  yield the complete batches
           wait until a candle should have closed, or the stream says so
           request the symbols that are due, all at once
           decide what each answer means: go on, wait and report, or end
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import NamedTuple

from safla.candles.normalise import CandleRow
from safla.clock import Clock
from safla.core.candles import Scale, iso
from safla.core.timeframes import TIMEFRAMES
from safla.errors import DataError, ExchangeError, SaflaError
from safla.exchange import live_symbol
from safla.exchange.candle_stream import CandleStream
from safla.exchange.circuit_breaker import CircuitOpen
from safla.exchange.client import Feed
from safla.exchange.live_symbol import DueCandle, LiveSymbol, SymbolEnded, SymbolSpec
from safla.exchange.missing_candles import OnlyNewest
from safla.exchange.outages import Outages, TroubleListener
from safla.exchange.retry import TransientError
from safla.exchange.server_time import ServerNow

CANDLES_BETWEEN_LOOKS = 10  # candles between two checks whether markets have ended, while a symbol serves nothing
GRACE_MS = 1_500  # after its close a candle is requested if the stream does not signal it before (X13)
WAKE_SECONDS = 20.0  # the longest sleep without a look at the clocks: after a suspend it would last too long


class CandleBatch(NamedTuple):
    """The candles of all symbols at one timestamp."""

    ts: int  # ms, the open time
    rows: tuple[CandleRow | None, ...]  # a row for each symbol, in order; None: a believed gap, or passed over
    came: float  # when the last of them came, seconds, monotonic


Arrivals = AsyncGenerator[CandleBatch, None]  # the reader must close it: it may hold connections


class LiveSource:
    """The candles of some symbols on one time grid, as they close. To be iterated once, by one reader.

    The iteration ends at `end`, or when the markets of all symbols have ended. It raises ConfigError for a symbol that
    the exchange never had, and ExchangeError if the only symbol left is gone, or if the exchange rejects requests for
    good. All other errors are waited out (R8, S6a).
    """

    def __init__(
        self, feed: Feed, symbols: Sequence[str], timeframe: str, *, scales: Sequence[Scale], since: Mapping[str, int],
        price_limit: int, fetch_limit: int, clock: Clock, candle_stream: CandleStream | None, end: int | None,
        listener: TroubleListener, max_wait: int,
    ) -> None:  # fmt: skip
        """
        since          the next candle of each symbol, ms
        candle_stream  None: each candle is requested GRACE_MS after its close
        end            ms, exclusive; None: no end
        listener       called with each report: kind of trouble, symbol, text. It must not raise
        max_wait       candles for which the others wait while a symbol answers without its candle (S6a)
        """
        self.counts: Counter[str] = Counter()  # for the log: repeated, revised, gaps, asked again, volumes cut, ...
        self._feed, self._clock, self._candle_stream, self._report = feed, clock, candle_stream, listener
        self._step, self._end = TIMEFRAMES[timeframe], end
        shapes = [SymbolSpec(timeframe, scale, price_limit, fetch_limit, max_wait) for scale in scales]
        self._symbols = [
            LiveSymbol(
                feed, symbol, shape, want=since[symbol], clock=clock, listener=self._report_of, counts=self.counts
            )
            for symbol, shape in zip(symbols, shapes, strict=True)
        ]
        self._due = DueCandle(clock)  # for requests of the exchange's time
        self._look_ms = 0  # ms: when the states of markets may be requested again
        self._outages = Outages(feed.name, listener=listener, well=live_symbol.WELL)
        feed.time.notify = lambda text: listener(live_symbol.CLOCK, "", text)

    async def __aiter__(self) -> "Arrivals":
        while True:
            for batch in self._complete_batches():
                yield batch
            if not self._unfinished():
                return
            await self._fetch()

    @property
    def waits_for(self) -> tuple[tuple[str, int], ...]:
        """The next candle of each symbol, ms."""
        return tuple((followed.symbol, followed.want) for followed in self._symbols)

    def _complete_batches(self) -> Iterator[CandleBatch]:
        """Yield the timestamps for which every symbol has its candle, certainly has none, or is passed over (S6a).

        A timestamp at which no symbol has a candle gets no batch.
        """
        for followed in self._symbols:
            followed.skip_bad()
        came = max(followed.came for followed in self._symbols)
        for ts in sorted({ts for followed in self._symbols for ts in followed.rows}):
            waited_for = [followed for followed in self._symbols if followed.want <= ts and not followed.ended]
            if (self._end is not None and ts >= self._end) or not all(each.passed_over(ts) for each in waited_for):
                return
            for followed in waited_for:
                followed.pass_over(ts)
            came = self._clock.monotonic() if waited_for else came
            yield CandleBatch(ts, tuple(followed.rows.pop(ts, None) for followed in self._symbols), came)

    def _unfinished(self) -> list[LiveSymbol]:
        """The symbols of which further candles are needed."""
        trading = [followed for followed in self._symbols if not followed.ended]
        return [followed for followed in trading if self._end is None or followed.want < self._end]

    async def _fetch(self) -> None:
        """Request the candles that are due, or wait until some are. Returns after each step, so that batches go out."""
        if self._due.left() > 0:
            await self._clock.sleep(self._due.left())
        try:
            now = await self._feed.time.now()
        except SaflaError as error:
            self._note_failure(self._due, error)
            self._outages.tell(live_symbol.REFUSED, {"": str(error)})
            return
        self._note_success(self._due, "")
        waits = [(self._left(followed, now), followed) for followed in self._unfinished() if not followed.full]
        due = [followed for left, followed in waits if left <= 0]
        if not due:
            await self._sleep(min(left for left, _ in waits))
            return
        to = now.least // self._step * self._step  # candles that open before it have closed, by the exchange's clock
        outcomes = await asyncio.gather(*(self._request(followed, to, now.least) for followed in due))
        self._handle(list(zip(due, outcomes, strict=True)))
        await self._end_closed(now.least)

    async def _end_closed(self, now: int) -> None:
        """End the symbols that serve nothing and whose markets have ended: request that once in some candles (S6a)."""
        stuck = [followed for followed in self._symbols if followed.stuck]
        if not stuck or now < self._look_ms:
            return
        self._look_ms = now + CANDLES_BETWEEN_LOOKS * self._step
        try:
            closed = await self._feed.closed([followed.symbol for followed in self._symbols if not followed.ended])
        except SaflaError:
            return  # if the exchange fails, the next request for candles reports it
        for followed in stuck:
            if followed.symbol in closed:
                followed.end("is closed")

    def _left(self, followed: LiveSymbol, now: ServerNow) -> float:
        """Seconds until the next candle of a symbol may be requested; 0 or less: now.

        It must have closed by the exchange's clock (X8): as soon as the stream has signalled it, or GRACE_MS later.
        Pauses after failures and after answers without it count as well.
        """
        over = followed.want + self._step
        signalled = self._candle_stream is not None and self._candle_stream.over(followed.symbol) >= over
        return max((over + (0 if signalled else GRACE_MS) - now.least) / 1000, followed.due.left())

    async def _sleep(self, seconds: float) -> None:
        """Sleep for so many seconds, WAKE_SECONDS at most, or until the stream signals a close."""
        waits = [asyncio.ensure_future(self._clock.sleep(min(seconds, WAKE_SECONDS)))]
        if self._candle_stream is not None:
            waits.append(asyncio.ensure_future(self._candle_stream.wait_for_close()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _request(self, followed: LiveSymbol, to: int, now: int) -> SaflaError | bool:
        """Request the candles of a symbol. Returns whether any came.

        It returns an error instead of raising it, so that a symbol that fails does not stop the others (X14).
        """
        followed.heard_over = 0 if self._candle_stream is None else self._candle_stream.over(followed.symbol)
        try:
            return await followed.bring(to, goal=to if self._end is None else min(to, self._end), now=now)
        except SaflaError as error:
            return error

    def _handle(self, outcomes: list[tuple[LiveSymbol, SaflaError | bool]]) -> None:
        """Decide what the outcome of each request means, and report troubles together: many symbols may share one."""
        answered = any(not isinstance(outcome, SaflaError) for _, outcome in outcomes)
        failed: dict[str, str] = {}
        missing: dict[str, str] = {}
        for followed, outcome in outcomes:
            if isinstance(outcome, SaflaError):
                followed.failed()
                if self._end_gone(followed, outcome):
                    continue
                self._note_failure(followed.due, outcome)
                failed[followed.symbol] = str(outcome)
                if answered and isinstance(outcome.__cause__, CircuitOpen):
                    # The probe of another symbol succeeded while this one was rejected. Do not wait for the time that
                    # CircuitOpen gave: the next request may be the next probe, or the breaker is closed by then.
                    followed.due.now()
            elif outcome:
                self._note_success(followed.due, followed.symbol)
            elif followed.due.pause() >= live_symbol.UNUSUAL and not followed.waits:
                text = f"the candle of {iso(followed.want)} has closed, but is not served yet"
                missing[followed.symbol] = f"{self._feed.name} {followed.symbol}: {text}"
        self._outages.tell(live_symbol.REFUSED, failed)
        self._outages.tell(live_symbol.MISSING, missing)

    def _end_gone(self, followed: LiveSymbol, error: SaflaError) -> bool:
        """End a symbol that the exchange no longer has, if there are others: the run goes on with those (S6a)."""
        others = any(not other.ended for other in self._symbols if other is not followed)
        if isinstance(error, SymbolEnded) and others:
            followed.end("is gone")
            return True
        return False

    def _report_of(self, kind: str, symbol: str, text: str) -> None:
        """Pass on a report of one symbol."""
        if kind == live_symbol.SILENT:
            self._outages.alone(kind, symbol)
        self._report(kind, symbol, text)

    def _note_failure(self, due: DueCandle, error: SaflaError) -> None:
        """Schedule the next request after an error that can be waited out (R8); raise every other error."""
        cause = error.__cause__
        waits = isinstance(error, ExchangeError | DataError)  # DataError: a page that stays bad (S6a)
        if not waits or isinstance(error, OnlyNewest | SymbolEnded) or self._feed.stopped:
            raise error
        if isinstance(cause, TransientError) and not cause.retried:
            raise error
        due.fail(error)

    def _note_success(self, due: DueCandle, symbol: str) -> None:
        self._outages.over(symbol)
        due.well()
