"""How candles that come meet those that are held: new, the same, or with other values (S2). No file is known here."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from safla.config.types import plain
from safla.core.candles import Series
from safla.core.scale import to_text
from safla.core.values import Columns, Int64, Mask
from safla.data.store.month import same_decimals

Texts = tuple[str, str, str, str, str]  # open, high, low, close, volume


class Restated(NamedTuple):
    """A candle that came again with other values, in plain decimals."""

    ts: int
    stored: Texts
    offered: Texts


class Met(NamedTuple):
    """What came of it."""

    series: Series  # what is held from now on
    changed: Int64  # the times of the candles that were added or replaced
    added: int
    same: int
    restated: tuple[Restated, ...]  # those with other values, taken or not


def meet(stored: Series | None, offered: Series, *, accept: bool) -> Met:
    """Held candles with those that came, each in ascending order. accept: other values replace what is held."""
    if stored is None:
        ts = offered.columns.ts
        return Met(offered, ts, len(ts), 0, ())
    one, other = same_decimals(stored, offered)
    place = np.minimum(np.searchsorted(one.columns.ts, other.columns.ts), len(one.columns.ts) - 1)
    known = one.columns.ts[place] == other.columns.ts
    pairs = zip(one.columns[1:], other.columns[1:], strict=True)
    differs = known & np.logical_or.reduce([mine[place] != theirs for mine, theirs in pairs])
    restated = tuple(_restated(one, other, mine=int(place[row]), theirs=int(row)) for row in np.flatnonzero(differs))
    taken = ~known | differs if accept else ~known
    counts = int(np.count_nonzero(~known)), int(np.count_nonzero(known & ~differs))
    if not taken.any():
        return Met(stored, other.columns.ts[:0], *counts, restated)
    kept = np.ones(len(one.columns.ts), bool)
    kept[place[taken & known]] = False
    joined = Series(*one[:3], _joined(one.columns, kept, other.columns, taken))
    return Met(joined, other.columns.ts[taken], *counts, restated)


def of_texts(symbol: str, rows: dict[int, Texts]) -> Series:
    """Candles out of the texts of their values, by their times."""
    order = sorted(rows)
    cells = [[Decimal(text) for text in rows[ts]] for ts in order]
    price = max(_places(cell) for row in cells for cell in row[:4])
    volume = max(_places(row[4]) for row in cells)
    places = (price, price, price, price, volume)
    columns = (
        np.array([int(row[place].scaleb(places[place])) for row in cells], np.int64) for place in range(len(places))
    )
    return Series(symbol, price, volume, Columns(np.array(order, np.int64), *columns))


def _joined(one: Columns, kept: Mask, other: Columns, taken: Mask) -> Columns:
    ts = np.concatenate([one.ts[kept], other.ts[taken]])
    order = None if (np.diff(ts) > 0).all() else np.argsort(ts, kind="stable")
    columns = (np.concatenate([mine[kept], theirs[taken]]) for mine, theirs in zip(one, other, strict=True))
    return Columns(*(column if order is None else column[order] for column in columns))


def _restated(one: Series, other: Series, *, mine: int, theirs: int) -> Restated:
    return Restated(int(other.columns.ts[theirs]), _texts(one, mine), _texts(other, theirs))


def _texts(series: Series, row: int) -> Texts:
    units = [int(column[row]) for column in series.columns[1:]]
    prices = (plain(Decimal(to_text(one, series.price_decimals))) for one in units[:4])
    volume = plain(Decimal(to_text(units[4], series.volume_decimals)))
    opened, high, low, close = prices
    return opened, high, low, close, volume


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -int(exponent))
