"""The size of an entry: confidence, budget, quantity. Whether there is an entry at all is decided in risk.py."""

from typing import NamedTuple

from safla.core.fills import bought_at
from safla.core.pure import pure
from safla.core.scale import LIMIT, MILLION, mul_div, share_down
from safla.core.values import Market, Rules


class Confidence(NamedTuple):
    """How the strength of a strategy becomes a confidence: strength / threshold, at most the cap (S23)."""

    cap_ppm: int
    threshold_ppm: int  # the strength of confidence 1; 0: every entry has the cap


@pure
def confidence_ppm(strength: float, cap_ppm: int, threshold_ppm: int) -> int:
    """Confidence in a signal, parts per million: strength over threshold, at most the cap (S23).

    threshold_ppm  0: the cap, whatever the strength
    """
    if threshold_ppm == 0:
        return cap_ppm
    scaled = strength / (float(threshold_ppm) / 1e6) * 1e6
    if scaled >= float(cap_ppm):
        return cap_ppm
    return int(scaled)


@pure
def budget(rules: Rules, confidence: int, equity: int, cash: int, room: int) -> int:
    """What an entry may cost including its fee, money units (S23).

    confidence  parts per million
    equity      at the last mark, money units
    cash        money units, at least 0
    room        what the exposure limit leaves, money units; may be below 0
    """
    desired = LIMIT
    if rules.max_position > 0:
        desired = share_down(share_down(rules.max_position, rules.position_size_ppm), confidence)
    if rules.equity_share_ppm > 0:
        desired = min(desired, share_down(share_down(equity, rules.equity_share_ppm), confidence))
    return max(0, min(desired, share_down(cash, rules.max_exposure_ppm), room))


@pure
def affordable(amount: int, price: int, market: Market, commission_ppm: int) -> int:
    """The quantity that an amount buys at a price, fee included, rounded down to the lot (S23); quantity units."""
    notional = mul_div(amount, MILLION, MILLION + commission_ppm)
    return notional // market.k // price // market.lot * market.lot  # k first, because price * k may exceed int64


@pure
def sized(rules: Rules, market: Market, amount: int, reference: int, volume: int) -> tuple[int, int]:
    """Quantity and price of an entry (S23), sized at the open and again at the price after slippage.

    amount     the budget, money units
    reference  the open, price units
    volume     V_prev as in fills.bought_at
    returns    (quantity, price); quantity 0 where the budget does not buy one lot, and price is then that of one lot
    """
    first = affordable(amount, reference, market, rules.commission_ppm)
    price = bought_at(rules, market, reference, max(first, market.lot), volume)
    return min(first, affordable(amount, price, market, rules.commission_ppm)), price
