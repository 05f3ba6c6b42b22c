"""Check the assumed order of the columns by their values, for tables without names. No file is opened here."""

from itertools import permutations

import numpy as np
import numpy.typing as npt

from safla.candles.normalise import FIELDS, FileRows
from safla.core.candles import iso
from safla.core.values import Float64
from safla.errors import DataError
from safla.text import printable

PRICES = FIELDS[1:5]
SAMPLE = 500  # rows on which an order is tried before it is checked on all rows
LEAST_ROWS = 10  # needed to compare opens with the closes before them
FARTHER = 4  # factor by which the jumps between candles grow if opens and closes are swapped
USUAL = (
    ("open", "close", "high", "low", "volume"),  # KuCoin, Bitfinex
    ("open", "close", "low", "high", "volume"),
    ("low", "high", "open", "close", "volume"),  # Coinbase
    ("volume", "close", "high", "low", "open"),  # Gate
)


def refuse_another(rows: FileRows) -> None:
    """DataError where the columns are not valid as open, high, low, close, volume, but are valid in another order.

    Swapped opens and closes are valid candles too. They are recognised by the jumps from close to next open, which
    are small in the right order.
    """
    if not len(rows.ts):
        return
    table = np.array([_floats(rows, field) for field in FIELDS[1:]])
    order = np.argsort(rows.ts, kind="stable")
    table = table[:, order]
    broken = ~_sound(table)
    if broken.any():
        other = _other(table)
        if other is None:
            return  # no order is valid, so it is a bad row; the check of the candles reports it
        row = int(order[int(np.argmax(broken))])
        at = f"{rows.origin.word} {rows.origin.numbers[row]}"
        _refuse(rows, other, f"{at} has a high that is not the highest, or a low that is not the lowest")
    elif len(rows.ts) >= LEAST_ROWS and _median_jump(table, 0, 3) > FARTHER * _median_jump(table, 3, 0):
        first, second = (int(order[place]) for place in (0, 1))
        times = " and ".join(iso(int(rows.ts[row])) for row in (first, second))
        text = f"candles would open far from the close before ({times})"
        _refuse(rows, ("close", "high", "low", "open", "volume"), text)


def _refuse(rows: FileRows, other: tuple[str, ...], why: str) -> None:
    raise DataError(
        f"{printable(rows.origin.file)}: no header, and its columns are not in Binance's order "
        f"(time, {', '.join(FIELDS[1:])}): {why}; in the order time, {', '.join(other)} they are valid "
        "candles; set data.columns, by position",
        code="column_unclear",
    )


def _floats(rows: FileRows, field: str) -> Float64:
    numbers = rows.numbers[field]
    result: Float64 = numbers.digits / 10.0**numbers.places
    return result


def _sound(table: Float64) -> npt.NDArray[np.bool_]:
    opened, high, low, close, volume = table
    sound: npt.NDArray[np.bool_] = (high >= np.maximum(opened, close)) & (low <= np.minimum(opened, close))
    sound &= (low > 0) & (volume >= 0)
    return sound


def _other(table: Float64) -> tuple[str, ...] | None:
    """An order in which every row is valid: the one with the smallest jumps between candles, usual ones first."""
    names = FIELDS[1:]
    sample = table[:, :SAMPLE]
    valid_orders: list[tuple[float, int, tuple[str, ...]]] = []
    for order in dict.fromkeys((*USUAL, *((*order, "volume") for order in permutations(PRICES)))):
        # `order` names the columns from left to right; `places` are those of open, high, low, close, volume in it
        places = [order.index(name) for name in names]
        if _sound(sample[places]).all() and _sound(table[places]).all():
            valid_orders.append((_median_jump(table, places[0], places[3]), len(valid_orders), order))
    return min(valid_orders)[2] if valid_orders else None


def _median_jump(table: Float64, opened: int, close: int) -> float:
    """The median distance of an open from the close before it."""
    if table.shape[1] < 2:
        return 0.0
    return float(np.median(np.abs(table[opened, 1:] - table[close, :-1])))
