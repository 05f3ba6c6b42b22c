"""SIGKILL of `safla data fetch` at random moments: the next fetch continues, and the store is that without kills."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import scale
from tests.fake_exchange import Asked, FakeExchange, served
from tests.faults.command import ROOT, safla
from tests.faults.exchange import MINUTE, at, kept, minutes, undisturbed
from tests.faults.invariants import check_answer
from tests.processes import Process

CANDLES = 3_000 if scale.exact else 1_500  # of each symbol
LIMIT = 50  # candles a page
NAMES = ("BTCUSDT", "ETHUSDT")
KILLS = 2  # 100 with --scale release
IN_A_ROW = 2  # of one cache, before a fetch may finish
SETS = (f"market_data.fetch_limit={LIMIT}", "exchange.rate_limit_per_minute=6000")


def markets() -> list[object]:
    """Returns two symbols that take dozens of pages each; both have a gap."""
    return [minutes(CANDLES, name=name, seed=number, gaps=range(700, 710)) for number, name in enumerate(NAMES)]


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeExchange]:
    """Starts an exchange with two symbols, in a thread of its own."""
    with served(markets()) as one:
        yield one


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Returns the store of a fetch that was not killed."""
    return undisturbed(tmp_path_factory.mktemp("whole"), *SETS, markets=markets(), end=at(CANDLES))


def words(fake: FakeExchange, cache: Path) -> list[str]:
    sets = (*SETS, f"exchange.rest_url={fake.rest_url}", f"storage.cache_directory={cache}")
    times = ["--from", str(at(0)), "--to", str(at(CANDLES))]
    asked = ["data", "fetch", "BTC/USDT", "ETH/USDT", "--timeframe", "1m", *times, "--quiet"]
    return [*asked, "--set", f"storage.logs_directory={cache}-logs", *(w for one in sets for w in ("--set", one))]


def killed(fake: FakeExchange, cache: Path, *, after: int, seconds: float) -> list[Asked]:
    """Starts the command, and kills it `seconds` after its request number `after`. Returns its requests."""
    fake.mend()  # else its rate limit, whose minute never ends here, would block us at some point
    before = len(fake.requests)
    command = [sys.executable, "-m", "safla", *words(fake, cache)]
    with Process(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL) as process:
        assert fake.wait(lambda: len(fake.requests) - before >= after, seconds=30.0)
        time.sleep(seconds)
        process.kill()
    return fake.requests[before:]


def starts(asked: list[Asked], name: str) -> list[int]:
    """Returns the start times of the page requests of a symbol, in order, without second requests for a window."""
    pages = [one.parameters for one in asked if one.name == "klines" and one.parameters["symbol"] == name]
    return [int(page["startTime"]) for page in pages if "endTime" not in page]


def check_goes_on(fetches: list[list[Asked]]) -> None:
    """Checks that only the last page of a killed fetch, and the candle before it (X12), is requested twice."""
    for name in NAMES:
        last = at(0)
        for asked in fetches:
            since = starts(asked, name)
            assert since == sorted(set(since))
            assert not since or since[0] >= last - MINUTE
            last = since[-1] if since else last


def test_a_fetch_that_is_killed_repeatedly_ends_with_the_same_store_as_an_undisturbed_one(
    fake: FakeExchange, whole: dict[str, bytes], tmp_path: Path, chance: random.Random, release: bool,
    figure: Callable[[str], None],
) -> None:  # fmt: skip
    kills, again = 100 if release else KILLS, 0
    fetches: list[list[Asked]] = []
    for number in range(kills):
        cache = tmp_path / f"cache-{number // IN_A_ROW}"
        after = chance.randrange(2 * CANDLES // LIMIT // IN_A_ROW)
        fetches.append(killed(fake, cache, after=after, seconds=chance.uniform(0.0, 0.03)))
        if number % IN_A_ROW == IN_A_ROW - 1:
            fake.mend()
            before = len(fake.requests)
            check_answer(safla(*words(fake, cache)), 0)
            fetches.append(fake.requests[before:])
            check_goes_on(fetches)
            assert kept(cache) == whole
            assert not list(cache.rglob("*.tmp"))
            again += sum(len(starts(asked, name)) for asked in fetches for name in NAMES)
            fetches.clear()
    pages = len(NAMES) * CANDLES // LIMIT * (kills // IN_A_ROW)
    assert again <= pages + 2 * len(NAMES) * kills
    figure(f"data fetch: {kills} kills, {again - pages} of {pages} pages asked for again, 0 candles lost")
