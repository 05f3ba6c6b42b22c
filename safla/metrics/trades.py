"""Figures of the closed trades: win rate, payoff, expectancy, Kelly, R multiples, SQN, streaks.

net is int64[trades], money units, after all costs, in the order in which the trades closed.
"""

import math
from itertools import groupby

import numpy as np

from safla.core.exits import Distances, levels_from, stop_in_force
from safla.core.pure import entry_point
from safla.core.values import NONE, Float64, Int64, Int64Table, Rules
from safla.metrics.metric import FEWEST_TRADES, Metric, few, finite_metric
from safla.metrics.sums import deviation, mean

NO_TRADE = Metric(None, "no trade was closed")
NO_LOSS = Metric(None, "no trade lost")
NO_STOP = "no stop was set at the entry"


def win_rate(net: Int64) -> Metric:
    """The share of trades with a profit after all costs."""
    if len(net) == 0:
        return NO_TRADE
    return Metric(float(np.count_nonzero(net > 0)) / float(len(net)))


def profit_factor(net: Int64) -> Metric:
    """Sum of the net wins over the sum of the net losses."""
    profits, losses = sums_of_sides(net)
    if len(net) == 0:
        return NO_TRADE
    return Metric(float(profits) / float(losses)) if losses > 0 else NO_LOSS


def sums_of_sides(net: Int64) -> tuple[int, int]:
    """The sum of the profits and the sum of the losses, money units, both positive."""
    values = net.tolist()
    return sum(value for value in values if value > 0), sum(-value for value in values if value < 0)


def payoff(net: Int64) -> Metric:
    """The mean net profit of winning trades over the mean net loss of losing trades."""
    wins, losses = int(np.count_nonzero(net > 0)), int(np.count_nonzero(net < 0))
    if len(net) == 0:
        return NO_TRADE
    if losses == 0:
        return NO_LOSS
    if wins == 0:
        return Metric(None, "no trade won")
    won, lost = sums_of_sides(net)
    return Metric(float(won) / float(wins) / (float(lost) / float(losses)))


def kelly(net: Int64) -> Metric:
    """p - (1 - p) / b, p the win rate and b the payoff: the share of capital to risk (Kelly 1956)."""
    if len(net) < FEWEST_TRADES:
        return few(len(net), FEWEST_TRADES, "trades")
    odds, rate = payoff(net), win_rate(net)
    if odds.value is None or rate.value is None:
        return odds
    return finite_metric(rate.value - (1.0 - rate.value) / odds.value)


def expectancy(values: Float64) -> Metric:
    """The mean result of a trade. values float64[trades]: money, shares of the entry notional, or R."""
    return finite_metric(mean(values)) if len(values) else NO_TRADE


def sqn(multiples: Float64) -> Metric:
    """System quality number: sqrt(trades) * mean(R) / std(R), ddof = 1, over all trades (Tharp 2008)."""
    if len(multiples) < FEWEST_TRADES:
        return few(len(multiples), FEWEST_TRADES, "trades")
    spread = deviation(multiples)
    if spread == 0.0:
        return Metric(None, "the trades do not vary")
    return finite_metric(math.sqrt(len(multiples)) * mean(multiples) / spread)


@entry_point
def first_stops(rules: Rules, ticks: Int64, entries: Int64, distances: Int64Table, stops: Int64) -> None:
    """The stop in force when a position is filled at a price (S27), for each trade.

    ticks      int64[trades], of the trade's market, price units
    entries    int64[trades], the prices of the entries, price units
    distances  int64[trades, 3], of stop, target and trail of the entries (S30), price units; NONE for none
    stops      int64[trades], takes the stops, price units; NONE where there is none
    """
    for i in range(len(entries)):
        given = Distances(int(distances[i, 0]), int(distances[i, 1]), int(distances[i, 2]))
        stops[i] = stop_in_force(rules, levels_from(rules, int(ticks[i]), int(entries[i]), given))


def r_multiple(net: int, entry: int, stop: int, quantity: int, k: int) -> float | None:
    """R: net profit over the money at risk, quantity * (entry - first stop); None without a stop (Tharp 1998).

    entry, stop in price units, stop NONE if there is none; quantity in quantity units; k of Market; net in money units
    """
    return None if stop == NONE else float(net) / float(quantity * (entry - stop) * k)


def longest_streak(won: list[bool]) -> int:
    """The length of the longest run of True."""
    return max((sum(1 for _ in run) for value, run in groupby(won) if value), default=0)
