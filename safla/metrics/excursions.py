"""Excursions: how far prices went against a trade and in its favour while it was open (Sweeney 1988)."""

from typing import NamedTuple

import numpy as np

from safla.core.values import Columns, Float64, Int64


class Excursions(NamedTuple):
    """Excursions of closed trades: each float64[trades], ratios to the entry price, never negative."""

    adverse: Float64  # MAE
    favourable: Float64  # MFE


def excursions(columns: Columns, opened: Int64, closed: Int64, entry: Int64, reference: Int64) -> Excursions:
    """MAE and MFE of one symbol's closed trades, over the candles before that of the exit, and the exit price.

    columns         the candles of the symbol
    opened, closed  int64[trades], ascending: open times of the candles of the entry and of the exit, ms
    entry           int64[trades], price of the entry, price units
    reference       int64[trades], price of the exit before slippage, price units; the high and low of its candle do not
                    count, because they may have come after the exit
    """
    if len(opened) == 0:
        return Excursions(np.zeros(0), np.zeros(0))
    first, end = np.searchsorted(columns.ts, opened), np.searchsorted(columns.ts, closed)
    edges = np.ravel(np.column_stack((first, end)))  # rows of each trade, then those until the next trade
    held = end > first
    lows = np.where(held, np.minimum.reduceat(columns.low, edges)[::2], entry)
    highs = np.where(held, np.maximum.reduceat(columns.high, edges)[::2], entry)
    lowest = np.minimum(np.minimum(lows, reference), entry)
    highest = np.maximum(np.maximum(highs, reference), entry)
    return Excursions((entry - lowest) / entry, (highest - entry) / entry)
