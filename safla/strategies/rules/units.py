"""Units of values (V10): a number, or a product of powers of prices and volumes of symbols."""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple


class BaseUnit(NamedTuple):
    """A price or a volume of one symbol. A column has it in units of 10**-decimals (D1)."""

    kind: str  # price, volume
    symbol: str = ""  # "": the symbol that is traded

    def __str__(self) -> str:
        return f"{self.kind} of {self.symbol}" if self.symbol else self.kind


MeasureUnit = tuple[tuple[BaseUnit, int], ...]  # sorted; no power is 0
UnitDecimals = Mapping[BaseUnit, int]  # the decimals of each

NUMBER: MeasureUnit = ()
PRICE: MeasureUnit = ((BaseUnit("price"), 1),)
VOLUME: MeasureUnit = ((BaseUnit("volume"), 1),)

MAX_POWERS = 8  # of a unit, in all: a scale of 10**(8 * 12) and a product of prices stay far from the end of a double


def product(left: MeasureUnit, right: MeasureUnit) -> MeasureUnit:
    """The unit of left * right."""
    powers = dict(left)
    for base, power in right:
        powers[base] = powers.get(base, 0) + power
    return tuple(sorted((base, power) for base, power in powers.items() if power))


def unit_quotient(left: MeasureUnit, right: MeasureUnit) -> MeasureUnit:
    """The unit of left / right."""
    return product(left, tuple((base, -power) for base, power in right))


def is_extreme(unit: MeasureUnit) -> bool:
    """Whether more is multiplied than MAX_POWERS."""
    return sum(abs(power) for _, power in unit) > MAX_POWERS


def described(unit: MeasureUnit) -> str:
    """The unit in a message: a number, a price, a volume of BTC/USDT, a value in price * volume."""
    if not unit:
        return "a number"
    if len(unit) == 1 and unit[0][1] == 1:
        return f"a {unit[0][0]}"
    above = " * ".join(str(base) for base, power in unit for _ in range(power))
    below = "".join(f" / {base}" for base, power in unit for _ in range(-power))
    return f"a value in {above or '1'}{below}"


def literal_in_units(exact: Fraction, unit: MeasureUnit, scales: UnitDecimals) -> float:
    """A literal as the columns have it: 50000 of the quote currency with two decimals are 5000000.0 units of price."""
    return float(exact * Fraction(10) ** sum(power * scales[base] for base, power in unit))
