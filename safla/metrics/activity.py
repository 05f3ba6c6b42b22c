"""Counts of candles in each mode, and of fills beside a gap in the data."""

import numpy as np

from safla.core.candles import rows_before_gaps
from safla.core.machine import IDLE, MODES
from safla.core.values import Int64


def candles_in_modes(ts: Int64, moved: Int64, target: Int64, start: int) -> list[int]:
    """How many candles of a symbol ended in each mode, in the order of machine.MODES, from `start` on.

    ts             int64[n], the open times of its candles
    moved, target  int64[moves], in order: the candle of each change of mode, and the code of the mode after it
    start          ms; candles before it do not count
    """
    begin = int(np.searchsorted(ts, start))
    # A candle counts for the mode after its last change, so a change takes effect from its own candle on.
    changes = np.clip(np.searchsorted(ts, moved), begin, len(ts))
    edges = np.concatenate(([begin], changes, [len(ts)]))
    counts = np.zeros(len(MODES), np.int64)
    np.add.at(counts, np.concatenate(([IDLE], target)), np.diff(edges))
    by_mode: list[int] = counts.tolist()
    return by_mode


def fills_beside_gaps(ts: Int64, filled: Int64, step_ms: int) -> int:
    """How many fills happened in the last candle before a gap or in the first candle after it.

    ts int64[n], open times of a symbol's candles; filled int64[fills], open times of the candles of the fills
    """
    gaps = rows_before_gaps(ts, step_ms)
    beside = np.concatenate((ts[gaps], ts[gaps + 1]))
    return int(np.count_nonzero(np.isin(filled, beside)))
