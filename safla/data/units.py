"""Candles of an exchange in the units that a run counts in: its plan's scale and bounds (S3, D1)."""

from typing import NamedTuple

from safla.core.candles import Scale, Series
from safla.core.scale import LIMIT, to_text
from safla.data.rows import PRICES
from safla.errors import DataError

Row = tuple[int, int, int, int, int]  # open, high, low, close, volume


class Taken(NamedTuple):
    """The candles of a page in units."""

    rows: list[tuple[int, Row]]  # by opening time, ms
    cut: int  # volumes that were finer


def in_units(series: Series, scale: Scale, *, price_limit: int, origin: str) -> Taken:
    """A page on another scale. DataError names the first price that is off its grid, or what is out of bounds (D1)."""
    rows, cut = [], 0
    for ts, *prices, volume in zip(*(column.tolist() for column in series.columns), strict=True):
        at = f"{origin}: candle {ts}"
        shift = scale.price_decimals - series.price_decimals
        whole = [_moved(price, shift) for price in prices]
        for name, price, (_, rest) in zip(PRICES, prices, whole, strict=True):
            if rest:
                text = to_text(price, series.price_decimals)
                raise DataError(f"{at}: {name} {text} has more decimals than this run's {scale.price_decimals} (S3)")
        opened, high, low, close = (price for price, _ in whole)
        amount, dust = _moved(volume, scale.volume_decimals - series.volume_decimals)
        if high > price_limit or amount >= LIMIT:
            text = f"high {to_text(high, scale.price_decimals)}, volume {to_text(amount, scale.volume_decimals)}"
            raise DataError(f"{at}: {text}: above what this run can sum (D1)")
        rows.append((ts, (opened, high, low, close, amount)))
        cut += 1 if dust else 0
    return Taken(rows, cut)


def _moved(units: int, shift: int) -> tuple[int, int]:
    """The decimal point moved so many places, rounded down; and what that took away."""
    return (units * 10**shift, 0) if shift >= 0 else divmod(units, 10**-shift)
