"""BinanceDataFeed gives stored candles as a list or as a stream like live candles."""

import asyncio
from datetime import UTC, datetime

import pytest

import safla
from tests.compat import samples
from tests.errors import raises_code


@pytest.fixture
def config(tmp_path):
    return samples.write(tmp_path, candles=100)


def fetched(config, *arguments, **more):
    async def fetch():
        async with safla.BinanceDataFeed(config) as feed:
            return await feed.fetch_historical_ohlcv(*arguments, **more)

    return asyncio.run(fetch())


def streamed(config, **more):
    async def stream():
        async with safla.BinanceDataFeed(config) as feed:
            return [candle async for candle in feed.stream_historical_as_live("BTC/USDT", **more)]

    return asyncio.run(stream())


def test_the_candles_match_the_file(config):
    found = fetched(config)
    lines = (config.parent / "candles.csv").read_text().splitlines()[1:]
    assert found == [[float(cell) for cell in line.split(",")] for line in lines]
    assert {type(candle[0]) for candle in found} == {int}
    assert streamed(config) == found


@pytest.mark.parametrize("since", [datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02", samples.FIRST + 24 * samples.HOUR])
def test_since_and_limit_select_the_window(config, since):
    found = fetched(config, "BTC/USDT", "1h", since, 10)
    assert [candle[0] for candle in found] == [samples.FIRST + hour * samples.HOUR for hour in range(24, 34)]
    assert streamed(config, since=since)[:10] == found


def test_the_configured_window_is_respected(config):
    loaded = safla.load_config(config, set={"data.start": "2024-01-02", "data.end": "2024-01-03"})
    assert [candle[0] for candle in fetched(loaded)] == [samples.FIRST + h * samples.HOUR for h in range(24, 48)]


def test_a_stream_yields_candles_at_its_pace(config):
    async def timed():
        loop = asyncio.get_running_loop()
        async with safla.BinanceDataFeed(config) as feed:
            since = samples.FIRST + 96 * samples.HOUR
            stream = feed.stream_historical_as_live("BTC/USDT", since=since, speed_multiplier=36_000)
            return [loop.time() async for _ in stream]

    first, *_, last = times = asyncio.run(timed())
    assert len(times) == 4
    assert last - first > 0.28


def test_closing_a_feed_ends_its_stream(config):
    async def closed():
        feed = safla.BinanceDataFeed(config)
        taken = []
        async for candle in feed.stream_historical_as_live("BTC/USDT"):
            taken.append(candle)
            await feed.close()
        with raises_code(safla.UsageError, "object_closed"):
            await feed.fetch_historical_ohlcv()
        return taken

    assert len(asyncio.run(closed())) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"limit": 0}, safla.UsageError, "limit: expected an integer >= 1, got 0"),
        ({"limit": 1.5}, safla.UsageError, "limit: expected an integer >= 1, got 1.5"),
        ({"timeframe": "5m"}, safla.DataError, "1h, not of 5m"),
        ({"symbol": "?"}, safla.ConfigError, "is not a symbol"),
    ],
)
def test_invalid_arguments_are_rejected(config, arguments, error, said):
    with pytest.raises(error, match=said):
        fetched(config, **arguments)


def test_a_missing_file_is_a_data_error(config):
    (config.parent / "candles.csv").unlink()
    with raises_code(safla.DataError, "file_not_found", match=r"candles\.csv"):
        fetched(config)


def test_an_unreachable_exchange_has_its_own_error():
    with raises_code(safla.ExchangeError, "exchange_unreachable", match=r"binance, its clock: .*127\.0\.0\.1"):
        fetched(samples.UNREACHABLE)
