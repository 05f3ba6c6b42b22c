"""Exposure and turnover: how much of the equity was in positions, how long, and how often it was traded."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from safla.core.candles import row_blocks
from safla.core.values import Int64
from safla.metrics.metric import YEAR_MS, Metric, finite_metric
from safla.metrics.sums import total, total_units


class Exposure(NamedTuple):
    """Exposure at the closes: a share of the candles, and shares of the equity."""

    time: float  # the share of closes with a position
    average: float
    largest: float


def cash_at(ts: Int64, filled: Int64, cash: Int64, balance: int) -> Iterator[Int64]:
    """The cash after each candle, money units, in blocks: that after the last fill so far, or the balance.

    ts            int64[n], open times of the candles
    filled, cash  int64[fills], in order: open time of the candle of each fill, and the cash after the fill
    """
    edges = np.searchsorted(ts, filled)  # the candle of each fill
    for part in row_blocks(len(ts)):
        first, end = np.searchsorted(edges, (part.start, part.stop))
        before = balance if first == 0 else int(cash[first - 1])
        amounts = np.concatenate((np.array([before], np.int64), cash[first:end]))
        yield np.repeat(amounts, np.diff(np.concatenate(([part.start], edges[first:end], [part.stop]))))


def exposure(equity: Int64, cash: Iterable[Int64]) -> Exposure:
    """Exposure at each close is (equity - cash) / equity. Money units, equity int64[n], n >= 1; cash from cash_at."""
    held, largest, sums = 0, 0.0, [0.0]
    for part, part_cash in zip(row_blocks(len(equity)), cash, strict=True):
        invested = equity[part] - part_cash
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
