"""The arithmetic of S20-S26 in fractions, for the reference: prices, sizes, averages. No line of the engine."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any

BOUND = 2**62  # D1


class Broken(Exception):
    """An amount of money would pass the bound of D1; the argument is the place of the symbol."""


def worth(one: dict[str, Any]) -> int:
    """What a symbol's position is worth at its last close."""
    return one["close"] * one["held"]["quantity"] * int(one["market"].k) if one["held"] else 0


def share_down(amount: int, ppm: int) -> int:
    """So many millionths of an amount, rounded down."""
    return floor(Fraction(amount * ppm, 1_000_000))


def share_up(amount: int, ppm: int) -> int:
    """So many millionths of an amount, rounded up."""
    return ceil(Fraction(amount * ppm, 1_000_000))


def confidence(rules: Any, strength: float) -> int:
    """S23, in parts per million."""
    threshold = rules.entry_threshold_ppm / 1e6
    return min(900_000, int(strength / threshold * 1_000_000)) if threshold else 900_000


def affordable(rules: Any, market: Any, budget: int, price: int) -> int:
    """S23: the quantity that a budget buys with the fee inside."""
    notional = floor(Fraction(budget * 1_000_000, 1_000_000 + rules.commission_ppm))
    return notional // (price * int(market.k)) // int(market.lot) * int(market.lot)


def sized(rules: Any, market: Any, budget: int, price: int, traded: int) -> tuple[int, int]:
    """S23: what a budget buys at an open, and the price after that quantity's slippage."""
    first = affordable(rules, market, budget, price)
    paid = slipped(rules, market, price, first or market.lot, traded, side=1)
    return min(first, affordable(rules, market, budget, paid)), paid


def slipped(rules: Any, market: Any, reference: int, quantity: int, traded: int, *, side: int) -> int:
    """S25: the price of a market order; side 1 buys, -1 sells. traded: the last volume above 0, 0 for none."""
    share = rules.max_slippage_ppm
    ours, theirs = (min(BOUND, amount) for amount in (quantity * market.quantity_up, traded * market.volume_up))
    if theirs > 0 and ours < theirs:
        power = next(10**n for n in range(20) if theirs // 10**n < 2**31)
        impact = Fraction(rules.impact_ppm * ceil(Fraction(ours, power)), theirs // power)
        share = min(share, rules.base_slippage_ppm + ceil(impact))
    price = Fraction(reference + side * share_up(reference, share), market.tick)
    return max(1, ceil(price) if side > 0 else floor(price)) * int(market.tick)  # S25a


def crossover(closes: Sequence[int], parameters: Any) -> list[int]:
    """S20-S22 by definition: the signal of each row, 0 before the warm-up."""
    fast, slow, entry_ppm, exit_ppm, confirm = parameters

    def average(periods: int, k: int) -> Fraction:
        return Fraction(sum(closes[k + 1 - periods : k + 1]), periods)

    def lead(k: int) -> Fraction:
        return average(fast, k) - average(slow, k)

    def strong(k: int, ppm: int) -> bool:
        unit = int(fast * slow)  # makes integers of both averages
        return abs(lead(k)) * unit >= share_up(int(average(slow, k) * unit), ppm)

    def golden(k: int) -> bool:
        return k >= slow and lead(k) > 0 >= lead(k - 1)

    def enters(k: int) -> bool:
        crosses = [j for j in range(max(slow, k - confirm), k + 1) if golden(j)]
        since = range(crosses[-1], k + 1) if crosses else range(0)
        return bool(since) and all(lead(j) > 0 for j in since) and [j for j in since if strong(j, entry_ppm)] == [k]

    def leaves(k: int) -> bool:
        return k >= slow - 1 and lead(k) < 0 and strong(k, exit_ppm)

    def signal(k: int) -> int:
        return 1 if enters(k) else -1 if leaves(k) and not leaves(k - 1) else 0

    return [signal(k) if k >= slow + confirm else 0 for k in range(len(closes))]
