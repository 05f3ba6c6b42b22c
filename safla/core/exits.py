"""Stop-loss, take-profit and trailing stop: the levels of a position, and which of them a candle hits."""

from typing import NamedTuple

from safla.core.pure import pure
from safla.core.scale import share_down, share_up
from safla.core.values import BREAK_EVEN, NO_REASON, NONE, STOP_LOSS, TAKE_PROFIT, TRAILING_STOP, Rules


class Levels(NamedTuple):
    """The prices at which an open long position is closed, price units; 0: the level is not set."""

    stop: int
    target: int
    trail: int
    arm: int  # the trail starts once the highest price has reached this
    highest: int  # the higher of the fill price and every high since
    even: int  # the stop, once break-even has raised it


class Distances(NamedTuple):
    """How far the levels of an entry are from its fill price, as its strategy says, price units; NONE: it does not."""

    stop: int
    target: int
    trail: int


class Hit(NamedTuple):
    """An exit: its reason, its price before slippage and fee, and the other level if the candle reached both."""

    reason: int
    price: int  # price units
    other: int  # price units; 0: the candle reached one level only, so the exit is not ambiguous (S12)


@pure
def levels_from(rules: Rules, tick: int, price: int, distances: Distances) -> Levels:
    """The levels of a position filled at a price (S10, S27, S30), price units, rounded up to the tick."""
    stop = target = 0
    if rules.stop_distance == 1:
        stop = level_below(price, distances.stop, tick)
    elif rules.stop_loss_ppm > 0:
        stop = stop_below(price, rules.stop_loss_ppm, tick)
    if rules.target_distance == 1:
        target = level_above(price, distances.target, tick)
    elif rules.take_profit_ppm > 0:
        target = target_above(price, rules.take_profit_ppm, tick)
    arm = price + share_up(price, rules.trailing_activation_ppm)
    return raise_stops(rules, tick, price, Levels(stop, target, 0, arm, price, 0), price, distances.trail)


@pure
def stop_in_force(rules: Rules, levels: Levels) -> int:
    """The highest of the stops (S27, S44), price units; NONE where none is set."""
    trails = rules.trailing_stop_ppm > 0 or rules.trail_distance == 1
    if rules.stop_loss_ppm > 0 or rules.stop_distance == 1 or (trails and levels.highest >= levels.arm):
        return max(levels.stop, levels.trail)
    return NONE


@pure
def level_below(price: int, distance: int, tick: int) -> int:
    """A level below a price: rounded up to the tick, at least one tick below the price, and not below 0 (S27)."""
    return max(min(-(-(price - distance) // tick), (price - tick) // tick), 0) * tick


@pure
def level_above(price: int, distance: int, tick: int) -> int:
    """A level above a price: rounded up to the tick, at least one tick above the price (S27)."""
    return max(-(-(price + distance) // tick), -(-(price + tick) // tick)) * tick


@pure
def stop_below(price: int, distance_ppm: int, tick: int) -> int:
    """The stop of a long, a share below a price (S27)."""
    return level_below(price, share_down(price, distance_ppm), tick)


@pure
def target_above(price: int, distance_ppm: int, tick: int) -> int:
    """The target of a long, a share above a price (S27)."""
    return level_above(price, share_up(price, distance_ppm), tick)


@pure
def step_target(price: int, gain_ppm: int, tick: int) -> int:
    """The target of a step: a gain, or a loss if below 0, on the fill price; rounded up to the tick (S40).

    gain_ppm  above -1 000 000, so that the target is at least one tick
    """
    level = price + share_up(price, gain_ppm) if gain_ppm >= 0 else price - share_down(price, -gain_ppm)
    return -(-level // tick) * tick


@pure
def short_stop_above(price: int, distance_ppm: int, tick: int) -> int:
    """The stop of a short, above its price: rounded down to the tick, at least one tick above (S27, mirrored)."""
    return max((price + share_down(price, distance_ppm)) // tick, -(-(price + tick) // tick)) * tick


@pure
def short_target_below(price: int, distance_ppm: int, tick: int) -> int:
    """The target of a short, below its price: rounded down to the tick, at least one tick below (S27, mirrored)."""
    return min((price - share_up(price, distance_ppm)) // tick, (price - tick) // tick) * tick


@pure
def gross_of_long(entry: int, exit_price: int, quantity: int, k: int) -> int:
    """Profit of a long before fees, money units."""
    return (exit_price - entry) * quantity * k


@pure
def gross_of_short(entry: int, exit_price: int, quantity: int, k: int) -> int:
    """Profit of a short before fees, money units: that of a long with the opposite sign (S27)."""
    return (entry - exit_price) * quantity * k


@pure
def raise_stops(rules: Rules, tick: int, entry: int, levels: Levels, high: int, distance: int) -> Levels:
    """The levels after a candle has closed: the trail follows the highest high and never falls (S14, S27).

    Once the highest price is far enough above the entry, the stop is at least break-even (S43).

    rules     trailing_stop_ppm: distance below the highest price in parts per million; 0 = no trailing stop
    tick      of the symbol, price units
    entry     the fill price, price units
    high      of the closed candle, price units
    distance  of the trail at that candle, where the strategy gives it (S30); NONE raises nothing
    returns   new Levels, price units; the trail is rounded up to the tick, at least one tick below the highest price
    """
    highest = max(levels.highest, high)
    trail = levels.trail
    if highest >= levels.arm:
        if rules.trail_distance == 1 and distance != NONE:
            trail = max(trail, level_below(highest, distance, tick))
        elif rules.trail_distance == 0 and rules.trailing_stop_ppm > 0:
            trail = max(trail, stop_below(highest, rules.trailing_stop_ppm, tick))
    stop, even = levels.stop, levels.even
    if rules.break_even_after_ppm > 0 and highest >= entry + share_up(entry, rules.break_even_after_ppm):
        level = -(-(entry + share_up(entry, rules.break_even_offset_ppm)) // tick) * tick
        if level > stop:
            stop = even = level
    return Levels(stop, levels.target, trail, levels.arm, highest, even)


@pure
def reached(stop: int, trail: int, target: int, low: int, high: int) -> bool:
    """Whether prices from low to high may reach a level.

    A cheap test for every candle; only where it is true do the exits below decide. A level of 0 is not set.
    """
    return low <= stop or low <= trail or (target > 0 and high >= target)


@pure
def exit_at_open(rules: Rules, levels: Levels, price: int) -> Hit:
    """The exit where a candle opens beyond a level (S9), price units; Hit(NO_REASON, 0, 0) if it does not.

    A stop that the open has passed is sold at the open. A target that the open has passed is filled at the target, or
    at the open with target_improvement. With rules.touch an open equal to the target fills it too.
    """
    if price <= max(levels.stop, levels.trail):
        return Hit(stop_reason(levels), price, 0)
    if levels.target > 0 and price >= levels.target + 1 - rules.touch:
        return Hit(TAKE_PROFIT, price if rules.target_improvement == 1 else levels.target, 0)
    return Hit(NO_REASON, 0, 0)


@pure
def exit_inside(rules: Rules, levels: Levels, low: int, high: int) -> Hit:
    """Which level a candle hits after its open (S11), in price units; Hit(NO_REASON, 0, 0) if it hits none.

    A touch is enough for a stop; a target must be passed, or with rules.touch touched. A candle that reaches both does
    not show which came first: the stop counts, or the target with rules.optimistic, and Hit.other is the other (S12).
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
    """The reason of an exit at the stop in force: the highest of stop, break-even and trail, or the first (S44)."""
    if levels.trail > levels.stop:
        return TRAILING_STOP
    return BREAK_EVEN if levels.even > 0 else STOP_LOSS
