"""Decimal texts and integers, and shares of amounts. A decimal point moves nowhere else (D1)."""

import re

from safla.core.pure import pure
from safla.core.values import NONE

MILLION = 1_000_000
LIMIT = 2**62  # no amount in the core is above it (D1), so the sum of two never wraps in int64

_TEXT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)


@pure
def mul_div(amount: int, num: int, den: int) -> int:
    """amount * num / den, rounded down: exact for 0 <= amount < 2**63, num and den < 2**31, a result below 2**63."""
    return amount // den * num + amount % den * num // den


@pure
def share_down(amount: int, ppm: int) -> int:
    """amount * ppm / 1 000 000, in the unit of amount, rounded down. Bounds as in mul_div."""
    return mul_div(amount, ppm, MILLION)


@pure
def share_up(amount: int, ppm: int) -> int:
    """amount * ppm / 1 000 000, in the unit of amount, rounded up. Bounds as in mul_div."""
    rest = amount % MILLION * ppm % MILLION
    return share_down(amount, ppm) + (1 if rest > 0 else 0)


@pure
def times(amount: int, factor: int) -> int:
    """amount * factor, at most LIMIT (0 <= amount, 1 <= factor <= LIMIT)."""
    return amount * factor if amount <= LIMIT // factor else LIMIT


@pure
def to_price(value: float) -> int:
    """A price that a strategy computed, in units: the nearest whole unit, half to even (V2); at most LIMIT.

    NONE where it is not known, or below 0, which no price is.
    """
    if not value >= 0.0:
        return NONE
    if value >= float(LIMIT):
        return LIMIT
    whole = int(value)
    rest = value - float(whole)
    return whole + 1 if rest > 0.5 or (rest == 0.5 and whole % 2 == 1) else whole


def to_text(units: int, places: int) -> str:
    """The decimal text of an integer: exactly `places` decimals, no sign for zero, no exponent (J13)."""
    if places == 0:
        return str(units)
    digits = str(units)
    if len(digits) <= places or units < 0:
        digits = f"{units:0{places + (2 if units < 0 else 1)}d}"
    return f"{digits[:-places]}.{digits[-places:]}"


def to_units(text: str, places: int) -> int:
    """The integer of a decimal text. Raises ValueError for a text that `to_text` would not have written."""
    if not _TEXT.fullmatch(text):
        raise ValueError(f"not an amount: {text[:40]!r}")
    whole, _, fraction = text.partition(".")
    units = int(whole + fraction)
    if len(fraction) != places or (units == 0 and text.startswith("-")):
        raise ValueError(f"not an amount with {places} places: {text[:40]!r}")
    return units


def ratio(numerator: int, denominator: int) -> str:
    """A ratio for display, with six decimals (J14). No decision depends on it."""
    return float_text(float(numerator) / float(denominator))


def float_text(value: float) -> str:
    """A float as the journal shows it: six decimals, no sign for zero (J14)."""
    text = f"{value:.6f}"
    return "0.000000" if text == "-0.000000" else text
