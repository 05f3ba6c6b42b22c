"""Where a strategy answers otherwise if later candles are altered: a suspicion that it looks ahead.

A strategy that drops an entry before a fall shows nothing in its signals: where one was dropped there is no change. But
if the fall is altered into a rise, the entry is there, on a candle before the altered ones, which itself is the same.
An honest strategy may answer otherwise there too, since it remembers blocks of altered candles before. So a place is
asked about again with few others; and it is only the place for a cut, which decides.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from safla.core.values import Columns, Float64, Int64, Mask

MOST_CANDLES = 2_000_000  # of a symbol that are altered, from its first one on: bounds the memory of a copy
NEAR = 24  # how many candles before a block answers are compared: as far ahead as looking pays most
APART = 64  # where a block begins at one candle in so many at most, few of them are remembered at the next one
LARGEST_CALLS = 3  # over which the largest moves are dealt, so that neighbours are altered in different calls
CELLS = ((1, 16, 4), (5, 40, 2), (NEAR, 8 * NEAR, 2))  # length of a block, candles with one block, calls
CALLS = LARGEST_CALLS + sum(turns + 1 for _, _, turns in CELLS)  # of the strategy at most

Answers = npt.NDArray[np.int32]  # what the strategy says of each candle, as the engine takes it
ValuesOf = Callable[[Columns], Answers | None]


class Suspects(NamedTuple):
    """Rows whose answer changed with a block of later candles, the nearest to their block first."""

    rows: Int64
    places: Int64  # the first candle of each block


NO_SUSPECTS = Suspects(np.zeros(0, np.int64), np.zeros(0, np.int64))


def suspects(columns: Columns, values_of: ValuesOf, *, whole: Answers, seed: str) -> Suspects:
    """The rows that seem to depend on later candles, the likeliest first.

    values_of  calls the strategy; it may return None if that fails on candles that never were
    whole      what the strategy says of the candles as they are
    seed       shifts the places, so that no strategy can guess them
    """
    columns = Columns(*(column[:MOST_CANDLES] for column in columns))

    def asked(places: Int64, length: int) -> Suspects:
        places = _apart(places, length=length)
        values = values_of(altered(columns, places, length=length)) if len(places) else None
        return NO_SUSPECTS if values is None else _changed(values != whole[: len(values)], places, length=length)

    size = len(columns.ts)
    moves = _moves(columns, length=1)
    largest = np.sort(np.argsort(-moves, kind="stable")[: size // APART])
    found = [asked(largest[turn::LARGEST_CALLS], 1) for turn in range(LARGEST_CALLS)]
    shifts = hashlib.shake_256(seed.encode("ascii")).digest(len(CELLS))
    for (length, cell, turns), shift in zip(CELLS, shifts, strict=True):
        moves = _moves(columns, length=length)
        shifts_of_turns = [(shift + turn * cell // turns) % cell for turn in range(turns)]
        first = _merged(
            [asked(_largest_of_cells(moves, length=length, cell=cell, shift=by), length) for by in shifts_of_turns]
        )
        found.append(asked(np.sort(first.places[: size // APART // length]), length))
    return _merged(found)


def altered(columns: Columns, places: Int64, *, length: int) -> Columns:
    """The candles with blocks of them mirrored at the close before: a fall is a rise, and a rise a fall.

    Where that close is c, a price p becomes c^2 / p, in units. What went the other way, less far, becomes c: in place
    of a fall, no price is below c. The highest price of all candles stays the bound. Times and volumes are the same.

    places  the first candle of each block
    """
    ts, opened, high, low, close, volume = columns
    rows = places[:, None] + np.arange(length)
    before = close[places - 1].astype(np.float64)
    falls = before / low[rows].min(axis=1) > high[rows].max(axis=1) / before
    least, most = np.where(falls, before, 1), np.where(falls, high.max(initial=1), before)

    def mirrored(column: Int64, source: Int64) -> Int64:
        copy = column.copy()
        copy[rows] = np.clip(before[:, None] ** 2 / source[rows], least[:, None], most[:, None]).astype(np.int64)
        return copy

    return Columns(
        ts, mirrored(opened, opened), mirrored(high, low), mirrored(low, high), mirrored(close, close), volume
    )


def _changed(differing: Mask, places: Int64, *, length: int) -> Suspects:
    """The last differing row before each place, if it lies behind the block before and at most NEAR candles away."""
    rows = np.concatenate([[-NEAR], np.flatnonzero(differing)])
    rows = rows[np.searchsorted(rows, places) - 1]
    distances = places - 1 - rows
    near = (distances < NEAR) & (distances < np.diff(places, prepend=-NEAR) - length)
    order = np.argsort(distances[near], kind="stable")
    return Suspects(rows[near][order], places[near][order])


def _merged(lists: list[Suspects]) -> Suspects:
    """The first of each list, then the second of each, and so on; no place twice."""
    rank = np.concatenate([np.arange(len(one.rows)) for one in lists])
    order = np.argsort(rank, kind="stable")
    rows, places = (np.concatenate(column)[order] for column in zip(*lists, strict=True))
    first = np.sort(np.unique(places, return_index=True)[1])
    return Suspects(rows[first], places[first])


def _apart(places: Int64, *, length: int) -> Int64:
    """The places without those whose block would touch the one before."""
    return places[np.diff(places, prepend=-length - 1) > length]


def _largest_of_cells(moves: Float64, *, length: int, cell: int, shift: int) -> Int64:
    """The start of the block with the largest move in each cell, behind a quarter of the cell that stays."""
    first, count = shift + 1, (len(moves) - shift - 1) // cell
    if count <= 0:
        return np.zeros(0, np.int64)
    gap = cell // 4
    starts = moves[first : first + count * cell].reshape(count, cell)[:, gap : cell - length + 1]
    places: Int64 = first + np.arange(count) * cell + gap + starts.argmax(axis=1)
    return places


def _moves(columns: Columns, *, length: int) -> Float64:
    """The largest move within the block from each candle, relative to the close before; 0 where there is no block."""
    windows = np.lib.stride_tricks.sliding_window_view
    moves = np.zeros(len(columns.ts))
    if len(moves) > length:
        before = columns.close[:-length].astype(np.float64)
        up = windows(columns.high[1:], length).max(axis=1) / before - 1
        down = 1 - windows(columns.low[1:], length).min(axis=1) / before
        moves[1 : len(before) + 1] = np.maximum(up, down)
    return moves
