"""A year of minutes out of an exchange on the loopback into the store, and back. The candles are SYNTHETIC."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from safla.data.store import store
from safla.data.store.store import SeriesKey
from tests.bench.timing import ROOT, Taken, process, seconds

START_MS = 1_704_067_200_000  # where the fake exchange's synthetic candles begin
STEP_MS = 60_000
PAGE = 1000

PAGES_ALONE = """\
import asyncio, sys, aiohttp
async def main(url, candles):
    async with aiohttp.ClientSession() as session:
        for first in range(0, candles, 1000):
            asked = {"symbol": "BTCUSDT", "interval": "1m", "startTime": 1704067200000 + first * 60000, "limit": 1000}
            async with session.get(f"{url}/api/v3/klines", params=asked) as answer:
                await answer.read()
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
CCXT_ALONE = """\
import asyncio, sys, ccxt.async_support as ccxt
async def main(url, candles):
    exchange = ccxt.binance({"enableRateLimit": False, "urls": {"api": {"public": f"{url}/api/v3"}},
                             "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False}})
    rows, since, end = [], 1704067200000, 1704067200000 + candles * 60000
    while since < end:
        page = await exchange.fetch_ohlcv("BTC/USDT", "1m", since, 1000)
        rows += page
        since = page[-1][0] + 60000
    await exchange.close()
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


class Figures(NamedTuple):
    """What was measured."""

    fetched: Taken  # whole processes
    pages: Taken
    ccxt: Taken
    read_seconds: float


def measure(folder: Path, candles: int, runs: int) -> Figures:
    """So many minutes of one symbol: fetched into an empty store, asked for by others, and read back."""
    cache = folder / "cache"
    symbol = ("BTC/USDT", "--timeframe", "1m", "--from", "2024-01-01", "--to", str(START_MS + candles * STEP_MS))
    with exchange(candles) as url:
        fetched = process(
            "-m", "safla", "data", "fetch", *symbol, "--quiet", "--set", "exchange.rate_limit_per_minute=6000",
            runs=runs, before=lambda: shutil.rmtree(cache, ignore_errors=True),
            SAFLA__EXCHANGE__REST_URL=url, SAFLA__STORAGE__CACHE_DIRECTORY=str(cache),
            SAFLA__STORAGE__LOGS_DIRECTORY=str(folder / "logs"),
        )  # fmt: skip
        pages = process("-c", PAGES_ALONE, url, str(candles), runs=runs)
        ccxt = process("-c", CCXT_ALONE, url, str(candles), runs=runs)
    place = SeriesKey(cache, "binance", "BTC/USDT", "1m")
    span = (START_MS, START_MS + candles * STEP_MS)
    assert store.stored_candles(place, span).missing == ()
    return Figures(fetched, pages, ccxt, seconds(lambda: store.stored_candles(place, span), max(runs, 3)))


@contextmanager
def exchange(candles: int) -> Iterator[str]:
    """The fake exchange as a process of its own; its address. No weight is too much for it."""
    command = ["-m", "tests.fake_exchange", "--synthetic", f"BTCUSDT:1m:{candles}", "--weight-limit", "1000000"]
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())["rest_url"]
        finally:
            server.terminate()
