"""Which entries and exits are rejected and why, and which loss halts. Numbers in, reason codes out (S15, S24)."""

from typing import NamedTuple

from safla.core.exits import Distances
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
    MAX_DAILY_TRADES,
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


class Rejection(NamedTuple):
    """The reason, and the two numbers that were compared (J16); the reason NO_REASON means: not rejected."""

    reason: int
    value: int
    limit: int


class EntryRequest(NamedTuple):
    """What the decision about an entry of one symbol depends on."""

    mode: int
    quantity: int  # of the open position, quantity units
    order: int  # the number of the order that waits, 0 for none
    seen: int  # candles since the first one of the run
    since_gap: int  # candles known since the last gap
    since_loss: int  # candles since the last losing exit, NONE if there was none
    taken: int  # open positions plus waiting entries of the account


@pure
def rejected_entry(rules: Rules, request: EntryRequest) -> Rejection:
    """Whether an enter signal is rejected, at the decision (S24). The order of the checks is the order of S24."""
    if request.mode == HALTED:
        return Rejection(WHILE_HALTED, NONE, NONE)
    if request.quantity > 0:
        return Rejection(ALREADY_LONG, NONE, NONE)
    if request.mode == WARMING and request.seen < rules.warm_up:
        return Rejection(WHILE_WARMING, request.seen, rules.warm_up)
    if request.mode == WARMING:
        return Rejection(WHILE_WARMING, request.since_gap, rules.settle)
    if request.order > 0:
        return Rejection(ORDER_WAITING, request.order, NONE)
    if request.since_loss != NONE and request.since_loss < rules.cooldown_candles:
        return Rejection(COOLDOWN, request.since_loss, rules.cooldown_candles)
    if request.taken >= rules.max_open_positions:
        return Rejection(MAX_OPEN_POSITIONS, request.taken, rules.max_open_positions)
    return Rejection(NO_REASON, NONE, NONE)


@pure
def rejected_for_distances(rules: Rules, tick: int, close: int, distances: Distances) -> Rejection:
    """Whether a distance that the strategy gives makes no level, at the decision (S30).

    It is not known, or below one tick; or that of the stop is not below the close.
    """
    for given, distance in (
        (rules.stop_distance, distances.stop),
        (rules.target_distance, distances.target),
        (rules.trail_distance, distances.trail),
    ):
        if given == 1 and distance < tick:
            return Rejection(NO_LEVEL, distance, tick)  # NONE is null
    if rules.stop_distance == 1 and distances.stop >= close:
        return Rejection(NO_LEVEL, distances.stop, tick)
    return Rejection(NO_REASON, NONE, NONE)


@pure
def rejected_exit(quantity: int, order: int) -> Rejection:
    """Whether an exit signal is rejected; a halt is never a reason (J16)."""
    if quantity == 0:
        return Rejection(NOT_LONG, NONE, NONE)
    if order > 0:
        return Rejection(ORDER_WAITING, order, NONE)
    return Rejection(NO_REASON, NONE, NONE)


@pure
def rejected_for_day(rules: Rules, entries: int) -> Rejection:
    """Whether as many entries as a UTC day may have are filled on it already."""
    if rules.max_daily_trades > 0 and entries >= rules.max_daily_trades:
        return Rejection(MAX_DAILY_TRADES, entries, rules.max_daily_trades)
    return Rejection(NO_REASON, NONE, NONE)


@pure
def rejected_for_cash(exposed: int, allowed: int, amount: int, cash: int) -> Rejection:
    """Whether an entry is rejected at the open for lack of room or cash (S24); all money units.

    exposed, allowed  notional of the open positions at this open (step.worth_at_open), and the most that is allowed
    amount            the budget of sizing.budget
    """
    if exposed >= allowed:
        return Rejection(MAX_EXPOSURE, exposed, allowed)
    if amount == 0:
        return Rejection(INSUFFICIENT_CASH, cash, NONE)
    return Rejection(NO_REASON, NONE, NONE)


@pure
def rejected_for_size(
    market: Market, amount: int, price: int, quantity: int, stop: int, distances: Distances
) -> Rejection:
    """Whether the quantity can be bought, protected by its stop, and sold again at that stop (S24, S25a).

    amount    the budget, money units
    price     of the fill, price units
    quantity  quantity units, 0 if the budget does not buy one lot
    stop      the stop in force after a fill at this price, price units; NONE if there is none
    distances of the entry (S30)
    """
    if quantity == 0:
        return Rejection(BELOW_LOT, amount, worth(price, market.lot, market.k))
    for distance in (distances.stop, distances.trail):
        if distance != NONE and price - distance < market.tick:
            return Rejection(NO_LEVEL, distance, market.tick)
    if stop != NONE and stop < market.tick:
        return Rejection(NO_LEVEL, stop, market.tick)
    notional = worth(price, quantity, market.k)
    if notional < market.min_notional:
        return Rejection(BELOW_MIN_NOTIONAL, notional, market.min_notional)
    if stop != NONE and worth(stop, quantity, market.k) < market.min_notional:
        return Rejection(BELOW_MIN_NOTIONAL, worth(stop, quantity, market.k), market.min_notional)
    return Rejection(NO_REASON, NONE, NONE)


@pure
def loss_met(reference: int, equity: int, limit_ppm: int) -> bool:
    """Whether the fall from a reference reaches its limit (S15); money units; a limit of 0 means no limit."""
    return limit_ppm > 0 and reference - equity >= share_up(reference, limit_ppm)
