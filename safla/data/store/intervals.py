"""Intervals of the time grid and their algebra: stored, absent, or missing candles. No file is known here.

An interval is [from, to) in ms on the grid. Results are sorted, and no two of their intervals touch or overlap.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from safla.core.timeframes import Interval
from safla.core.values import Int64

Intervals = tuple[Interval, ...]


def of_candles(ts: Int64, step_ms: int) -> Intervals:
    """The intervals that ascending candles cover."""
    if not len(ts):
        return ()
    breaks = np.flatnonzero(np.diff(ts) != step_ms)
    firsts = ts[np.concatenate([[0], breaks + 1])]
    lasts = ts[np.concatenate([breaks, [len(ts) - 1]])]
    return tuple(zip(firsts.tolist(), (lasts + step_ms).tolist(), strict=True))


def union(one: Iterable[Interval], other: Iterable[Interval]) -> Intervals:
    """What is in either set."""
    return _normal([*one, *other])


def minus(one: Iterable[Interval], other: Iterable[Interval]) -> Intervals:
    """What is in the first set and not in the second."""
    kept, taken = _normal(one), _normal(other)
    if not kept or not taken:
        return kept
    edges = np.unique(np.array([*kept, *taken], np.int64).ravel())
    inside = _holds(kept, edges) & ~_holds(taken, edges)
    return _normal(zip(edges[:-1][inside[:-1]].tolist(), edges[1:][inside[:-1]].tolist(), strict=True))


def revised(known: Intervals, *, added: Intervals, taken: Intervals) -> Intervals:
    """The known intervals (sorted, none touches another), with `added` and then without `taken`.

    Only intervals near a change are visited: a market that seldom trades has a hundred thousand of them.
    """
    if not added and not taken:
        return known
    start, end = min(interval[0] for interval in (*added, *taken)), max(interval[1] for interval in (*added, *taken))
    first, after = _reached(known, start, end)
    return known[:first] + minus(union(known[first:after], added), taken) + known[after:]


def within(spans: Intervals, span: Interval) -> Intervals:
    """The parts of `spans` (sorted, none touches another) that lie within `span`."""
    start, end = span
    first, after = _reached(spans, start, end)
    cut = ((max(since, start), min(to, end)) for since, to in spans[first:after])
    return tuple((since, to) for since, to in cut if since < to)


def length(spans: Iterable[Interval], step_ms: int) -> int:
    """How many candles fit into the intervals."""
    return sum(to - since for since, to in spans) // step_ms


def _reached(spans: Intervals, start: int, end: int) -> tuple[int, int]:
    """The range of indices of the intervals that overlap or touch [start, end)."""
    return bisect_left(spans, start, key=lambda interval: interval[1]), bisect_right(
        spans, end, key=lambda interval: interval[0]
    )


def _normal(spans: Iterable[Interval]) -> Intervals:
    """The same intervals, sorted; those that touch or overlap are joined, empty ones are dropped."""
    joined: list[Interval] = []
    for since, to in sorted(span for span in spans if span[0] < span[1]):
        if joined and since <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(to, joined[-1][1])
        else:
            joined.append((since, to))
    return tuple(joined)


def _holds(spans: Sequence[Interval], edges: Int64) -> npt.NDArray[np.bool_]:
    """For each edge: whether the point there lies in one of the spans."""
    starts, ends = np.array(spans, np.int64).T
    place = np.searchsorted(starts, edges, side="right") - 1
    inside: npt.NDArray[np.bool_] = (place >= 0) & (edges < ends[place])
    return inside
