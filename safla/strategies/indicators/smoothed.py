"""Averages with a memory, beside the exponential one: Wilder's, without lag, double, triple, T3, TRIX, Kaufman's."""

import math
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from safla.core.pure import entry_point, pure
from safla.core.values import Float64
from safla.section import Section, key
from safla.strategies.indicators.changes import roc
from safla.strategies.indicators.exponential import EMA, SmoothedState
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import (
    Period,
    PeriodSection,
    first_of_period,
    no_numbers,
    no_rows,
    row_before,
)

# --- Wilder's average ------------------------------------------------------------------------------------------------


@pure
def wilder_step(value: float, seen: int, x: float, period: int) -> float:
    """The average after one more value, the `seen`-th: (s (n - 1) + x) / n.

    Before the seed of n values is whole, it is their sum; before the first, where `seen` is below 1, it is 0.
    """
    if seen > period:
        return (value * (period - 1) + x) / period
    total = value + x if seen > 0 else 0.0
    return total / period if seen == period else total


def _begin_smoothed(_period: int, _skipped: int) -> SmoothedState:
    return SmoothedState(0, 0.0)


@entry_point
def rma(state: SmoothedState, x: Float64, first: int, period: int, skipped: int, out: Float64) -> SmoothedState:
    """Wilder's average: (s (n - 1) + x) / n, seeded by the plain mean of the first n.

    x        float64[first + rows]; a row that is not known (NaN) is passed over, and the average is not known there
    skipped  known rows before the seed, as of `ema`
    out      float64[rows], the same units

    Wilder, J. W.: New Concepts in Technical Trading Systems, 1978.
    """
    seen, value = state
    for i in range(len(out)):
        now = float(x[first + i])
        out[i] = math.nan
        if not math.isnan(now):
            seen += 1
            value = wilder_step(value, seen - skipped, now, period)
            if seen - skipped >= period:
                out[i] = value
    return SmoothedState(seen, value)


def _wilder_numbers(keys: Any) -> tuple[int, int]:
    return keys.period, 0


RMA = FoldNode(("source",), ("value",), rma, _wilder_numbers, no_rows, _begin_smoothed)

# --- Averages of averages --------------------------------------------------------------------------------------------


def averages_in_a_chain(*columns: str) -> tuple[FoldNode, ...]:
    """Exponential averages of one period, each of the column before it."""
    return tuple(EMA._replace(inputs=(one,), outputs=(other,)) for one, other in pairwise(columns))


@entry_point
def double(p: Float64, q: Float64, first: int, out: Float64) -> None:
    """2 p - q of an average p and its average q, float64 in the units of the source.

    Mulloy, P.: Smoothing Data with Faster Moving Averages, 1994.
    """
    for i in range(len(out)):
        out[i] = 2 * float(p[first + i]) - float(q[first + i])


@entry_point
def triple(p: Float64, q: Float64, r: Float64, first: int, out: Float64) -> None:
    """3 p - 3 q + r of an average p, its average q, and the average r of that (Mulloy); units of the source."""
    for i in range(len(out)):
        out[i] = 3 * float(p[first + i]) - 3 * float(q[first + i]) + float(r[first + i])


DOUBLE = FoldNode(("p", "q"), ("value",), double, no_numbers, no_rows)
TRIPLE = FoldNode(("p", "q", "r"), ("value",), triple, no_numbers, no_rows)


class T3Section(PeriodSection):
    """The parameters of T3."""

    volume: Annotated[float, Field(ge=0, le=1)] = key(
        0.7, "how much of the lag is taken back; 0 leaves three averages in a chain", plan=True
    )


def _t3_weights(keys: T3Section) -> tuple[float, float, float, float]:
    """What ((1 + v) a - v a^2)^3 gives for the sixth to the third average a^n, in TA-Lib's order."""
    v = keys.volume
    sixth = -(v * v * v)
    return sixth, 3 * (v * v - sixth), -6 * (v * v) - 3 * (v - sixth), 1 + 3 * v - sixth + 3 * (v * v)


@entry_point
def t3(
    sixth: Float64, fifth: Float64, fourth: Float64, third: Float64, first: int,
    of_sixth: float, of_fifth: float, of_fourth: float, of_third: float, out: Float64,
) -> None:  # fmt: skip
    """The weighted sum of the last four of six exponential averages in a chain; float64 in the units of the source.

    Tillson, T.: Smoothing Techniques for More Accurate Signals, 1998.
    """
    for i in range(len(out)):
        at = first + i
        out[i] = (
            of_sixth * float(sixth[at])
            + of_fifth * float(fifth[at])
            + of_fourth * float(fourth[at])
            + of_third * float(third[at])
        )


T3 = FoldNode(("sixth", "fifth", "fourth", "third"), ("value",), t3, _t3_weights, no_rows)


TRIX = FoldNode(("r",), ("value",), roc, lambda _keys: (1,), row_before)


# --- Without lag -----------------------------------------------------------------------------------------------------


def _lag(keys: Any) -> tuple[int]:
    return ((keys.period - 1) // 2,)


def _lag_rows(lag: int) -> int:
    return lag


@entry_point
def without_lag(x: Float64, first: int, lag: int, out: Float64) -> None:
    """x + (x - x[lag]): the source, moved on by its change within the lag of its average.

    x    float64[first + rows]
    out  float64[rows], the same units; NaN where one of the two rows is not known

    Ehlers, J., Way, R.: Zero Lag (Well, Almost), 2010.
    """
    for i in range(len(out)):
        at = first + i
        out[i] = float(x[at]) + (float(x[at]) - float(x[at - lag])) if at >= lag else math.nan


WITHOUT_LAG = FoldNode(("source",), ("moved",), without_lag, _lag, _lag_rows)


# --- Kaufman's adaptive average --------------------------------------------------------------------------------------


class KamaSection(Section):
    """The parameters of Kaufman's adaptive average."""

    period: Period = key(10, "rows over which the efficiency is measured", plan=True)
    fast: Period = key(2, "period of the exponential average that it is like in a straight move", plan=True)
    slow: Period = key(30, "period of the exponential average that it is like where nothing is gained", plan=True)


class KamaState(NamedTuple):
    """The known rows in a row, whether there was a value (0 or 1), and the last one."""

    known: int
    begun: int
    value: float


def _kama_numbers(keys: KamaSection) -> tuple[int, float, float]:
    return keys.period, 2 / (keys.fast + 1), 2 / (keys.slow + 1)


def _kama_rows(period: int, _fast: float, _slow: float) -> int:
    return period


def _begin_kama(_period: int, _fast: float, _slow: float) -> KamaState:
    return KamaState(0, 0, 0.0)


@pure
def efficiency(x: Float64, at: int, period: int) -> float:
    """The move over n rows by the sum of the moves of each, 0 to 1; 0 where nothing moved."""
    way = 0.0
    for row in range(at - period + 1, at + 1):
        way += abs(float(x[row]) - float(x[row - 1]))
    return abs(float(x[at]) - float(x[at - period])) / way if way > 0 else 0.0


@entry_point
def kama(state: KamaState, x: Float64, first: int, period: int, fast: float, slow: float, out: Float64) -> KamaState:
    """s + c c (x - s), c = e (fast - slow) + slow with the efficiency e; the first s is the row before.

    x           float64[first + rows]; where one of the last n + 1 rows is not known (NaN), no value is, and s stays
    fast, slow  the weights of a new row at an efficiency of 1 and of 0
    out         float64[rows], the same units

    Kaufman, P.: Smarter Trading, 1995.
    """
    known, begun, value = state
    for i in range(len(out)):
        at = first + i
        now = float(x[at])
        known = 0 if math.isnan(now) else known + 1
        out[i] = math.nan
        if known > period:
            value = value if begun else float(x[at - 1])
            begun = 1
            weight = efficiency(x, at, period) * (fast - slow) + slow
            value = (now - value) * (weight * weight) + value
            out[i] = value
    return KamaState(known, begun, value)


KAMA = FoldNode(("source",), ("value",), kama, _kama_numbers, _kama_rows, _begin_kama)


KINDS = {
    "rma": Kind(
        PeriodSection, (RMA,), {"value": "source"}, "value", first_of_period,
        "Wilder's average, seeded by the mean of the first `period` rows: (s (period - 1) + x) / period",
        auto=lambda keys, _: 9 * keys.period, reference="TA-Lib RMA",
    ),
    "zlema": Kind(
        PeriodSection, (WITHOUT_LAG, EMA._replace(inputs=("moved",))), {"value": "source"}, "value",
        lambda keys, _: keys.period + (keys.period - 1) // 2,
        "the exponential average of x + (x - x[(period - 1) // 2])",
        auto=lambda keys, _: 5 * keys.period + (keys.period - 1) // 2, reference="TA-Lib ZLEMA",
    ),
    "dema": Kind(
        PeriodSection, (*averages_in_a_chain("source", "p", "q"), DOUBLE), {"value": "source"}, "value",
        lambda keys, _: 2 * keys.period - 1,
        "the double exponential average 2 p - q: p the ema, q the ema of p, each seeded by its own first rows",
        auto=lambda keys, _: 6 * keys.period, reference="TA-Lib DEMA",
    ),
    "tema": Kind(
        PeriodSection, (*averages_in_a_chain("source", "p", "q", "r"), TRIPLE), {"value": "source"}, "value",
        lambda keys, _: 3 * keys.period - 2,
        "the triple exponential average 3 p - 3 q + r: p the ema, q the ema of p, r the ema of q, each seeded by its "
        "own first rows", auto=lambda keys, _: 7 * keys.period, reference="TA-Lib TEMA",
    ),
    "t3": Kind(
        T3Section,
        (*averages_in_a_chain("source", "first", "second", "third", "fourth", "fifth", "sixth"), T3),
        {"value": "source"}, "value", lambda keys, _: 6 * keys.period - 5,
        "Tillson's T3: ((1 + volume) a - volume a^2)^3, where a^n is n exponential averages in a chain",
        auto=lambda keys, _: 8 * keys.period, reference="TA-Lib T3",
    ),
    "trix": Kind(
        PeriodSection, (*averages_in_a_chain("source", "p", "q", "r"), TRIX), {"value": "number"}, "value",
        lambda keys, _: 3 * keys.period - 1,
        "the change (r - r[1]) / r[1] of three exponential averages in a chain, a fraction",
        auto=lambda keys, _: 7 * keys.period + 1, reference="TA-Lib TRIX / 100",
    ),
    "kama": Kind(
        KamaSection, (KAMA,), {"value": "source"}, "value", lambda keys, _: keys.period + 1,
        "Kaufman's adaptive average s + c c (x - s): c = e (a - b) + b, e = abs(x - x[period]) / sum of abs(x - x[1]) "
        "(0 where that is 0), a = 2 / (fast + 1), b = 2 / (slow + 1); the first s is the row before",
        auto=lambda keys, _: keys.period + 6 * keys.slow, reference="TA-Lib KAMA (fast 2, slow 30)",
    ),
}  # fmt: skip
