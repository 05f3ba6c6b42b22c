"""The websocket stream of an exchange. It only signals that a candle has closed (X13); requests fetch the values.

So a broken stream costs latency and nothing else: the stream reconnects for ever, and its reader waits for it with a
time limit.
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

SILENCE_SECONDS = 15.0  # a connection without a candle for this long counts as dead
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0  # seconds before a reconnection; the wait doubles each time
LARGEST_EXPONENT = 10  # keeps 2**n small; LONGEST_WAIT is reached long before
MOST_PATIENCE = 3600.0  # seconds; limits the Retry-After of a rejected handshake
OVERDUE_MS = 1_000  # how late a message of the stream may be
LEAVE_SECONDS = 1.0  # for closing a connection to a peer that may be gone

WatchCandles = Callable[[], Coroutine[Any, Any, Any]]


class ConnectionBroken(Exception):
    """The connection cannot be used any more; the message says why."""


class CandleStream:
    """The candle stream of some symbols. An async context manager that runs one task."""

    def __init__(
        self, feed: Feed, symbols: Sequence[str], timeframe: str, *, notify: Callable[[str], None] = lambda text: None
    ) -> None:
        """notify: is called with a text when a connection breaks, and then not again until a candle arrives."""
        self.counts: Counter[str] = Counter()  # connections, closed candles, and unreadable frames ("unread")
        self._feed, self._clock, self._notify = feed, feed.clock, notify
        self._timeframe, self._step = timeframe, TIMEFRAMES[timeframe]
        self._over = dict.fromkeys(symbols, 0)
        self._candle_closed = asyncio.Event()
        self._tries = 0  # connections since the last message
        self._fresh = False  # whether this connection has not brought a message yet
        self._ssl: Any = None  # the SSL context, made once: this is the slowest part of a connection
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
        """Return the time (ms) before which every candle of the symbol has closed, by the stream; 0: not known."""
        return self._over[symbol]

    async def wait_for_close(self) -> None:
        """Wait until the stream signals that another candle has closed."""
        await self._candle_closed.wait()
        self._candle_closed.clear()

    async def _stay(self) -> None:
        while True:
            stream = factory.make_stream(self._feed.config, ccxt_stream)
            if stream is None:
                self._notify(f"{self._feed.name}: there is no candle stream; candles are requested after each close")
                return
            try:
                await self._connected(stream)
            except ConnectionBroken as error:
                self._report(str(error))
            wait = self._patience(stream)
            _free(stream)
            del stream
            await self._clock.sleep(wait)

    async def _connected(self, stream: Any) -> None:
        """Run one connection until it breaks. Each has its own ccxt object, so no state of a broken one is left."""
        started = Started()
        stream.options["ws"] = {**stream.options.get("ws", {}), "asyncio_loop": started}
        stream.over, stream.unfinished, stream.unread = self._note_closed, self._unfinished, self._unread
        stream.ssl_context = self._ssl
        stream.heard, stream.before = (lambda answer: None), self._feed.before_connection
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
            await _finish(_close(stream, started))

    async def _listen(self, stream: Any) -> None:
        """Take what the watch calls return, and start each again. ConnectionBroken after SILENCE_SECONDS of nothing."""
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
            await _cancel(*waits, *([] if silence is None else [silence]))

    def _watches(self, stream: Any) -> Iterator[WatchCandles]:
        """The calls that watch the candles: one for all symbols if the exchange has that, else one for each."""
        pairs = [[symbol, self._timeframe] for symbol in self._over]
        if stream.has.get("watchOHLCVForSymbols"):
            yield partial(stream.watch_ohlcv_for_symbols, pairs)
            return
        for symbol, timeframe in pairs:
            yield partial(_watch_symbol, stream, symbol, timeframe)

    def _take(self, task: asyncio.Task[Any]) -> None:
        """Take the candles that ccxt returned. ConnectionBroken if it raised anything: the connection is dead then."""
        if task.cancelled():
            raise ConnectionBroken(f"{self._feed.name}: the stream was interrupted")
        error = task.exception()
        if error is not None:
            raise ConnectionBroken(f"{self._feed.name}: {said(f'{type(error).__name__}: {error}')}")
        if self._fresh and self.counts["connections"] > 1:
            self._feed.time.doubt()  # a connection that broke may mean that this machine slept (X8)
        self._tries, self._fresh = 0, False
        for symbol, by_timeframe in task.result().items():
            candles = by_timeframe.get(self._timeframe)
            if candles:  # when a candle has begun, those before it have closed
                self._note_closed(symbol, candles[-1][0])

    def _note_closed(self, symbol: str, over: object) -> None:
        """The stream signals that every candle of a symbol that opens before `over`, ms, has closed."""
        if symbol not in self._over or type(over) is not int or over % self._step != 0 or over <= self._over[symbol]:
            return
        self._candle_closed.set()
        if over > self._feed.time.latest() + self._step:  # the stream is wrong, or this machine slept and we are late
            self._feed.time.doubt()
            return
        self._over[symbol] = over
        self.counts["closed candles"] += 1

    def _unfinished(self, symbol: str, end: object) -> None:
        """The stream signals that the candle that ends at `end`, ms, is open. If it should be over, our time is off."""
        if symbol not in self._over or type(end) is not int or not self._feed.time.known:
            return
        if 0 < end + OVERDUE_MS < self._feed.time.carried().least:
            self._feed.time.suspect(f"{symbol}: the stream says that the candle that ends at {iso(end)} is still open")
            self._candle_closed.set()

    def _unread(self, text: str) -> None:
        self.counts["unread"] += 1
        logger.debug("{}: a message of the stream cannot be read: {}", self._feed.name, text)

    def _report(self, text: str) -> None:
        logger.debug("{}; the stream is reconnecting", text)
        if self._tries == 0:
            self._notify(f"{text}; the stream is reconnecting")

    def _patience(self, stream: Any) -> float:
        """Seconds before the next connection: longer each time, and at least what a rejected handshake asked for."""
        backoff = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._tries, LARGEST_EXPONENT))
        self._tries += 1
        retry_after = getattr(stream.latest_client, "last_retry_after", None) or 0.0
        return max(backoff, min(retry_after, MOST_PATIENCE))


async def _watch_symbol(stream: Any, symbol: str, timeframe: str) -> dict[str, Any]:
    return {symbol: {timeframe: await stream.watch_ohlcv(symbol, timeframe)}}


async def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` to its end even if the awaiting task is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _close(stream: Any, started: Started) -> None:
    """Close the connections of a ccxt.pro object. A peer that does not answer in time is dropped."""
    await started.end()  # else an unfinished connect would open again what is closed here
    with suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_SECONDS):
            await stream.close_ws_clients()
    stream.clients = {}
    await stream.close()
    await started.end()


def _free(stream: Any) -> None:
    """Free the memory of a ccxt.pro object: almost 1 MB in reference cycles, which are collected only rarely."""
    socket = getattr(stream.latest_client, "connection", None)
    error = None if socket is None else socket.exception()
    while error is not None:  # its traceback holds frames, these hold the socket, and the socket holds the error
        error.__traceback__ = None
        error = error.__context__
    for owner in (stream.latest_client, stream):
        if owner is not None:
            vars(owner).clear()


async def _cancel(*futures: asyncio.Future[Any]) -> None:
    """Cancel futures and wait until they are done."""
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)
