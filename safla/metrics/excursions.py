"""How far prices went against a trade and for it while it was open (Sweeney 1988). Candles in, ratios out."""

from typing import NamedTuple

import numpy as np

from safla.core.values import Columns, Float64, Int64


class Excursions(NamedTuple):
    """float64[trades] each, ratios to the entry price, never negative."""

    adverse: Float64  # MAE
    favourable: Float64  # MFE


def excursions(columns: Columns, opened: Int64, closed: Int64, entry: Int64, reference: Int64) -> Excursions:
    """MAE and MFE of one symbol's closed trades, over the candles that they were held through and the exit itself.

    columns         the candles of the symbol
    opened, closed  int64[trades], ascending: open times of the candles of the two fills, ms
    entry           the price of the first, price units
    reference       that of the exit before slippage: what else its candle did may have come behind it
    """
    if len(opened) == 0:
        return Excursions(np.zeros(0), np.zeros(0))
    first, end = np.searchsorted(columns.ts, opened), np.searchsorted(columns.ts, closed)
    edges = np.ravel(np.column_stack((first, end)))  # rows from the entry to before the exit, then those between trades
    held = end > first
    lows = np.where(held, np.minimum.reduceat(columns.low, edges)[::2], entry)
    highs = np.where(held, np.maximum.reduceat(columns.high, edges)[::2], entry)
    lowest = np.minimum(np.minimum(lows, reference), entry)
    highest = np.maximum(np.maximum(highs, reference), entry)
    return Excursions((entry - lowest) / entry, (highest - entry) / entry)
