"""What time was spent on and where the data had gaps: candles in each mode, fills beside a gap. No money."""

import numpy as np

from safla.core.machine import IDLE, MODES
from safla.core.values import Int64


def candles_in_modes(ts: Int64, moved: Int64, target: Int64, start: int) -> list[int]:
    """How many candles of a symbol ended in each mode, as machine.MODES orders them, from one candle on.

    ts             int64[n], the open times of its candles
    moved, target  int64[moves], in order: the candle of each move, the code of the mode behind it
    start          ms; candles before it do not count
    """
    begin = int(np.searchsorted(ts, start))
    behind = np.clip(np.searchsorted(ts, moved), begin, len(ts))
    edges = np.concatenate(([begin], behind, [len(ts)]))
    counts = np.zeros(len(MODES), np.int64)
    np.add.at(counts, np.concatenate(([IDLE], target)), np.diff(edges))
    found: list[int] = counts.tolist()
    return found


def fills_beside_gaps(ts: Int64, filled: Int64, step_ms: int) -> int:
    """How many fills happened in the last candle before a gap or in the first one behind it.

    ts int64[n], open times of a symbol's candles; filled int64[fills], those of the fills
    """
    torn = np.flatnonzero(np.diff(ts) > step_ms)
    beside = np.concatenate((ts[torn], ts[torn + 1]))
    return int(np.count_nonzero(np.isin(filled, beside)))
