"""Figures of a run: arrays in, numbers out (SEMANTICS 7). No labels, no percent signs; what is undefined says why."""

import math
from typing import NamedTuple

import numpy as np

from safla.core.values import DAY_MS, Float64, Int64

YEAR_DAYS = 365  # the market never closes
FEWEST_DAYS = 30


class Metric(NamedTuple):
    """A figure, or None with the reason why there is none: never 0 for want of data, never infinity."""

    value: float | None
    reason: str | None = None


def total_return(equity: Int64, balance: int) -> Metric:
    """E_T / E_0 - 1. equity int64[n] at each candle close, balance at the start; money units."""
    last = int(equity[-1]) if len(equity) else balance
    return Metric(float(last - balance) / float(balance))


def max_drawdown(equity: Int64, balance: int) -> Metric:
    """max(1 - E_i / peak_i) on candle closes, the peak beginning at the balance; a positive ratio."""
    if len(equity) == 0:
        return Metric(0.0)
    peaks = np.maximum(np.maximum.accumulate(equity), balance)
    return Metric(float(np.max((peaks - equity) / peaks)))


def daily_returns(ts: Int64, equity: Int64, balance: int, step_ms: int) -> Float64:
    """r_d: returns of the last equity at or before each 00:00 UTC, every calendar day, float64[days].

    ts       int64[n], the open times of the candles, ms; equity is marked at ts + step_ms
    balance  the equity at the first open
    """
    if len(ts) == 0:
        return np.zeros(0)
    first, last = int(ts[0]), int(ts[-1]) + step_ms
    midnights = np.arange(-(-first // DAY_MS) * DAY_MS, last + 1, DAY_MS)
    marks = np.searchsorted(ts + step_ms, midnights, side="right")  # how many closes are at or before each midnight
    levels = np.concatenate(([balance], equity))[marks].astype(np.float64)
    return levels[1:] / levels[:-1] - 1.0


def sharpe(returns: Float64, risk_free_rate: float) -> Metric:
    """mean(r_d - rf) / std(r_d) * sqrt(365), ddof = 1; risk_free_rate a year (Sharpe 1994)."""
    days = len(returns)
    if days < FEWEST_DAYS:
        return Metric(None, f"{days} daily returns, at least {FEWEST_DAYS} are needed")
    daily = (1.0 + risk_free_rate) ** (1.0 / YEAR_DAYS) - 1.0
    values = returns.tolist()
    mean = math.fsum(values) / days
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (days - 1))
    if deviation == 0.0:
        return Metric(None, "the daily returns do not vary")
    return Metric((mean - daily) / deviation * math.sqrt(YEAR_DAYS))


def win_rate(net: Int64) -> Metric:
    """Trades with a profit after all costs over all trades; net int64[trades], money units."""
    if len(net) == 0:
        return Metric(None, "no trade was closed")
    return Metric(float(np.count_nonzero(net > 0)) / float(len(net)))


def profit_factor(net: Int64) -> Metric:
    """Sum of the net wins over the sum of the net losses; net int64[trades], money units."""
    if len(net) == 0:
        return Metric(None, "no trade was closed")
    lost = sum(-value for value in net.tolist() if value < 0)
    if lost == 0:
        return Metric(None, "no trade lost")
    return Metric(float(sum(value for value in net.tolist() if value > 0)) / float(lost))


def significant(value: float) -> float:
    """A figure as it is written: 12 significant digits, so that every machine writes the same."""
    return float(f"{value:.12g}") + 0.0
