"""Candles that are altered to see what a strategy makes of later ones: valid candles, blocks apart, likeliest first."""

import numpy as np
import pytest

from safla.core.values import Columns
from safla.runs.altered_candles import CALLS, NEAR, altered, suspects
from tests.runs.test_look_ahead import walk


def candles(*rows):
    """Candles of (open, high, low, close)."""
    ts = np.arange(len(rows))
    return Columns(ts, *np.array(rows).T, ts + 5)


def test_an_altered_fall_is_a_rise_from_the_close_before_and_the_other_candles_stay():
    falling = candles((100, 110, 90, 100), (100, 101, 79, 80), (80, 81, 79, 80), (130, 131, 120, 125))
    rising = candles((100, 110, 90, 100), (100, 126, 100, 125), (125, 126, 123, 125), (130, 131, 120, 125))
    assert_equal_columns(altered(falling, np.array([1]), length=2), rising)


def test_an_altered_rise_is_a_fall_from_the_close_before():
    rising = candles((100, 110, 90, 100), (100, 125, 99, 110))
    assert_equal_columns(altered(rising, np.array([1]), length=1), candles((100, 110, 90, 100), (100, 100, 80, 90)))


def assert_equal_columns(one, other):
    assert [column.tolist() for column in one] == [column.tolist() for column in other]


@pytest.mark.parametrize("length", [1, 5, NEAR])
def test_altered_candles_are_candles_within_the_bounds_of_the_others(length):
    columns = walk().columns
    changed = altered(columns, np.arange(1, 11_900, 40), length=length)
    assert (changed.low >= 1).all()
    assert (changed.high <= columns.high.max()).all()
    assert (changed.low <= np.minimum(changed.open, changed.close)).all()
    assert (changed.high >= np.maximum(changed.open, changed.close)).all()


def calls_of(values_of, columns=None, seed="a"):
    """Returns the suspects, and the altered candles of each call."""
    columns, calls = walk().columns if columns is None else columns, []

    def asked(changed):
        calls.append(changed)
        return values_of(changed)

    return suspects(columns, asked, whole=values_of(columns), seed=seed), calls


def test_the_number_of_calls_is_bounded_and_repeats():
    first, calls = calls_of(lambda c: np.sign(np.diff(c.close, append=0)))
    again, _ = calls_of(lambda c: np.sign(np.diff(c.close, append=0)))
    other, _ = calls_of(lambda c: np.sign(np.diff(c.close, append=0)), seed="b")
    assert len(calls) == CALLS
    assert [one.tolist() for one in first] == [one.tolist() for one in again] != [one.tolist() for one in other]


def test_a_strategy_that_knows_the_next_close_is_suspected_right_before_the_altered_candle():
    found, _ = calls_of(lambda c: np.sign(np.diff(c.close, append=0)))
    assert len(found.rows) > 100
    assert (found.rows == found.places - 1)[:100].all()
    assert len(set(found.places.tolist())) == len(found.places)


def test_a_strategy_that_uses_each_candle_alone_is_not_suspected():
    found, _ = calls_of(lambda c: np.sign(c.close - c.open))
    assert len(found.rows) == 0


def test_no_answer_for_altered_candles_suspects_nothing():
    columns = walk().columns
    assert len(suspects(columns, lambda c: None, whole=np.zeros(len(columns.ts)), seed="a").rows) == 0


@pytest.mark.parametrize("size", [0, 1, 2, 30, 100])
def test_few_candles_are_altered_where_there_is_room(size):
    columns = Columns(*(column[:size] for column in walk().columns))
    found, _ = calls_of(lambda c: np.zeros(len(c.ts)), columns)
    assert len(found.rows) == 0
