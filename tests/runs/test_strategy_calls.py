"""Columns returned by a strategy are checked and aligned to the grid (D5); fault rows 30 and 31 are in tests/faults."""

import numpy as np
import pytest

from safla.core.values import Columns
from safla.errors import StrategyError
from safla.runs.backtest import prepare
from safla.runs.strategy_answers import Answer, checked
from safla.runs.strategy_calls import signals_of
from safla.strategies.register import Strategy
from tests.errors import raises_code
from tests.small_runs import small

CANDLES = Columns(*([np.arange(3) * 60_000] * 6))


def zeros(columns, _parameters):
    return np.zeros(len(columns.ts), np.int8), np.zeros(len(columns.ts))


def with_strategy(tmp_path, function):
    prepared = prepare(small(tmp_path))
    run = prepared.run._replace(strategy=Strategy(function, lambda parameters: 9), strategy_name="mine")
    return run, prepared.series


@pytest.mark.parametrize(
    ("signal", "strength", "said"),
    [
        ([0, 1], [0.0, 0.5, 0.0], r"signal has shape \(2,\), expected \(3,\)"),
        ([0, 1, 0], [[0.0], [0.5], [0.0]], r"strength has shape \(3, 1\)"),
        ([0, 2, 0], [0.0, 0.5, 0.0], r"signal is not -1, 0 or \+1 at the candle 1970-01-01T00:01Z"),
        ([0, 1, 0], [0.0, float("nan"), 0.0], r"strength is not a number.*1970-01-01T00:01Z"),
        ([0, 1, 0], [0.0, 0.0, float("inf")], r"strength is not a number.*1970-01-01T00:02Z"),
        ([0, 1, 0], [-0.5, 0.0, 0.0], r"strength is not a number.*1970-01-01T00:00Z"),
    ],
)
def test_an_invalid_signal_is_rejected_with_strategy_and_candle(signal, strength, said):
    with pytest.raises(StrategyError, match=f"strategy mine: {said}"):
        checked("mine", CANDLES.ts, answer=(np.array(signal), np.array(strength)))


def test_numbers_of_other_types_are_converted_to_the_types_of_the_core():
    signal, strength = checked("mine", CANDLES.ts, answer=(np.array([0.0, 1.0, -1.0]), np.array([0, 2, 1], np.uint8)))
    assert (signal.dtype, signal.tolist()) == (np.int8, [0, 1, -1])
    assert (strength.dtype, strength.tolist()) == (np.float64, [0.0, 2.0, 1.0])


def test_a_strength_is_not_required_where_there_is_no_signal():
    nothing = float("nan")
    kept = checked("mine", CANDLES.ts, answer=(np.array([0, 1, 0]), np.array([nothing, 0.5, nothing])))
    assert kept.strength.tolist() == [0.0, 0.5, 0.0]
    for signal in (1, -1):
        with pytest.raises(StrategyError, match=r"strength is not a number.*1970-01-01T00:01Z"):
            checked("mine", CANDLES.ts, answer=(np.array([0, signal, 0]), np.array([nothing, nothing, nothing])))


def test_returned_columns_are_copied_so_that_the_strategy_cannot_change_them_after_the_check():
    signal, strength = np.zeros(3, np.int8), np.zeros(3)
    kept = checked("mine", CANDLES.ts, answer=(signal, strength))
    signal[:], strength[:] = 1, 1.0
    assert [column.tolist() for column in kept] == [[0, 0, 0], [0.0, 0.0, 0.0]]


def test_a_symbol_without_candles_in_the_window_has_no_signals(tmp_path):
    run, series = with_strategy(tmp_path, zeros)
    empty = series[1]._replace(columns=type(series[1].columns)(*(column[:0] for column in series[1].columns)))
    found = signals_of(run, (series[0], empty), columns=zeros, grid_ts=series[0].columns.ts)
    assert found.signal.shape == (2, len(series[0].columns.ts))
    assert not found.signal.any()


def test_a_dict_of_arrays_an_answer_and_an_array_alone_are_answers_too():
    signal, strength = np.array([0, 1, -1]), np.array([0.0, 0.5, 0.25])
    whole = checked("mine", CANDLES.ts, answer=(signal, strength))
    for answer in ({"signal": signal, "strength": strength}, Answer(signal, strength)):
        found = checked("mine", CANDLES.ts, answer=answer)
        assert [column.tolist() for column in found] == [column.tolist() for column in whole]
    for answer in (signal, {"signal": signal}, Answer(signal)):
        found = checked("mine", CANDLES.ts, answer=answer)
        assert (found.signal.tolist(), found.strength.tolist()) == ([0, 1, -1], [1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"strength": np.ones(3)}, "returned no signal"),
        ({"signal": np.ones(3), "size": np.ones(3)}, "returned 'size', expected signal, strength"),
        ({"signal": np.ones(3), 5: np.ones(3)}, "returned 5, expected signal, strength"),
        ({"signal": np.ones(3), "stop_distance": np.ones(3)}, "stop_distance, which this release does not take"),
        (Answer(np.ones(3), entry_price=np.ones(3)), "entry_price, which this release does not take"),
        ({"signal": [1, 1, 1]}, "signal is list, expected a numpy array"),
        ([1, 1, 1], "returned list, expected an array signal"),
        ((np.ones(3),), "returned tuple, expected an array signal"),
    ],
)
def test_an_answer_of_another_form_is_rejected_with_what_is_expected(answer, said):
    with raises_code(StrategyError, "invalid_signals", match=f"strategy mine: (returned )?{said}"):
        checked("mine", CANDLES.ts, answer=answer)
