"""Values of higher timeframes at the rows of the run, and how many rows a value needs."""

import itertools
from typing import Any

import numpy as np
import pytest

from safla.candles.resample import resampled
from safla.compiled.library import fastest
from safla.core.candles import Series
from safla.core.values import Columns
from safla.strategies.indicators.graph import Computed, Definitions, Form, Graph, Indicator, unchanged
from safla.strategies.indicators.symbol_graph import MAX_ROWS, SymbolGraph
from safla.strategies.indicators.warm_up import Factors, Rows, rows_needed, sum_factors
from tests.strategies.indicators.chains import STEP, Array, candles, is_same, keys_of
from tests.strategies.indicators.test_graph import fed, integers

ROWS = 500
DAY = 24 * STEP


def daily(kind: str, source: str = "close", timeframe: str = "1d", **parameters: Any) -> Indicator:
    return Indicator(kind, keys_of(kind, **parameters), source, timeframe)


DEFINITIONS: Definitions = {
    "day": daily("sma", period=5),
    "day_close": daily("value"),
    "range": daily("atr", source="", period=3),
    "smooth": daily("ema", "day", period=3),
    "four": daily("highest", "high", "4h", period=6),
    "own": daily("sma", timeframe="1h", period=5),
    "distance": Computed("close - day", ("close", "day"), lambda first, close, day: close[first:] - day[first:]),
    "mean_distance": daily("sma", "distance", "", period=4),
    "double": Computed("day_close * 2", ("day_close",), lambda first, x: 2 * x[first:], timeframe="1d"),
}
WANTED = [*DEFINITIONS, "close", "weekday"]


def folded(rows: Columns, *, sizes: Any = None, form: Form = unchanged) -> dict[str, Array]:
    graph = SymbolGraph(DEFINITIONS, WANTED, step_ms=STEP, compiled=form)
    return fed(graph, rows, sizes or itertools.repeat(MAX_ROWS))


def with_gaps(rows: Columns, seed: int) -> Columns:
    """The rows without some of them, alone and in a row."""
    chance = np.random.default_rng(seed)
    there = chance.random(len(rows.ts)) > 0.05
    there[100:160] = False
    return Columns(*(column[there] for column in rows))


def test_a_daily_value_is_that_of_the_days_that_are_over() -> None:
    rows = integers(candles(1, ROWS))  # from a Monday at 1 o'clock: the first day is not whole
    made = folded(rows)
    series = Series("X/Y", 2, 2, rows)
    days = resampled(series, source_ms=STEP, step_ms=DAY).series.columns
    alone = fed(Graph(DEFINITIONS, ["day", "range", "smooth"], step_ms=DAY), days, itertools.repeat(MAX_ROWS))
    for row, ts in enumerate(rows.ts.tolist()):
        over = int(np.searchsorted(days.ts, ts + STEP - DAY, "right")) - 1
        for name, column in alone.items():
            expected = column[over] if over >= 0 else np.nan
            assert is_same(made[name][row : row + 1], np.array([expected]))


@pytest.mark.parametrize("seed", range(3))
def test_live_in_blocks_and_in_history_the_values_are_the_same_bit_for_bit(seed: int) -> None:
    rows, chance = with_gaps(integers(candles(seed, ROWS)), seed), np.random.default_rng(seed)
    whole = folded(rows, form=fastest)
    live = folded(rows, sizes=itertools.repeat(1))
    ragged = folded(rows, sizes=iter(lambda: int(chance.integers(1, 99)), 0), form=fastest)
    assert [name for name in WANTED if not is_same(whole[name], live[name])] == []
    assert [name for name in WANTED if not is_same(whole[name], ragged[name])] == []


def test_no_row_after_a_row_changes_a_value_of_a_higher_timeframe() -> None:
    rows, other = integers(candles(2, ROWS)), integers(candles(3, ROWS))
    whole = folded(rows)
    for cut in (1, 23, 24, 250, 407):
        changed = Columns(rows.ts, *(np.r_[a[:cut], b[cut:]] for a, b in zip(rows[1:], other[1:], strict=True)))
        assert all(is_same(whole[name][:cut], column[:cut]) for name, column in folded(changed).items())


def test_a_computed_column_of_a_higher_timeframe_and_one_over_both_are_what_they_say() -> None:
    made = folded(integers(candles(4, ROWS)))
    assert is_same(made["double"], 2 * made["day_close"])
    assert is_same(made["distance"], made["close"] - made["day"])
    assert made["mean_distance"][-1] == pytest.approx(made["distance"][-4:].mean())


def test_a_timeframe_that_is_the_runs_own_is_no_higher_one() -> None:
    rows = integers(candles(5, 60))
    assert is_same(
        folded(rows)["own"], fed(Graph(DEFINITIONS, ["own"], step_ms=STEP), rows, itertools.repeat(60))["own"]
    )


def test_a_block_of_too_many_rows_is_a_bug_of_the_caller() -> None:
    graph = SymbolGraph({}, ["close"], step_ms=STEP)
    with pytest.raises(AssertionError, match="a block has at most"):
        graph.feed(Columns(*np.zeros((6, MAX_ROWS + 1), np.int64)))


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


@pytest.mark.parametrize("name", [name for name in WANTED if name not in ("close", "weekday")])
def test_with_the_rows_that_it_needs_a_value_is_known_from_any_hour(name: str) -> None:
    rows = integers(candles(6, 600))
    needed = rows_needed(DEFINITIONS, name, step_ms=STEP).first
    for begin in range(0, 48, 5):
        made = folded(Columns(*(column[begin : begin + needed] for column in rows)))
        assert not np.isnan(made[name][-1])


def test_sums_of_integers_say_by_how_much_they_multiply() -> None:
    assert sum_factors({}, step_ms=STEP) == Factors(4, 1)
    assert sum_factors(DEFINITIONS, step_ms=STEP) == Factors(5, 24)
    volumes: Definitions = {
        "a": daily("sma", "volume", period=30),
        "b": daily("cmf", "", "", period=50),
        "c": daily("bollinger", "hlc3", "", period=60),
    }
    assert sum_factors(volumes, step_ms=STEP) == Factors(4, 720)
    assert sum_factors({"a": daily("bollinger", timeframe="", period=60)}, step_ms=STEP) == Factors(60, 1)
