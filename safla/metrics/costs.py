"""The costs of trading, the break-even cost, and what an ambiguous exit would have brought at its other level."""

import numpy as np

from safla.core.fills import fee, sold_at
from safla.core.values import TAKE_PROFIT, Columns, Int64, Market, Rules
from safla.metrics.metric import Metric, finite_metric
from safla.metrics.trades import NO_TRADE

BPS = 10_000


def slippage_paid(reference: Int64, price: Int64, quantity: Int64, k: Int64) -> int:
    """The sum of |price - reference| * quantity * k over all fills, money units.

    each int64[fills]; reference is the price before slippage, k that of the market of the fill (D1)
    """
    return sum((np.abs(price - reference) * quantity * k).tolist())


def share_of_gross(cost: int, gross: Int64) -> Metric:
    """A cost over the sum of the gross profits of trades that gained. gross int64[trades], both in money units."""
    profits = sum(value for value in gross.tolist() if value > 0)
    if profits == 0:
        return Metric(None, "no trade gained before fees")
    return finite_metric(float(cost) / float(profits))


def break_even_bps(net_profit: int, notional: int, trades: int) -> Metric:
    """How much more every fill could cost, in bps of its notional, before the profit is 0; both in money units."""
    if trades == 0:
        return NO_TRADE
    return finite_metric(float(net_profit) / float(notional) * BPS)


def volume_before(columns: Columns, ts: int) -> int:
    """V_prev of S25: the last volume above 0 before the candle that opens at ts, volume units; 0 if there is none."""
    row = int(np.searchsorted(columns.ts, ts)) - 1
    while row >= 0 and int(columns.volume[row]) == 0:
        row -= 1
    return int(columns.volume[row]) if row >= 0 else 0


def as_target(rules: Rules, market: Market, level: int, quantity: int) -> int:
    """What selling at a target brings, money units: a limit order, so no slippage and the maker rate (S11, S26)."""
    notional = level * quantity * market.k
    return notional - fee(notional, rules.maker_commission_ppm)


def as_stop(rules: Rules, market: Market, level: int, quantity: int, volume: int) -> int:
    """What selling at a stop brings, money units: a market order (S25, S26). volume: V_prev."""
    notional = sold_at(rules, market, level, quantity, volume) * quantity * market.k
    return notional - fee(notional, rules.commission_ppm)


def if_otherwise(
    rules: Rules, market: Market, reason: int, other: int, quantity: int, proceeds: int, volume: int
) -> tuple[int, int]:
    """By how much an ambiguous exit changes if the target came first, and if the stop came first; money units (S12).

    reason    of the exit as it was filled
    other     the other level that its candle reached, price units
    proceeds  what the exit brought after its fee; volume: V_prev
    """
    if reason == TAKE_PROFIT:
        return 0, as_stop(rules, market, other, quantity, volume) - proceeds
    return as_target(rules, market, other, quantity) - proceeds, 0
