"""The exponential average of a source."""

import math
from typing import Any, NamedTuple

from safla.core.pure import entry_point, pure
from safla.core.values import Float64
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import PeriodSection, first_of_period, no_rows


class SmoothedState(NamedTuple):
    """The known rows so far, and their average; before the seed is whole, the sum of its rows."""

    seen: int
    value: float


def smoothing(period: int, skipped: int = 0) -> tuple[int, float, int]:
    """The numbers of an exponential average."""
    return period, 2 / (period + 1), skipped


def _ema_numbers(keys: Any) -> tuple[int, float, int]:
    return smoothing(keys.period)


def _begin_smoothed(_period: int, _weight: float, _skipped: int) -> SmoothedState:
    return SmoothedState(0, 0.0)


@pure
def ema_step(value: float, seen: int, x: float, period: int, weight: float) -> float:
    """The average after one more value, the `seen`-th: (x - s) a + s, in TA-Lib's order.

    Before the seed of n values is whole, it is their sum; before the first, where `seen` is below 1, it is 0.
    """
    if seen > period:
        return (x - value) * weight + value
    total = value + x if seen > 0 else 0.0
    return total / period if seen == period else total


@entry_point
def ema(
    state: SmoothedState, x: Float64, first: int, period: int, weight: float, skipped: int, out: Float64
) -> SmoothedState:
    """The exponential average: (x - s) a + s, a = 2 / (n + 1), seeded by the plain mean of the first n.

    x        float64[first + rows]; a row that is not known (NaN) is passed over, and the average is not known there
    skipped  known rows before the seed: two averages that begin together have their first value at one row (V6)
    out      float64[rows], the same units
    """
    seen, value = state
    for i in range(len(out)):
        now = float(x[first + i])
        out[i] = math.nan
        if not math.isnan(now):
            seen += 1
            value = ema_step(value, seen - skipped, now, period, weight)
            if seen - skipped >= period:
                out[i] = value
    return SmoothedState(seen, value)


EMA = FoldNode(("source",), ("value",), ema, _ema_numbers, no_rows, _begin_smoothed)

KINDS = {
    "ema": Kind(
        PeriodSection, (EMA,), {"value": "source"}, "value", first_of_period,
        "the exponential average, seeded by the mean of the first `period` rows: (x - s) a + s, a = 2 / (period + 1)",
        auto=lambda keys, _: 5 * keys.period, reference="TA-Lib EMA",
    ),
}  # fmt: skip
