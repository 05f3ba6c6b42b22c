"""A live source over a fake exchange: what it gives, and what there is to give. No test here."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from safla.core.candles import Scale
from safla.exchange.candle_stream import CandleStream
from safla.exchange.client import Feed, feed_of
from safla.exchange.live_candles import CandleBatch, LiveSource
from safla.exchange.pages import PRICE_LIMIT
from tests.faults.exchange import LIMIT, MINUTE, START, Meeting, minutes

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
