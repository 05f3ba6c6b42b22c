"""Candles as they close: one timestamp at a time, whole, in order, without end (S1, S2, S6, X8-X13).

Requests bring every value; the stream only says when to ask (candle_stream.py). One symbol is live_symbol.py.
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
from safla.exchange.live_symbol import Due, Followed, Gone, SymbolSpec
from safla.exchange.missing_candles import OnlyNewest
from safla.exchange.outages import Outages, TroubleListener
from safla.exchange.retry import TransientError
from safla.exchange.server_time import Now

CANDLES_BETWEEN_LOOKS = 10  # at the markets of symbols that serve nothing
GRACE_MS = 1_500  # after a close, where the stream does not ring (X13)
WAKE_SECONDS = 20.0  # between two looks at the clocks: after a suspend no wait may go on as though nothing was


class CandleBatch(NamedTuple):
    """The candles of one time."""

    ts: int  # ms
    rows: tuple[CandleRow | None, ...]  # of each symbol, in order; None: it is a fact that it has none
    came: float  # when the last of them was there, seconds, monotonic


Arrivals = AsyncGenerator[CandleBatch, None]  # to be closed by whoever reads it, for it may hold connections


class LiveSource:
    """The candles of some symbols on one time grid, as they close. It is read once, by one reader.

    It ends where no market of its symbols trades any more, and by ConfigError for a symbol that the exchange never had,
    by ExchangeError where the only symbol is gone or the exchange rejects us; other errors are waited out (R8, S6a).
    """

    def __init__(
        self, feed: Feed, symbols: Sequence[str], timeframe: str, *, scales: Sequence[Scale], since: Mapping[str, int],
        price_limit: int, fetch_limit: int, clock: Clock, candle_stream: CandleStream | None, end: int | None,
        told: TroubleListener, max_wait: int,
    ) -> None:  # fmt: skip
        """
        since     the next candle of each symbol, ms
        end       ms, exclusive; None: none
        told      must not raise
        max_wait  candles for which a symbol that answers without its candle holds up the others (S6a)
        """
        self.counts: Counter[str] = Counter()  # candles repeated and revised, gaps, what was asked again, volumes cut
        self._feed, self._clock, self._candle_stream, self._told = feed, clock, candle_stream, told
        self._step, self._end = TIMEFRAMES[timeframe], end
        shapes = [SymbolSpec(timeframe, scale, price_limit, fetch_limit, max_wait) for scale in scales]
        self._lines = [
            Followed(feed, symbol, shape, want=since[symbol], clock=clock, told=self._of_line, counts=self.counts)
            for symbol, shape in zip(symbols, shapes, strict=True)
        ]
        self._due = Due(clock)  # the exchange's clock
        self._look_ms = 0  # when the markets of symbols that serve nothing are looked at again
        self._outages = Outages(feed.name, told=told, well=live_symbol.WELL)
        feed.time.told = lambda text: told(live_symbol.CLOCK, "", text)

    async def __aiter__(self) -> "Arrivals":
        while True:
            for arrival in self._whole():
                yield arrival
            if not self._wanting():
                return
            await self._bring()

    @property
    def waits_for(self) -> tuple[tuple[str, int], ...]:
        """The next candle of each symbol, ms."""
        return tuple((line.symbol, line.want) for line in self._lines)

    def _whole(self) -> Iterator[CandleBatch]:
        """What every symbol is through with, or is passed over at (S6a), in order.

        A time at which none has a candle is no time of a run.
        """
        for line in self._lines:
            line.skip_bad()
        came = max(line.came for line in self._lines)
        for ts in sorted({ts for line in self._lines for ts in line.rows}):
            waited = [line for line in self._lines if line.want <= ts and not line.ended]
            if (self._end is not None and ts >= self._end) or not all(line.passed_over(ts) for line in waited):
                return
            for line in waited:
                line.pass_over(ts)
            came = self._clock.monotonic() if waited else came
            yield CandleBatch(ts, tuple(line.rows.pop(ts, None) for line in self._lines), came)

    def _wanting(self) -> list[Followed]:
        open_lines = [line for line in self._lines if not line.ended]
        return [line for line in open_lines if self._end is None or line.want < self._end]

    async def _bring(self) -> None:
        """Wait until something is due, or ask for what is."""
        if self._due.left() > 0:
            await self._clock.sleep(self._due.left())
        try:
            now = await self._feed.time.now()
        except SaflaError as error:
            self._refused(self._due, error)
            self._outages.tell(live_symbol.REFUSED, {"": str(error)})
            return
        self._well(self._due, "")
        lines = [(self._left(line, now), line) for line in self._wanting() if not line.full]
        asked = [line for left, line in lines if left <= 0]
        if not asked:
            await self._rest(min(left for left, _ in lines))
            return
        to = now.least // self._step * self._step
        outcomes = await asyncio.gather(*(self._asked(line, to, now.least) for line in asked))
        self._judge(list(zip(asked, outcomes, strict=True)))
        await self._end_closed(now.least)

    async def _end_closed(self, now: int) -> None:
        """Symbols that serve nothing: whether their markets trade at all, once in some candles (S6a)."""
        stuck = [line for line in self._lines if line.stuck]
        if not stuck or now < self._look_ms:
            return
        self._look_ms = now + CANDLES_BETWEEN_LOOKS * self._step
        try:
            closed = await self._feed.closed([line.symbol for line in self._lines if not line.ended])
        except SaflaError:
            return  # the next answer about candles says what is wrong
        for line in stuck:
            if line.symbol in closed:
                line.end("is closed")

    def _left(self, line: Followed, now: Now) -> float:
        """Seconds until a symbol's next candle may be asked for: it is over (X8), and the stream said so or did not."""
        over = line.want + self._step
        heard_over = self._candle_stream is not None and self._candle_stream.over(line.symbol) >= over
        return max((over + (0 if heard_over else GRACE_MS) - now.least) / 1000, line.due.left())

    async def _rest(self, seconds: float) -> None:
        """Until the stream says that a candle closed, for so many seconds at most, and until the clocks want a look."""
        waits = [asyncio.ensure_future(self._clock.sleep(min(seconds, WAKE_SECONDS)))]
        if self._candle_stream is not None:
            waits.append(asyncio.ensure_future(self._candle_stream.wait_for_close()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _asked(self, line: Followed, to: int, now: int) -> SaflaError | bool:
        """Whether something came; or why not, so that one symbol that fails stops no other (X14)."""
        line.heard_over = 0 if self._candle_stream is None else self._candle_stream.over(line.symbol)
        try:
            return await line.bring(to, goal=to if self._end is None else min(to, self._end), now=now)
        except SaflaError as error:
            return error

    def _judge(self, outcomes: list[tuple[Followed, SaflaError | bool]]) -> None:
        answered = any(not isinstance(outcome, SaflaError) for _, outcome in outcomes)
        refused: dict[str, str] = {}
        missing: dict[str, str] = {}
        for line, outcome in outcomes:
            if isinstance(outcome, SaflaError):
                line.failed()
                if self._is_gone(line, outcome):
                    continue
                self._refused(line.due, outcome)
                refused[line.symbol] = str(outcome)
                if answered and isinstance(outcome.__cause__, CircuitOpen):
                    line.due.now()  # the probe of another came back well: the next one may be this one's
            elif outcome:
                self._well(line.due, line.symbol)
            elif line.due.pause() >= live_symbol.UNUSUAL and not line.waits:
                text = f"{self._feed.name} {line.symbol}: the candle of {iso(line.want)} is over, and not served yet"
                missing[line.symbol] = text
        self._outages.tell(live_symbol.REFUSED, refused)
        self._outages.tell(live_symbol.MISSING, missing)

    def _is_gone(self, line: Followed, error: SaflaError) -> bool:
        """A symbol that the exchange has no longer ends, while there are others: the run goes on with those (S6a)."""
        others = any(not other.ended for other in self._lines if other is not line)
        if isinstance(error, Gone) and others:
            line.end("is gone")
            return True
        return False

    def _of_line(self, kind: str, symbol: str, text: str) -> None:
        """What a symbol tells by itself."""
        if kind == live_symbol.SILENT:
            self._outages.alone(kind, symbol)
        self._told(kind, symbol, text)

    def _refused(self, due: Due, error: SaflaError) -> None:
        """Wait for what can be waited for (R8); the rest ends it."""
        cause = error.__cause__
        waits = isinstance(error, ExchangeError | DataError)  # a page that stays bad never ends it (S6a)
        if not waits or isinstance(error, OnlyNewest | Gone) or self._feed.stopped:
            raise error
        if isinstance(cause, TransientError) and not cause.retried:
            raise error
        due.fail(error)

    def _well(self, due: Due, symbol: str) -> None:
        self._outages.over(symbol)
        due.well()
