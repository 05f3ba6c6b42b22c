"""The levels of a position and what hits them (S9, S11, S12, S14, S27), for the reference. No line of the engine."""

from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

from tests.properties.arithmetic import share_down, share_up

Held = dict[str, Any]


class Hit(NamedTuple):
    """Which exit, at what price, and the other level where the candle spans both."""

    reason: str
    price: int
    other: int


def levels_at(rules: Any, tick: int, price: int) -> Held:
    """S27: the levels of a position filled at a price, None where there is none; the trail may be armed at once."""
    levels: Held = {
        "stop": below(price, rules.stop_loss_ppm, tick) if rules.stop_loss_ppm else None,
        "target": above(price, rules.take_profit_ppm, tick) if rules.take_profit_ppm else None,
        "trail": None,
        "armed_at": price + share_up(price, rules.trailing_activation_ppm),
        "highest": price,
    }
    raise_trail(rules, tick, levels, price)
    return levels


def raise_trail(rules: Any, tick: int, held: Held, high: int) -> None:
    """S14, S27: the trail follows the highest price, and never falls."""
    held["highest"] = max(held["highest"], high)
    if rules.trailing_stop_ppm and held["highest"] >= held["armed_at"]:
        held["trail"] = max(held["trail"] or 0, below(held["highest"], rules.trailing_stop_ppm, tick))


def at_open(rules: Any, held: Held, price: int) -> Hit | None:
    """S9; where a touch fills a target, an open at the target is one."""
    stop, name = stop_in_force(held)
    if stop is not None and price <= stop:
        return Hit(name, price, 0)
    if is_filled(rules, held, price):
        return Hit("take_profit", price if rules.target_improvement else held["target"], 0)
    return None


def inside(rules: Any, held: Held, *, high: int, low: int) -> Hit | None:
    """S11, S12."""
    stop, name = stop_in_force(held)
    stopped, filled = stop is not None and low <= stop, is_filled(rules, held, high)
    if filled and (rules.optimistic or not stopped):
        return Hit("take_profit", held["target"], stop if stop is not None and stopped else 0)
    return Hit(name, stop, held["target"] if filled else 0) if stop is not None and stopped else None


def is_filled(rules: Any, held: Held, high: int) -> bool:
    """S11: a target is passed, or touched."""
    return held["target"] is not None and (high > held["target"] or (rules.touch == 1 and high == held["target"]))


def stop_in_force(held: Held) -> tuple[int | None, str]:
    """The higher of stop and trail (S27); where they are equal, the stop loss."""
    levels = [(held[name], word) for name, word in (("stop", "stop_loss"), ("trail", "trailing_stop"))]
    return max((pair for pair in levels if pair[0] is not None), key=lambda pair: pair[0], default=(None, ""))


def below(price: int, ppm: int, tick: int) -> int:
    """A stop or a trail (S27): rounded up to the tick, at least one tick away."""
    return min(ceil(Fraction(price - share_down(price, ppm), tick)), (price - tick) // tick) * tick


def above(price: int, ppm: int, tick: int) -> int:
    """A target (S27): rounded up to the tick, at least one tick away."""
    return max(ceil(Fraction(price + share_up(price, ppm), tick)), ceil(Fraction(price + tick, tick))) * tick
