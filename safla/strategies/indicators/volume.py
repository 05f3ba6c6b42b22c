"""Indicators that weigh prices by volume."""

import math
from typing import NamedTuple

from safla.core.pure import entry_point, pure
from safla.core.values import Float64
from safla.section import Section, key
from safla.strategies.indicators.averages import SUM
from safla.strategies.indicators.division import quotient
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import (
    NoParameters,
    Period,
    PeriodSection,
    first_of_period,
    no_numbers,
    no_rows,
    period_of,
    row_before,
    window_rows,
)


@pure
def weighted_mean(x: Float64, volume: Float64, end: int, period: int) -> float:
    """The mean of the n rows before `end`, weighted by volume; not known where there is none."""
    total = 0.0
    weights = 0.0
    for at in range(end - period, end):
        total += float(x[at]) * float(volume[at])
        weights += float(volume[at])
    return quotient(total, weights, math.nan)


@entry_point
def vwma(x: Float64, volume: Float64, first: int, period: int, out: Float64) -> None:
    """The mean of the last n rows, weighted by volume."""
    for i in range(len(out)):
        end = first + i + 1
        out[i] = weighted_mean(x, volume, end, period) if end >= period else math.nan


@entry_point
def money_flow(typical: Float64, volume: Float64, first: int, up: Float64, down: Float64) -> None:
    """Typical price times volume, by whether the typical price rose or fell; both 0 where it stayed."""
    for i in range(len(up)):
        at = first + i
        up[i] = math.nan
        down[i] = math.nan
        if at > 0:
            flow = float(typical[at]) * float(volume[at])
            rise = float(typical[at]) - float(typical[at - 1])
            if not math.isnan(flow + rise):
                up[i] = flow if rise > 0 else 0.0
                down[i] = flow if rise < 0 else 0.0


@entry_point
def mfi(up: Float64, down: Float64, first: int, out: Float64) -> None:
    """100 up / (up + down); 50 where both are 0: a market that does not move is not oversold (V6)."""
    for i in range(len(out)):
        total = float(up[first + i]) + float(down[first + i])
        out[i] = quotient(100 * float(up[first + i]), total, 50.0)


@entry_point
def close_flow(high: Float64, low: Float64, close: Float64, volume: Float64, first: int, out: Float64) -> None:
    """Volume times ((close - low) - (high - close)) / (high - low); 0 where high is low."""
    for i in range(len(out)):
        at = first + i
        spread = float(high[at]) - float(low[at])
        place = (float(close[at]) - float(low[at])) - (float(high[at]) - float(close[at]))
        out[i] = quotient(float(volume[at]) * place, spread, 0.0)


@entry_point
def column_ratio(a: Float64, b: Float64, first: int, out: Float64) -> None:
    """a / b; not known where b is 0."""
    for i in range(len(out)):
        out[i] = quotient(float(a[first + i]), float(b[first + i]), math.nan)


class BalanceState(NamedTuple):
    """The sum so far, and the last close that was known; NaN before the first."""

    total: float
    close: float


def _no_balance() -> BalanceState:
    return BalanceState(0.0, math.nan)


@entry_point
def obv(state: BalanceState, close: Float64, volume: Float64, first: int, out: Float64) -> BalanceState:
    """The first row's volume, then plus or minus the volume by the direction of the close.

    A row that is not known is passed over, and the sum is not known there.
    """
    total, before = state
    for i in range(len(out)):
        price = float(close[first + i])
        amount = float(volume[first + i])
        out[i] = math.nan
        if not math.isnan(price + amount):
            if price < before:
                total -= amount
            elif price > before or math.isnan(before):
                total += amount
            before = price
            out[i] = total
    return BalanceState(total, before)


class MfiSection(Section):
    """The parameters of `mfi`."""

    period: Period = key(14, "rows of the sums", plan=True)


class CmfSection(Section):
    """The parameters of `cmf`."""

    period: Period = key(20, "rows of the sums", plan=True)


KINDS = {
    "vwma": Kind(
        PeriodSection, (FoldNode(("source", "volume"), ("value",), vwma, period_of, window_rows),), {"value": "source"},
        "value", first_of_period,
        "the mean of the last `period` rows, weighted by volume; not known where there is no volume",
        reference="TA-Lib VWMA",
    ),
    "mfi": Kind(
        MfiSection,
        (
            FoldNode(("hlc3", "volume"), ("flow_up", "flow_down"), money_flow, no_numbers, row_before),
            SUM._replace(inputs=("flow_up",), outputs=("up",)), SUM._replace(inputs=("flow_down",), outputs=("down",)),
            FoldNode(("up", "down"), ("value",), mfi, no_numbers, no_rows),
        ),
        {"value": "number"}, "value", lambda keys, _: keys.period + 1,
        "100 up / (up + down), the sums over `period` rows of hlc3 times volume where hlc3 rose and where it fell; 50 "
        "where both are 0",
        source=None, reference="TA-Lib MFI",
    ),
    "cmf": Kind(
        CmfSection,
        (
            FoldNode(("high", "low", "close", "volume"), ("flow",), close_flow, no_numbers, no_rows),
            SUM._replace(inputs=("flow",), outputs=("flows",)), SUM._replace(inputs=("volume",), outputs=("volumes",)),
            FoldNode(("flows", "volumes"), ("value",), column_ratio, no_numbers, no_rows),
        ),
        {"value": "number"}, "value", first_of_period,
        "the sum of volume ((close - low) - (high - close)) / (high - low) over `period` rows, a row whose high is its "
        "low counting 0, over the sum of volume; not known where there is no volume",
        source=None, reference="TA-Lib CMF",
    ),
    "obv": Kind(
        NoParameters, (FoldNode(("close", "volume"), ("value",), obv, no_numbers, no_rows, _no_balance),),
        {"value": "volume"}, "value", lambda _keys, _: 1,
        "the first row's volume, then plus or minus each row's volume by the direction of the close; its level depends "
        "on the first candle of the run",
        source=None, reference="TA-Lib OBV",
    ),
}  # fmt: skip
