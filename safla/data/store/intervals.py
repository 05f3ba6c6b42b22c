"""Stretches of the time grid and their algebra: what is held, what is absent, what is missing. No file is known here.

A span is [from, to) in ms on the grid. What comes out is sorted, and no two of its spans touch.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from safla.core.timeframes import Interval
from safla.core.values import Int64

Intervals = tuple[Interval, ...]


def of_candles(ts: Int64, step_ms: int) -> Intervals:
    """The stretches that ascending candles cover."""
    if not len(ts):
        return ()
    breaks = np.flatnonzero(np.diff(ts) != step_ms)
    firsts = ts[np.concatenate([[0], breaks + 1])]
    lasts = ts[np.concatenate([breaks, [len(ts) - 1]])]
    return tuple(zip(firsts.tolist(), (lasts + step_ms).tolist(), strict=True))


def union(one: Iterable[Interval], other: Iterable[Interval]) -> Intervals:
    """What is in either."""
    return _normal([*one, *other])


def minus(one: Iterable[Interval], other: Iterable[Interval]) -> Intervals:
    """What is in the one and not in the other."""
    kept, taken = _normal(one), _normal(other)
    if not kept or not taken:
        return kept
    edges = np.unique(np.array([*kept, *taken], np.int64).ravel())
    inside = _holds(kept, edges) & ~_holds(taken, edges)
    return _normal(zip(edges[:-1][inside[:-1]].tolist(), edges[1:][inside[:-1]].tolist(), strict=True))


def revised(known: Intervals, *, added: Intervals, taken: Intervals) -> Intervals:
    """The known ones (sorted, none touches another) with what is added and without what is taken.

    Only those that a change reaches are looked at: a market that seldom trades has a hundred thousand.
    """
    if not added and not taken:
        return known
    start, end = min(one[0] for one in (*added, *taken)), max(one[1] for one in (*added, *taken))
    first, behind = _reached(known, start, end)
    return known[:first] + minus(union(known[first:behind], added), taken) + known[behind:]


def within(spans: Intervals, span: Interval) -> Intervals:
    """What of the spans (sorted, none touches another) lies within one."""
    start, end = span
    first, behind = _reached(spans, start, end)
    cut = ((max(since, start), min(to, end)) for since, to in spans[first:behind])
    return tuple((since, to) for since, to in cut if since < to)


def length(spans: Iterable[Interval], step_ms: int) -> int:
    """How many candles would fit."""
    return sum(to - since for since, to in spans) // step_ms


def _reached(spans: Intervals, start: int, end: int) -> tuple[int, int]:
    """The places of those that lie in a stretch or touch it: from, to."""
    return bisect_left(spans, start, key=lambda one: one[1]), bisect_right(spans, end, key=lambda one: one[0])


def _normal(spans: Iterable[Interval]) -> Intervals:
    """The same stretches, sorted, those that touch or overlap as one; empty ones are none."""
    found: list[Interval] = []
    for since, to in sorted(span for span in spans if span[0] < span[1]):
        if found and since <= found[-1][1]:
            found[-1] = found[-1][0], max(to, found[-1][1])
        else:
            found.append((since, to))
    return tuple(found)


def _holds(spans: Sequence[Interval], edges: Int64) -> npt.NDArray[np.bool_]:
    """For each edge: does what begins there lie in one of the spans."""
    starts, ends = np.array(spans, np.int64).T
    place = np.searchsorted(starts, edges, side="right") - 1
    inside: npt.NDArray[np.bool_] = (place >= 0) & (edges < ends[place])
    return inside
