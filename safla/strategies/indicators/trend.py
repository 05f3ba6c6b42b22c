"""The direction of the market: ADX, SuperTrend, parabolic SAR."""

import math
from typing import Annotated, NamedTuple

from pydantic import Field

from safla.core.pure import entry_point, pure
from safla.core.values import Float64
from safla.section import Section, key
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import Multiplier, Period, period_of, row_before
from safla.strategies.indicators.ranges import TRUE_RANGE, multiplier_of, true_range_step
from safla.strategies.indicators.smoothed import RMA, wilder_step

# --- Directional movement --------------------------------------------------------------------------------------------


class DirectionSection(Section):
    """The parameters of an average directional index."""

    period: Period = key(14, "rows in the first sums and averages, and the length of their memory", plan=True)


class DirectionState(NamedTuple):
    """The moves so far; sums of true range, rising and falling moves; the index, or the sum of its seed."""

    seen: int
    span: float
    plus: float
    minus: float
    adx: float


def _begin_direction(_period: int) -> DirectionState:
    return DirectionState(0, 0.0, 0.0, 0.0, 0.0)


@pure
def rising_move(high: float, low: float, high_before: float, low_before: float) -> float:
    """How far the high rose above the one before, if further than the low fell; else 0 (+DM)."""
    up = high - high_before
    return up if up > 0 and up > low_before - low else 0.0


@pure
def wilder_sum(total: float, seen: int, x: float, period: int) -> float:
    """A sum after its `seen`-th value: of the first n - 1 values the sum, then s - s / n + x."""
    return total + x if seen < period else total - total / period + x


@entry_point
def directional_index(
    state: DirectionState, high: Float64, low: Float64, close: Float64, first: int, period: int,
    adx: Float64, plus: Float64, minus: Float64,
) -> DirectionState:  # fmt: skip
    """Wilder's ADX with both directional indicators, 0 to 100 each; 0 where a divisor is 0.

    high, low, close  float64[first + rows], price units; a move of which a price is not known (NaN) is passed over
    adx, plus, minus  float64[rows]

    plus and minus are 100 times the sum of rising and falling moves over that of true ranges; the index is Wilder's
    average of 100 abs(plus - minus) / (plus + minus).

    Wilder, J. W.: New Concepts in Technical Trading Systems, 1978. TA-Lib's index stays as it was where one is.
    """
    seen, span, rises, falls, index = state
    for i in range(len(adx)):
        at = first + i
        adx[i] = plus[i] = minus[i] = math.nan
        if at == 0:
            continue
        top, bottom = float(high[at]), float(low[at])
        top_before, bottom_before = float(high[at - 1]), float(low[at - 1])
        true_range = true_range_step(top, bottom, float(close[at - 1]))
        if math.isnan(true_range + top_before + bottom_before):
            continue
        seen += 1
        span = wilder_sum(span, seen, true_range, period)
        rises = wilder_sum(rises, seen, rising_move(top, bottom, top_before, bottom_before), period)
        # A fall is a rise of the market turned upside down.
        falls = wilder_sum(falls, seen, rising_move(-bottom, -top, -bottom_before, -top_before), period)
        if seen < period:
            continue
        up = 100 * (rises / span) if span > 0 else 0.0
        down = 100 * (falls / span) if span > 0 else 0.0
        spread = 100 * (abs(down - up) / (up + down)) if up + down > 0 else 0.0
        index = wilder_step(index, seen - period + 1, spread, period)
        plus[i], minus[i] = up, down
        if seen >= 2 * period - 1:
            adx[i] = index
    return DirectionState(seen, span, rises, falls, index)


DIRECTION = FoldNode(
    ("high", "low", "close"), ("adx", "plus", "minus"), directional_index, period_of, row_before, _begin_direction
)


# --- SuperTrend ------------------------------------------------------------------------------------------------------


class SuperTrendSection(Section):
    """The parameters of SuperTrend."""

    period: Period = key(10, "rows of the average true range", plan=True)
    multiplier: Multiplier = key(3.0, "average true ranges between the middle of a candle and a band", plan=True)


class SuperTrendState(NamedTuple):
    """The direction (1 or -1; 0 before the first value) and the bands."""

    direction: int
    upper: float
    lower: float


def _begin_supertrend(_multiplier: float) -> SuperTrendState:
    return SuperTrendState(0, 0.0, 0.0)


@entry_point
def supertrend(
    state: SuperTrendState, high: Float64, low: Float64, close: Float64, atr: Float64, first: int, multiplier: float,
    line: Float64, direction: Float64,
) -> SuperTrendState:  # fmt: skip
    """The band that trails the close: the lower one in a rise, the upper one in a fall.

    high, low, close, atr  float64[first + rows], price units; where atr or close is not known (NaN), the bands stay
    line                   float64[rows], the same units
    direction              float64[rows], 1 in a rise, -1 in a fall

    The bands are (h + l) / 2 ± k atr. A band moves towards the price, and away from it only if the close before was
    beyond it. A rise ends at a close below the lower band, a fall at one above the upper. The first row is of a rise.
    """
    trend, upper, lower = state
    for i in range(len(line)):
        at = first + i
        line[i] = direction[i] = math.nan
        away, now = multiplier * float(atr[at]), float(close[at])
        if math.isnan(away + now):
            continue
        middle, before = (float(high[at]) + float(low[at])) / 2, float(close[at - 1])
        if trend == 0:
            trend, upper, lower = 1, middle + away, middle - away
        else:
            upper = middle + away if before > upper else min(middle + away, upper)
            lower = middle - away if before < lower else max(middle - away, lower)
            if (trend > 0 and now < lower) or (trend < 0 and now > upper):
                trend = -trend
        line[i] = lower if trend > 0 else upper
        direction[i] = trend
    return SuperTrendState(trend, upper, lower)


SUPERTREND = FoldNode(
    ("high", "low", "close", "atr"), ("line", "direction"), supertrend, multiplier_of, row_before, _begin_supertrend
)


# --- Parabolic SAR ---------------------------------------------------------------------------------------------------

Acceleration = Annotated[float, Field(ge=0.0001, le=1)]


class ParabolicSection(Section):
    """The parameters of a parabolic SAR."""

    start: Acceleration = key(0.02, "share of the way to the extreme that it goes in a candle after a turn", plan=True)
    step: Acceleration = key(0.02, "what each new extreme adds to that share", plan=True)
    most: Acceleration = key(0.2, "the largest share", plan=True)


class ParabolicState(NamedTuple):
    """The direction (1 or -1; 0 before the first value), the line at the next row, the extreme, the share of the way.

    In a fall, line and extreme have their sign turned: it is a rise of the market turned upside down.
    """

    direction: int
    line: float
    extreme: float
    share: float


def _parabolic_numbers(keys: ParabolicSection) -> tuple[float, float, float]:
    return min(keys.start, keys.most), keys.step, keys.most


def _begin_parabolic(_start: float, _step: float, _most: float) -> ParabolicState:
    return ParabolicState(0, 0.0, 0.0, 0.0)


@pure
def parabolic_seed(high: float, low: float, high_before: float, low_before: float, start: float) -> ParabolicState:
    """At the second row: a fall where the low fell further than the high rose. The line is the extreme of the first."""
    if low < low_before and high - high_before < low_before - low:
        return ParabolicState(-1, -high_before, -low, start)
    return ParabolicState(1, low_before, high, start)


@entry_point
def parabolic(
    state: ParabolicState, high: Float64, low: Float64, first: int, start: float, step: float, most: float,
    line: Float64, direction: Float64,
) -> ParabolicState:  # fmt: skip
    """Wilder's parabolic stop and reverse: a line that nears the extreme of the move, and turns where it is touched.

    high, low  float64[first + rows], price units; a row is passed over if it or the row before is not known (NaN)
    line       float64[rows], the same units
    direction  float64[rows], 1 in a rise, -1 in a fall

    The line goes a share of its way to the extreme, but never beyond the last two candles. Where a candle touches it,
    the direction turns, and the line is at the extreme. In TA-Lib's order.

    Wilder, J. W.: New Concepts in Technical Trading Systems, 1978.
    """
    trend, value, extreme, share = state
    for i in range(len(line)):
        at = first + i
        line[i] = direction[i] = math.nan
        before = at - 1
        if at == 0 or math.isnan(float(high[at]) + float(low[at]) + float(high[before]) + float(low[before])):
            continue
        if trend == 0:
            trend, value, extreme, share = parabolic_seed(
                float(high[at]), float(low[at]), float(high[before]), float(low[before]), start
            )
            before = at
        top, bottom = float(high[at]), float(low[at])
        highest, lowest = max(top, float(high[before])), min(bottom, float(low[before]))
        if trend < 0:
            top, bottom, highest, lowest = -bottom, -top, -lowest, -highest
        if bottom <= value:
            trend, value, lowest = -trend, min(-extreme, -highest), -highest
            extreme, share = -bottom, start
        elif top > extreme:
            extreme, share = top, min(share + step, most)
        line[i], direction[i] = value * trend, trend
        value = min(value + share * (extreme - value), lowest)
    return ParabolicState(trend, value, extreme, share)


PARABOLIC = FoldNode(
    ("high", "low"), ("line", "direction"), parabolic, _parabolic_numbers, row_before, _begin_parabolic
)

KINDS = {
    "adx": Kind(
        DirectionSection, (DIRECTION,), {"adx": "number", "plus": "number", "minus": "number"}, "adx",
        lambda keys, _: 2 * keys.period,
        "Wilder's average directional index with the indicators plus and minus: 100 * movement / true range, each "
        "summed as s - s / period + x; adx is the rma of 100 * abs(plus - minus) / (plus + minus); 0 / 0 counts 0",
        auto=lambda keys, _: 12 * keys.period + 1, source=None, reference="TA-Lib ADX, PLUS_DI, MINUS_DI",
    ),
    "supertrend": Kind(
        SuperTrendSection, (TRUE_RANGE, RMA._replace(inputs=("range",), outputs=("atr",)), SUPERTREND),
        {"line": "price", "direction": "whole"}, "line", lambda keys, _: keys.period + 1,
        "the line hl2 - multiplier * atr below a rise (direction 1), hl2 + multiplier * atr above a fall (-1): it "
        "moves towards the price alone, and the direction turns at a close beyond it",
        auto=lambda keys, _: (12 if keys.multiplier <= 4 else 30) * keys.period + 1, source=None,
        reference="TA-Lib SUPERTREND",
    ),
    "psar": Kind(
        ParabolicSection, (PARABOLIC,), {"line": "price", "direction": "whole"}, "line", lambda keys, _: 2,
        "Wilder's parabolic stop and reverse: the line goes `start` of its way to the extreme of the move, `step` more "
        "with each new extreme, at most `most`; the direction (1 or -1) turns where a candle touches it",
        auto=lambda keys, _: 200, source=None, reference="TA-Lib SAR",
    ),
}  # fmt: skip
