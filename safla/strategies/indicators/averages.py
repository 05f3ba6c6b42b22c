"""Averages and sums over a window of a source."""

import math
from typing import NamedTuple

from safla.core.pure import entry_point, pure
from safla.core.values import Float64, Int64
from safla.section import Section, key
from safla.strategies.indicators.kind import ExactFold, FoldNode, Kind
from safla.strategies.indicators.parameters import (
    PeriodSection,
    SpreadPeriod,
    first_of_period,
    no_numbers,
    no_rows,
    period_of,
    window_rows,
)


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


@pure
def weighted_sum(x: Float64, end: int, period: int) -> float:
    """The sum of the n rows before `end`, the first of them once, the last n times."""
    total = 0.0
    for j in range(1, period + 1):
        total += j * float(x[end - period + j - 1])
    return total


@entry_point
def wma(x: Float64, first: int, period: int, out: Float64) -> None:
    """The mean of the last n rows, weighted 1 to n; the arrays are those of `window_sums`."""
    weights = period * (period + 1) / 2
    for i in range(len(out)):
        end = first + i + 1
        out[i] = weighted_sum(x, end, period) / weights if end >= period else math.nan


@entry_point
def twice_less(a: Float64, b: Float64, first: int, out: Float64) -> None:
    """2 a - b."""
    for i in range(len(out)):
        out[i] = 2 * float(a[first + i]) - float(b[first + i])


SMA = FoldNode(
    ("source",), ("value",), sma, period_of, window_rows, exact=ExactFold(sma_of_integers, _whole_window, _no_total)
)
SUM = FoldNode(
    ("source",), ("value",), window_sums, period_of, window_rows,
    exact=ExactFold(sum_of_integers, _whole_window, _no_total),
)  # fmt: skip
WMA = FoldNode(("source",), ("value",), wma, period_of, window_rows)


class HullSection(Section):
    """The parameters of `hma`."""

    period: SpreadPeriod = key(..., "rows of the longer average", plan=True)


HMA = (
    WMA._replace(outputs=("half",), numbers=lambda keys: (keys.period // 2,)),
    WMA._replace(outputs=("whole",)),
    FoldNode(("half", "whole"), ("ahead",), twice_less, no_numbers, no_rows),
    WMA._replace(inputs=("ahead",), numbers=lambda keys: (math.isqrt(keys.period),)),
)

KINDS = {
    "sma": Kind(
        PeriodSection, (SMA,), {"value": "source"}, "value", first_of_period,
        "the mean of the last `period` rows", reference="TA-Lib SMA",
    ),
    "sum": Kind(
        PeriodSection, (SUM,), {"value": "source"}, "value", first_of_period,
        "the sum of the last `period` rows", reference="TA-Lib SUM",
    ),
    "wma": Kind(
        PeriodSection, (WMA,), {"value": "source"}, "value", first_of_period,
        "the mean of the last `period` rows, weighted from 1 for the oldest to `period` for the latest",
        reference="TA-Lib WMA",
    ),
    "hma": Kind(
        HullSection, HMA, {"value": "source"}, "value", lambda keys, _: keys.period + math.isqrt(keys.period) - 1,
        "the Hull average: the wma over floor(sqrt(period)) rows of 2 wma(period // 2) - wma(period)",
        reference="TA-Lib HMA",
    ),
}  # fmt: skip
