"""Exposure and turnover: how much of the equity was in positions, how long, and how often it was traded."""

import math
from typing import NamedTuple

import numpy as np

from safla.core.values import Int64
from safla.metrics.metric import YEAR_MS, Metric, finite_metric
from safla.metrics.sums import row_blocks, total, total_units


class Exposure(NamedTuple):
    """Exposure at the closes: a share of the candles, and shares of the equity."""

    time: float  # the share of closes with a position
    average: float
    largest: float


def cash_at(ts: Int64, filled: Int64, cash: Int64, balance: int) -> Int64:
    """The cash after each candle, int64[n], money units: that after the last fill so far, or the balance.

    ts            int64[n], open times of the candles
    filled, cash  int64[fills], in order: open time of the candle of each fill, and the cash after the fill
    """
    edges = np.concatenate(([0], np.searchsorted(ts, filled), [len(ts)]))
    return np.repeat(np.concatenate((np.array([balance], np.int64), cash)), np.diff(edges))


def exposure(equity: Int64, cash: Int64) -> Exposure:
    """Exposure at each close is (equity - cash) / equity. Both int64[n], money units, n >= 1."""
    held, largest, sums = 0, 0.0, [0.0]
    for part in row_blocks(len(equity)):
        invested = equity[part] - cash[part]
        open_rows = np.flatnonzero(invested)
        if len(open_rows):
            shares = invested[open_rows] / equity[part][open_rows]
            held += len(open_rows)
            largest = max(largest, float(np.max(shares)))
            sums.append(total(shares))
    return Exposure(held / len(equity), math.fsum(sums) / len(equity), largest)


def turnover(notional: int, equity: Int64, ms: int) -> Metric:
    """How many times a year the equity is traded: notionals of all fills / mean equity / years.

    notional in money units, equity int64[n] in money units, ms the length of the run
    """
    equity_sum = total_units(equity)
    if equity_sum == 0:
        return Metric(None, "there was no equity")
    return finite_metric(float(notional) * float(len(equity)) / float(equity_sum) * YEAR_MS / ms)
