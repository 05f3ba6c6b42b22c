"""What a strategy may return, and that a run finds out one that looks ahead (FAULTS 30, 31; D5)."""

import numpy as np
import pytest

from safla.core.strategies import Strategy
from safla.errors import Finding, StrategyError
from safla.runtime.backtest import prepare
from safla.runtime.signals import checked, signals_of
from tests.runs import small


def zeros(columns, _parameters):
    return np.zeros(len(columns.ts), np.int8), np.zeros(len(columns.ts))


def peeking(columns, _parameters):
    signal = np.zeros(len(columns.ts), np.int8)
    signal[:-1] = columns.close[1:] > columns.close[:-1]
    return signal, signal.astype(float)


def with_strategy(tmp_path, function):
    prepared = prepare(small(tmp_path))
    run = prepared.run._replace(strategy=Strategy(function, lambda parameters: 9, dict), strategy_name="mine")
    return run, prepared.series


@pytest.mark.parametrize(
    ("signal", "strength", "said"),
    [
        ([0, 1], [0.0, 0.5, 0.0], r"signal has shape \(2,\), not \(3,\)"),
        ([0, 1, 0], [[0.0], [0.5], [0.0]], r"strength has shape \(3, 1\)"),
        ([0, 2, 0], [0.0, 0.5, 0.0], r"signal is not -1, 0 or \+1 at the candle 1970-01-01T00:01Z"),
        ([0, 1, 0], [0.0, float("nan"), 0.0], r"strength is not a number.*1970-01-01T00:01Z"),
        ([0, 1, 0], [0.0, 0.0, float("inf")], r"strength is not a number.*1970-01-01T00:02Z"),
        ([0, 1, 0], [-0.5, 0.0, 0.0], r"strength is not a number.*1970-01-01T00:00Z"),
    ],
)
def test_what_is_no_signal_is_refused_with_strategy_and_candle(tmp_path, signal, strength, said):
    _, series = with_strategy(tmp_path, zeros)
    candles = type(series[0].columns)(*([np.arange(3) * 60_000] * 6))
    with pytest.raises(StrategyError, match=f"strategy mine: {said}"):
        checked("mine", candles, signal=np.array(signal), strength=np.array(strength))


def test_a_strategy_that_looks_ahead_ends_the_run_with_candle_and_both_answers(tmp_path):
    run, series = with_strategy(tmp_path, peeking)
    with pytest.raises(Finding, match=r"strategy mine looks ahead.* BTC/USDT at 2024-.*gives signal 1 .* and 0 "):
        signals_of(run, series, columns=peeking, grid_ts=series[0].columns.ts)


def test_a_symbol_without_candles_in_the_window_has_no_signals(tmp_path):
    run, series = with_strategy(tmp_path, zeros)
    empty = series[1]._replace(columns=type(series[1].columns)(*(column[:0] for column in series[1].columns)))
    found = signals_of(run, (series[0], empty), columns=zeros, grid_ts=series[0].columns.ts)
    assert found.signal.shape == (2, len(series[0].columns.ts))
    assert not found.signal.any()
