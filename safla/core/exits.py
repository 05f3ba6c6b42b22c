"""Stop loss, take profit, trailing stop: the levels of a position, and which of them a candle hits. Pure."""

from typing import NamedTuple

from safla.core.pure import pure
from safla.core.scale import share_down, share_up
from safla.core.values import NO_REASON, NONE, STOP_LOSS, TAKE_PROFIT, TRAILING_STOP, Rules


class Levels(NamedTuple):
    """Where an open long position is left. Price units; 0 means that a level is not set."""

    stop: int
    target: int
    trail: int
    arm: int  # the highest price that arms the trail
    highest: int  # the fill price or the highest high since


class Hit(NamedTuple):
    """Which exit, the price there before slippage and fee, and the other level where the candle spans both."""

    reason: int
    price: int  # price units
    other: int  # price units, 0: the candle leaves no doubt (S12)


@pure
def levels_from(rules: Rules, tick: int, price: int) -> Levels:
    """The levels of a position filled at a price (S10, S27), price units, rounded up to the tick."""
    stop = stop_below(price, rules.stop_loss_ppm, tick) if rules.stop_loss_ppm > 0 else 0
    target = target_above(price, rules.take_profit_ppm, tick) if rules.take_profit_ppm > 0 else 0
    arm = price + share_up(price, rules.trailing_activation_ppm)
    return raise_trail(rules, tick, Levels(stop, target, 0, arm, price), price)


@pure
def stop_in_force(rules: Rules, levels: Levels) -> int:
    """The higher of stop and trail (S27), price units; NONE where neither is set."""
    if rules.stop_loss_ppm > 0 or (rules.trailing_stop_ppm > 0 and levels.highest >= levels.arm):
        return max(levels.stop, levels.trail)
    return NONE


@pure
def stop_below(price: int, distance_ppm: int, tick: int) -> int:
    """A share below a price, rounded up to the tick, one tick below it at least (S27): the stop of a long."""
    return min(-(-(price - share_down(price, distance_ppm)) // tick), (price - tick) // tick) * tick


@pure
def target_above(price: int, distance_ppm: int, tick: int) -> int:
    """A share above a price, rounded up to the tick, one tick above it at least (S27): the target of a long."""
    return max(-(-(price + share_up(price, distance_ppm)) // tick), -(-(price + tick) // tick)) * tick


@pure
def short_stop_above(price: int, distance_ppm: int, tick: int) -> int:
    """The stop of a short, above its price: rounded down to the tick, one tick above at least (S27, turned round)."""
    return max((price + share_down(price, distance_ppm)) // tick, -(-(price + tick) // tick)) * tick


@pure
def short_target_below(price: int, distance_ppm: int, tick: int) -> int:
    """The target of a short, below its price: rounded down to the tick, one tick below at least (S27, turned round)."""
    return min((price - share_up(price, distance_ppm)) // tick, (price - tick) // tick) * tick


@pure
def gross_of_long(entry: int, exit_price: int, quantity: int, k: int) -> int:
    """Profit of a long before fees, money units."""
    return (exit_price - entry) * quantity * k


@pure
def gross_of_short(entry: int, exit_price: int, quantity: int, k: int) -> int:
    """Profit of a short before fees, money units: the sign of a long's turned (S27)."""
    return (entry - exit_price) * quantity * k


@pure
def raise_trail(rules: Rules, tick: int, levels: Levels, high: int) -> Levels:
    """The levels after a candle has closed: the trail follows the highest high and never falls (S14, S27).

    rules     trailing_stop_ppm: distance below the highest price in parts per million; 0 = no trailing stop
    tick      of the symbol, price units
    high      of the closed candle, price units
    returns   new Levels, price units; the trail is rounded up to the tick, one tick below the highest at least
    """
    highest = max(levels.highest, high)
    trail = levels.trail
    if rules.trailing_stop_ppm > 0 and highest >= levels.arm:
        trail = max(trail, stop_below(highest, rules.trailing_stop_ppm, tick))
    return Levels(levels.stop, levels.target, trail, levels.arm, highest)


@pure
def reached(stop: int, trail: int, target: int, low: int, high: int) -> bool:
    """Whether prices from low to high may reach a level: cheap, asked on every candle before the exits below decide."""
    return low <= stop or low <= trail or (target > 0 and high >= target)


@pure
def exit_at_open(rules: Rules, levels: Levels, price: int) -> Hit:
    """The exit where a candle opens beyond a level (S9), price units; Hit(NO_REASON, 0, 0) if it does not.

    A stop that was jumped over gives the open. A target that was jumped over gives the target, or the open with
    target_improvement. Where a touch fills a target, opening at it does too.
    """
    if price <= max(levels.stop, levels.trail):
        return Hit(stop_reason(levels), price, 0)
    if levels.target > 0 and price >= levels.target + 1 - rules.touch:
        return Hit(TAKE_PROFIT, price if rules.target_improvement == 1 else levels.target, 0)
    return Hit(NO_REASON, 0, 0)


@pure
def exit_inside(rules: Rules, levels: Levels, low: int, high: int) -> Hit:
    """Which level a candle hits after its open (S11), in price units; Hit(NO_REASON, 0, 0) if it hits none.

    A touch is enough for a stop; a target must be passed, or touched with rules.touch. A candle that spans both does
    not tell which came first: it counts as stopped (with rules.optimistic: as filled), and the hit says so (S12).
    """
    stop = max(levels.stop, levels.trail)
    stopped = low <= stop
    beyond = levels.target > 0 and high >= levels.target + 1 - rules.touch
    if beyond and (rules.optimistic == 1 or not stopped):
        return Hit(TAKE_PROFIT, levels.target, stop if stopped else 0)
    if stopped:
        return Hit(stop_reason(levels), stop, levels.target if beyond else 0)
    return Hit(NO_REASON, 0, 0)


@pure
def stop_reason(levels: Levels) -> int:
    """The name of the stop in force: the higher of stop and trail (S27)."""
    return TRAILING_STOP if levels.trail > levels.stop else STOP_LOSS
