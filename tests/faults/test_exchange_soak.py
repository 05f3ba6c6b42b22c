"""A long download with random page faults: store, counts and process end like those of a download without faults.

The normal suite takes a hundred pages in one download; `--scale release` takes 10 000 in three. All candles are
synthetic.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from safla.data import service
from safla.data.backfill import DownloadProgress
from safla.data.service import FetchRequest, FetchResult
from tests.fake.state import Break
from tests.fake_exchange import ANSWERS, HOSTILE, PAGES, Market
from tests.faults.exchange import START, Meeting, at, kept, minutes, undisturbed
from tests.scale import some_of

NAMES = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT")  # one fewer than the failures in a row that open the breaker
SYMBOLS = ("BTC/USDT", "ETH/USDT", "BNB/USDT", "SOL/USDT")
CANDLES_A_PAGE = 10
SETS = (f"market_data.fetch_limit={CANDLES_A_PAGE}", "exchange.rate_limit_per_minute=60")
SHARE = 0.5  # of the pages have a fault
PARTS = 3  # downloads

FINAL = {"status", "418", "451"}  # no request follows them
UNSEEN = {"zero_volume", "spike"}  # no check can see them, so the store would differ
REAL_TIME = {"hang", "drip"}  # they end with a timeout, which a test clock cannot shorten
HUGE = {"huge_body", "gzip_bomb"}  # a tenth of a second each; row 41 covers them
QUICK: dict[str, dict[str, Any]] = {
    "slow": {"seconds": 0.001},
    "slow_body": {"seconds": 0.001, "pieces": 2},
    "deep_json": {"depth": 10_000},
}
FAULTS = sorted({*ANSWERS, *HOSTILE, *PAGES} - FINAL - UNSEEN - REAL_TIME - HUGE)
HEALED = {
    "missing",
    "short_page",
    "empty_page",
    "slow",
    "slow_body",
}  # no retry: the missing candles are requested separately


class Soaked(NamedTuple):
    """A download, its faults, and the resources that it used."""

    meeting: Meeting
    fetched: FetchResult
    orders: list[Break]
    tasks: int  # that the download left running
    descriptors: list[int]  # after each page


class Breaking:
    """Breaks the next page of a symbol, or the one after it, whenever a page is complete.

    A page never has two faults in a row: an empty answer that comes twice is an error (X10), a gap that is served
    twice is accepted (X11), and a page that is bad four times is given up (R2). So a symbol gets no new fault until
    the last one has happened and the page after it has arrived.
    """

    def __init__(self, meeting: Meeting, chance: random.Random) -> None:
        self.orders: list[Break] = []
        self.descriptors: list[int] = []
        self._meeting, self._chance = meeting, chance
        self._process = psutil.Process()
        self._due: dict[str, Break] = {}

    def on_progress(self, standing: DownloadProgress) -> None:
        """Is called when a page of a symbol is complete."""
        self.descriptors.append(self._process.num_fds())
        symbol = standing.place.symbol
        if symbol in self._due and not self._due[symbol].over:
            return
        if self._due.pop(symbol, None) is None and self._chance.random() < SHARE:
            name = self._chance.choice(FAULTS)
            after = self._chance.randrange(2)
            self._due[symbol] = self._meeting.fake.break_(name, symbol=symbol, after=after, **QUICK.get(name, {}))
            self.orders.append(self._due[symbol])


def markets(pages: int) -> list[Market]:
    """Returns symbols with gaps of one to twelve candles: within a page, across two, longer than one."""
    count = pages // len(NAMES) * CANDLES_A_PAGE
    found = []
    for seed, name in enumerate(NAMES):
        draw = random.Random(seed)
        starts = draw.sample(range(15, count - 15, 30), count // 50)
        gaps = [start + ahead for start in starts for ahead in range(draw.randint(1, 12))]
        found.append(minutes(count, name=name, seed=seed, gaps=gaps))
    return found


def soaked(cache: Path, *, pages: int, chance: random.Random) -> Soaked:
    """Downloads four symbols at once, with random faults."""
    meeting = Meeting(cache, *SETS, markets=markets(pages))
    breaking = Breaking(meeting, chance)

    async def main() -> tuple[FetchResult, int]:
        before = asyncio.all_tasks()
        ask = FetchRequest(SYMBOLS, START, at(pages // len(NAMES) * CANDLES_A_PAGE))
        fetched = await service.fetch(meeting.config(), ask, listener=breaking.on_progress, clock=meeting.clock)
        await meeting.fake.until(lambda: len(asyncio.all_tasks() - before) == 0, seconds=1.0)
        return fetched, len(asyncio.all_tasks() - before)

    fetched, tasks = meeting.run(main, grace=0.002)
    return Soaked(meeting, fetched, breaking.orders, tasks, breaking.descriptors)


def check_counts(done: Soaked) -> None:
    """Checks that the exchange saw the reported requests and retries, and that each fault cost its share."""
    log = done.meeting.asked(None)
    hits = Counter(name for one in log for name in one.faults)
    assert hits == Counter(one.name for one in done.orders if one.hits)
    refused = len([one for one in log if one.status == 429 and not one.faults])  # others in flight
    bad = sum(count for name, count in hits.items() if name not in HEALED)
    counts = done.fetched.counts
    assert counts == {"requests": len(log), "retries": bad + refused}
    asked = len([one for one in log if one.name == "klines"])
    assert asked == sum(one.pages for one in done.fetched.got) + counts["retries"]


@some_of("part", range(PARTS), keep=(0,))
def test_a_download_with_random_faults_ends_like_one_without_and_leaks_nothing(
    part: int, tmp_path: Path, chance: random.Random, release: bool, figure: Callable[[str], None]
) -> None:
    pages = (10_000 if release else 300) // PARTS
    whole = undisturbed(tmp_path / "whole", markets=markets(pages))  # with another page size; the store is the same
    process = psutil.Process()
    before = process.num_fds()
    done = soaked(tmp_path / "cache", pages=pages, chance=random.Random(chance.getrandbits(64) + part))
    assert [one.error for one in done.fetched.got] == [None] * len(SYMBOLS)
    check_counts(done)
    assert (done.tasks, process.num_fds()) == (0, before)
    half = len(done.descriptors) // 2
    assert max(done.descriptors[half:]) <= max(done.descriptors[:half]) + 2 * len(SYMBOLS)  # both ends of a connection
    assert kept(tmp_path / "cache") == whole
    broken = len([one for one in done.orders if one.hits])
    assert broken > pages / 10
    figure(f"data fetch: {pages} pages, {broken} of them broken, 0 candles lost, 0 descriptors or tasks left")
