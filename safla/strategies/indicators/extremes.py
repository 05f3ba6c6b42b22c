"""Highest and lowest rows of a window, and what is made of them: channels, oscillators, swings."""

import math
from typing import Any, NamedTuple

from safla.core.pure import entry_point, pure
from safla.core.values import Float64
from safla.section import Section, key
from safla.strategies.indicators.averages import SMA
from safla.strategies.indicators.division import quotient
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import (
    Period,
    PeriodSection,
    first_of_period,
    no_numbers,
    no_rows,
    period_of,
    window_rows,
)

# --- Nodes -----------------------------------------------------------------------------------------------------------


@pure
def place_of_highest(x: Float64, end: int, period: int) -> int:
    """The latest row that attains the highest of the n rows before `end`; -1 where one of them is not known."""
    place = end - period
    for at in range(end - period, end):
        if math.isnan(x[at]):
            return -1
        if x[at] >= x[place]:
            place = at
    return place


@pure
def place_of_lowest(x: Float64, end: int, period: int) -> int:
    """The same of the lowest."""
    place = end - period
    for at in range(end - period, end):
        if math.isnan(x[at]):
            return -1
        if x[at] <= x[place]:
            place = at
    return place


@entry_point
def highest(x: Float64, first: int, period: int, out: Float64, since: Float64) -> None:
    """The highest of the last n rows, this one included, and how many rows ago the latest row had it.

    x           float64[first + rows]; NaN: not known, and then no window with it is
    out, since  float64[rows]

    The window is read again only where the highest row left it.
    """
    place = -1
    for i in range(len(out)):
        at = first + i
        if place < 0 or place <= at - period or math.isnan(x[at]):
            place = place_of_highest(x, at + 1, period) if at + 1 >= period else -1
        elif x[at] >= x[place]:
            place = at
        out[i] = x[place] if place >= 0 else math.nan
        since[i] = float(at - place) if place >= 0 else math.nan


@entry_point
def lowest(x: Float64, first: int, period: int, out: Float64, since: Float64) -> None:
    """The lowest of the last n rows, this one included, and how many rows ago the latest row had it."""
    place = -1
    for i in range(len(out)):
        at = first + i
        if place < 0 or place <= at - period or math.isnan(x[at]):
            place = place_of_lowest(x, at + 1, period) if at + 1 >= period else -1
        elif x[at] <= x[place]:
            place = at
        out[i] = x[place] if place >= 0 else math.nan
        since[i] = float(at - place) if place >= 0 else math.nan


HIGHEST = FoldNode(("source",), ("value", "since"), highest, period_of, window_rows)
LOWEST = FoldNode(("source",), ("value", "since"), lowest, period_of, window_rows)
HIGHEST_HIGH = HIGHEST._replace(inputs=("high",), outputs=("upper", "since_upper"))
LOWEST_LOW = LOWEST._replace(inputs=("low",), outputs=("lower", "since_lower"))


@entry_point
def middle(upper: Float64, lower: Float64, first: int, out: Float64) -> None:
    """The middle between two columns: (upper + lower) / 2."""
    for i in range(len(out)):
        out[i] = (float(upper[first + i]) + float(lower[first + i])) / 2


@entry_point
def williams_r(close: Float64, upper: Float64, lower: Float64, first: int, out: Float64) -> None:
    """-100 (upper - close) / (upper - lower); -50 where they meet: a market that does not move is not oversold (V6)."""
    for i in range(len(out)):
        spread = float(upper[first + i]) - float(lower[first + i])
        below = float(upper[first + i]) - float(close[first + i])
        out[i] = quotient(-100 * below, spread, -50.0)


@entry_point
def raw_stochastic(close: Float64, upper: Float64, lower: Float64, first: int, out: Float64) -> None:
    """100 (close - lower) / (upper - lower); 50 where they meet (V6)."""
    for i in range(len(out)):
        spread = float(upper[first + i]) - float(lower[first + i])
        above = float(close[first + i]) - float(lower[first + i])
        out[i] = quotient(100 * above, spread, 50.0)


@entry_point
def aroon(
    since_upper: Float64, since_lower: Float64, first: int, period: int, up: Float64, down: Float64, oscillator: Float64
) -> None:
    """How recent the extremes of n + 1 rows are, 0 to 100, and the difference."""
    for i in range(len(up)):
        up[i] = 100 * (period - float(since_upper[first + i])) / period
        down[i] = 100 * (period - float(since_lower[first + i])) / period
        oscillator[i] = float(up[i]) - float(down[i])


@entry_point
def ichimoku_spans(
    conversion: Float64, base: Float64, wide: Float64, first: int, shift: int, span_a: Float64, span_b: Float64
) -> None:
    """The cloud as it is drawn at each row: what stood `shift` rows ago.

    conversion, base, wide  the middles of the three periods
    """
    for i in range(len(span_a)):
        at = first + i - shift
        span_a[i] = (float(conversion[at]) + float(base[at])) / 2 if at >= 0 else math.nan
        span_b[i] = wide[at] if at >= 0 else math.nan


class Swing(NamedTuple):
    """The price of the latest swing; NaN before the first."""

    price: float


def _no_swing(_left: int, _right: int) -> Swing:
    return Swing(math.nan)


def _swing_rows(left: int, right: int) -> int:
    return left + right


@pure
def swing_side(x: Float64, at: int, left: int, right: int) -> int:
    """What a row is: 1 above the `left` rows before it and not exceeded by the `right` after, -1 below; else 0.

    2 where one of these rows is not known.
    """
    above = 1
    below = 1
    for other in range(at - left, at + right + 1):
        if math.isnan(x[other]):
            return 2
        if x[other] > x[at] or (x[other] == x[at] and other < at):
            above = 0
        if x[other] < x[at] or (x[other] == x[at] and other < at):
            below = 0
    return above - below


@entry_point
def swing_high(state: Swing, x: Float64, first: int, left: int, right: int, out: Float64) -> Swing:
    """The latest row, `right` rows ago or more, above `left` rows before it, that none of `right` rows after exceeds.

    It is known that late, so that it never changes. A window with a row that is not known has no value.
    """
    price = state.price
    for i in range(len(out)):
        at = first + i - right
        side = swing_side(x, at, left, right) if at >= left else 0
        if side == 1:
            price = float(x[at])
        out[i] = math.nan if side == 2 else price
    return Swing(price)


@entry_point
def swing_low(state: Swing, x: Float64, first: int, left: int, right: int, out: Float64) -> Swing:
    """The same below."""
    price = state.price
    for i in range(len(out)):
        at = first + i - right
        side = swing_side(x, at, left, right) if at >= left else 0
        if side == -1:
            price = float(x[at])
        out[i] = math.nan if side == 2 else price
    return Swing(price)


MIDDLE = FoldNode(("upper", "lower"), ("middle",), middle, no_numbers, no_rows)
WILLIAMS_R = FoldNode(("close", "upper", "lower"), ("value",), williams_r, no_numbers, no_rows)
RAW_STOCHASTIC = FoldNode(("close", "upper", "lower"), ("raw",), raw_stochastic, no_numbers, no_rows)


# --- Kinds -----------------------------------------------------------------------------------------------------------


class ChannelSection(Section):
    """The parameters of `donchian`."""

    period: Period = key(20, "rows of the channel", plan=True)


class OscillatorSection(Section):
    """The parameters of an oscillator over a window."""

    period: Period = key(14, "rows of the window", plan=True)


class StochasticSection(Section):
    """The parameters of `stochastic`."""

    period: Period = key(14, "rows of the window", plan=True)
    smooth: Period = key(3, "rows of the mean that makes `k`", plan=True)
    signal: Period = key(3, "rows of the mean of `k` that makes `d`", plan=True)


class IchimokuSection(Section):
    """The parameters of `ichimoku`."""

    conversion: Period = key(9, "rows of the conversion line", plan=True)
    base: Period = key(26, "rows of the base line, and how far the cloud is drawn ahead, this row counted", plan=True)
    span: Period = key(52, "rows of the second line of the cloud", plan=True)


class SwingSection(Section):
    """The parameters of `swing_high` and `swing_low`."""

    left: Period = key(5, "rows before a swing that it exceeds", plan=True)
    right: Period = key(5, "rows after a swing that do not exceed it", plan=True)


def _plus_one(keys: Any) -> tuple[int]:
    return (keys.period + 1,)


def _smooth(keys: Any) -> tuple[int]:
    return (keys.smooth,)


def _signal(keys: Any) -> tuple[int]:
    return (keys.signal,)


def _shift(keys: Any) -> tuple[int]:
    return (keys.base - 1,)


def _sides(keys: Any) -> tuple[int, int]:
    return keys.left, keys.right


def _conversion(keys: Any) -> tuple[int]:
    return (keys.conversion,)


def _base(keys: Any) -> tuple[int]:
    return (keys.base,)


def _span(keys: Any) -> tuple[int]:
    return (keys.span,)


def _middle_of(numbers: Any, name: str) -> tuple[FoldNode, FoldNode, FoldNode]:
    """The nodes of the middle of a period's highs and lows."""
    upper, lower = f"{name}_upper", f"{name}_lower"
    return (
        HIGHEST._replace(inputs=("high",), outputs=(upper, f"{upper}_since"), numbers=numbers),
        LOWEST._replace(inputs=("low",), outputs=(lower, f"{lower}_since"), numbers=numbers),
        MIDDLE._replace(inputs=(upper, lower), outputs=(name,)),
    )


ICHIMOKU_SPANS = FoldNode(
    ("conversion", "base", "wide"), ("span_a", "span_b"), ichimoku_spans, _shift, lambda shift: shift
)
SWING_HIGH = FoldNode(("source",), ("value",), swing_high, _sides, _swing_rows, _no_swing)
SWING_LOW = FoldNode(("source",), ("value",), swing_low, _sides, _swing_rows, _no_swing)

KINDS = {
    "highest": Kind(
        PeriodSection, (HIGHEST,), {"value": "source"}, "value", first_of_period,
        "the highest of the last `period` rows, this one included", source="high", reference="TA-Lib MAX",
    ),
    "lowest": Kind(
        PeriodSection, (LOWEST,), {"value": "source"}, "value", first_of_period,
        "the lowest of the last `period` rows, this one included", source="low", reference="TA-Lib MIN",
    ),
    "since_highest": Kind(
        PeriodSection, (HIGHEST,), {"since": "whole"}, "since", first_of_period,
        "rows since the latest one that attains the highest of the last `period`, 0 to period - 1", source="high",
    ),
    "since_lowest": Kind(
        PeriodSection, (LOWEST,), {"since": "whole"}, "since", first_of_period,
        "rows since the latest one that attains the lowest of the last `period`, 0 to period - 1", source="low",
    ),
    "donchian": Kind(
        ChannelSection, (HIGHEST_HIGH, LOWEST_LOW, MIDDLE), dict.fromkeys(("upper", "lower", "middle"), "price"), None,
        first_of_period,
        "the highest high and the lowest low of the last `period` rows, this one included, and their middle; a "
        "breakout is `close > channel.upper 1 candle ago`",
        source=None, reference="TA-Lib DONCHIAN",
    ),
    "williams_r": Kind(
        OscillatorSection, (HIGHEST_HIGH, LOWEST_LOW, WILLIAMS_R), {"value": "number"}, "value", first_of_period,
        "-100 (highest - close) / (highest - lowest) of the last `period` rows; -50 where both are the same",
        source=None, reference="TA-Lib WILLR",
    ),
    "stochastic": Kind(
        StochasticSection,
        (
            HIGHEST_HIGH, LOWEST_LOW, RAW_STOCHASTIC,
            SMA._replace(inputs=("raw",), outputs=("k",), numbers=_smooth),
            SMA._replace(inputs=("k",), outputs=("d",), numbers=_signal),
        ),
        {"k": "number", "d": "number"}, "k", lambda keys, _: keys.period + keys.smooth + keys.signal - 2,
        "100 (close - lowest) / (highest - lowest) of the last `period` rows, 50 where both are the same; `k` its mean "
        "over `smooth` rows, `d` the mean of k over `signal`",
        source=None, reference="TA-Lib STOCH with simple averages",
    ),
    "aroon": Kind(
        OscillatorSection,
        (
            HIGHEST_HIGH._replace(numbers=_plus_one), LOWEST_LOW._replace(numbers=_plus_one),
            FoldNode(("since_upper", "since_lower"), ("up", "down", "oscillator"), aroon, period_of, no_rows),
        ),
        dict.fromkeys(("up", "down", "oscillator"), "number"), None, lambda keys, _: keys.period + 1,
        "`up` 100 (period - rows since the highest high of period + 1 rows) / period, `down` the same of the lowest "
        "low, `oscillator` up - down",
        source=None, reference="TA-Lib AROON",
    ),
    "ichimoku": Kind(
        IchimokuSection,
        (
            *_middle_of(_conversion, "conversion"), *_middle_of(_base, "base"), *_middle_of(_span, "wide"),
            ICHIMOKU_SPANS,
        ),
        dict.fromkeys(("conversion", "base", "span_a", "span_b"), "price"), None,
        lambda keys, _: max(keys.base, keys.conversion, keys.span) + keys.base - 1,
        "`conversion`, `base`: the middle of highest high and lowest low; `span_a` their mean and `span_b` the middle "
        "over `span` rows, as they are drawn here: those of base - 1 rows ago",
        source=None,
    ),
    "swing_high": Kind(
        SwingSection, (SWING_HIGH,), {"value": "source"}, "value", lambda keys, _: keys.left + keys.right + 1,
        "the latest row, at least `right` rows ago, that exceeds the `left` rows before it and is not exceeded by the "
        "`right` after it; known that late, it never changes",
        source="high",
    ),
    "swing_low": Kind(
        SwingSection, (SWING_LOW,), {"value": "source"}, "value", lambda keys, _: keys.left + keys.right + 1,
        "the latest row, at least `right` rows ago, that is below the `left` rows before it and not above the `right` "
        "after it; known that late, it never changes",
        source="low",
    ),
}  # fmt: skip
