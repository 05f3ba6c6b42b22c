"""Stored candles of one symbol and the pace: times, windows, and rejected input."""

import asyncio
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest

import safla
from safla.compat.stored import for_symbol, to_ms
from safla.paper.pace import Pace
from tests.errors import raises_code

FIRST = 1_704_067_200_000


@pytest.mark.parametrize(
    "when",
    [
        datetime(2024, 1, 1),  # noqa: DTZ001  naive, as users write it
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, 3, tzinfo=timezone(timedelta(hours=3))),
        date(2024, 1, 1),
        "2024-01-01",
        "2024-01-01T00:00Z",
        FIRST,
        np.int64(FIRST),
        np.datetime64("2024-01-01"),
        np.datetime64("2024-01-01T00:00:00.000000000"),
    ],
)
def test_a_time_is_equal_in_every_spelling_and_naive_times_are_utc(when):
    assert to_ms(when, "start") == FIRST


@pytest.mark.parametrize("when", ["yesterday", 2024, 1.5, True, object()])
def test_an_invalid_time_is_rejected(when):
    with pytest.raises(safla.UsageError, match=r"start: expected a datetime, "):
        to_ms(when, "start")


def loaded(**data):
    return safla.load_config({"data": {"source": "synthetic", **data}})


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"symbol": "btc"}, safla.ConfigError, "is not a symbol"),
        ({"symbol": 5}, safla.ConfigError, "is not a symbol"),
        ({"start": "2024-02-01", "end": "2024-01-01"}, safla.UsageError, "not before"),
        ({"timeframe": "7m"}, safla.UsageError, "expected one of 1m"),
    ],
)
def test_invalid_arguments_are_rejected(arguments, error, said):
    with pytest.raises(error, match=said):
        for_symbol(loaded(), **{"symbol": "BTC/USDT", **arguments})


def test_symbol_and_window_override_the_configuration():
    changed = for_symbol(loaded(start="2024-01-02"), "ETH/USDT", timeframe="5m", end=date(2024, 1, 3))
    assert changed.symbols == changed.config.symbols.primary == ("ETH/USDT",)
    assert changed.config.market_data.timeframe == "5m"
    assert (changed.config.data.start, changed.config.data.end) == (FIRST + 86_400_000, FIRST + 2 * 86_400_000)


def test_another_timeframe_needs_another_file():
    one = safla.load_config({"data": {"source": "csv", "path": "a.csv"}})
    with pytest.raises(safla.DataError, match=r"candles of 1h, not of 5m"):
        for_symbol(one, "BTC/USDT", timeframe="5m")
    each = safla.load_config({"data": {"source": "csv", "path": "a-{timeframe}.csv"}})
    assert for_symbol(each, "BTC/USDT", timeframe="5m").config.market_data.timeframe == "5m"


class Clock:
    """A clock that moves when somebody sleeps."""

    def __init__(self):
        self.now = 100.0
        self.slept = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(
    ("speed", "slept"), [(1.0, [0, 3600, 7200]), (60.0, [0, 60, 120]), (float("inf"), [0, 0, 0])]
)  # fmt: skip
def test_the_pace_is_the_time_between_candles_over_the_speed(speed, slept):
    clock = Clock()
    pace = Pace(speed, clock=clock, sleep=clock.sleep)

    async def passed():
        for hour in (0, 1, 3):
            await pace.wait(hour * 3_600_000)

    asyncio.run(passed())
    assert clock.slept == slept


def test_a_late_loop_catches_up():
    clock = Clock()
    pace = Pace(1.0, clock=clock, sleep=clock.sleep)

    async def passed():
        await pace.wait(0)
        clock.now += 15
        await pace.wait(10_000)
        await pace.wait(20_000)

    asyncio.run(passed())
    assert clock.slept == [0, 0, 5]


@pytest.mark.parametrize("speed", [0, -1.0, float("nan")])
def test_an_invalid_speed_is_rejected(speed):
    with raises_code(safla.UsageError, "invalid_argument", match="speed_multiplier"):
        Pace(speed)
