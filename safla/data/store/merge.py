"""Merge offered candles into stored ones: new, the same, or with other values (S2). No file is known here."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from safla.config.types import plain
from safla.core.candles import Series
from safla.core.scale import to_text
from safla.core.values import Columns, Int64, Mask
from safla.data.store.month import same_decimals

Texts = tuple[str, str, str, str, str]  # open, high, low, close, volume


class RestatedCandle(NamedTuple):
    """A stored candle that was offered again with other values, as plain decimal texts."""

    ts: int
    stored: Texts
    offered: Texts


class MergedSeries(NamedTuple):
    """The result of a merge."""

    series: Series  # the candles to store
    changed: Int64  # the times of the candles that were added or replaced
    added: int
    same: int
    restated: tuple[RestatedCandle, ...]  # candles with other values, accepted or not


def merge_series(stored: Series | None, offered: Series, *, accept: bool) -> MergedSeries:
    """Merge two series in ascending order. accept: offered candles with other values replace the stored ones."""
    if stored is None:
        ts = offered.columns.ts
        return MergedSeries(offered, ts, len(ts), 0, ())
    old, new = same_decimals(stored, offered)
    position = np.minimum(np.searchsorted(old.columns.ts, new.columns.ts), len(old.columns.ts) - 1)
    known = old.columns.ts[position] == new.columns.ts
    pairs = zip(old.columns[1:], new.columns[1:], strict=True)
    differs = known & np.logical_or.reduce([mine[position] != theirs for mine, theirs in pairs])
    restated = tuple(_restated(old, new, mine=int(position[row]), theirs=int(row)) for row in np.flatnonzero(differs))
    taken = ~known | differs if accept else ~known
    counts = int(np.count_nonzero(~known)), int(np.count_nonzero(known & ~differs))
    if not taken.any():
        return MergedSeries(stored, new.columns.ts[:0], *counts, restated)
    kept = np.ones(len(old.columns.ts), bool)
    kept[position[taken & known]] = False
    joined = Series(*old[:3], _joined(old.columns, kept, new.columns, taken))
    return MergedSeries(joined, new.columns.ts[taken], *counts, restated)


def of_texts(symbol: str, rows: dict[int, Texts]) -> Series:
    """Candles from the texts of their values. rows: by open time, ms."""
    order = sorted(rows)
    cells = [[Decimal(text) for text in rows[ts]] for ts in order]
    price = max(_places(cell) for row in cells for cell in row[:4])
    volume = max(_places(row[4]) for row in cells)
    places = (price, price, price, price, volume)
    columns = (
        np.array([int(row[place].scaleb(places[place])) for row in cells], np.int64) for place in range(len(places))
    )
    return Series(symbol, price, volume, Columns(np.array(order, np.int64), *columns))


def _joined(old: Columns, kept: Mask, new: Columns, taken: Mask) -> Columns:
    ts = np.concatenate([old.ts[kept], new.ts[taken]])
    order = None if (np.diff(ts) > 0).all() else np.argsort(ts, kind="stable")
    columns = (np.concatenate([mine[kept], theirs[taken]]) for mine, theirs in zip(old, new, strict=True))
    return Columns(*(column if order is None else column[order] for column in columns))


def _restated(old: Series, new: Series, *, mine: int, theirs: int) -> RestatedCandle:
    return RestatedCandle(int(new.columns.ts[theirs]), _texts(old, mine), _texts(new, theirs))


def _texts(series: Series, row: int) -> Texts:
    units = [int(column[row]) for column in series.columns[1:]]
    prices = (plain(Decimal(to_text(price, series.price_decimals))) for price in units[:4])
    volume = plain(Decimal(to_text(units[4], series.volume_decimals)))
    opened, high, low, close = prices
    return opened, high, low, close, volume


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -int(exponent))
