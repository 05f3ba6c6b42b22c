"""Figures of the daily returns alone: volatility, Sharpe, Sortino and omega ratio, ulcer index, VaR and CVaR.

Each takes r_d, float64[days], ratios; a year has 365 days. risk_free_rate is a yearly rate.
"""

import math

import numpy as np

from safla.core.values import Float64
from safla.metrics.metric import FEWEST_DAYS, FEWEST_TAIL_DAYS, YEAR_DAYS, Metric, few, finite_metric
from safla.metrics.sums import deviation, mean, total

NO_VARIATION = "the daily returns do not vary"


def daily_rate(risk_free_rate: float) -> float:
    """The daily rate that compounds to a yearly rate."""
    return math.expm1(math.log1p(risk_free_rate) / YEAR_DAYS)


def volatility(returns: Float64) -> Metric:
    """std(r_d) * sqrt(365), ddof = 1: a yearly ratio."""
    if len(returns) < FEWEST_DAYS:
        return too_few(returns)
    return finite_metric(deviation(returns) * math.sqrt(YEAR_DAYS))


def too_few(returns: Float64, least: int = FEWEST_DAYS) -> Metric:
    """The undefined figure for fewer daily returns than it needs."""
    return few(len(returns), least, "daily returns")


def sharpe(returns: Float64, risk_free_rate: float) -> Metric:
    """mean(r_d - rf) / std(r_d) * sqrt(365), ddof = 1 (Sharpe 1994)."""
    if len(returns) < FEWEST_DAYS:
        return too_few(returns)
    spread = deviation(returns)
    if spread == 0.0:
        return Metric(None, NO_VARIATION)
    return finite_metric((mean(returns) - daily_rate(risk_free_rate)) / spread * math.sqrt(YEAR_DAYS))


def sortino(returns: Float64, risk_free_rate: float) -> Metric:
    """mean(r_d - rf) / sqrt(sum(min(r_d - rf, 0)^2) / N) * sqrt(365), all days in N (Sortino and van der Meer 1991)."""
    if len(returns) < FEWEST_DAYS:
        return too_few(returns)
    excess = returns - daily_rate(risk_free_rate)
    downside = math.sqrt(total(np.square(np.minimum(excess, 0.0))) / len(excess))
    if downside == 0.0:
        return Metric(None, "no day earned less than the risk-free rate")
    return finite_metric(mean(excess) / downside * math.sqrt(YEAR_DAYS))


def omega(returns: Float64) -> Metric:
    """Omega(0): the sum of the gains over the sum of the losses (Keating and Shadwick 2002)."""
    if len(returns) < FEWEST_DAYS:
        return too_few(returns)
    losses = -total(np.minimum(returns, 0.0))
    if losses == 0.0:
        return Metric(None, "no day lost")
    return finite_metric(total(np.maximum(returns, 0.0)) / losses)


def ulcer_index(returns: Float64) -> Metric:
    """sqrt(mean(drawdown^2)) of the daily levels, as a ratio (Martin 1989, who uses percent)."""
    if len(returns) < FEWEST_DAYS:
        return too_few(returns)
    levels = np.cumprod(1.0 + returns)
    falls = 1.0 - levels / np.maximum(np.maximum.accumulate(levels), 1.0)
    return finite_metric(math.sqrt(mean(np.square(falls))))


def value_at_risk(returns: Float64) -> Metric:
    """VaR 95 %: the loss that 95 % of the days did not exceed, a positive ratio; a gain is negative.

    Minus the historical 5 % quantile, interpolated linearly between two returns (Hyndman and Fan 1996, type 7).
    """
    if len(returns) < FEWEST_TAIL_DAYS:
        return too_few(returns, FEWEST_TAIL_DAYS)
    ordered = np.sort(returns).tolist()
    place, rest = divmod(len(ordered) - 1, 20)
    return Metric(-(ordered[place] + (ordered[place + 1] - ordered[place]) * rest / 20.0) + 0.0)


def tail_loss(returns: Float64) -> Metric:
    """CVaR 95 %: the mean loss of the days as bad as VaR 95 % or worse (Rockafellar and Uryasev 2000)."""
    if len(returns) < FEWEST_TAIL_DAYS:
        return too_few(returns, FEWEST_TAIL_DAYS)
    return finite_metric(-mean(np.sort(returns)[: (len(returns) - 1) // 20 + 1]) + 0.0)
