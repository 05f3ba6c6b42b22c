"""The true range as a kind, and the choppiness of a market with the one logarithm that there is (V21)."""

import math
from typing import Any

from safla.core.pure import entry_point, pure
from safla.core.values import Float64
from safla.section import Section, key
from safla.strategies.indicators.averages import SUM
from safla.strategies.indicators.extremes import HIGHEST_HIGH, LOWEST_LOW
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import NoParameters, SpreadPeriod, no_rows
from safla.strategies.indicators.ranges import TRUE_RANGE

LN_2, LN_10 = 0.6931471805599453, 2.302585092994046
ROOT_OF_HALF, ROOT_OF_TWO = 0.7071067811865476, 1.4142135623730951


@pure
def log10(x: float) -> float:
    """The logarithm of a positive number, the same on every machine because it is made of + - * / alone (V21).

    x = m 2^e with m between the roots of 1/2 and 2; ln m = 2 (z + z^3/3 + ... + z^21/21), z = (m - 1) / (m + 1). It
    differs from math.log10 by 1e-14 at most, relative to the larger of the result and 1.
    """
    exponent = 0
    while x >= ROOT_OF_TWO:
        x = x / 2
        exponent += 1
    while x < ROOT_OF_HALF:
        x = x * 2
        exponent -= 1
    z = (x - 1) / (x + 1)
    square = z * z
    total = 0.0
    for divisor in range(21, 0, -2):
        total = total * square + 1 / divisor
    return (2 * z * total + exponent * LN_2) / LN_10


@entry_point
def choppiness(ranges: Float64, upper: Float64, lower: Float64, first: int, scale: float, out: Float64) -> None:
    """100 log10(sum of true ranges / (highest - lowest)) / log10(n); 100 where highest and lowest are the same.

    ranges  float64[first + rows], the sums over n rows
    scale   100 / log10(n)
    """
    for i in range(len(out)):
        at = first + i
        spread = float(upper[at]) - float(lower[at])
        out[i] = math.nan
        ratio = float(ranges[at]) / spread if spread > 0 else math.nan
        if spread == 0 and not math.isnan(ranges[at]):
            out[i] = 100.0
        elif 0 < ratio < math.inf:
            out[i] = scale * log10(ratio)


class ChoppinessSection(Section):
    """The parameters of `choppiness`."""

    period: SpreadPeriod = key(14, "rows of the window", plan=True)


def _scale(keys: Any) -> tuple[float]:
    return (100 / log10(float(keys.period)),)


KINDS = {
    "true_range": Kind(
        NoParameters, (TRUE_RANGE._replace(outputs=("value",)),), {"value": "price"}, "value", lambda _keys, _: 2,
        "max(high, close before) - min(low, close before)", source=None, reference="TA-Lib TRANGE",
    ),
    "choppiness": Kind(
        ChoppinessSection,
        (
            TRUE_RANGE, SUM._replace(inputs=("range",), outputs=("ranges",)), HIGHEST_HIGH, LOWEST_LOW,
            FoldNode(("ranges", "upper", "lower"), ("value",), choppiness, _scale, no_rows),
        ),
        {"value": "number"}, "value", lambda keys, _: keys.period + 1,
        "100 log10(sum of true ranges / (highest high - lowest low)) / log10(period) over `period` rows; 100 where "
        "highest and lowest are the same",
        source=None,
    ),
}  # fmt: skip
