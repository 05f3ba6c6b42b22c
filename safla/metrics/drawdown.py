"""Drawdowns: how deep and how long the equity fell below its peak. A fall is one drawdown from its peak to its end."""

from typing import NamedTuple

import numpy as np

from safla.core.candles import row_blocks
from safla.core.values import NONE, Int64, Mask
from safla.metrics.metric import Metric

NEVER_FELL = "the equity never fell"


class Fall(NamedTuple):
    """The deepest fall: a positive ratio, and indexes of its candles; 0 and NONE where there was none.

    peak  the last candle at the peak; NONE: the peak is the balance at the start
    end   the first candle that reaches the peak again; NONE: the fall is not over
    """

    share: float
    peak: int
    trough: int
    end: int


class Falls(NamedTuple):
    """The drawdown figures of a run."""

    deepest: Fall  # by closes
    inside: float  # the deepest fall to the worst equity inside a candle, a ratio
    under_share: float  # the share of closes below the peak so far
    longest_ms: int  # the longest time from a peak to the close that regains it


def falls(ts: Int64, equity: Int64, trough: Int64, balance: int, step_ms: int) -> Falls:
    """The drawdown figures of a run of at least one candle.

    ts      int64[n], open times of its candles, ms
    equity  int64[n], money units, at their closes
    trough  int64[n], the worst equity inside them: cash, and each position at its low, or at its stop if that is higher
    """
    share, inside, place, peak = 0.0, 0.0, NONE, balance
    peak_of_deepest = balance
    below = np.zeros(len(equity) + 2, np.bool_)  # False at both ends, so that every stretch has two edges
    for part in row_blocks(len(equity)):  # to save memory
        peaks = np.maximum.accumulate(np.concatenate(([peak], equity[part])))
        before = peaks[:-1]  # the peak before each candle
        fall, row = _deepest(before, equity[part])
        if fall > share:
            share, place, peak_of_deepest = fall, part.start + row, int(before[row])
        inside = max(inside, _deepest(before, trough[part])[0])
        np.less(equity[part], before, out=below[part.start + 1 : part.stop + 1])
        peak = int(peaks[-1])
    return Falls(_around(equity, share, place, peak_of_deepest), inside, *_under_water(ts, below, step_ms))


def _deepest(peaks: Int64, levels: Int64) -> tuple[float, int]:
    """max(1 - level / peak), and the index of the first candle with it."""
    falls = (peaks - levels) / peaks
    row = int(np.argmax(falls))
    return float(falls[row]), row


def _around(equity: Int64, share: float, trough: int, peak: int) -> Fall:
    """The fall to a close (an index, NONE for no fall) from its peak (money units), with its begin and its end."""
    if trough == NONE:
        return Fall(0.0, NONE, NONE, NONE)
    at_peak = (equity[:trough] == peak)[::-1]
    again = equity[trough:] >= peak
    return Fall(
        share=share,
        peak=trough - 1 - int(at_peak.argmax()) if at_peak.any() else NONE,
        trough=trough,
        end=trough + int(again.argmax()) if again.any() else NONE,
    )


def _under_water(ts: Int64, below: Mask, step_ms: int) -> tuple[float, int]:
    """The share of closes below the peak so far, and the longest time (ms) from a peak to the close that regains it.

    below  bool[n + 2]: for each close whether it is below the peak; False before the first and after the last one
    A fall that is not over lasts until the last close.
    """
    edges = np.flatnonzero(below[1:] != below[:-1])
    first, end = edges[::2], edges[1::2]
    since = np.where(first > 0, ts[np.maximum(first, 1) - 1] + step_ms, ts[0])
    spans = ts[np.minimum(end, len(ts) - 1)] + step_ms - since
    return float(np.sum(end - first)) / float(len(ts)), int(spans.max()) if len(spans) else 0


def calmar(growth: Metric, share: float) -> Metric:
    """CAGR over the max drawdown by closes (Young 1991)."""
    if growth.value is None:
        return growth
    if share == 0.0:
        return Metric(None, NEVER_FELL)
    return Metric(growth.value / share)
