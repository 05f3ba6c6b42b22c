"""Changes of a source, and the source itself."""

import math

from safla.core.pure import entry_point
from safla.core.values import Float64
from safla.section import Section, key
from safla.strategies.indicators.division import quotient
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import NoParameters, Period, no_numbers, no_rows, period_of


@entry_point
def roc(x: Float64, first: int, period: int, out: Float64) -> None:
    """(x - x[n]) / x[n], a fraction; not known where x[n] is 0."""
    for i in range(len(out)):
        at = first + i
        out[i] = math.nan
        if at >= period:
            before = float(x[at - period])
            out[i] = quotient(float(x[at]) - before, before, math.nan)


@entry_point
def change(x: Float64, first: int, period: int, out: Float64) -> None:
    """x - x[n]."""
    for i in range(len(out)):
        at = first + i
        out[i] = float(x[at]) - float(x[at - period]) if at >= period else math.nan


@entry_point
def same(x: Float64, first: int, out: Float64) -> None:
    """The source itself."""
    for i in range(len(out)):
        out[i] = x[first + i]


class RocSection(Section):
    """The parameters of `roc`."""

    period: Period = key(10, "rows between the two that are compared", plan=True)


class ChangeSection(Section):
    """The parameters of `change`."""

    period: Period = key(1, "rows between the two that are compared", plan=True)


def _whole_period(period: int) -> int:
    return period


KINDS = {
    "roc": Kind(
        RocSection, (FoldNode(("source",), ("value",), roc, period_of, _whole_period),), {"value": "number"}, "value",
        lambda keys, _: keys.period + 1,
        "(x - x[period]) / x[period], a fraction", reference="TA-Lib ROCP",
    ),
    "change": Kind(
        ChangeSection, (FoldNode(("source",), ("value",), change, period_of, _whole_period),), {"value": "source"},
        "value", lambda keys, _: keys.period + 1,
        "x - x[period]", reference="TA-Lib MOM",
    ),
    "value": Kind(
        NoParameters, (FoldNode(("source",), ("value",), same, no_numbers, no_rows),), {"value": "source"}, "value",
        lambda _keys, _: 1,
        "the source itself, for one of another timeframe or symbol",
    ),
}  # fmt: skip
