"""A strategy that looks ahead, or needs more candles than it says, is found out (D5)."""

import numpy as np
import pytest

from safla.core.strategies import STRATEGIES
from safla.core.strategies.sma_crossover import Crossover
from safla.core.strategies.window import Miss, first_miss, spread_points
from safla.core.values import Columns

SIZE = 200


def candles() -> Columns:
    close = np.array([1000 + (i * 7919) % 400 for i in range(SIZE)], np.int64)
    return Columns(np.arange(SIZE) * 60_000, close, close, close, close, close)


def peeking(columns, _parameters):
    """Enters where the next close is higher: the last candle of a window cannot know it."""
    signal = np.zeros(len(columns.close), np.int8)
    signal[:-1] = columns.close[1:] > columns.close[:-1]
    return signal, signal.astype(float)


def remembering(columns, _parameters):
    """Needs all candles since the first."""
    signal = (np.cumsum(columns.close) % 3 == 0).astype(np.int8)
    return signal, signal.astype(float)


def miss(function, parameters, warm_up, points):
    columns = candles()
    signal, strength = function(columns, parameters)
    return first_miss(
        function, columns, parameters=parameters, warm_up=warm_up, signal=signal, strength=strength, points=points
    )


def test_the_sma_crossover_passes_at_every_candle():
    parameters = Crossover(3, 8, 1000, 500, 2)
    strategy = STRATEGIES["sma_crossover"]
    warm_up = strategy.warm_up(parameters)
    assert warm_up == 11
    assert miss(strategy.columns, parameters, warm_up, range(warm_up - 1, SIZE)) is None


def test_too_small_a_warm_up_is_found():
    parameters = Crossover(3, 8, 0, 0, 0)
    assert miss(STRATEGIES["sma_crossover"].columns, parameters, 8, range(7, SIZE)) is not None


@pytest.mark.parametrize("function", [peeking, remembering])
def test_a_strategy_that_cheats_is_found_with_both_answers(function):
    found = miss(function, None, 10, range(9, SIZE))
    assert isinstance(found, Miss)
    assert found.whole != found.window


@pytest.mark.parametrize(
    ("candles", "warm_up", "count", "expected"),
    [(5, 6, 32, []), (6, 6, 32, [5]), (8, 6, 32, [5, 6, 7]), (100, 10, 4, [9, 39, 69, 99]), (100, 10, 1, [9])],
)
def test_points_are_spread_from_the_first_full_window_to_the_last_candle(candles, warm_up, count, expected):
    assert spread_points(candles, warm_up, count) == expected
