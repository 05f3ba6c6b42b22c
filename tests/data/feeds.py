"""Feeds for the tests of this room: one with a script in place of an exchange, and a live source over a fake exchange.

The first serves candles, and misbehaves where it is told to; of the second, what it gives and what there is to give.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from safla.clock import Clock
from safla.core.candles import Scale, Series
from safla.core.values import Columns
from safla.data.backfill import DownloadProgress, DownloadResult, Order, download
from safla.data.store.store import SeriesKey
from safla.errors import ExchangeError
from safla.exchange.candle_stream import CandleStream
from safla.exchange.client import Feed, feed_of
from safla.exchange.live_candles import CandleBatch, LiveSource
from safla.exchange.pages import PRICE_LIMIT
from safla.exchange.server_time import ServerNow
from tests.faults.exchange import LIMIT, MINUTE, START, Meeting, minutes

HOUR = 3_600_000

Page = Series | None
Answer = Callable[[Page], Page]  # what becomes of a page


def series(ts: Iterable[int], *, shift: int = 0) -> Page:
    """Candles whose values follow from their times; shift: other values."""
    times = np.array(sorted(ts), np.int64)
    if not len(times):
        return None
    close = 10_000 + times // HOUR % 97 + shift
    return Series("BTC/USDT", 2, 3, Columns(times, close, close + 5, close - 5, close, times // HOUR % 7 + 1))


class StandingStill:
    """The exchange's clock, which does not move."""

    def __init__(self, now: int) -> None:
        self._now = now

    async def now(self) -> ServerNow:
        """Always the same."""
        return ServerNow(self._now, self._now)

    def latest(self) -> int:
        """The same."""
        return self._now


class Served:
    """What data/backfill.py asks of exchange/client.py, over the candles of a script."""

    def __init__(
        self, ts: Iterable[int], *, now: int, answers: dict[int, Answer] | None = None, honours_since: bool = True,
        most: int | None = None, name: str = "binance",
    ) -> None:  # fmt: skip
        self.name, self.honours_since = name, honours_since
        self.weight, self.counts = None, Counter[str]()
        self.asked: list[tuple[int, int | None]] = []  # since and until of every page
        self._ts, self._now, self._answers, self._most = sorted(ts), now, answers or {}, most
        self.time = StandingStill(now)
        self.waited: list[float] = []  # seconds, before each question that was asked again
        self.clock = Clock(lambda: 0.0, lambda: START / 1000, self._sleep)
        self.over = False  # whether it says that the market is over

    async def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    async def is_over(self, symbol: str) -> bool:
        """What it says of the market."""
        return self.over

    async def page(self, symbol: str, timeframe: str, *, since: int, limit: int, until: int | None = None) -> Page:
        """A page as the script has it; the nth may be another."""
        self.asked.append((since, until))
        there = [ts for ts in self._ts if since <= ts <= self._now and (until is None or ts < until)]
        if self._most is not None:  # it gives its newest, whatever was asked for
            there = [ts for ts in self._ts if ts <= self._now][-self._most :]
        answer = self._answers.get(len(self.asked), lambda page: page)
        return answer(series(there[:limit]))


class Away(Served):
    """One that does not answer."""

    async def page(self, symbol: str, timeframe: str, *, since: int, limit: int, until: int | None = None) -> Page:
        """Nothing but an error."""
        raise ExchangeError(f"{self.name}: no answer")


async def brought(
    feed: Served, cache: Path, span: tuple[int, int], *, limit: int = 10, open_end: bool = False, again: bool = False,
    accept_restated: bool = False, recheck: bool = False,
    listener: Callable[[DownloadProgress], None] = lambda standing: None,
) -> DownloadResult:  # fmt: skip
    """The download of BTC/USDT hours into a cache, at a fixed time."""
    place = SeriesKey(cache, "binance", "BTC/USDT", "1h")
    order = Order(place, span, open_end, again, accept_restated, recheck)
    return (await download(feed, [order], limit=limit, at=lambda: START, listener=listener))[0]  # type: ignore[arg-type]


def hours(*numbers: int) -> list[int]:
    """The opening times of so many hours from the start on."""
    return [START + number * HOUR for number in numbers]


def hour(number: int) -> int:
    """The opening time of one."""
    return START + number * HOUR


SCALE = Scale(2, 5, 5, 1, 1, 0)
BEGAN = 30  # the minute in which tests begin: so many candles are over
PASSED = 10_000  # ms of that minute
PUSHED = 5.0  # seconds between two events of a stream


class Following:
    """A client that follows symbols of a fake exchange of SYNTHETIC minutes, on one clock with it."""

    def __init__(
        self, cache: Path, *names: str, sets: Iterable[str] = (), gaps: Iterable[int] = (), streams: bool = True
    ) -> None:
        self.names = names or ("BTCUSDT",)
        markets = [minutes(240, name=name, seed=1 + place) for place, name in enumerate(self.names)]
        if tuple(gaps):
            markets[-1] = minutes(240, name=self.names[-1], seed=len(self.names), gaps=gaps)
        self.meeting = Meeting(cache, *sets, markets=markets, now_ms=START + BEGAN * MINUTE + PASSED)
        self.streams, self.stream_url = streams, ""  # "": that of the fake exchange
        self.pushed = PUSHED
        self.scale, self.price_limit, self.max_wait = SCALE, PRICE_LIMIT, 2
        self.fake = self.meeting.fake
        self.symbols = [name.replace("USDT", "/USDT") for name in self.names]
        self.reports: list[tuple[str, str, str]] = []
        self.said: list[str] = []
        self.feed: Feed
        self.source: LiveSource
        self.candle_stream: CandleStream | None = None

    def kinds(self) -> list[str]:
        """What kinds of things were told."""
        return [kind for kind, _, _ in self.reports]

    def follow(self, since: int, end: int, *, stream: bool = False, grace: float = 0.006) -> list[CandleBatch]:
        """All that comes from one minute to another."""
        return self.meeting.run(lambda: self.taken(since, end, stream=stream), grace=grace)

    async def taken(
        self, since: int, end: int | None, *, stream: bool = False, most: int = 10_000
    ) -> list[CandleBatch]:
        """The same within a loop; most: no more than so many."""
        came: list[CandleBatch] = []
        async with self.opened(since, end, stream=stream) as source:
            async for one in source:
                came.append(one)
                if len(came) == most:
                    break
        return came

    @asynccontextmanager
    async def opened(
        self, since: int, end: int | None, *, stream: bool = False, pushed: bool = True
    ) -> AsyncIterator[LiveSource]:
        """A source; with a stream there is one who moves the clock in steps, so that it speaks."""
        stream_url = f"exchange.stream_url={self.stream_url or self.fake.stream_url}"
        config = self.meeting.config(*([stream_url] if self.streams else []))
        async with feed_of(config.exchange, clock=self.meeting.clock) as self.feed:
            self.feed.assume(self.symbols)
            if not stream:
                yield self._made(since, end, None)
                return
            pusher = asyncio.create_task(self._push()) if pushed else None
            async with CandleStream(self.feed, self.symbols, "1m", notify=self.said.append) as self.candle_stream:
                yield self._made(since, end, self.candle_stream)
            if pusher is not None:
                pusher.cancel()

    async def heard(self) -> None:
        """Wait until the stream of every symbol is heard by us."""
        assert await self.fake.until(
            lambda: all(self.fake.subscribed(f"{name.lower()}@kline_1m") for name in self.names)
        )

    def true(self, since: int, end: int) -> list[tuple[int, tuple[Any, ...]]]:
        """What there is to give: every candle of every symbol as the exchange has it, in units."""
        found = []
        for minute in range(since, end):
            rows = tuple(self._row(name, START + minute * MINUTE) for name in self.names)
            if any(rows):
                found.append((START + minute * MINUTE, rows))
        return found

    async def _push(self) -> None:
        while True:
            await self.meeting.clock.sleep(self.pushed)
            self.meeting.clock.monotonic()  # which moves the exchange's clock too, and so its stream

    def _made(self, since: int, end: int | None, candle_stream: CandleStream | None) -> LiveSource:
        self.source = LiveSource(
            self.feed, self.symbols, "1m", scales=[self.scale] * len(self.symbols),
            since=dict.fromkeys(self.symbols, START + since * MINUTE), price_limit=self.price_limit, fetch_limit=LIMIT,
            clock=self.meeting.clock, candle_stream=candle_stream, end=None if end is None else START + end * MINUTE,
            listener=lambda kind, symbol, text: self.reports.append((kind, symbol, text)), max_wait=self.max_wait,
        )  # fmt: skip
        return self.source

    def _row(self, name: str, ts: int) -> tuple[int, ...] | None:
        candles = self.fake.markets[name].candles["1m"]
        place = candles.place(ts)
        if place == len(candles.times) or candles.times[place] != ts:
            return None
        cells = candles.finished(place)
        units = [int(cell.replace(".", "")) for cell in cells[1:6]]
        return (*(one // 10**6 for one in units[:4]), units[4] // 10**3)


def pairs(came: Iterable[CandleBatch]) -> list[tuple[int, tuple[Any, ...]]]:
    """Times and rows."""
    return [(one.ts, one.rows) for one in came]


def over_at(ts: int) -> float:
    """When a candle is over, in seconds of the client's clock."""
    return (ts + MINUTE - START - BEGAN * MINUTE - PASSED) / 1000
