"""Momentum: Wilder's RSI and the stochastic of it, MACD, PPO."""

import math
from typing import NamedTuple

from safla.core.pure import entry_point
from safla.core.values import Float64
from safla.section import Section, key
from safla.strategies.indicators.averages import SMA
from safla.strategies.indicators.exponential import EMA, ema_step, smoothing
from safla.strategies.indicators.extremes import HIGHEST, LOWEST, RAW_STOCHASTIC
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import Period, no_numbers, no_rows
from safla.strategies.indicators.smoothed import wilder_step

# --- RSI -------------------------------------------------------------------------------------------------------------


class StrengthSection(Section):
    """The parameters of a relative strength index."""

    period: Period = key(14, "changes in the first averages, and the length of their memory", plan=True)
    momentum: Period = key(1, "rows over which a change is measured", plan=True)


class StrengthState(NamedTuple):
    """The changes so far, the averages of rises and of falls (before the seed is whole, their sums), the last value."""

    seen: int
    up: float
    down: float
    value: float


def _strength_numbers(keys: StrengthSection) -> tuple[int, int]:
    return keys.period, keys.momentum


def _strength_rows(_period: int, momentum: int) -> int:
    return momentum


def _begin_strength(_period: int, _momentum: int) -> StrengthState:
    return StrengthState(0, 0.0, 0.0, math.nan)


@entry_point
def relative_strength(
    state: StrengthState, x: Float64, first: int, period: int, momentum: int, out: Float64
) -> StrengthState:
    """100 up / (up + down) of Wilder's averages of rises and falls, 0 to 100; 50 where both are 0.

    x    float64[first + rows]; a change of which a row is not known (NaN) is passed over, and there is no value there
    out  float64[rows]

    Where a row is as the one before, both averages shrink alike and the value stays, without a rounding error that the
    stochastic of it would blow up.

    Wilder, J. W.: New Concepts in Technical Trading Systems, 1978. Where both are 0, TA-Lib says 0 (V6).
    """
    seen, up, down, value = state
    for i in range(len(out)):
        at = first + i
        change = float(x[at]) - float(x[at - momentum]) if at >= momentum else math.nan
        out[i] = math.nan
        if not math.isnan(change):
            seen += 1
            up = wilder_step(up, seen, change if change > 0 else 0.0, period)
            down = wilder_step(down, seen, -change if change < 0 else 0.0, period)
            if seen >= period and up + down == 0:
                value = 50.0
            elif seen == period or (seen > period and change != 0):
                value = 100 * (up / (up + down))
            out[i] = value
    return StrengthState(seen, up, down, value)


STRENGTH = FoldNode(("source",), ("value",), relative_strength, _strength_numbers, _strength_rows, _begin_strength)


# --- The stochastic of the RSI ---------------------------------------------------------------------------------------


class StochasticStrengthSection(StrengthSection):
    """The parameters of the stochastic of a relative strength index."""

    stoch: Period = key(14, "rows of the RSI whose highest and lowest it is measured by", plan=True)
    smooth: Period = key(3, "rows of the mean that makes `k`", plan=True)
    signal: Period = key(3, "rows of the mean of `k` that makes `d`", plan=True)


def _stochastic_rows(keys: StochasticStrengthSection) -> int:
    return keys.stoch + keys.smooth + keys.signal - 3


def _mean(name: str, source: str, output: str) -> FoldNode:
    """A mean whose period is the key of that name."""
    return SMA._replace(inputs=(source,), outputs=(output,), numbers=lambda keys: (getattr(keys, name),))


STOCHASTIC_STRENGTH = (
    STRENGTH._replace(outputs=("rsi",)),
    HIGHEST._replace(inputs=("rsi",), outputs=("upper", "since_upper"), numbers=lambda keys: (keys.stoch,)),
    LOWEST._replace(inputs=("rsi",), outputs=("lower", "since_lower"), numbers=lambda keys: (keys.stoch,)),
    RAW_STOCHASTIC._replace(inputs=("rsi", "upper", "lower")),
    _mean("smooth", "raw", "k"),
    _mean("signal", "k", "d"),
)


# --- MACD and PPO ----------------------------------------------------------------------------------------------------


class ConvergenceSection(Section):
    """The parameters of the difference of two exponential averages."""

    fast: Period = key(12, "period of the average that is reduced", plan=True)
    slow: Period = key(26, "period of the average that it is reduced by", plan=True)
    signal: Period = key(9, "period of the average of the line", plan=True)


def _longer(keys: ConvergenceSection) -> int:
    return max(keys.fast, keys.slow)


def _convergence_first(keys: ConvergenceSection, _step_ms: int) -> int:
    return _longer(keys) + keys.signal - 1


def _convergence_auto(keys: ConvergenceSection, _step_ms: int) -> int:
    return 5 * _longer(keys) + keys.signal


def _average(name: str, source: str, output: str) -> FoldNode:
    """An exponential average whose period is the key of that name."""

    return EMA._replace(inputs=(source,), outputs=(output,), numbers=lambda keys: smoothing(getattr(keys, name)))


class ConvergenceState(NamedTuple):
    """The known rows so far, and both averages; before the seed of one is whole, the sum of its rows."""

    seen: int
    fast: float
    slow: float


def _convergence_numbers(keys: ConvergenceSection) -> tuple[float, ...]:
    longer = _longer(keys)
    return *smoothing(keys.fast, longer - keys.fast), *smoothing(keys.slow, longer - keys.slow)


def _begin_convergence(*_numbers: float) -> ConvergenceState:
    return ConvergenceState(0, 0.0, 0.0)


@entry_point
def convergence(
    state: ConvergenceState, x: Float64, first: int, fast_period: int, fast_weight: float, fast_skipped: int,
    slow_period: int, slow_weight: float, slow_skipped: int, out: Float64,
) -> ConvergenceState:  # fmt: skip
    """An exponential average less another that has its first value at the same row (V6).

    x    float64[first + rows]; a row that is not known (NaN) is passed over, and there is no value there
    out  float64[rows], the same units
    """
    seen, fast, slow = state
    for i in range(len(out)):
        now = float(x[first + i])
        out[i] = math.nan
        if not math.isnan(now):
            seen += 1
            fast = ema_step(fast, seen - fast_skipped, now, fast_period, fast_weight)
            slow = ema_step(slow, seen - slow_skipped, now, slow_period, slow_weight)
            if seen - slow_skipped >= slow_period:
                out[i] = fast - slow
    return ConvergenceState(seen, fast, slow)


@entry_point
def difference(a: Float64, b: Float64, first: int, out: Float64) -> None:
    """a - b, float64 in the units of both."""
    for i in range(len(out)):
        out[i] = float(a[first + i]) - float(b[first + i])


@entry_point
def relative_difference(a: Float64, b: Float64, first: int, out: Float64) -> None:
    """(a - b) / b, a fraction; not known where b is 0. a, b: float64[first + rows] of one unit; out: float64[rows]."""
    for i in range(len(out)):
        part, whole = float(a[first + i]), float(b[first + i])
        out[i] = (part - whole) / whole if whole != 0 else math.nan


MACD = (
    FoldNode(("source",), ("line",), convergence, _convergence_numbers, no_rows, _begin_convergence),
    _average("signal", "line", "signal"),
    FoldNode(("line", "signal"), ("histogram",), difference, no_numbers, no_rows),
)
PPO = (
    _average("fast", "source", "fast"),
    _average("slow", "source", "slow"),
    FoldNode(("fast", "slow"), ("line",), relative_difference, no_numbers, no_rows),
    _average("signal", "line", "signal"),
)

KINDS = {
    "rsi": Kind(
        StrengthSection, (STRENGTH,), {"value": "number"}, "value", lambda keys, _: keys.period + keys.momentum,
        "Wilder's relative strength index 100 up / (up + down): up and down are the rma of the rises and falls of "
        "x - x[momentum]; 50 where both are 0",
        auto=lambda keys, _: 9 * keys.period + keys.momentum, reference="TA-Lib RSI (momentum 1)",
    ),
    "stoch_rsi": Kind(
        StochasticStrengthSection, STOCHASTIC_STRENGTH, {"k": "number", "d": "number"}, "k",
        lambda keys, _: keys.period + keys.momentum + _stochastic_rows(keys),
        "100 (rsi - lowest) / (highest - lowest) of the last `stoch` values of the rsi, 50 where both are the same; "
        "`k` its mean over `smooth` rows, `d` the mean of k over `signal`",
        auto=lambda keys, _: 9 * keys.period + keys.momentum + _stochastic_rows(keys),
        reference="TA-Lib STOCHRSI, whose fastd is `k`",
    ),
    "macd": Kind(
        ConvergenceSection, MACD, {"line": "source", "signal": "source", "histogram": "source"}, "line",
        _convergence_first,
        "line = ema of `fast` - ema of `slow`, which have their first value at the same row; signal = ema of the line; "
        "histogram = line - signal", auto=_convergence_auto, reference="TA-Lib MACD",
    ),
    "ppo": Kind(
        ConvergenceSection, PPO, {"line": "number", "signal": "number"}, "line", _convergence_first,
        "line = (fast - slow) / slow, a fraction: the emas of both periods, each seeded by its own first rows; signal "
        "= ema of the line", auto=_convergence_auto, reference="TA-Lib PPO / 100 (line)",
    ),
}  # fmt: skip
