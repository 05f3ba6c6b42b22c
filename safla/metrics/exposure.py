"""How much of the equity stood in positions, how long, and how often it was turned over. No order, no reason."""

import math
from typing import NamedTuple

import numpy as np

from safla.core.values import Int64
from safla.metrics.metric import YEAR_MS, Metric, finite_metric
from safla.metrics.sums import row_blocks, total, total_units


class Exposure(NamedTuple):
    """Shares of the candles and of the equity at their closes."""

    time: float  # candles whose close finds a position
    average: float
    largest: float


def cash_at(ts: Int64, filled: Int64, cash: Int64, balance: int) -> Int64:
    """The cash behind each candle, int64[n], money units: that of the last fill so far, or the balance.

    ts            int64[n], open times of the candles
    filled, cash  int64[fills], in order: the candle of each fill, and the cash behind it
    """
    behind = np.concatenate(([0], np.searchsorted(ts, filled), [len(ts)]))
    return np.repeat(np.concatenate((np.array([balance], np.int64), cash)), np.diff(behind))


def exposure(equity: Int64, cash: Int64) -> Exposure:
    """What stood in positions at each close: equity - cash, over the equity. int64[n] both, money units, n above 0."""
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
    """The sum of the notionals of all fills over the mean equity and the years: times a year.

    notional in money units, equity int64[n], ms the length of the run
    """
    held = total_units(equity)
    if held == 0:
        return Metric(None, "there was no equity")
    return finite_metric(float(notional) * float(len(equity)) / float(held) * YEAR_MS / ms)
