"""Which of the columns is which, told by their values: for tables that do not say it. No file is opened here."""

from itertools import permutations

import numpy as np
import numpy.typing as npt

from safla.candles.normalise import FIELDS, FileRows
from safla.core.candles import iso
from safla.core.values import Float64
from safla.errors import DataError
from safla.text import printable

PRICES = FIELDS[1:5]
SAMPLE = 500  # rows on which the orders are tried before one is held against all
LEAST_ROWS = 10  # to be told from the step between candles
FARTHER = 4  # times: so much farther apart are candles whose opens and closes are exchanged
USUAL = (
    ("open", "close", "high", "low", "volume"),  # KuCoin, Bitfinex
    ("open", "close", "low", "high", "volume"),
    ("low", "high", "open", "close", "volume"),  # Coinbase
    ("volume", "close", "high", "low", "open"),  # Gate
)


def refuse_another(rows: FileRows) -> None:
    """DataError where the columns fail as open, high, low, close, volume, and hold in another order.

    A candle opens near the close before it: that alone tells opens from closes, where the candles are near enough.
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
            return  # it is a bad row, which is told by its value
        row = int(order[int(np.argmax(broken))])
        at = f"{rows.origin.word} {rows.origin.numbers[row]}"
        _refuse(rows, other, f"{at} has a high that is not the highest, or a low that is not the lowest")
    elif len(rows.ts) >= LEAST_ROWS and _apart(table, 0, 3) > FARTHER * _apart(table, 3, 0):
        first, second = (int(order[place]) for place in (0, 1))
        times = " and ".join(iso(int(rows.ts[row])) for row in (first, second))
        text = f"a candle then opens far from the close before it ({times})"
        _refuse(rows, ("close", "high", "low", "open", "volume"), text)


def _refuse(rows: FileRows, other: tuple[str, ...], why: str) -> None:
    raise DataError(
        f"{printable(rows.origin.file)}: no header, and its columns are not in Binance's order "
        f"(time, {', '.join(FIELDS[1:])}): {why}; as time, {', '.join(other)} they hold; "
        "data.columns says which column is which, by position"
    )


def _floats(rows: FileRows, field: str) -> Float64:
    numbers = rows.numbers[field]
    result: Float64 = numbers.digits / 10.0**numbers.places
    return result


def _sound(table: Float64) -> npt.NDArray[np.bool_]:
    opened, high, low, close, volume = table
    found: npt.NDArray[np.bool_] = (high >= np.maximum(opened, close)) & (low <= np.minimum(opened, close))
    found &= (low > 0) & (volume >= 0)
    return found


def _other(table: Float64) -> tuple[str, ...] | None:
    """An order in which every row holds: a usual one first, and of two the one whose candles are nearer together."""
    names = FIELDS[1:]
    few = table[:, :SAMPLE]
    found: list[tuple[float, int, tuple[str, ...]]] = []
    for order in dict.fromkeys((*USUAL, *((*order, "volume") for order in permutations(PRICES)))):
        # `order` names the columns from left to right
        places = [order.index(name) for name in names]
        if _sound(few[places]).all() and _sound(table[places]).all():
            found.append((_apart(table, places[0], places[3]), len(found), order))
    return min(found)[2] if found else None


def _apart(table: Float64, opened: int, close: int) -> float:
    """How far candles open from the close before, at the median."""
    if table.shape[1] < 2:
        return 0.0
    return float(np.median(np.abs(table[opened, 1:] - table[close, :-1])))
