"""Candles as columns, of one symbol or of many on one time grid; and the hash that identifies them (J7)."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from safla.core.values import Columns, Grid, Int64


class Scale(NamedTuple):
    """The decimals of one symbol's numbers, and the smallest steps of its orders (S3)."""

    price_decimals: int
    quantity_decimals: int
    volume_decimals: int
    tick: int  # price units
    lot: int  # quantity units
    min_notional: int  # money units


BLOCK = 65_536  # rows
NO_CANDLES = Columns(*(np.zeros(0, np.int64),) * 6)


class Series(NamedTuple):
    """The candles of one symbol, and the decimals of their prices and volumes."""

    symbol: str
    price_decimals: int
    volume_decimals: int
    columns: Columns


def packed(series: list[Series]) -> tuple[Series, ...]:
    """The same candles. If all symbols have the same times, each field of all symbols becomes one array.

    Then the columns are its rows, and `align` can use the array as the grid without a copy. To save memory (ten years
    of minutes of three symbols are 750 MB) the list is emptied, and each field is freed once it is copied.
    """
    heads, fields = [item._replace(columns=NO_CANDLES) for item in series], [list(item.columns) for item in series]
    series.clear()
    if not all(np.array_equal(columns[0], fields[0][0]) for columns in fields[1:]):
        return tuple(head._replace(columns=Columns(*columns)) for head, columns in zip(heads, fields, strict=True))
    for columns in fields[1:]:
        columns[0] = fields[0][0]
    for index in range(1, len(Columns._fields)):
        rows = np.stack([columns[index] for columns in fields])
        for columns, row in zip(fields, rows, strict=True):
            columns[index] = row
    return tuple(head._replace(columns=Columns(*columns)) for head, columns in zip(heads, fields, strict=True))


def align(columns: Sequence[Columns]) -> Grid:
    """Candles of several symbols on one time grid, zeros where a symbol has none. Packed candles are not copied."""
    if len(columns) == 1:
        ts, *rest = columns[0]
        return Grid(ts, *(column.reshape(1, -1) for column in rest))
    if (packed_fields := _packed_fields(columns)) is not None:
        return Grid(columns[0].ts, *packed_fields)
    ts = np.unique(np.concatenate([candles.ts for candles in columns]))
    fields = np.zeros((5, len(columns), len(ts)), np.int64)
    for index, candles in enumerate(columns):
        fields[:, index, np.searchsorted(ts, candles.ts)] = candles[1:]
    return Grid(ts, *fields)


def _packed_fields(columns: Sequence[Columns]) -> list[Int64] | None:
    """The arrays whose rows are exactly these columns, in this order; None where they were not made by `packed`."""
    if any(candles.ts is not columns[0].ts for candles in columns):
        return None
    fields = []
    for rows in zip(*(candles[1:] for candles in columns), strict=True):
        whole = rows[0].base
        if whole is None or whole.shape != (len(rows), len(columns[0].ts)):
            return None
        if any(row.base is not whole or row.ctypes.data != whole[index].ctypes.data for index, row in enumerate(rows)):
            return None
        fields.append(whole)
    return fields


def spread(grid_ts: Int64, row_ts: Int64, values: np.ndarray) -> np.ndarray:
    """A column of one symbol's rows, spread over the grid: 0 where the symbol has no candle."""
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
    """The hash that identifies candles: BLAKE2b-128 in hex over a line and six columns for each symbol (J7)."""
    total = hashlib.blake2b(digest_size=16)
    for symbol, price_decimals, volume_decimals, columns in series:
        total.update(f"{symbol} {timeframe} {price_decimals} {volume_decimals} {len(columns.ts)}\n".encode("ascii"))
        for column in columns:
            total.update(np.ascontiguousarray(column, "<i8").data)
    return total.hexdigest()


def row_blocks(rows: int) -> Iterator[slice]:
    """Slices that cut so many rows into blocks, which are processed one by one so that no whole column is copied."""
    return (slice(first, min(first + BLOCK, rows)) for first in range(0, rows, BLOCK))


def rows_before_gaps(ts: Int64, step_ms: int) -> Int64:
    """The rows after which candles are missing (S4), int64[gaps]. ts int64[n], ascending open times."""
    parts = [
        part.start + np.flatnonzero(np.diff(ts[part.start : part.stop + 1]) > step_ms) for part in row_blocks(len(ts))
    ]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def iso(ms: int) -> str:
    """A time for display: 2024-01-31T13:00Z, with seconds and milliseconds only where they are not 0."""
    moment = str(np.datetime64(ms, "ms"))  # in UTC, never in the local time zone
    return moment.removesuffix(".000").removesuffix(":00") + "Z"
