"""May we: which entry or leave is refused and why, and which loss halts. Numbers in, reason codes out (S15, S24)."""

from typing import NamedTuple

from safla.core.fills import worth
from safla.core.machine import HALTED, WARMING
from safla.core.pure import pure
from safla.core.scale import share_up
from safla.core.values import (
    ALREADY_LONG,
    BELOW_LOT,
    BELOW_MIN_NOTIONAL,
    COOLDOWN,
    INSUFFICIENT_CASH,
    MAX_EXPOSURE,
    MAX_OPEN_POSITIONS,
    NO_LEVEL,
    NO_REASON,
    NONE,
    NOT_LONG,
    ORDER_WAITING,
    WHILE_HALTED,
    WHILE_WARMING,
    Market,
    Rules,
)


class Refusal(NamedTuple):
    """Why not, and the two numbers that met (J16); reason NO_REASON where nothing is refused."""

    reason: int
    value: int
    limit: int


class Wish(NamedTuple):
    """What a decision about one symbol reads."""

    mode: int
    quantity: int  # held, quantity units
    order: int  # the number of the order that waits, 0 for none
    seen: int  # candles known since the last hole
    since_loss: int  # candles since the last losing exit, NONE if there was none
    taken: int  # positions and waiting entries of the account


@pure
def refused_enter(rules: Rules, wish: Wish) -> Refusal:
    """Whether an enter signal becomes an order, asked at the decision (S24)."""
    if wish.mode == HALTED:
        return Refusal(WHILE_HALTED, NONE, NONE)
    if wish.quantity > 0:
        return Refusal(ALREADY_LONG, NONE, NONE)
    if wish.mode == WARMING:
        return Refusal(WHILE_WARMING, wish.seen, rules.warm_up)
    if wish.order > 0:
        return Refusal(ORDER_WAITING, wish.order, NONE)
    if wish.since_loss != NONE and wish.since_loss < rules.cooldown_candles:
        return Refusal(COOLDOWN, wish.since_loss, rules.cooldown_candles)
    if wish.taken >= rules.max_open_positions:
        return Refusal(MAX_OPEN_POSITIONS, wish.taken, rules.max_open_positions)
    return Refusal(NO_REASON, NONE, NONE)


@pure
def refused_leave(quantity: int, order: int) -> Refusal:
    """Whether a leave signal becomes an order; a halt never refuses it (J16)."""
    if quantity == 0:
        return Refusal(NOT_LONG, NONE, NONE)
    if order > 0:
        return Refusal(ORDER_WAITING, order, NONE)
    return Refusal(NO_REASON, NONE, NONE)


@pure
def refused_money(exposed: int, allowed: int, amount: int, cash: int) -> Refusal:
    """Whether an entry finds room and money at the open (S24); all money units.

    exposed, allowed  notional of the open positions at this open (step.worth_at_open), and what the limit lets it be
    amount            the budget of sizing.budget
    """
    if exposed >= allowed:
        return Refusal(MAX_EXPOSURE, exposed, allowed)
    if amount == 0:
        return Refusal(INSUFFICIENT_CASH, cash, NONE)
    return Refusal(NO_REASON, NONE, NONE)


@pure
def refused_size(market: Market, amount: int, price: int, quantity: int, stop: int) -> Refusal:
    """Whether what the budget buys can be bought, protected, and sold again at its stop (S24, S25a).

    amount    the budget, money units
    price     of the fill, price units
    quantity  quantity units, 0 if the budget does not reach for a lot
    stop      the level in force after a fill at this price, price units; NONE: none
    """
    if quantity == 0:
        return Refusal(BELOW_LOT, amount, worth(price, market.lot, market.k))
    if stop != NONE and stop < market.tick:
        return Refusal(NO_LEVEL, stop, market.tick)
    notional = worth(price, quantity, market.k)
    if notional < market.min_notional:
        return Refusal(BELOW_MIN_NOTIONAL, notional, market.min_notional)
    if stop != NONE and worth(stop, quantity, market.k) < market.min_notional:
        return Refusal(BELOW_MIN_NOTIONAL, worth(stop, quantity, market.k), market.min_notional)
    return Refusal(NO_REASON, NONE, NONE)


@pure
def loss_met(reference: int, equity: int, limit_ppm: int) -> bool:
    """Whether the fall from a reference reaches its limit (S15); money units; a limit of 0 is none."""
    return limit_ppm > 0 and reference - equity >= share_up(reference, limit_ppm)
