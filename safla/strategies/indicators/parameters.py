"""The parameters that many kinds of indicators share, and the numbers that folds get of them."""

from typing import Annotated, Any

from pydantic import Field

from safla.section import Section, key

Period = Annotated[int, Field(ge=1, le=5000)]
SpreadPeriod = Annotated[int, Field(ge=2, le=5000)]  # one row has no spread
Multiplier = Annotated[float, Field(ge=0.01, le=100)]


class NoParameters(Section):
    """A kind without parameters."""


class PeriodSection(Section):
    """The parameters of a kind with a period that has no usual value."""

    period: Period = key(..., "rows that a value is made of", plan=True)


def period_of(keys: Any) -> tuple[int]:
    """The one number of a fold with a period."""
    return (keys.period,)


def no_numbers(_keys: Any) -> tuple[()]:
    """The numbers of a fold that needs none."""
    return ()


def no_rows(*_numbers: float) -> int:
    """The rows before a block that a fold reads whose past is in its state."""
    return 0


def row_before(*_numbers: float) -> int:
    """The rows before a block that a fold reads which compares a row with the one before it."""
    return 1


def window_rows(period: int, *_more: float) -> int:
    """The rows before a block that a window of n rows reads."""
    return period - 1


def first_of_period(keys: Any, _step_ms: int) -> int:
    """The row of the first value of a window."""
    period: int = keys.period
    return period
