"""What a figure is: a number, or none and the reason; how it is written, and how many samples it needs. No formula."""

import math
from typing import NamedTuple

from safla.core.values import DAY_MS

YEAR_DAYS = 365  # the market never closes
YEAR_MS = YEAR_DAYS * DAY_MS
FEWEST_DAYS = 30
FEWEST_TAIL_DAYS = 100  # of what looks at the worst twentieth, or at skewness
FEWEST_TRADES = 30


class Metric(NamedTuple):
    """A figure, or None with the reason why there is none: never 0 for want of data, never infinity."""

    value: float | None
    reason: str | None = None


def finite_metric(value: float) -> Metric:
    """A figure, unless it passed what a float can hold."""
    return Metric(value) if math.isfinite(value) else Metric(None, "beyond what a float can hold")


def few(have: int, least: int, what: str) -> Metric:
    """No figure for want of samples."""
    return Metric(None, f"{have} {what}, at least {least} are needed")


def significant(value: float) -> float:
    """A figure as it is written: 12 significant digits, so that every machine writes the same."""
    return float(f"{value:.12g}") + 0.0
