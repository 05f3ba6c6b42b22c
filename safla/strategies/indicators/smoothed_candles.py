"""Candles that follow those before them: Heikin-Ashi, and the channel of SSL."""

import math
from typing import NamedTuple

from safla.core.pure import entry_point
from safla.core.values import Float64
from safla.section import Section, key
from safla.strategies.indicators.averages import SMA
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import NoParameters, Period, first_of_period, no_numbers, no_rows


class HeikinAshiState(NamedTuple):
    """Open and close of the last candle; NaN before the first."""

    open: float
    close: float


def _no_candle() -> HeikinAshiState:
    return HeikinAshiState(math.nan, math.nan)


@entry_point
def heikin_ashi(
    state: HeikinAshiState, opened: Float64, high: Float64, low: Float64, close: Float64, mean: Float64, first: int,
    out_open: Float64, out_high: Float64, out_low: Float64, out_close: Float64,
) -> HeikinAshiState:  # fmt: skip
    """Heikin-Ashi candles: close is the mean of the four prices, open the mean of the open and close before.

    The first open is the mean of open and close of its row. A row that is not known is passed over.
    """
    open_before, close_before = state
    for i in range(len(out_open)):
        at = first + i
        top, bottom, new_close = float(high[at]), float(low[at]), float(mean[at])
        out_open[i] = math.nan
        out_high[i] = math.nan
        out_low[i] = math.nan
        out_close[i] = math.nan
        if math.isnan(opened[at] + close[at] + top + bottom + new_close):
            continue
        if math.isnan(open_before):
            new_open = (float(opened[at]) + float(close[at])) / 2
        else:
            new_open = (open_before + close_before) / 2
        open_before = new_open
        close_before = new_close
        out_open[i] = new_open
        out_high[i] = max(top, new_open, new_close)
        out_low[i] = min(bottom, new_open, new_close)
        out_close[i] = new_close
    return HeikinAshiState(open_before, close_before)


class SslState(NamedTuple):
    """Whether the last close outside the averages was below them: 0 or 1."""

    below: int


def _not_below() -> SslState:
    return SslState(0)


@entry_point
def ssl(
    state: SslState, close: Float64, mean_high: Float64, mean_low: Float64, first: int, up: Float64, down: Float64
) -> SslState:
    """The averages of highs and lows: `up` that of the highs until a close below that of the lows swaps the two.

    A close above the average of the highs swaps them back.
    """
    below = state.below
    for i in range(len(up)):
        at = first + i
        if close[at] > mean_high[at]:
            below = 0
        elif close[at] < mean_low[at]:
            below = 1
        known = not math.isnan(close[at] + mean_high[at] + mean_low[at])
        above = mean_low[at] if below == 1 else mean_high[at]
        under = mean_high[at] if below == 1 else mean_low[at]
        up[i] = above if known else math.nan
        down[i] = under if known else math.nan
    return SslState(below)


class SslSection(Section):
    """The parameters of `ssl`."""

    period: Period = key(10, "rows of the averages", plan=True)


PRICES = ("open", "high", "low", "close")

KINDS = {
    "heikin_ashi": Kind(
        NoParameters,
        (FoldNode((*PRICES, "ohlc4"), PRICES, heikin_ashi, no_numbers, no_rows, _no_candle),),
        dict.fromkeys(PRICES, "price"), None, lambda _keys, _: 1,
        "`close` ohlc4; `open` the mean of open and close of the row before, at first (open + close) / 2; `high`, "
        "`low` the extremes of these and of the row",
        auto=lambda _keys, _: 30, source=None, reference="TA-Lib HA",
    ),
    "ssl": Kind(
        SslSection,
        (
            SMA._replace(inputs=("high",), outputs=("mean_high",)),
            SMA._replace(inputs=("low",), outputs=("mean_low",)),
            FoldNode(("close", "mean_high", "mean_low"), ("up", "down"), ssl, no_numbers, no_rows, _not_below),
        ),
        {"up": "price", "down": "price"}, None, first_of_period,
        "`up` the mean of the highs and `down` that of the lows of `period` rows, swapped from a close below both "
        "until one above both",
        auto=lambda keys, _: 4 * keys.period, source=None,
    ),
}  # fmt: skip
