"""Moving averages of a source."""

import math
from typing import Annotated, NamedTuple

from pydantic import Field

from safla.core.pure import entry_point, pure
from safla.core.values import Float64, Int64
from safla.section import Section, key
from safla.strategies.indicators.kind import Kind, Node

Period = Annotated[int, Field(ge=1, le=5000)]


class AverageSection(Section):
    """The parameters of an average."""

    period: Period = key(20, "rows that it averages", plan=True)


class Window(NamedTuple):
    """How many rows a value is made of."""

    period: int


def _window(keys: AverageSection) -> Window:
    return Window(keys.period)


def _window_rows(numbers: Window) -> int:
    return numbers.period


# --- The simple average ----------------------------------------------------------------------------------------------


class SumState(NamedTuple):
    """The rows so far, and the sum of the last ones."""

    seen: int
    total: int


def _begin_sum(_numbers: Window) -> SumState:
    return SumState(0, 0)


@entry_point
def sma_of_integers(state: SumState, x: Int64, first: int, numbers: Window, out: Float64) -> SumState:
    """The mean of the last n rows of a raw column: a sliding sum of integers and one division, exact from any start.

    x    int64[first + rows], units of the column; |x| * n < 2**62
    out  float64[rows], the same units
    """
    seen, total = state
    n = numbers.period
    for i in range(len(out)):
        seen += 1
        total += int(x[first + i])
        if seen > n:
            total -= int(x[first + i - n])
        out[i] = float(total) / n if seen >= n else math.nan
    return SumState(seen, total)


class KnownState(NamedTuple):
    """How many known rows in a row there were."""

    known: int


def _begin_known(_numbers: Window) -> KnownState:
    return KnownState(0)


@entry_point
def sma(state: KnownState, x: Float64, first: int, numbers: Window, out: Float64) -> KnownState:
    """The mean of the last n rows, summed anew in the order of time, so that no rounding error is carried on.

    x    float64[first + rows]; NaN: not known, and then no mean is known until n known rows follow (V15)
    out  float64[rows]
    """
    known = state.known
    n = numbers.period
    for i in range(len(out)):
        known = 0 if math.isnan(x[first + i]) else known + 1
        out[i] = math.nan
        if known >= n:
            total = 0.0
            for at in range(first + i - n + 1, first + i + 1):
                total += x[at]
            out[i] = total / n
    return KnownState(known)


# --- The exponential average -----------------------------------------------------------------------------------------


class Smoothing(NamedTuple):
    """The rows of the seed, and the weight of a new row."""

    period: int
    weight: float


class SmoothedState(NamedTuple):
    """The known rows so far, and their average; before the seed is whole, their sum."""

    seen: int
    value: float


def _ema_numbers(keys: AverageSection) -> Smoothing:
    return Smoothing(keys.period, 2 / (keys.period + 1))


def _begin_smoothed(_numbers: Smoothing) -> SmoothedState:
    return SmoothedState(0, 0.0)


def _no_rows(_numbers: Smoothing) -> int:
    return 0


@pure
def ema_step(state: SmoothedState, x: float, numbers: Smoothing) -> SmoothedState:
    """One value into an exponential average that is seeded by the plain mean of its first n (TA-Lib's order)."""
    seen = state.seen + 1
    if seen > numbers.period:
        return SmoothedState(seen, (x - state.value) * numbers.weight + state.value)
    total = state.value + x
    return SmoothedState(seen, total / numbers.period if seen == numbers.period else total)


@entry_point
def ema(state: SmoothedState, x: Float64, first: int, numbers: Smoothing, out: Float64) -> SmoothedState:
    """The exponential average: (x - s) a + s, a = 2 / (n + 1).

    x    float64[first + rows]; a row that is not known (NaN) is passed over, and the average is not known there
    out  float64[rows]
    """
    for i in range(len(out)):
        value = float(x[first + i])
        out[i] = math.nan
        if not math.isnan(value):
            state = ema_step(state, value, numbers)
            if state.seen >= numbers.period:
                out[i] = state.value
    return state


SMA_OF_INTEGERS = Node(("source",), ("value",), _window, _begin_sum, sma_of_integers, _window_rows)
SMA = Node(("source",), ("value",), _window, _begin_known, sma, _window_rows, exact=SMA_OF_INTEGERS)
EMA = Node(("source",), ("value",), _ema_numbers, _begin_smoothed, ema, _no_rows)


def _rows_of_period(keys: AverageSection) -> int:
    return keys.period


KINDS = {
    "sma": Kind(
        AverageSection, (SMA,), {"value": "source"}, "value",
        first=_rows_of_period, auto=_rows_of_period, source="close", settle=_rows_of_period,
        meaning="the mean of the last `period` rows", reference="TA-Lib SMA",
    ),
    "ema": Kind(
        AverageSection, (EMA,), {"value": "source"}, "value",
        first=_rows_of_period, auto=lambda keys: 5 * keys.period, source="close", settle=_rows_of_period,
        meaning="the exponential average, seeded by the mean of the first `period` rows: (x - s) a + s, "
        "a = 2 / (period + 1)", reference="TA-Lib EMA",
    ),
}  # fmt: skip
