"""A strategy's columns for a run, checked: their shape, their values, and that none of them looks ahead (D5)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from safla.config.plan import RunPlan
from safla.core.candles import Series, iso, spread
from safla.core.strategies import Function
from safla.core.strategies.window import first_miss, spread_points
from safla.core.values import Columns, Float64, Int8, Int64, Signals
from safla.errors import Finding, StrategyError

CHECKED_POINTS = 32  # of every run; `safla check` looks at all


def signals_of(run: RunPlan, series: Sequence[Series], *, columns: Function, grid_ts: Int64) -> Signals:
    """The signals of all symbols on the grid. Raises StrategyError for what is no signal, Finding for a look-ahead."""
    signal = np.zeros((len(series), len(grid_ts)), np.int8)
    strength = np.zeros((len(series), len(grid_ts)), np.float64)
    for index, one in enumerate(series):
        own_signal, own_strength = _columns_of(run, one, columns=columns)
        _refuse_cheating(run, one, signal=own_signal, strength=own_strength)
        signal[index] = spread(grid_ts, one.columns.ts, own_signal)
        strength[index] = spread(grid_ts, one.columns.ts, own_strength)
    return Signals(signal, strength)


def _columns_of(run: RunPlan, series: Series, *, columns: Function) -> tuple[Int8, Float64]:
    if len(series.columns.ts) == 0:
        return np.zeros(0, np.int8), np.zeros(0)
    signal, strength = columns(series.columns, run.parameters)
    return checked(run.strategy_name, series.columns, signal=signal, strength=strength)


def checked(name: str, candles: Columns, *, signal: Any, strength: Any) -> tuple[Int8, Float64]:
    """The two columns, if they are what a strategy may return; else StrategyError names strategy and candle."""
    size = len(candles.ts)
    for label, column in (("signal", signal), ("strength", strength)):
        if np.shape(column) != (size,):
            raise StrategyError(f"strategy {name}: {label} has shape {np.shape(column)}, not ({size},)")
    for label, bad in (
        ("signal is not -1, 0 or +1", ~np.isin(signal, (-1, 0, 1))),
        ("strength is not a number of at least 0", ~(np.isfinite(strength) & (np.asarray(strength) >= 0))),
    ):
        if bad.any():
            raise StrategyError(f"strategy {name}: {label} at the candle {iso(int(candles.ts[bad.argmax()]))}")
    return np.asarray(signal, np.int8), np.asarray(strength, np.float64)


def _refuse_cheating(run: RunPlan, series: Series, *, signal: Int8, strength: Float64) -> None:
    warm_up = run.plan.rules.warm_up
    miss = first_miss(
        run.strategy.columns, series.columns, parameters=run.parameters, warm_up=warm_up, signal=signal,
        strength=strength, points=spread_points(len(signal), warm_up, CHECKED_POINTS),
    )  # fmt: skip
    if miss is not None:
        raise Finding(
            f"strategy {run.strategy_name} looks ahead, or needs more than its {warm_up} candles: {series.symbol} at "
            f"{iso(int(series.columns.ts[miss.candle]))} gives signal {miss.whole[0]} (strength {miss.whole[1]}) on "
            f"all candles, and {miss.window[0]} ({miss.window[1]}) on the {warm_up} that end there"
        )
