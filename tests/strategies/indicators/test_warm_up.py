"""How many rows a value needs, and by how much exact sums multiply."""

from typing import Any

import pytest

from safla.strategies.indicators.graph import Computed, Definitions, Indicator
from safla.strategies.indicators.warm_up import Factors, Rows, rows_needed, sum_factors
from tests.strategies.indicators.chains import STEP, keys_of


def daily(kind: str, source: str = "close", timeframe: str = "1d", **parameters: Any) -> Indicator:
    return Indicator(kind, keys_of(kind, **parameters), source, timeframe)


@pytest.mark.parametrize(
    ("definitions", "name", "expected"),
    [
        ({}, "close", Rows(1, 1)),
        ({"a": daily("sma", timeframe="", period=50)}, "a", Rows(50, 50)),
        ({"a": daily("ema", timeframe="", period=50)}, "a", Rows(50, 250)),
        ({"a": daily("sma", period=50)}, "a", Rows(1_224, 1_224)),  # V12
        ({"a": daily("ema", period=50)}, "a", Rows(1_224, 6_024)),
        ({"a": daily("ema", timeframe="", period=9), "b": daily("sma", "a", "", period=5)}, "b", Rows(13, 49)),
        ({"a": daily("ema", period=9), "b": daily("sma", "a", period=5)}, "b", Rows(14 * 24, 50 * 24)),
        ({"a": daily("bollinger", timeframe="", period=9)}, "a.upper", Rows(9, 9)),
        ({"a": daily("pivots", "", "", anchor="week")}, "a.p", Rows(336, 336)),
        (
            {"a": daily("sma", period=3), "b": Computed("a - close 2 candles ago", ("a", "close"), abs, rows_before=2)},
            "b",
            Rows(98, 98),
        ),
    ],
)  # fmt: skip
def test_the_rows_that_a_value_needs_are_those_of_all_that_it_is_made_of(
    definitions: Definitions, name: str, expected: Rows
) -> None:
    assert rows_needed(definitions, name, step_ms=STEP) == expected


def test_sums_of_integers_say_by_how_much_they_multiply() -> None:
    assert sum_factors({}, step_ms=STEP) == Factors(4, 1)
    assert sum_factors({"day": daily("sma", period=5)}, step_ms=STEP) == Factors(5, 24)
    volumes: Definitions = {
        "a": daily("sma", "volume", period=30),
        "b": daily("cmf", "", "", period=50),
        "c": daily("bollinger", "hlc3", "", period=60),
    }
    assert sum_factors(volumes, step_ms=STEP) == Factors(4, 720)
    assert sum_factors({"a": daily("bollinger", timeframe="", period=60)}, step_ms=STEP) == Factors(60, 1)
