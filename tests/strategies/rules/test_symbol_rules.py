"""The signals of rules for one symbol: any blocks, interpreted and compiled, with values of higher timeframes."""

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from safla.candles.resample import resampled
from safla.config.trading import StrategySection
from safla.core import scale
from safla.core.candles import Series
from safla.core.pure import interpreted
from safla.core.values import NONE, NOT_GIVEN, Columns
from safla.errors import StrategyError
from safla.strategies.indicators.graph import Graph, Indicator
from safla.strategies.indicators.warm_up import rows_needed
from safla.strategies.register import STRATEGIES, SymbolSignals, TimedKeys, keys_of
from safla.strategies.rules.rule_keys import rule_set
from safla.strategies.rules.symbol_rules import SymbolRules, SymbolScales, to_prices
from tests.compiled_engine import compiled_entry

HOUR = 3_600_000
SCALES = SymbolScales(2, 5)


def candles(size: int, seed: int = 1, *, holes: bool = True) -> Columns:
    """A walk of hours from a Monday on, with missing candles."""
    chance = np.random.default_rng(seed)
    close = 10_000 + np.cumsum(chance.integers(-60, 61, size))
    opened = np.concatenate((close[:1], close[:-1]))
    high, low = np.maximum(opened, close) + chance.integers(0, 30, size), np.minimum(opened, close) - 20
    ts = 1_704_067_200_000 + HOUR * np.arange(size)
    columns = Columns(ts, opened, high, low, close, chance.integers(0, 10**6, size))
    keep = chance.random(size) > 0.02 if holes else np.ones(size, bool)
    return Columns(*(np.ascontiguousarray(column[keep]) for column in columns))


def source(form: Any = interpreted, **keys: Any) -> SymbolRules:
    section = StrategySection.model_validate({"name": "rules", **keys})
    return SymbolRules(rule_set(TimedKeys(section, HOUR)), SCALES, step_ms=HOUR, compiled=form)


def rules_of(indicators: dict[str, Any]) -> Mapping[str, Indicator]:
    """The definitions of indicators."""
    section = StrategySection.model_validate({"name": "rules", "indicators": indicators, "entry": "close > 0"})
    return rule_set(TimedKeys(section, HOUR)).indicators


def fed(rules: SymbolRules, columns: Columns, cuts: list[int]) -> list[list[Any]]:
    """The signals of the candles, block after block."""
    found: list[list[Any]] = [[] for _ in SymbolSignals._fields]
    for first, end in zip([0, *cuts], [*cuts, len(columns.ts)], strict=True):
        block = rules.feed(Columns(*(column[first:end] for column in columns)))
        for values, column in zip(found, block, strict=True):
            values += [] if column is NOT_GIVEN else column.tolist()
    return found


STRATEGY: dict[str, dict[str, Any]] = {
    "crossing": {
        "indicators": {"fast": {"type": "sma", "period": 5}, "slow": {"type": "ema", "period": 12}},
        "entry": "fast crosses above slow within 3 candles", "exit": "fast crosses below slow",
        "strength": "(fast - slow) / slow * 100", "warm_up": 14,
    },
    "higher timeframes": {
        "indicators": {
            "day": {"type": "sma", "period": 3, "timeframe": "1d"},
            "high4": {"type": "highest", "period": 2, "timeframe": "4h"},
            "rsi": {"type": "rsi", "period": 5},
        },
        "entry": {"all": ["day is rising", "rsi < 60", "close > high4 1 candle ago"]},
        "exit": "rsi > 70 for 2 candles or day is falling",
        "stop_distance": "high4 - low", "trail_distance": "abs(close - day) + 1", "warm_up": 120,
    },
    "higher timeframes alone": {
        "indicators": {"day": {"type": "value", "timeframe": "1d"}},
        "entry": "day crosses above day 2 candles ago", "exit": "day < day 1 candle ago", "warm_up": 96,
    },
    "computed sources": {
        "parameters": {"length": 4},
        "indicators": {
            "range": {"type": "sma", "period": "length", "source": "max(high, -low) - low 1 candle ago"},
            "usual": {"type": "sma", "period": 10, "source": "volume"},
            "smooth": {"type": "ema", "period": 3, "source": "range"},
        },
        "entry": "smooth is between range and 9 * range and volume > usual", "exit": "hour == 12",
        "target_distance": "2 * range", "warm_up": 20,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", STRATEGY)
def test_the_signals_are_the_same_in_any_blocks_one_by_one_and_compiled(name: str) -> None:
    columns = candles(600)
    whole = fed(source(**STRATEGY[name]), columns, [])
    assert {1, -1} <= set(whole[0])
    chance = random.Random(name)
    cuts = sorted(chance.sample(range(1, len(columns.ts)), 12))
    assert fed(source(**STRATEGY[name]), columns, cuts) == whole
    assert fed(source(**STRATEGY[name]), columns, list(range(1, len(columns.ts)))) == whole
    assert fed(source(compiled_entry, **STRATEGY[name]), columns, cuts) == whole


DAILY = {
    "day": {"type": "sma", "period": 3, "timeframe": "1d"},
    "day_close": {"type": "value", "timeframe": "1d"},
    "range": {"type": "atr", "period": 3, "timeframe": "1d"},
    "smooth": {"type": "ema", "period": 3, "source": "day", "timeframe": "1d"},
    "four": {"type": "highest", "period": 6, "source": "high", "timeframe": "4h"},
    "own": {"type": "sma", "period": 5, "timeframe": "1h"},
}


@pytest.mark.parametrize("name", ["day", "day_close", "range", "smooth"])
def test_a_daily_value_is_that_of_the_days_that_are_over(name: str) -> None:
    columns = Columns(*(column[1:] for column in candles(500, holes=False)))  # the first day is not whole
    made = SymbolSignals(*fed(source(indicators=DAILY, entry="close > 0", target_distance=name), columns, [90, 300]))
    days = resampled(Series("X/Y", 2, 5, columns), source_ms=HOUR, step_ms=24 * HOUR).series.columns
    definitions = {one: indicator._replace(timeframe="") for one, indicator in rules_of(DAILY).items()}
    alone = to_prices(Graph(definitions, [name], step_ms=24 * HOUR).feed(days)[name]).tolist()
    over = np.searchsorted(days.ts, columns.ts - 23 * HOUR, "right").tolist()
    assert made.target == [alone[count - 1] if count else NONE for count in over]
    assert NONE in made.target
    assert len(set(made.target)) > 15


@pytest.mark.parametrize("name", DAILY)
def test_with_the_rows_that_it_needs_a_value_is_known_from_any_hour(name: str) -> None:
    columns = candles(600, holes=False)
    needed = rows_needed(rules_of(DAILY), name, step_ms=HOUR).first
    for begin in range(0, 48, 5):
        part = Columns(*(column[begin : begin + needed] for column in columns))
        rules = source(indicators=DAILY, entry="close > 0", target_distance=name)
        assert SymbolSignals(*fed(rules, part, [])).target[-1] != NONE


@pytest.mark.parametrize("name", STRATEGY)
def test_the_signals_of_fewer_candles_are_a_prefix(name: str) -> None:
    columns, other = candles(400), candles(400, seed=9)
    pairs = zip(columns[1:], other[1:], strict=True)
    mixed = Columns(columns.ts, *(np.concatenate((one[:250], two[250 : len(one)])) for one, two in pairs))
    mixed = Columns(*(column[: min(map(len, mixed))] for column in mixed))
    whole, changed = fed(source(**STRATEGY[name]), columns, []), fed(source(**STRATEGY[name]), mixed, [])
    assert [column[:250] for column in whole] == [column[:250] for column in changed]


def test_the_cross_of_two_averages_is_that_of_the_crossover_without_thresholds() -> None:
    crossover = STRATEGIES["sma_crossover"]
    section = StrategySection(fast_period=5, slow_period=20, entry_threshold_pct=0, exit_threshold_pct=0)
    columns = candles(3_000, holes=False)
    expected, _ = crossover.columns(columns, crossover.resolve(keys_of(crossover, section, HOUR)))
    indicators = {"fast": {"type": "sma", "period": 5}, "slow": {"type": "sma", "period": 20}}
    rules = source(indicators=indicators, entry="fast crosses above slow", exit="fast crosses below slow")
    assert fed(rules, columns, [])[0] == expected.tolist()


def test_the_entry_is_a_level_and_the_exit_wins() -> None:
    columns = candles(50, holes=False)
    both = source(entry="close > 0", exit="close > 0")
    assert set(fed(both, columns, [])[0]) == {-1}
    alone = fed(source(entry="close > 0"), columns, [])
    assert (set(alone[0]), set(alone[1])) == ({1}, {1.0})


@pytest.mark.parametrize(
    ("strength", "signals"), [("0", {0}), ("-1", {0}), ("(close - close) / (close - close)", {0}), ("0.5", {1})]
)
def test_without_a_strength_above_zero_there_is_no_entry(strength: str, signals: set[int]) -> None:
    assert set(fed(source(entry="close > 0", strength=strength), candles(30), [])[0]) == signals


def test_before_the_warm_up_there_is_no_signal() -> None:
    found = fed(source(entry="close > 0", warm_up=7), candles(30), [3])
    assert found[0] == [0] * 6 + [1] * (len(found[0]) - 6)


def test_a_literal_is_an_amount_of_the_quote_currency() -> None:
    columns = candles(200, holes=False)
    found = fed(source(entry="close > 100.5"), columns, [])[0]
    assert found == [1 if close > 10_050 else 0 for close in columns.close.tolist()]


def test_a_volume_that_exact_sums_cannot_hold_is_an_error() -> None:
    columns = candles(30)
    large = columns._replace(volume=np.full_like(columns.volume, 2**61))
    rules = source(indicators={"v": {"type": "sum", "period": 4, "source": "volume"}}, entry="volume < v")
    with pytest.raises(StrategyError, match="a volume is too large"):
        rules.feed(large)


def test_a_column_of_distances_is_rounded_as_one_price() -> None:
    values = [0.0, 0.5, 1.5, 2.5, -0.2, -3.0, math.nan, 1e30, 123.49999]
    assert to_prices(np.array(values)).tolist() == [scale.to_price(value) for value in values]
    assert to_prices(np.array([math.nan])).tolist() == [NONE]
