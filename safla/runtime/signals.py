"""A strategy's columns for a run, checked: their shape, their values, and that none of them looks ahead (D5)."""

import traceback
from collections.abc import Sequence
from typing import Any

import numpy as np

from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Series, iso, spread
from safla.core.strategies import Function
from safla.core.strategies.window import first_miss, spread_points
from safla.core.values import Columns, Float64, Int8, Int64, Mask, Signals
from safla.errors import Bug, Finding, StrategyError

CHECKED_POINTS = 32  # of every run; `safla check` looks at all
OURS = "safla."  # where the strategies live that are ours: what goes wrong in them is a bug (FAULTS 30)


def signals_of(
    run: RunPlan, series: Sequence[Series], *, columns: Function, grid_ts: Int64, unasked: Mask | None = None
) -> Signals:
    """The signals of all symbols on the grid. Raises StrategyError for what is no signal, Finding for a look-ahead.

    columns  the form of the run's strategy that is asked for all candles
    unasked  the timestamps at which it is not asked: it failed there, or such a halt is open (J17)
    """
    if unasked is not None and unasked.any():
        return _one_by_one(run, series, grid_ts=grid_ts, unasked=unasked)
    signal = np.zeros((len(series), len(grid_ts)), np.int8)
    strength = np.zeros((len(series), len(grid_ts)), np.float64)
    for index, one in enumerate(series):
        if len(one.columns.ts) == 0:
            continue
        given = one._replace(columns=_read_only(one.columns))
        own_signal, own_strength = _asked(run, given, columns)(given.columns, run.parameters)
        _refuse_cheating(run, given, signal=own_signal, strength=own_strength)
        signal[index] = spread(grid_ts, one.columns.ts, own_signal)
        strength[index] = spread(grid_ts, one.columns.ts, own_strength)
    return Signals(signal, strength)


def signals_at(run: RunPlan, windows: Sequence[Columns | None], *, series: Sequence[Series]) -> Signals:
    """The signals at the last candle of each window, which has the candles that the strategy needs, or fewer (D5).

    windows  one a symbol; None where it has no candle now. series: the symbols. StrategyError as above.
    """
    signal = np.zeros((len(windows), 1), np.int8)
    strength = np.zeros((len(windows), 1), np.float64)
    for index, (window, one) in enumerate(zip(windows, series, strict=True)):
        if window is None or len(window.ts) < run.plan.rules.warm_up:
            continue
        given = one._replace(columns=_read_only(window))
        own_signal, own_strength = _asked(run, given, run.strategy.columns)(given.columns, run.parameters)
        signal[index, 0], strength[index, 0] = own_signal[-1], own_strength[-1]
    return Signals(signal, strength)


def _one_by_one(run: RunPlan, series: Sequence[Series], *, grid_ts: Int64, unasked: Mask) -> Signals:
    """As they were asked for while the candles came: a strategy that failed at one is not asked about it again."""
    found = Signals(np.zeros((len(series), len(grid_ts)), np.int8), np.zeros((len(series), len(grid_ts)), np.float64))
    found.signal[:, unasked] = v.UNASKED
    places = [np.searchsorted(one.columns.ts, grid_ts, side="right") for one in series]
    for at in np.flatnonzero(~unasked).tolist():
        windows: list[Columns | None] = []
        for one, place in zip(series, places, strict=True):
            end = int(place[at])
            there = end > 0 and int(one.columns.ts[end - 1]) == int(grid_ts[at])
            first = max(0, end - run.plan.rules.warm_up)
            windows.append(Columns(*(column[first:end] for column in one.columns)) if there else None)
        signals = signals_at(run, windows, series=series)
        found.signal[:, at], found.strength[:, at] = signals.signal[:, 0], signals.strength[:, 0]
    return found


def _read_only(columns: Columns) -> Columns:
    """The same candles, to which a strategy cannot write, nor ask numpy to let it."""
    return Columns(*(np.asarray(column.data.toreadonly()) for column in columns))


def _asked(run: RunPlan, series: Series, function: Function) -> Function:
    """A form of the strategy whose answers are checked, and whose errors name strategy, symbol and candles."""
    ours = str(getattr(run.strategy.columns, "__module__", "")).startswith(OURS)

    def ask(candles: Columns, parameters: Any) -> tuple[Int8, Float64]:
        where = f"of {series.symbol}, asked about {len(candles.ts)} candles to {iso(int(candles.ts[-1]))}"
        try:
            answer: Any = function(candles, parameters)
        except (Exception, SystemExit) as error:  # a strategy may raise whatever there is
            if ours:
                raise
            raise StrategyError(f"strategy {run.strategy_name}: {_told(error)}, {where}") from error
        try:
            return checked(run.strategy_name, candles, answer=answer)
        except StrategyError as error:
            raise (Bug if ours else StrategyError)(f"{error}, {where}") from error

    return ask


def _told(error: BaseException) -> str:
    """What was raised, and the last line that did it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())[:200]
    return f"raised {type(error).__name__}{': ' if text else ''}{text} ({last.filename}:{last.lineno})"


def checked(name: str, candles: Columns, *, answer: Any) -> tuple[Int8, Float64]:
    """The two columns, if they are what a strategy may return; else StrategyError names strategy and candle."""
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise StrategyError(f"strategy {name}: returned {type(answer).__name__}, not the two columns signal, strength")
    for label, column in zip(("signal", "strength"), answer, strict=True):
        if not isinstance(column, np.ndarray) or column.dtype.kind not in "iuf":
            kind = f"an array of {column.dtype}" if isinstance(column, np.ndarray) else type(column).__name__
            raise StrategyError(f"strategy {name}: {label} is {kind}, not an array of numbers")
        if column.shape != candles.ts.shape:
            raise StrategyError(f"strategy {name}: {label} has shape {column.shape}, not {candles.ts.shape}")
    signal, strength = answer
    for label, bad in (
        ("signal is not -1, 0 or +1", ~np.isin(signal, (-1, 0, 1))),
        ("strength is not a number of at least 0", ~(np.isfinite(strength) & (strength >= 0))),
    ):
        if bad.any():
            raise StrategyError(f"strategy {name}: {label} at the candle {iso(int(candles.ts[bad.argmax()]))}")
    return np.array(signal, np.int8), np.array(strength, np.float64)


def _refuse_cheating(run: RunPlan, series: Series, *, signal: Int8, strength: Float64) -> None:
    warm_up = run.plan.rules.warm_up
    miss = first_miss(
        _asked(run, series, run.strategy.columns), series.columns, parameters=run.parameters, warm_up=warm_up,
        signal=signal, strength=strength, points=spread_points(len(signal), warm_up, CHECKED_POINTS),
    )  # fmt: skip
    if miss is not None:
        raise Finding(
            f"strategy {run.strategy_name} looks ahead, or needs more than its {warm_up} candles: {series.symbol} at "
            f"{iso(int(series.columns.ts[miss.candle]))} gives signal {miss.whole[0]} (strength {miss.whole[1]}) on "
            f"all candles, and {miss.window[0]} ({miss.window[1]}) on the {warm_up} that end there"
        )
