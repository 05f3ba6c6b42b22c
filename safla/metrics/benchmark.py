"""Buy and hold: its return, and how the daily returns of the run relate to it (beta, alpha, correlation)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from safla.core.scale import MILLION
from safla.core.values import NONE, Columns, Float64, Int64
from safla.metrics.days import NO_VARIATION, daily_rate, too_few
from safla.metrics.growth import closed_at
from safla.metrics.metric import FEWEST_DAYS, YEAR_DAYS, Metric, finite_metric
from safla.metrics.sums import deviation, mean, total

MOST_EXPONENT = 700.0  # exp of it still fits in a float


class BenchmarkSymbol(NamedTuple):
    """A symbol to buy and hold: its candles, and the index of the candle at whose open it is bought, or NONE."""

    columns: Columns
    first: int


def market(columns: Columns, start_ts: int) -> BenchmarkSymbol:
    """Buy at the first tradable open: that of the first candle with volume at or after start_ts (ms)."""
    begin = int(np.searchsorted(columns.ts, start_ts))
    traded = columns.volume[begin:] > 0
    return BenchmarkSymbol(columns, begin + int(np.argmax(traded)) if np.any(traded) else NONE)


def held_return(markets: Sequence[BenchmarkSymbol], commission_ppm: int) -> Metric:
    """The return of buy and hold: equal parts, first tradable open to last close, commission at both ends; a ratio.

    Any quantity fills at the open: no lot, no slippage. The part of a market without volume stays in cash.
    """
    if all(held.first == NONE for held in markets):
        return Metric(None, "no candle had volume")
    rate = commission_ppm / MILLION
    parts = [_growth(held) * (1.0 - rate) / (1.0 + rate) if held.first != NONE else 1.0 for held in markets]
    return finite_metric(math.fsum(parts) / len(parts) - 1.0)


def _growth(held: BenchmarkSymbol) -> float:
    """Last close over the open of the purchase."""
    return float(held.columns.close[-1]) / float(held.columns.open[held.first])


def held_returns(markets: Sequence[BenchmarkSymbol], commission_ppm: int, midnights: Int64, step_ms: int) -> Float64:
    """Returns of buy and hold from each 00:00 UTC (ms) to the next, float64[midnights - 1]; nothing is sold."""
    levels = [_levels(held, commission_ppm, midnights, step_ms) for held in markets]
    whole = np.array([math.fsum(parts) for parts in zip(*levels, strict=True)])
    returns: Float64 = whole[1:] / whole[:-1] - 1.0
    return returns


def _levels(held: BenchmarkSymbol, commission_ppm: int, moments: Int64, step_ms: int) -> list[float]:
    """The value of one unit of money invested in a market, at each moment (ms)."""
    if held.first == NONE:
        return [1.0] * len(moments)
    closed = closed_at(moments, held.columns.ts, step_ms)
    cost = int(held.columns.open[held.first]) * (1.0 + commission_ppm / MILLION)
    levels: list[float] = np.where(
        closed > held.first, held.columns.close[np.maximum(closed, 1) - 1] / cost, 1.0
    ).tolist()
    return levels


def beta(returns: Float64, held: Float64) -> Metric:
    """cov(r, h) / var(h), r the daily returns and h those of buy and hold, both float64[days] (Sharpe 1964)."""
    if len(returns) < FEWEST_DAYS:
        return too_few(returns)
    if deviation(held) == 0.0:
        return Metric(None, "the market does not vary")
    return finite_metric(_covariance(returns, held) / _covariance(held, held))


def alpha(returns: Float64, held: Float64, slope: Metric, risk_free_rate: float) -> Metric:
    """(1 + a)^365 - 1, a = mean(r - rf) - beta * mean(h - rf): Jensen's daily alpha (1968), compounded to a year."""
    if slope.value is None:
        return slope
    rate = daily_rate(risk_free_rate)
    daily = (mean(returns) - rate) - slope.value * (mean(held) - rate)
    if daily <= -1.0 or YEAR_DAYS * math.log1p(daily) > MOST_EXPONENT:
        return Metric(None, "a year of it is beyond what a float can hold")
    return Metric(math.expm1(YEAR_DAYS * math.log1p(daily)))


def correlation(returns: Float64, held: Float64) -> Metric:
    """Pearson's r of the daily returns and those of buy and hold, both float64[days]."""
    if len(returns) < FEWEST_DAYS:
        return too_few(returns)
    spread = deviation(returns), deviation(held)
    if 0.0 in spread:
        return Metric(None, NO_VARIATION if spread[0] == 0.0 else "the market does not vary")
    return finite_metric(_covariance(returns, held) / (spread[0] * spread[1]))


def _covariance(first: Float64, second: Float64) -> float:
    """The sample covariance (ddof = 1)."""
    return total((first - mean(first)) * (second - mean(second))) / (len(first) - 1)
