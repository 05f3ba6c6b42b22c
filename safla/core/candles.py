"""Candles as columns: of one symbol, or of many on one time grid; and the hash that identifies them (J7)."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from safla.core.values import Columns, Grid, Int64


class Scale(NamedTuple):
    """How the numbers of one symbol are written, and the grid of our orders there (S3)."""

    price_decimals: int
    quantity_decimals: int
    volume_decimals: int
    tick: int  # price units
    lot: int  # quantity units
    min_notional: int  # money units


_NOTHING = Columns(*(np.zeros(0, np.int64),) * 6)


class Series(NamedTuple):
    """The candles of one symbol with the two scales in which they are written."""

    symbol: str
    price_decimals: int
    volume_decimals: int
    columns: Columns


def packed(series: list[Series]) -> tuple[Series, ...]:
    """The same candles; where all symbols have the same times, as rows of one array a field, which is their grid.

    The list is emptied, and each field let go once it is copied: ten years of minutes of three symbols are 750 MB.
    """
    heads, fields = [one._replace(columns=_NOTHING) for one in series], [list(one.columns) for one in series]
    series.clear()
    if not all(np.array_equal(one[0], fields[0][0]) for one in fields[1:]):
        return tuple(one._replace(columns=Columns(*own)) for one, own in zip(heads, fields, strict=True))
    for own in fields[1:]:
        own[0] = fields[0][0]
    for index in range(1, len(Columns._fields)):
        rows = np.stack([own[index] for own in fields])
        for own, row in zip(fields, rows, strict=True):
            own[index] = row
    return tuple(one._replace(columns=Columns(*own)) for one, own in zip(heads, fields, strict=True))


def align(columns: Sequence[Columns]) -> Grid:
    """Candles of several symbols on one time grid, zeros where a symbol has none. What is packed is not copied."""
    if len(columns) == 1:
        ts, *rest = columns[0]
        return Grid(ts, *(column.reshape(1, -1) for column in rest))
    if (packed_fields := _packed_fields(columns)) is not None:
        return Grid(columns[0].ts, *packed_fields)
    ts = np.unique(np.concatenate([one.ts for one in columns]))
    fields = np.zeros((5, len(columns), len(ts)), np.int64)
    for index, one in enumerate(columns):
        fields[:, index, np.searchsorted(ts, one.ts)] = one[1:]
    return Grid(ts, *fields)


def _packed_fields(columns: Sequence[Columns]) -> list[Int64] | None:
    """The arrays of which the columns are the rows, all of them and in order; None where they are not packed."""
    if any(one.ts is not columns[0].ts for one in columns):
        return None
    fields = []
    for rows in zip(*(one[1:] for one in columns), strict=True):
        whole = rows[0].base
        if whole is None or whole.shape != (len(rows), len(columns[0].ts)):
            return None
        if any(row.base is not whole or row.ctypes.data != whole[index].ctypes.data for index, row in enumerate(rows)):
            return None
        fields.append(whole)
    return fields


def spread(grid_ts: Int64, row_ts: Int64, values: np.ndarray) -> np.ndarray:
    """A column over the rows of one symbol, laid on the grid: 0 where the symbol has no candle."""
    if len(grid_ts) == len(row_ts):
        return values
    column = np.zeros(len(grid_ts), values.dtype)
    column[np.searchsorted(grid_ts, row_ts)] = values
    return column


def between(columns: Columns, start: int, end: int) -> Columns:
    """The candles that open at start or later and before end (ms); views, not copies."""
    low, high = np.searchsorted(columns.ts, (start, end))
    return Columns(*(column[low:high] for column in columns))


def digest(series: Sequence[Series], timeframe: str) -> str:
    """The identity of candles: BLAKE2b-128 in hex over a line and six columns a symbol (J7)."""
    total = hashlib.blake2b(digest_size=16)
    for symbol, price_decimals, volume_decimals, columns in series:
        total.update(f"{symbol} {timeframe} {price_decimals} {volume_decimals} {len(columns.ts)}\n".encode("ascii"))
        for column in columns:
            total.update(np.ascontiguousarray(column, "<i8").data)
    return total.hexdigest()


def iso(ms: int) -> str:
    """A time as it is shown: 2024-01-31T13:00Z, seconds and milliseconds only where there are any."""
    moment = str(np.datetime64(ms, "ms"))  # never the local time zone
    return moment.removesuffix(".000").removesuffix(":00") + "Z"
