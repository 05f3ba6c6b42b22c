"""The exponential average of a source."""

import math
from typing import Any, NamedTuple

from safla.core.pure import entry_point, pure
from safla.core.values import Float64
from safla.strategies.indicators.kind import Kind, Node
from safla.strategies.indicators.parameters import PeriodSection, first_of_period, no_rows


class SmoothedState(NamedTuple):
    """The known rows so far, and their average; before the seed is whole, their sum."""

    seen: int
    value: float


def _ema_numbers(keys: Any) -> tuple[int, float]:
    return keys.period, 2 / (keys.period + 1)


def _begin_smoothed(_period: int, _weight: float) -> SmoothedState:
    return SmoothedState(0, 0.0)


@pure
def ema_step(state: SmoothedState, x: float, period: int, weight: float) -> SmoothedState:
    """One value into an exponential average that is seeded by the plain mean of its first n (TA-Lib's order)."""
    seen = state.seen + 1
    if seen > period:
        return SmoothedState(seen, (x - state.value) * weight + state.value)
    total = state.value + x
    return SmoothedState(seen, total / period if seen == period else total)


@entry_point
def ema(state: SmoothedState, x: Float64, first: int, period: int, weight: float, out: Float64) -> SmoothedState:
    """The exponential average: (x - s) a + s, a = 2 / (n + 1).

    x    float64[first + rows]; a row that is not known (NaN) is passed over, and the average is not known there
    out  float64[rows]
    """
    for i in range(len(out)):
        value = float(x[first + i])
        out[i] = math.nan
        if not math.isnan(value):
            state = ema_step(state, value, period, weight)
            if state.seen >= period:
                out[i] = state.value
    return state


EMA = Node(("source",), ("value",), ema, _ema_numbers, no_rows, _begin_smoothed)

KINDS = {
    "ema": Kind(
        PeriodSection, (EMA,), {"value": "source"}, "value", first_of_period,
        "the exponential average, seeded by the mean of the first `period` rows: (x - s) a + s, a = 2 / (period + 1)",
        auto=lambda keys, _: 5 * keys.period, reference="TA-Lib EMA",
    ),
}  # fmt: skip
