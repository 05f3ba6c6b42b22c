"""A fake exchange on 127.0.0.1 (docs/exchange.md): the spot interface of Binance over candles and a clock of ours.

Tests take it by `async with FakeExchange(markets)` in their loop, or `with served(markets)` in a thread of its own;
`python -m tests.fake_exchange --synthetic BTCUSDT:1m:1000` serves by hand. What breaks, breaks on command: `break_`.
"""

import argparse
import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any, Self

from aiohttp import web

from tests.fake import rest
from tests.fake.answers import ANSWERS, HOSTILE, Answer, Turn, error, good, is_looped, looped
from tests.fake.candles import STEPS, Candles, Market, from_csv, synthetic
from tests.fake.pages import PAGES, Grid
from tests.fake.state import Asked, Break, Limits, Place, Said, State, VirtualClock, checked
from tests.fake.stream import ONLY_CLOSING, SOCKETS, Streams

__all__ = [
    "ANSWERS", "HOSTILE", "PAGES", "SOCKETS", "START_MS", "Asked", "Candles", "FakeExchange", "Market", "Said",
    "from_csv", "served", "synthetic",
]  # fmt: skip

HOST = "127.0.0.1"
START_MS = 1_704_067_200_000  # 2024-01-01: where synthetic candles begin that are served by hand
PATIENCE = 3
FAULTS = {**ANSWERS, **HOSTILE, **PAGES, **SOCKETS}
FLOW_SECONDS = 0.02


class FakeExchange:
    """The server. Controls may be called from any thread; lists are read as they grow.

    It may be entered again after its end: everything is as it was, the address too.
    """

    def __init__(
        self, markets: Iterable[Market], *, now_ms: int | None = None, weight_limit: int = 6000,
        patience: int = PATIENCE, ping_seconds: float = 20.0, flows: bool = False, port: int = 0,
    ) -> None:  # fmt: skip
        """now_ms: without it, the moment in which the last candle closes; flows: the clock goes by itself too."""
        known = {market.symbol: market for market in markets}
        self.clock = VirtualClock(_end(known.values()) if now_ms is None else now_ms)
        self.limits = Limits(self.clock, weight_limit=weight_limit, patience=patience)
        self._state = State(known, self.clock, self.limits)
        self._streams = Streams(self._state, ping_seconds=ping_seconds)
        self._flows = flows
        self._port = port

    @property
    def markets(self) -> dict[str, Market]:
        """By the exchange's name for them; what is taken out or changed, is so from the next request on."""
        return self._state.markets

    @property
    def requests(self) -> list[Asked]:
        """Every request in its order."""
        return self._state.requests

    @property
    def sockets(self) -> list[Said]:
        """What clients of streams did."""
        return self._state.sockets

    @property
    def wrong_times(self) -> list[int]:
        """So many ms ahead are the next answers about the time, each once; behind where negative."""
        return self._state.wrong_times

    def form(self, served: Callable[[list[Any]], list[Any]]) -> None:
        """What the candle that is not over is served as, from now on: its twelve cells, changed."""
        self._state.forming = served

    @property
    def rest_url(self) -> str:
        """For exchange.rest_url."""
        return f"http://{HOST}:{self._port}"

    @property
    def stream_url(self) -> str:
        """For exchange.stream_url."""
        return f"ws://{HOST}:{self._port}"

    def break_(
        self, name: str, *, times: int | None = 1, after: int = 0, path: str | None = "klines",
        symbol: str | None = None, interval: str | None = None, closing: bool | None = None, **parameters: Any,
    ) -> Break:  # fmt: skip
        """Order a fault: so many times (None: for ever), after so many that go well, for one place or for any.

        Of answers that are ordered the first one that is due comes; of pages all that are due. A page that is too short
        for a fault leaves it for the next one. closing: of a stream, only events that close a candle, or only others.
        """
        checked(name, FAULTS, parameters)
        wanted = None if symbol is None else symbol.replace("/", "")
        where = None if name in SOCKETS else path
        closing = True if name in ONLY_CLOSING else closing
        with self.clock.lock:
            return self._state.breaks.add(Break(name, times, after, where, wanted, interval, closing, parameters))

    def mend(self) -> None:
        """Nothing breaks any more, and nobody is refused or banned for what he did."""
        with self.clock.lock:
            self._state.breaks.mend()
            self.limits.forgive()

    def subscribed(self, stream: str) -> bool:
        """Whether somebody hears a stream, such as btcusdt@kline_1m."""
        with self.clock.lock:
            return self._streams.heard(stream)

    def wait(self, so: Any, *, seconds: float = 5.0) -> bool:
        """Wait in a thread until something is so that the logs can tell; False if it is not in time."""
        return self._state.wait(so, seconds=seconds)

    async def until(self, so: Any, *, seconds: float = 5.0) -> bool:
        """The same in a loop."""
        return await self._state.until(so, seconds=seconds)

    async def __aenter__(self) -> Self:
        self._ending = asyncio.Event()
        self._server = web.Server(self._served, access_log=None, handler_cancellation=True)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        await site.start()
        self._port = site.port
        self._flow = asyncio.create_task(self._flowing()) if self._flows else None
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ending.set()
        if self._flow is not None:
            self._flow.cancel()
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await self._runner.cleanup()

    async def _served(self, request: web.BaseRequest) -> Answer:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._streams.serve(request)
        with self.clock.lock:
            entry = self._state.asked(request.path, dict(request.query))
            answer = self._decided(request, entry)
        sent: Answer = await answer if asyncio.iscoroutine(answer) else answer
        entry.status = None if "reset" in entry.faults else sent.status
        return sent

    def _decided(self, request: web.BaseRequest, entry: Asked) -> Any:
        """An answer, or what will become one."""
        refusal = self.limits.ask(entry.name)
        headers = {"X-MBX-USED-WEIGHT-1M": str(self.limits.used), "X-MBX-USED-WEIGHT": str(self.limits.used)}
        if is_looped(request):
            return looped(request, headers)
        now = datetime.fromtimestamp(self.clock.now_ms / 1000, UTC)
        turn = Turn(request, b"", headers, lambda: self._first_page(entry), self.limits, now, self._pause)
        if refusal is not None:
            after = str(refusal.retry_after)
            return error(turn, refusal.status, code=refusal.code, msg=refusal.message, retry_after=after)
        try:
            name = entry.name if request.path.startswith("/api/v3/") and request.method == "GET" else ""
            turn = turn._replace(body=rest.body(self._state, name, entry.parameters))
        except rest.Refused as refused:
            return error(turn, refused.status, code=refused.code, msg=refused.msg)
        place = Place(name, entry.parameters.get("symbol"), entry.parameters.get("interval"))
        for order in self._state.breaks.due({**ANSWERS, **HOSTILE}, place):
            _hit(order, entry)
            return FAULTS[order.name](turn, **order.parameters)
        return good(turn._replace(body=self._page(turn.body, place, entry)))

    def _page(self, body: bytes, place: Place, entry: Asked) -> bytes:
        orders = list(self._state.breaks.due(PAGES, place)) if place.path == "klines" else []
        if not orders:
            return body
        rows, grid = json.loads(body), Grid(STEPS.get(place.interval or "", 1), self.clock.now_ms)
        for order in orders:
            made = PAGES[order.name](rows, grid, **order.parameters)
            if made != rows:
                _hit(order, entry)
            rows = made
        return json.dumps(rows, separators=(",", ":")).encode()

    def _first_page(self, entry: Asked) -> bytes:
        bounds = {name: text for name, text in entry.parameters.items() if name not in ("startTime", "endTime")}
        asked = {**bounds, "startTime": "0"} if entry.name == "klines" else entry.parameters
        return rest.body(self._state, entry.name, asked)

    async def _pause(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    async def _flowing(self) -> None:
        began, virtual = time.monotonic(), 0
        while True:
            await asyncio.sleep(FLOW_SECONDS)
            passed = int((time.monotonic() - began) * 1000)
            self.clock.advance(passed - virtual)
            virtual = passed


@contextmanager
def served(markets: Iterable[Market], **options: Any) -> Iterator[FakeExchange]:
    """A fake exchange in a thread of its own, for what blocks its own loop or runs in another process."""
    fake = FakeExchange(markets, **options)
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        end = asyncio.Event()
        async with fake:
            started.set_result((asyncio.get_running_loop(), end))
            await end.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except OSError as problem:  # no port: whoever wants to be served is told
            started.set_exception(problem)

    thread = Thread(target=run, name="fake exchange", daemon=True)
    thread.start()
    loop, end = started.result(timeout=10)
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(timeout=10)


def main(arguments: list[str] | None = None) -> None:
    """Serve until killed; the addresses are one line of JSON on stdout."""
    parser = argparse.ArgumentParser(prog="python -m tests.fake_exchange", description="A fake exchange, by hand.")
    parser.add_argument("--synthetic", action="append", default=[], metavar="SYMBOL:INTERVAL:COUNT")
    parser.add_argument("--file", action="append", default=[], metavar="SYMBOL:INTERVAL:PATH")
    parser.add_argument("--now", type=_moment, help="ISO 8601; without it, the end of the last candle")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--weight-limit", type=int, default=6000)
    parser.add_argument("--flow", action="store_true", help="the clock goes by itself")
    asked = parser.parse_args(arguments)
    markets: dict[str, Market] = {}
    for number, text in enumerate(asked.synthetic):
        symbol, interval, count = text.split(":")
        made = synthetic(START_MS, STEPS[interval], int(count), seed=asked.seed + number)
        markets.setdefault(symbol, Market(symbol)).candles[interval] = made
    for text in asked.file:
        symbol, interval, path = text.split(":", 2)
        markets.setdefault(symbol, Market(symbol)).candles[interval] = from_csv(Path(path), step_ms=STEPS[interval])
    fake = FakeExchange(
        markets.values(), now_ms=asked.now, weight_limit=asked.weight_limit, flows=asked.flow, port=asked.port
    )
    asyncio.run(_by_hand(fake))


async def _by_hand(fake: FakeExchange) -> None:
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    async with fake:
        print(json.dumps({"rest_url": fake.rest_url, "stream_url": fake.stream_url}), flush=True)
        await end.wait()


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


def _end(markets: Iterable[Market]) -> int:
    series = [candles for market in markets for candles in market.candles.values() if len(candles)]
    return max((candles.times[-1] + candles.step_ms for candles in series), default=START_MS)


def _hit(order: Break, entry: Asked) -> None:
    order.hits += 1
    entry.faults.append(order.name)


if __name__ == "__main__":
    main()
