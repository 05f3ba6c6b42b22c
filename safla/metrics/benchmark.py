"""Against buying and holding: what that came to, and how the daily returns relate to it. No trade of ours."""

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

MOST_EXPONENT = 700.0  # of what a float can hold


class BenchmarkSymbol(NamedTuple):
    """One symbol as it could be bought and held: its candles, and the one at whose open it is bought, NONE: none."""

    columns: Columns
    first: int


def market(columns: Columns, start_ts: int) -> BenchmarkSymbol:
    """Bought at the first tradable open: of the first candle at or after a time (ms) that has volume."""
    begin = int(np.searchsorted(columns.ts, start_ts))
    traded = columns.volume[begin:] > 0
    return BenchmarkSymbol(columns, begin + int(np.argmax(traded)) if np.any(traded) else NONE)


def held_return(markets: Sequence[BenchmarkSymbol], commission_ppm: int) -> Metric:
    """The balance in equal parts over the markets, first tradable open to last close, commission at both ends; a ratio.

    Coins are divisible and fill at the open: no lot, no slippage. A market without volume keeps its part in cash.
    """
    if all(one.first == NONE for one in markets):
        return Metric(None, "no candle had volume")
    rate = commission_ppm / MILLION
    parts = [_grown(one) * (1.0 - rate) / (1.0 + rate) if one.first != NONE else 1.0 for one in markets]
    return finite_metric(math.fsum(parts) / len(parts) - 1.0)


def _grown(one: BenchmarkSymbol) -> float:
    return float(one.columns.close[-1]) / float(one.columns.open[one.first])


def held_returns(markets: Sequence[BenchmarkSymbol], commission_ppm: int, midnights: Int64, step_ms: int) -> Float64:
    """Returns of that holding from each 00:00 UTC (ms) to the next, float64[midnights - 1]; nothing is sold."""
    levels = [_levels(one, commission_ppm, midnights, step_ms) for one in markets]
    whole = np.array([math.fsum(parts) for parts in zip(*levels, strict=True)])
    returns: Float64 = whole[1:] / whole[:-1] - 1.0
    return returns


def _levels(one: BenchmarkSymbol, commission_ppm: int, moments: Int64, step_ms: int) -> list[float]:
    """What one unit of money in a market is worth at each moment."""
    if one.first == NONE:
        return [1.0] * len(moments)
    closed = closed_at(moments, one.columns.ts, step_ms)
    cost = int(one.columns.open[one.first]) * (1.0 + commission_ppm / MILLION)
    levels: list[float] = np.where(
        closed > one.first, one.columns.close[np.maximum(closed, 1) - 1] / cost, 1.0
    ).tolist()
    return levels


def beta(returns: Float64, held: Float64) -> Metric:
    """cov(r, h) / var(h) of daily returns and those of the holding, float64[days] both (Sharpe 1964)."""
    if len(returns) < FEWEST_DAYS:
        return too_few(returns)
    if deviation(held) == 0.0:
        return Metric(None, "the market does not vary")
    return finite_metric(_covariance(returns, held) / _covariance(held, held))


def alpha(returns: Float64, held: Float64, slope: Metric, risk_free_rate: float) -> Metric:
    """(1 + a)^365 - 1, a = mean(r - rf) - beta * mean(h - rf): Jensen's alpha (1968) of a day, compounded to a year."""
    if slope.value is None:
        return slope
    rate = daily_rate(risk_free_rate)
    daily = (mean(returns) - rate) - slope.value * (mean(held) - rate)
    if daily <= -1.0 or YEAR_DAYS * math.log1p(daily) > MOST_EXPONENT:
        return Metric(None, "a year of it is beyond what a float can hold")
    return Metric(math.expm1(YEAR_DAYS * math.log1p(daily)))


def correlation(returns: Float64, held: Float64) -> Metric:
    """Pearson's r of daily returns and those of the holding, float64[days] both."""
    if len(returns) < FEWEST_DAYS:
        return too_few(returns)
    spread = deviation(returns), deviation(held)
    if 0.0 in spread:
        return Metric(None, NO_VARIATION if spread[0] == 0.0 else "the market does not vary")
    return finite_metric(_covariance(returns, held) / (spread[0] * spread[1]))


def _covariance(one: Float64, other: Float64) -> float:
    """Of samples (ddof = 1)."""
    return total((one - mean(one)) * (other - mean(other))) / (len(one) - 1)
