"""A feed with a script instead of an exchange: it serves candles, and misbehaves where it is told to."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from safla.clock import Clock
from safla.core.candles import Series
from safla.core.values import Columns
from safla.data.backfill import DownloadProgress, DownloadResult, Order, download
from safla.data.store.store import SeriesKey
from safla.errors import ExchangeError
from safla.exchange.server_time import ServerNow

HOUR = 3_600_000
START = 1_704_067_200_000  # 2024-01-01

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
