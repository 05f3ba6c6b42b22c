"""Drawdowns: how deep and how long the equity fell below its peak. A fall is one drawdown from its peak to its end."""

from typing import NamedTuple

import numpy as np

from safla.core.values import NONE, Int64
from safla.metrics.metric import Metric
from safla.metrics.sums import row_blocks

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
    peaks = peaks_of(equity, balance)
    return Falls(deepest_fall(equity, peaks), deepest(peaks[:-1], trough)[0], *under_water(ts, equity, peaks, step_ms))


def peaks_of(equity: Int64, balance: int) -> Int64:
    """The peak before each candle, starting with the balance, and the peak at the end: int64[n + 1], money units."""
    peaks = np.empty(len(equity) + 1, np.int64)
    peaks[0] = balance
    peaks[1:] = equity
    return np.maximum.accumulate(peaks, out=peaks)


def deepest(peaks: Int64, levels: Int64) -> tuple[float, int]:
    """max(1 - level / peak), and the index of the first candle with it; 0 and NONE where no level is below its peak."""
    share, place = 0.0, NONE
    for part in row_blocks(len(levels)):
        falls = (peaks[part] - levels[part]) / peaks[part]
        row = int(np.argmax(falls))
        if float(falls[row]) > share:
            share, place = float(falls[row]), part.start + row
    return share, place


def deepest_fall(equity: Int64, peaks: Int64) -> Fall:
    """The deepest fall by closes. equity int64[n], peaks from peaks_of."""
    share, trough = deepest(peaks[:-1], equity)
    if trough == NONE:
        return Fall(0.0, NONE, NONE, NONE)
    peak = int(peaks[trough])
    at_peak = (equity[:trough] == peak)[::-1]
    again = equity[trough:] >= peak
    return Fall(
        share=share,
        peak=trough - 1 - int(at_peak.argmax()) if at_peak.any() else NONE,
        trough=trough,
        end=trough + int(again.argmax()) if again.any() else NONE,
    )


def under_water(ts: Int64, equity: Int64, peaks: Int64, step_ms: int) -> tuple[float, int]:
    """The share of closes below the peak so far, and the longest time (ms) from a peak to the close that regains it.

    A fall that is not over lasts until the last close. At least one candle.
    """
    below = np.zeros(len(equity) + 2, np.bool_)  # False at both ends, so that every stretch has two edges
    np.less(equity, peaks[:-1], out=below[1:-1])
    edges = np.flatnonzero(below[1:] != below[:-1])
    first, end = edges[::2], edges[1::2]
    since = np.where(first > 0, ts[np.maximum(first, 1) - 1] + step_ms, ts[0])
    spans = ts[np.minimum(end, len(ts) - 1)] + step_ms - since
    return float(np.sum(end - first)) / float(len(equity)), int(spans.max()) if len(spans) else 0


def calmar(growth: Metric, share: float) -> Metric:
    """CAGR over the max drawdown by closes (Young 1991)."""
    if growth.value is None:
        return growth
    if share == 0.0:
        return Metric(None, NEVER_FELL)
    return Metric(growth.value / share)
