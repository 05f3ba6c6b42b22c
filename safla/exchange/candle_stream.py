"""The stream of an exchange says that a candle has closed, and never what is in it (X13): requests bring the values.

Whatever happens to it costs latency alone: it is connected again for ever, and whoever waits for it has a time limit.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

from loguru import logger

from safla.core.candles import iso
from safla.core.timeframes import TIMEFRAMES
from safla.errors import SaflaError
from safla.exchange import factory
from safla.exchange.ccxt_stream import Started, ccxt_stream
from safla.exchange.client import Feed
from safla.exchange.failures import said

SILENCE_SECONDS = 15.0  # a line without a candle for so long is dead
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0  # seconds before it is connected again, twice as long each time
LARGEST_EXPONENT = 10  # far above what LONGEST_WAIT lets through
MOST_PATIENCE = 3600.0  # seconds, of what a refused handshake asks for
OVERDUE_MS = 1_000  # so late may a word of the stream be
LEAVE_SECONDS = 1.0  # for taking leave of a peer that may be gone

WatchCandles = Callable[[], Coroutine[Any, Any, Any]]


class ConnectionBroken(Exception):
    """The connection is of no use any more."""


class CandleStream:
    """The stream of the candles of some symbols. An async context manager; it is one task."""

    def __init__(
        self, feed: Feed, symbols: Sequence[str], timeframe: str, *, told: Callable[[str], None] = lambda text: None
    ) -> None:
        """told: of a connection that broke, once until a candle comes over another."""
        self.counts: Counter[str] = Counter()  # connections, closed candles, and frames that nobody could read
        self._feed, self._clock, self._told = feed, feed.clock, told
        self._timeframe, self._step = timeframe, TIMEFRAMES[timeframe]
        self._over = dict.fromkeys(symbols, 0)
        self._candle_closed = asyncio.Event()
        self._tries = 0  # since something came
        self._fresh = False  # nothing came over the line yet
        self._ssl: Any = None  # made once: it takes longer than all the rest
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._stay(), name="candle stream")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def over(self, symbol: str) -> int:
        """Every candle of a symbol that opens before this moment, ms, is over, says the stream; 0: it said nothing."""
        return self._over[symbol]

    async def wait_for_close(self) -> None:
        """Wait until the stream says of a candle, for the first time, that it is over."""
        await self._candle_closed.wait()
        self._candle_closed.clear()

    async def _stay(self) -> None:
        while True:
            stream = factory.make_stream(self._feed.config, ccxt_stream)
            if stream is None:
                self._told(f"{self._feed.name}: no stream of candles is known; it is asked after each close")
                return
            try:
                await self._connected(stream)
            except ConnectionBroken as trouble:
                self._say(str(trouble))
            patience = self._patience(stream)
            _forget(stream)
            del stream
            await self._clock.sleep(patience)

    async def _connected(self, stream: Any) -> None:
        """One connection to its end, which is always a bad one. Each has a class of its own: nothing is left over."""
        started = Started()
        stream.options["ws"] = {**stream.options.get("ws", {}), "asyncio_loop": started}
        stream.over, stream.unfinished, stream.unread = self._heard, self._unfinished, self._unread
        stream.ssl_context = self._ssl
        stream.heard, stream.before = (lambda heard: None), self._feed.before_connection
        try:
            await self._feed.time.now()
            if not factory.assume(stream, tuple(self._over)):
                stream.set_markets(self._feed.markets)
            await self._feed.before_connection()
            self.counts["connections"] += 1
            self._fresh = True
            await self._listen(stream)
        except SaflaError as error:
            raise ConnectionBroken(str(error)) from error
        finally:
            self._ssl = stream.ssl_context
            await _surely(_left(stream, started))

    async def _listen(self, stream: Any) -> None:
        waits = {asyncio.create_task(watch()): watch for watch in self._watches(stream)}
        silence: asyncio.Future[None] | None = None
        try:
            while True:
                silence = asyncio.ensure_future(self._clock.sleep(SILENCE_SECONDS))
                done, _ = await asyncio.wait({*waits, silence}, return_when=asyncio.FIRST_COMPLETED)
                silence.cancel()
                if done == {silence}:
                    raise ConnectionBroken(f"{self._feed.name}: no candle came for {SILENCE_SECONDS:g} s")
                for task in done - {silence}:
                    watch = waits.pop(task)
                    self._take(task)
                    waits[asyncio.create_task(watch())] = watch
        finally:
            await _ended(*waits, *([] if silence is None else [silence]))

    def _watches(self, stream: Any) -> Iterator[WatchCandles]:
        pairs = [[symbol, self._timeframe] for symbol in self._over]
        if stream.has.get("watchOHLCVForSymbols"):
            yield partial(stream.watch_ohlcv_for_symbols, pairs)
            return
        for symbol, timeframe in pairs:
            yield partial(_one, stream, symbol, timeframe)

    def _take(self, task: asyncio.Task[Any]) -> None:
        """What ccxt gave; or what it raised, whatever that is: the line is dead."""
        if task.cancelled():
            raise ConnectionBroken(f"{self._feed.name}: the stream was cut off")
        error = task.exception()
        if error is not None:
            raise ConnectionBroken(f"{self._feed.name}: {said(f'{type(error).__name__}: {error}')}")
        if self._fresh and self.counts["connections"] > 1:
            self._feed.time.doubt()  # X8
        self._tries, self._fresh = 0, False
        for symbol, found in task.result().items():
            candles = found.get(self._timeframe)
            if candles:
                self._heard(symbol, candles[-1][0])

    def _heard(self, symbol: str, over: object) -> None:
        """A stream's word: everything of a symbol that opens before a moment is over."""
        if symbol not in self._over or type(over) is not int or over % self._step != 0 or over <= self._over[symbol]:
            return
        self._candle_closed.set()
        if over > self._feed.time.latest() + self._step:  # it is wrong, or our clock stood still in a sleep
            self._feed.time.doubt()
            return
        self._over[symbol] = over
        self.counts["closed candles"] += 1

    def _unfinished(self, symbol: str, end: object) -> None:
        """A stream's word: a candle goes on. If it is over by our clock, what is believed of the other's is wrong."""
        if symbol not in self._over or type(end) is not int or not self._feed.time.known:
            return
        if 0 < end + OVERDUE_MS < self._feed.time.carried().least:
            self._feed.time.suspect(f"{symbol}: the stream says that the candle until {iso(end)} is not over")
            self._candle_closed.set()

    def _unread(self, text: str) -> None:
        self.counts["unread"] += 1
        logger.debug("{}: a frame of the stream cannot be read: {}", self._feed.name, text)

    def _say(self, text: str) -> None:
        logger.debug("{}; the stream is connected again", text)
        if self._tries == 0:
            self._told(f"{text}; the stream is connected again")

    def _patience(self, stream: Any) -> float:
        """Seconds before the next connection: longer each time, and as long as a refused handshake asked for."""
        own = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._tries, LARGEST_EXPONENT))
        self._tries += 1
        asked = getattr(stream.latest_client, "last_retry_after", None) or 0.0
        return max(own, min(asked, MOST_PATIENCE))


async def _one(stream: Any, symbol: str, timeframe: str) -> dict[str, Any]:
    return {symbol: {timeframe: await stream.watch_ohlcv(symbol, timeframe)}}


async def _surely(work: Coroutine[Any, Any, None]) -> None:
    """Let something come to its end, though whoever waits for it is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _left(stream: Any, started: Started) -> None:
    """Close what a class of ccxt.pro holds; who does not take leave is left without."""
    await started.end()  # else a connection under way would open again what is closed here
    with suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_SECONDS):
            await stream.close_ws_clients()
    stream.clients = {}
    await stream.close()
    await started.end()


def _forget(stream: Any) -> None:
    """Free what a class of ccxt.pro holds, most of a megabyte that refers to itself: cycles are looked for rarely."""
    socket = getattr(stream.latest_client, "connection", None)
    error = None if socket is None else socket.exception()
    while error is not None:  # it came through frames that hold the socket, which holds it
        error.__traceback__ = None
        error = error.__context__
    for one in (stream.latest_client, stream):
        if one is not None:
            vars(one).clear()


async def _ended(*futures: asyncio.Future[Any]) -> None:
    for one in futures:
        one.cancel()
    await asyncio.gather(*futures, return_exceptions=True)
