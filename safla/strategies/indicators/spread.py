"""How far the rows of a window lie apart: deviation, bands, ranks, a line through them."""

import math
from typing import Any

from safla.core.pure import entry_point, pure
from safla.core.values import Float64
from safla.section import Section, key
from safla.strategies.indicators.averages import SMA
from safla.strategies.indicators.division import quotient
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import (
    Multiplier,
    Period,
    SpreadPeriod,
    first_of_period,
    no_numbers,
    no_rows,
    period_of,
    window_rows,
)

# --- Nodes -----------------------------------------------------------------------------------------------------------


@pure
def squares(x: Float64, end: int, period: int, mean: float) -> float:
    """The sum of (x - mean)(x - mean) of the n rows before `end`, in the order of time."""
    total = 0.0
    for at in range(end - period, end):
        distance = float(x[at]) - mean
        total += distance * distance
    return total


@entry_point
def standard_deviation(x: Float64, mean: Float64, first: int, period: int, divisor: int, out: Float64) -> None:
    """The standard deviation of the last n rows.

    x, mean  float64[first + rows]; the mean of the same n rows, NaN where it is not known
    divisor  n, or n - 1 for that of a sample
    """
    for i in range(len(out)):
        end = first + i + 1
        out[i] = math.nan
        if end >= period:
            out[i] = math.sqrt(squares(x, end, period, float(mean[end - 1])) / divisor)


@entry_point
def bands(
    x: Float64, mean: Float64, spread: Float64, first: int, deviations: float,
    upper: Float64, lower: Float64, width: Float64, percent: Float64,
) -> None:  # fmt: skip
    """Mean plus and minus so many deviations; width / mean, and where x stands between them: 0.5 where they meet."""
    for i in range(len(upper)):
        center = float(mean[first + i])
        distance = deviations * float(spread[first + i])
        above = center + distance
        below = center - distance
        upper[i] = above
        lower[i] = below
        width[i] = quotient(above - below, center, math.nan)
        percent[i] = quotient(float(x[first + i]) - below, above - below, 0.5)


@entry_point
def zscore(x: Float64, mean: Float64, spread: Float64, first: int, out: Float64) -> None:
    """(x - mean) / deviation; 0 where there is none."""
    for i in range(len(out)):
        out[i] = quotient(float(x[first + i]) - float(mean[first + i]), float(spread[first + i]), 0.0)


@pure
def distances(x: Float64, end: int, period: int, mean: float) -> float:
    """The sum of abs(x - mean) of the n rows before `end`, in the order of time."""
    total = 0.0
    for at in range(end - period, end):
        total += abs(float(x[at]) - mean)
    return total


@entry_point
def cci(x: Float64, mean: Float64, first: int, period: int, out: Float64) -> None:
    """(x - mean) / (0.015 times the mean distance of the last n rows from it); 0 where that is 0."""
    for i in range(len(out)):
        end = first + i + 1
        out[i] = math.nan
        if end >= period:
            center = float(mean[end - 1])
            distance = distances(x, end, period, center) / period
            out[i] = quotient(float(x[end - 1]) - center, 0.015 * distance, 0.0)


@pure
def moments(x: Float64, end: int, period: int) -> float:
    """The sum of (j - middle) x over the n rows before `end`, j counting them from 0."""
    total = 0.0
    for j in range(period):
        total += (j - (period - 1) / 2) * float(x[end - period + j])
    return total


@entry_point
def linear(
    x: Float64, mean: Float64, first: int, period: int, value: Float64, slope: Float64, r: Float64
) -> None:  # fmt: skip
    """The line of least squares through the last n rows: its value here, its slope a row, and how well it fits.

    r is not known where the rows are all the same, for then every line through them fits.
    """
    extent = period * (period * period - 1) / 12  # the sum of (j - middle)(j - middle)
    for i in range(len(value)):
        end = first + i + 1
        value[i] = math.nan
        slope[i] = math.nan
        r[i] = math.nan
        if end >= period:
            center = float(mean[end - 1])
            moment = moments(x, end, period)
            scale = math.sqrt(extent * squares(x, end, period, center))
            slope[i] = moment / extent
            value[i] = center + float(slope[i]) * ((period - 1) / 2)
            r[i] = quotient(moment, scale, math.nan)


@pure
def share_below(x: Float64, at: int, period: int) -> float:
    """The share of the n - 1 rows before a row that are below it; NaN where one of them is not known."""
    count = 0.0
    for other in range(at - period + 1, at):
        if math.isnan(x[other]):
            return math.nan
        if x[other] < x[at]:
            count += 1
    return math.nan if math.isnan(x[at]) else count / (period - 1)


@entry_point
def percent_rank(x: Float64, first: int, period: int, out: Float64) -> None:
    """The share of the n - 1 rows before each row that are below it, 0 to 1."""
    for i in range(len(out)):
        out[i] = share_below(x, first + i, period) if first + i + 1 >= period else math.nan


# --- Kinds -----------------------------------------------------------------------------------------------------------

SAMPLE = "divide by period - 1 in place of period"


class SpreadSection(Section):
    """The parameters of a kind that needs two rows at least."""

    period: SpreadPeriod = key(..., "rows of the window", plan=True)


class DeviationSection(Section):
    """The parameters of `stdev`."""

    period: SpreadPeriod = key(..., "rows of the window", plan=True)
    sample: bool = key(False, SAMPLE, plan=True)


class BollingerSection(Section):
    """The parameters of `bollinger`."""

    period: SpreadPeriod = key(20, "rows of the window", plan=True)
    deviations: Multiplier = key(2.0, "standard deviations from the middle to a band", plan=True)
    sample: bool = key(False, SAMPLE, plan=True)


class ScoreSection(Section):
    """The parameters of `zscore`."""

    period: SpreadPeriod = key(20, "rows of the window", plan=True)


class CciSection(Section):
    """The parameters of `cci`."""

    period: Period = key(20, "rows of the window", plan=True)


def _deviation_numbers(keys: Any) -> tuple[int, int]:
    return keys.period, keys.period - (1 if keys.sample else 0)


def _whole_numbers(keys: Any) -> tuple[int, int]:
    return keys.period, keys.period


def _deviations(keys: Any) -> tuple[float]:
    return (float(keys.deviations),)


MEAN = SMA._replace(outputs=("mean",))
DEVIATION = FoldNode(("source", "mean"), ("deviation",), standard_deviation, _deviation_numbers, window_rows)

KINDS = {
    "stdev": Kind(
        DeviationSection, (MEAN, DEVIATION._replace(outputs=("value",))), {"value": "source"}, "value", first_of_period,
        "the standard deviation of the last `period` rows: the square root of the mean of (x - m)(x - m), m their mean",
        reference="TA-Lib STDDEV",
    ),
    "bollinger": Kind(
        BollingerSection,
        (
            SMA._replace(outputs=("middle",)), DEVIATION._replace(inputs=("source", "middle")),
            FoldNode(
                ("source", "middle", "deviation"), ("upper", "lower", "width", "percent"), bands, _deviations, no_rows
            ),
        ),
        {"middle": "source", "upper": "source", "lower": "source", "width": "number", "percent": "number"}, None,
        first_of_period,
        "`middle` the mean, `upper` and `lower` so many standard deviations from it, `width` (upper - lower) / middle, "
        "`percent` (x - lower) / (upper - lower), 0.5 where they meet",
        reference="TA-Lib BBANDS",
    ),
    "zscore": Kind(
        ScoreSection,
        (
            MEAN, DEVIATION._replace(numbers=_whole_numbers),
            FoldNode(("source", "mean", "deviation"), ("value",), zscore, no_numbers, no_rows),
        ),
        {"value": "number"}, "value", first_of_period,
        "(x - mean) / standard deviation of the last `period` rows; 0 where they are all the same",
    ),
    "cci": Kind(
        CciSection, (MEAN, FoldNode(("source", "mean"), ("value",), cci, period_of, window_rows)), {"value": "number"},
        "value", first_of_period,
        "(x - m) / (0.015 mean of abs(x - m)), m the mean of the last `period` rows; 0 where that is 0",
        source="hlc3", reference="TA-Lib CCI",
    ),
    "linear": Kind(
        SpreadSection,
        (MEAN, FoldNode(("source", "mean"), ("value", "slope", "r"), linear, period_of, window_rows)),
        {"value": "source", "slope": "source", "r": "number"}, "value", first_of_period,
        "the line of least squares through the last `period` rows: its `value` here, its `slope` a row, its "
        "correlation `r` with them, not known where they are all the same",
        reference="TA-Lib LINEARREG, LINEARREG_SLOPE, CORREL",
    ),
    "percent_rank": Kind(
        SpreadSection, (FoldNode(("source",), ("value",), percent_rank, period_of, window_rows),), {"value": "number"},
        "value", first_of_period,
        "the share of the period - 1 rows before this one that are below it, 0 to 1",
    ),
}  # fmt: skip
