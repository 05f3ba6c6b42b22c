"""The size of an entry: confidence, budget, quantity. Whether there is an entry at all is decided in risk.py."""

from typing import NamedTuple

from safla.core.exits import Distances, levels_from, stop_in_force
from safla.core.fills import bought_at, fee
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
def loss_at(rules: Rules, market: Market, price: int, stop: int, quantity: int) -> int:
    """What a position that is sold at its stop has lost, both fees included, money units (S31).

    price, stop  price units; the notional at the price is at most LIMIT
    """
    bought, sold = price * quantity * market.k, stop * quantity * market.k
    return bought - sold + fee(bought, rules.commission_ppm) + fee(sold, rules.commission_ppm)


@pure
def within_loss(rules: Rules, market: Market, price: int, stop: int, loss: int, most: int) -> int:
    """The largest quantity of whole lots, up to a most, that loses no more than a loss at its stop (S31).

    most  quantity units; its notional is at most LIMIT
    """
    fewer, more = 0, min(most, loss // market.k // (price - stop)) // market.lot  # without fees it loses too much above
    while fewer < more:
        lots = (fewer + more + 1) // 2
        if loss_at(rules, market, price, stop, lots * market.lot) <= loss:
            fewer = lots
        else:
            more = lots - 1
    return fewer * market.lot


@pure
def quantity_at(rules: Rules, market: Market, amount: int, loss: int, distances: Distances, price: int) -> int:
    """The quantity of an entry at a price: what the budget buys, and no more than the risk allows (S23, S31).

    amount     the budget, money units
    loss       the most that may be lost at the stop, money units; not read where risk_ppm is 0
    distances  of the entry (S30)
    """
    quantity = affordable(amount, price, market, rules.commission_ppm)
    if rules.risk_ppm == 0 or quantity == 0:
        return quantity
    stop = stop_in_force(rules, levels_from(rules, market.tick, price, distances))
    return within_loss(rules, market, price, max(stop, 0), loss, quantity)  # without a stop everything may be lost


@pure
def sized(
    rules: Rules, market: Market, amount: int, loss: int, distances: Distances, reference: int, volume: int
) -> tuple[int, int]:
    """Quantity and price of an entry (S23), sized at the open and again at the price after slippage.

    amount, loss, distances  as in quantity_at
    reference                the open, price units
    volume                   V_prev as in fills.bought_at
    returns                  (quantity, price); where it does not come to one lot, 0 and the price of one lot
    """
    first = quantity_at(rules, market, amount, loss, distances, reference)
    price = bought_at(rules, market, reference, max(first, market.lot), volume)
    return min(first, quantity_at(rules, market, amount, loss, distances, price)), price
