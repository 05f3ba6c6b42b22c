"""Candles come from the store, missing ones from the exchange; without the exchange the store serves if it suffices."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safla.config.model import Config
from safla.core.values import Columns
from safla.data import backfill, service
from safla.data.store import store
from safla.data.store.store import SeriesKey
from safla.errors import ConfigError, DataError, ExchangeError
from tests.data.feeds import series
from tests.errors import raises_code
from tests.fake_exchange import FakeExchange, Market, served, synthetic

START = 1_704_067_200_000  # 2024-01-01
HOUR = 3_600_000
COUNT = 300
AWAY = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _unpaused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "PAUSE", 0.0)  # seconds that a test need not wait


@pytest.fixture
def fake() -> Iterator[FakeExchange]:
    candles = synthetic(START, HOUR, COUNT, seed=1, gaps=(20, 21))
    with served([Market("BTCUSDT", {"1h": candles})]) as one:
        yield one


def config(cache: Path, url: str, **data: Any) -> Config:
    asked = {"rest_url": url, "retry_attempts": 0, "retry_delay_seconds": 0}
    return Config.model_validate({"exchange": asked, "storage": {"cache_directory": str(cache)}, "data": data})


def hour(number: int) -> int:
    return START + number * HOUR


def candles(cache: Path, url: str, *, start: int | None, end: int | None) -> tuple[list[int], tuple[str, ...]]:
    """The numbers of the hours that a run would get, and the notes."""
    found = service.stored(config(cache, url, end=end), ["BTC/USDT"], start=start)
    series = found.held[0].series
    return [] if series is None else [(int(ts) - START) // HOUR for ts in series.columns.ts], found.notes


def test_missing_candles_are_fetched_once_and_then_read_from_the_store(fake: FakeExchange, tmp_path: Path):
    first, _ = candles(tmp_path, fake.rest_url, start=hour(0), end=hour(50))
    assert first == [number for number in range(50) if number not in (20, 21)]
    before = len(fake.requests)
    again, notes = candles(tmp_path, fake.rest_url, start=hour(0), end=hour(50))
    assert again == first
    assert len(fake.requests) == before
    assert notes == ("candles from the store; binance was not contacted",)


def test_only_missing_candles_are_requested(fake: FakeExchange, tmp_path: Path):
    candles(tmp_path, fake.rest_url, start=hour(0), end=hour(30))
    before = len(fake.requests)
    assert candles(tmp_path, fake.rest_url, start=hour(0), end=hour(40))[0][-1] == 39
    asked = [one for one in fake.requests[before:] if one.name == "klines"]
    assert [int(one.parameters["startTime"]) for one in asked] == [hour(29), hour(20)]  # and the gap, as on later days
    names = [one.name for one in fake.requests[before:]]
    assert names == ["time", "time", "klines", "klines"]  # the rules are kept; this machine's clock is another


def test_without_an_end_the_current_time_of_the_exchange_is_used(fake: FakeExchange, tmp_path: Path):
    assert candles(tmp_path, fake.rest_url, start=hour(290), end=None)[0] == list(range(290, COUNT))


def test_an_end_in_the_future_is_not_reported_as_missing_candles(fake: FakeExchange, tmp_path: Path):
    assert candles(tmp_path, fake.rest_url, start=hour(290), end=hour(COUNT + 500))[0] == list(range(290, COUNT))


def test_without_a_start_the_first_stored_candle_is_used(fake: FakeExchange, tmp_path: Path):
    with raises_code(ConfigError, "missing_value", match=r"data\.start"):
        candles(tmp_path, fake.rest_url, start=None, end=hour(40))
    candles(tmp_path, fake.rest_url, start=hour(30), end=hour(35))
    assert candles(tmp_path, fake.rest_url, start=None, end=hour(40))[0] == list(range(30, 40))


def test_without_the_exchange_the_store_serves_an_open_end_with_a_note(fake: FakeExchange, tmp_path: Path):
    candles(tmp_path, fake.rest_url, start=hour(30), end=hour(60))
    found, notes = candles(tmp_path, AWAY, start=hour(30), end=None)
    assert found == list(range(30, 60))
    assert "going on with the stored candles: BTC/USDT to 2024-01-03T12:00Z" in notes[-1]


@pytest.mark.parametrize(
    ("start", "end", "missing"),
    [
        (30, 70, "  BTC/USDT 1h: missing 2024-01-03T12:00Z to 2024-01-03T22:00Z"),
        (25, 60, "  BTC/USDT 1h: missing 2024-01-02T01:00Z to 2024-01-02T06:00Z"),
        (25, None, "  BTC/USDT 1h: missing 2024-01-02T01:00Z to 2024-01-02T06:00Z"),
    ],
)
def test_without_the_exchange_an_insufficient_store_is_an_error_with_the_missing_period(
    fake: FakeExchange, tmp_path: Path, start: int, end: int | None, missing: str
):
    candles(tmp_path, fake.rest_url, start=hour(30), end=hour(60))
    with raises_code(ExchangeError, "exchange_unreachable") as refused:
        candles(tmp_path, AWAY, start=hour(start), end=None if end is None else hour(end))
    assert refused.value.details == (missing,)


def test_a_persistently_bad_page_ends_a_run_even_if_the_store_has_candles(fake: FakeExchange, tmp_path: Path):
    candles(tmp_path, fake.rest_url, start=hour(30), end=hour(60))
    fake.break_("negative_price", times=None)
    with raises_code(DataError, "bad_page"):
        candles(tmp_path, fake.rest_url, start=hour(30), end=hour(90))


def test_a_damaged_file_is_fetched_again(fake: FakeExchange, tmp_path: Path):
    first, _ = candles(tmp_path, fake.rest_url, start=hour(0), end=hour(50))
    file = next(tmp_path.rglob("2024-01-*.parquet"))
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    again, notes = candles(tmp_path, fake.rest_url, start=hour(0), end=hour(50))
    assert again == first
    assert len(list(tmp_path.rglob("*.damaged"))) == 1
    assert any("its candles count as missing" in note for note in notes)


def test_the_market_rules_of_the_exchange_are_stored_with_the_candles(fake: FakeExchange, tmp_path: Path):
    found = service.stored(config(tmp_path, fake.rest_url, end=hour(5)), ["BTC/USDT"], start=hour(0))
    rules = found.held[0].rules
    assert rules is not None
    assert tuple(map(str, rules)) == ("0.01", "0.00001", "5")
    kept = store.stored_candles(service.series_key(config(tmp_path, AWAY), "BTC/USDT"), (0, 0)).rules
    assert kept == rules


@pytest.mark.parametrize(("count", "start", "numbers"), [
    (5, 10, list(range(10, 15))),
    (15, 10, [*range(10, 20), *range(22, 27)]),  # as many more as there are gaps
    (500, 290, list(range(290, 300))),  # there are no more
    (4, None, list(range(296, 300))),  # the newest
])  # fmt: skip
def test_a_number_of_candles_is_read_from_a_start_or_from_the_newest(
    fake: FakeExchange, tmp_path: Path, count: int, start: int | None, numbers: list[int]
):
    window = config(tmp_path, fake.rest_url, **({} if start is None else {"start": hour(start)}))
    series = service.some(window, "BTC/USDT", count=count)
    assert series is not None
    assert [(int(ts) - START) // HOUR for ts in series.columns.ts] == numbers


def test_without_the_exchange_the_newest_stored_candles_are_read(fake: FakeExchange, tmp_path: Path):
    service.some(config(tmp_path, fake.rest_url, start=hour(30)), "BTC/USDT", count=20)
    series = service.some(config(tmp_path, AWAY), "BTC/USDT", count=3)
    assert series is not None
    assert [(int(ts) - START) // HOUR for ts in series.columns.ts] == [47, 48, 49]
    with raises_code(ExchangeError, "exchange_unreachable"):
        service.some(config(tmp_path / "empty", AWAY), "BTC/USDT", count=3)


def test_the_service_can_be_called_inside_a_running_event_loop(fake: FakeExchange, tmp_path: Path):
    async def within() -> list[int]:
        return candles(tmp_path, fake.rest_url, start=hour(0), end=hour(5))[0]

    assert asyncio.run(within()) == list(range(5))


def test_an_error_of_a_download_is_chained_only_to_its_cause(tmp_path: Path) -> None:
    async def failing() -> None:
        raise ExchangeError("away")

    with pytest.raises(ExchangeError) as raised:
        service.finished(failing())
    assert raised.value.__context__ is None


def test_an_imported_history_with_gaps_can_be_used_without_the_exchange(tmp_path: Path):
    place, page = (
        SeriesKey(tmp_path, "binance", "BTC/USDT", "1h"),
        series([hour(n) for n in range(50) if n not in (7, 8)]),
    )
    assert page is not None
    store.merge(place, page, source="a.csv", at=0, absent=[(hour(7), hour(9))], imported=True)
    found, notes = candles(tmp_path, AWAY, start=hour(0), end=hour(50))
    assert found == [number for number in range(50) if number not in (7, 8)]
    assert notes == ("candles from the store; binance was not contacted",)


def test_a_later_fetch_requests_the_gaps_of_the_imported_file(fake: FakeExchange, tmp_path: Path):
    candles(tmp_path, fake.rest_url, start=hour(0), end=hour(10))
    place = SeriesKey(tmp_path / "other", "binance", "BTC/USDT", "1h")
    known = store.stored_candles(SeriesKey(tmp_path, "binance", "BTC/USDT", "1h"), (hour(0), hour(7))).series
    assert known is not None
    kept = known._replace(columns=Columns(*(column[[0, 1, 4, 5, 6]] for column in known.columns)))
    store.merge(place, kept, source="a.csv", at=0, absent=[(hour(2), hour(4))], imported=True)
    assert candles(tmp_path / "other", fake.rest_url, start=hour(0), end=hour(30))[0][:8] == [*range(8)]
