"""Ranges of candles, and what is drawn around prices by them: true range, ATR, Keltner channel, chandelier exit."""

import math
from typing import Any

from safla.core.pure import entry_point, pure
from safla.core.values import Float64
from safla.section import Section, key
from safla.strategies.indicators.exponential import EMA, smoothing
from safla.strategies.indicators.extremes import HIGHEST_HIGH, LOWEST_LOW
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import Multiplier, Period, no_numbers, no_rows, row_before
from safla.strategies.indicators.smoothed import RMA

# --- True range ------------------------------------------------------------------------------------------------------


@pure
def true_range_step(high: float, low: float, close_before: float) -> float:
    """The range of a candle and of the close before it; not known where one of the three is not."""
    if math.isnan(high + low + close_before):
        return math.nan
    return max(high, close_before) - min(low, close_before)


@entry_point
def true_range(high: Float64, low: Float64, close: Float64, first: int, out: Float64) -> None:
    """max(h, c[1]) - min(l, c[1]). Not known at the first row, which has no close before it.

    high, low, close  float64[first + rows], price units
    out               float64[rows], the same units
    """
    for i in range(len(out)):
        at = first + i
        out[i] = true_range_step(float(high[at]), float(low[at]), float(close[at - 1])) if at > 0 else math.nan


TRUE_RANGE = FoldNode(("high", "low", "close"), ("range",), true_range, no_numbers, row_before)


# --- Average true range ----------------------------------------------------------------------------------------------


class AtrSection(Section):
    """The parameters of an average true range."""

    period: Period = key(14, "true ranges in the first average, and the length of its memory", plan=True)


def multiplier_of(keys: Any) -> tuple[float]:
    """The one number of a fold with a multiplier."""
    return (keys.multiplier,)


# --- Keltner channel -------------------------------------------------------------------------------------------------


class KeltnerSection(Section):
    """The parameters of a Keltner channel."""

    period: Period = key(20, "rows of the average in the middle", plan=True)
    atr_period: Period = key(10, "rows of the average true range", plan=True)
    multiplier: Multiplier = key(2.0, "average true ranges between the middle and a band", plan=True)


@entry_point
def around(middle: Float64, range_: Float64, first: int, multiplier: float, upper: Float64, lower: Float64) -> None:
    """The middle plus and minus k ranges.

    middle, range_   float64[first + rows], price units
    upper, lower     float64[rows], the same units
    """
    for i in range(len(upper)):
        away = float(range_[first + i]) * multiplier
        upper[i] = float(middle[first + i]) + away
        lower[i] = float(middle[first + i]) - away


def _keltner_first(keys: KeltnerSection) -> int:
    return max(keys.period, keys.atr_period + 1)


def _middle_numbers(keys: KeltnerSection) -> tuple[int, float, int]:
    return smoothing(keys.period, _keltner_first(keys) - keys.period)


def _range_numbers(keys: KeltnerSection) -> tuple[int, int]:
    return keys.atr_period, _keltner_first(keys) - keys.atr_period - 1


KELTNER = (
    EMA._replace(inputs=("hlc3",), outputs=("middle",), numbers=_middle_numbers),
    TRUE_RANGE,
    RMA._replace(inputs=("range",), outputs=("atr",), numbers=_range_numbers),
    FoldNode(("middle", "atr"), ("upper", "lower"), around, multiplier_of, no_rows),
)


# --- Chandelier exit -------------------------------------------------------------------------------------------------


class ChandelierSection(Section):
    """The parameters of a chandelier exit."""

    period: Period = key(22, "rows of the highest high, the lowest low and the average true range", plan=True)
    multiplier: Multiplier = key(3.0, "average true ranges from the extreme to the exit", plan=True)


@entry_point
def chandelier(
    upper: Float64, lower: Float64, atr: Float64, first: int, multiplier: float, long: Float64, short: Float64
) -> None:
    """How far below the highest high a long position is left, and how far above the lowest low a short one.

    upper, lower, atr  float64[first + rows], price units
    long, short        float64[rows], the same units

    Le Beau, C., Lucas, D.: Technical Traders Guide to Computer Analysis of the Futures Markets, 1992.
    """
    for i in range(len(long)):
        away = float(atr[first + i]) * multiplier
        long[i] = float(upper[first + i]) - away
        short[i] = float(lower[first + i]) + away


KINDS = {
    "atr": Kind(
        AtrSection, (TRUE_RANGE, RMA._replace(inputs=("range",))), {"value": "price"}, "value",
        lambda keys, _: keys.period + 1,
        "the average true range: rma of max(high, close before) - min(low, close before); the first row has none",
        auto=lambda keys, _: 9 * keys.period + 1, source=None, reference="TA-Lib ATR",
    ),
    "chandelier": Kind(
        ChandelierSection,
        (
            TRUE_RANGE, RMA._replace(inputs=("range",), outputs=("atr",)), HIGHEST_HIGH, LOWEST_LOW,
            FoldNode(("upper", "lower", "atr"), ("long", "short"), chandelier, multiplier_of, no_rows),
        ),
        {"long": "price", "short": "price"}, None, lambda keys, _: keys.period + 1,
        "the chandelier exit: long = highest high of `period` rows - multiplier * atr, short = lowest low + multiplier "
        "* atr", auto=lambda keys, _: 9 * keys.period + 1, source=None, reference="Le Beau",
    ),
    "keltner": Kind(
        KeltnerSection, KELTNER, {"upper": "price", "middle": "price", "lower": "price"}, None,
        lambda keys, _: _keltner_first(keys),
        "the Keltner channel: middle = ema of hlc3, upper and lower = middle ± multiplier * atr of atr_period; the two "
        "averages have their first value at the same row",
        auto=lambda keys, _: max(5 * keys.period, 9 * keys.atr_period + 1), source=None, reference="TA-Lib KC",
    ),
}  # fmt: skip
