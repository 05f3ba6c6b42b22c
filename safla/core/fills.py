"""Fill prices: slippage, commission, rounding. No mode and no state: numbers of an order in, a price or fee out."""

from safla.core.pure import pure
from safla.core.scale import LIMIT, share_up, times
from safla.core.values import Market, Rules


@pure
def bought_at(rules: Rules, market: Market, reference: int, quantity: int, volume: int) -> int:
    """The price of a market buy (S25), price units, on the tick.

    reference  price before slippage, price units
    quantity   of the order, quantity units
    volume     V_prev, the last volume above 0 before this candle, volume units; 0 if there is none yet
    """
    price = reference + share_up(reference, slippage_ppm(rules, market, quantity, volume))
    return -(-price // market.tick) * market.tick


@pure
def sold_at(rules: Rules, market: Market, reference: int, quantity: int, volume: int) -> int:
    """The price of a market sell or a stop (S25), price units, on the tick, at least one tick (S25a).

    Arguments as in bought_at.
    """
    price = reference - share_up(reference, slippage_ppm(rules, market, quantity, volume))
    return max(price // market.tick, 1) * market.tick


@pure
def slippage_ppm(rules: Rules, market: Market, quantity: int, volume: int) -> int:
    """Adverse distance from the reference in parts per million, rounded up (S25). Arguments as in bought_at."""
    ours = times(quantity, market.quantity_up)
    theirs = times(volume, market.volume_up)
    if theirs == 0 or ours >= theirs:
        return rules.max_slippage_ppm
    while theirs >= 2**31:  # so that impact_ppm * ours fits in int64
        theirs = theirs // 10
        ours = -(-ours // 10)
    return min(rules.max_slippage_ppm, rules.base_slippage_ppm - (-rules.impact_ppm * ours // theirs))


@pure
def fee(notional: int, rate_ppm: int) -> int:
    """Commission on a notional, money units, rounded up (S26)."""
    return share_up(notional, rate_ppm)


@pure
def fits(price: int, quantity: int, k: int, rest: int) -> bool:
    """Whether rest + price * quantity * k is at most LIMIT (D1). The product, which may wrap, is not computed."""
    return rest <= LIMIT and price <= (LIMIT - rest) // (quantity * k)


@pure
def worth(price: int, quantity: int, k: int) -> int:
    """price * quantity * k in money units, at most LIMIT: for amounts that are only compared."""
    return times(times(price, quantity), k) if quantity > 0 else 0
