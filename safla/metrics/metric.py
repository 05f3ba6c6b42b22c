"""What a figure is: a number, or None with a reason; how it is written; how many samples figures need."""

import math
from typing import NamedTuple

from safla.core.values import DAY_MS

YEAR_DAYS = 365  # the market never closes
YEAR_MS = YEAR_DAYS * DAY_MS
FEWEST_DAYS = 30
FEWEST_TAIL_DAYS = 100  # for figures of the worst 5 % of days, and of skewness
FEWEST_TRADES = 30


class Metric(NamedTuple):
    """A figure, or None with the reason why it is undefined: never 0 for lack of data, never infinity."""

    value: float | None
    reason: str | None = None


def finite_metric(value: float) -> Metric:
    """A figure; undefined if the value is infinite or not a number."""
    return Metric(value) if math.isfinite(value) else Metric(None, "beyond what a float can hold")


def few(have: int, least: int, what: str) -> Metric:
    """The undefined figure for too few samples."""
    return Metric(None, f"{have} {what}, at least {least} are needed")


def significant(value: float) -> float:
    """A figure rounded to 12 significant digits, so that every machine writes the same text."""
    return float(f"{value:.12g}") + 0.0
