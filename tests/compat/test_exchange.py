"""The classes of the first system fetch candles from an exchange, store them, and serve them if it is unreachable."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import safla
from tests.compat.test_programs import BACKTEST, CALLED, LIVE, ran
from tests.errors import raises_code
from tests.fake_exchange import FakeExchange, Market, served, synthetic
from tests.scale import some_of

START = 1_704_067_200_000  # 2024-01-01
HOUR = 3_600_000
COUNT = 1500
AWAY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeExchange]:
    with served([Market("BTCUSDT", {"1h": synthetic(START, HOUR, COUNT, seed=4)})]) as one:
        yield one


def config(folder: Path, url: str, **more: Any) -> dict[str, Any]:
    return {
        **more,
        "exchange": {"rest_url": url, "retry_attempts": 0},
        "storage": {"cache_directory": str(folder)},
        "strategy": {"entry_threshold_pct": 0, "exit_threshold_pct": 0},
    }


def fetched(folder: Path, url: str, **asked: Any) -> list[list[float]]:
    async def fetch() -> list[list[float]]:
        async with safla.BinanceDataFeed(config(folder, url)) as feed:
            return await feed.fetch_historical_ohlcv("BTC/USDT", **asked)

    return asyncio.run(fetch())


def test_a_number_of_candles_from_a_start_are_floats_of_the_texts_of_the_exchange(fake: FakeExchange, tmp_path: Path):
    found = fetched(tmp_path, fake.rest_url, since="2024-01-02", limit=10)
    assert [candle[0] for candle in found] == [START + (24 + number) * HOUR for number in range(10)]
    cells = fake.markets["BTCUSDT"].candles["1h"].finished(24)
    assert found[0] == [cells[0], *map(float, cells[1:6])]


def test_without_a_start_the_newest_candles_are_returned(fake: FakeExchange, tmp_path: Path):
    assert [candle[0] for candle in fetched(tmp_path, fake.rest_url, limit=3)] == [
        START + number * HOUR for number in (COUNT - 3, COUNT - 2, COUNT - 1)
    ]
    assert len(fetched(tmp_path, fake.rest_url)) == 1000  # market_data.fetch_limit


def longer(folder: Path, url: str, **asked: Any) -> list[list[float]]:
    """The same with candles of 4h that are resampled from hours."""

    async def fetch() -> list[list[float]]:
        built = config(folder, url, market_data={"timeframe": "4h"}, data={"timeframe": "1h"})
        async with safla.BinanceDataFeed(built) as feed:
            return await feed.fetch_historical_ohlcv("BTC/USDT", **asked)

    return asyncio.run(fetch())


def test_longer_candles_are_resampled_from_the_stored_candles(fake: FakeExchange, tmp_path: Path):
    hours = fetched(tmp_path, fake.rest_url, timeframe="1h", since="2024-01-02", limit=48)
    found = longer(tmp_path, fake.rest_url, since="2024-01-02", limit=10)
    assert [candle[0] for candle in found] == [START + (24 + 4 * number) * HOUR for number in range(10)]
    first = hours[:4]
    assert found[0][1:5] == [
        first[0][1], max(one[2] for one in first), min(one[3] for one in first), first[3][4],
    ]  # fmt: skip
    assert [candle[0] for candle in longer(tmp_path, fake.rest_url, limit=3)] == [
        START + number * HOUR for number in (COUNT - 12, COUNT - 8, COUNT - 4)
    ]
    assert longer(tmp_path, fake.rest_url, timeframe="1h", since="2024-01-02", limit=3) == hours[:3]


def test_another_timeframe_is_requested_by_its_name(fake: FakeExchange, tmp_path: Path):
    with raises_code(safla.ExchangeError, "candles_not_served", match="binance BTC/USDT 5m: "):
        fetched(tmp_path, fake.rest_url, timeframe="5m", since="2024-01-02", limit=10)


def test_without_the_exchange_the_store_serves_the_same_candles(fake: FakeExchange, tmp_path: Path):
    asked = {"since": "2024-01-05", "limit": 50}
    first = fetched(tmp_path, fake.rest_url, **asked)
    assert fetched(tmp_path, AWAY, **asked) == first
    assert fetched(tmp_path, AWAY, limit=5) == first[-5:]
    with raises_code(safla.ExchangeError, "exchange_unreachable") as refused:
        fetched(tmp_path, AWAY, since="2024-01-05", limit=60)
    assert refused.value.details == ("  BTC/USDT 1h: missing 2024-01-07T02:00Z to 2024-01-07T12:00Z",)


def test_history_is_streamed_like_live_candles(fake: FakeExchange, tmp_path: Path):
    async def stream() -> list[list[float]]:
        async with safla.BinanceDataFeed(config(tmp_path, fake.rest_url)) as feed:
            return [candle async for candle in feed.stream_historical_as_live("BTC/USDT", since="2024-02-20")]

    assert asyncio.run(stream()) == fetched(tmp_path, fake.rest_url, since="2024-02-20")


def test_a_run_from_python_fetches_its_candles_and_prints_nothing(
    fake: FakeExchange, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    asked = {**config(tmp_path / "store", fake.rest_url), "symbols": {"primary": ["BTC/USDT"]}}
    window = {"data.start": "2024-01-10", "data.end": "2024-02-20"}
    result = safla.run(asked, set=window, out=tmp_path / "run")
    assert safla.replay(tmp_path / "run").holds
    away = {**asked, "exchange": {"rest_url": AWAY}}
    assert safla.run(away, set=window, out=tmp_path / "again").last_hash == result.last_hash
    assert capsys.readouterr() == ("", "")


@some_of("program", [BACKTEST, LIVE + CALLED], keep=(BACKTEST,))
def test_the_programs_of_the_first_system_run_on_candles_of_the_exchange(
    fake: FakeExchange, tmp_path: Path, program: str
):
    thresholds = {"SAFLA__STRATEGY__ENTRY_THRESHOLD_PCT": "0", "SAFLA__STRATEGY__EXIT_THRESHOLD_PCT": "0"}
    done: subprocess.CompletedProcess[str] = ran(
        tmp_path, program, SAFLA__EXCHANGE__REST_URL=fake.rest_url, **thresholds
    )
    assert (done.returncode, done.stderr) == (0, ""), sys.executable
    assert done.stdout != ""
    assert list(tmp_path.rglob("*.parquet")) != []
