"""Averages over a window of a source: plain, weighted, by volume."""

import math
from typing import NamedTuple

from safla.core.pure import entry_point, pure
from safla.core.values import Float64, Int64
from safla.strategies.indicators.kind import Kind, Node
from safla.strategies.indicators.parameters import PeriodSection, first_of_period, period_of, window_rows


class Total(NamedTuple):
    """The sum of the last rows."""

    total: int


def _no_total(_period: int) -> Total:
    return Total(0)


def _whole_window(period: int) -> int:
    """A sliding sum also reads the row that leaves it."""
    return period


@entry_point
def sma_of_integers(state: Total, x: Int64, first: int, period: int, out: Float64) -> Total:
    """The mean of the last n rows of a raw column: a sliding sum of integers and one division, exact from any start.

    x    int64[first + rows], units of the column; |x| * n < 2**62
    out  float64[rows], the same units
    """
    total = state.total
    for i in range(len(out)):
        at = first + i
        total += int(x[at])
        if at >= period:
            total -= int(x[at - period])
        out[i] = float(total) / period if at >= period - 1 else math.nan
    return Total(total)


@entry_point
def sum_of_integers(state: Total, x: Int64, first: int, period: int, out: Float64) -> Total:
    """The sum of the last n rows of a raw column, in integers; the arrays are those of `sma_of_integers`."""
    total = state.total
    for i in range(len(out)):
        at = first + i
        total += int(x[at])
        if at >= period:
            total -= int(x[at - period])
        out[i] = float(total) if at >= period - 1 else math.nan
    return Total(total)


@pure
def window_sum(x: Float64, end: int, period: int) -> float:
    """The sum of the n rows before `end`, in the order of time, so that no rounding error is carried on (V3).

    NaN where a row is not known.
    """
    total = 0.0
    for at in range(end - period, end):
        total += float(x[at])
    return total


@entry_point
def window_sums(x: Float64, first: int, period: int, out: Float64) -> None:
    """The sum of the last n rows.

    x    float64[first + rows]; NaN: not known, and then no sum is known until n known rows follow (V15)
    out  float64[rows]
    """
    for i in range(len(out)):
        end = first + i + 1
        out[i] = window_sum(x, end, period) if end >= period else math.nan


@entry_point
def sma(x: Float64, first: int, period: int, out: Float64) -> None:
    """The mean of the last n rows; the arrays are those of `window_sums`."""
    for i in range(len(out)):
        end = first + i + 1
        out[i] = window_sum(x, end, period) / period if end >= period else math.nan


SMA_OF_INTEGERS = Node(("source",), ("value",), sma_of_integers, period_of, _whole_window, _no_total)
SUM_OF_INTEGERS = Node(("source",), ("value",), sum_of_integers, period_of, _whole_window, _no_total)
SMA = Node(("source",), ("value",), sma, period_of, window_rows, exact=SMA_OF_INTEGERS)
SUM = Node(("source",), ("value",), window_sums, period_of, window_rows, exact=SUM_OF_INTEGERS)

KINDS = {
    "sma": Kind(
        PeriodSection, (SMA,), {"value": "source"}, "value", first_of_period,
        "the mean of the last `period` rows", reference="TA-Lib SMA",
    ),
    "sum": Kind(
        PeriodSection, (SUM,), {"value": "source"}, "value", first_of_period,
        "the sum of the last `period` rows", reference="TA-Lib SUM",
    ),
}  # fmt: skip
