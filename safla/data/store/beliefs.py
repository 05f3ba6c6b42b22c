"""Gaps that an exchange confirmed, and since when: their algebra. No file and no network is known here.

A belief is a gap [from, to) in ms on the grid, and the time when it was first confirmed. Beliefs are sorted, and none
touches another of the same time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from safla.data.store import intervals
from safla.data.store.intervals import Intervals

DAYS = 3  # a gap is requested again for so long, counted from its first confirmation and from the time of its candles
DOUBT_MS = DAYS * 86_400_000

Belief = tuple[int, int, int]  # from, to, confirmed since, all in ms
Beliefs = tuple[Belief, ...]


def revised(known: Beliefs, *, added: Intervals, at: int, taken: Intervals) -> Beliefs:
    """The known beliefs with the gaps `added`, where these are new since `at`, and then without `taken`.

    Only beliefs near a change are visited: a market that seldom trades has a hundred thousand of them.
    """
    if not added and not taken:
        return known
    start, end = min(span[0] for span in (*added, *taken)), max(span[1] for span in (*added, *taken))
    first, after = (
        bisect_left(known, start, key=lambda span: span[1]),
        bisect_right(known, end, key=lambda span: span[0]),
    )
    local = known[first:after]
    new = intervals.minus(added, [(since, to) for since, to, _ in local])
    changed = [(since, to, moment) for *span, moment in local for since, to in intervals.minus([_pair(span)], taken)]
    changed += [(since, to, at) for since, to in intervals.minus(new, taken)]
    return known[:first] + _joined(sorted(changed)) + known[after:]


def doubtful(known: Beliefs, absent: Intervals, *, now: int) -> Intervals:
    """The gaps to request again: those confirmed less than DAYS ago, and those whose candles are younger than that."""
    young = [(since, to) for since, to, moment in known if moment > now - DOUBT_MS]
    return intervals.union(young, intervals.within(absent, (now - DOUBT_MS, max(now, now - DOUBT_MS + 1))))


def windows(gaps: Intervals, most_ms: int) -> list[Intervals]:
    """The gaps in groups, one per request: each group spans at most `most_ms`, unless a single gap is longer."""
    groups: list[list[tuple[int, int]]] = []
    for gap in gaps:
        if groups and gap[1] - groups[-1][0][0] <= most_ms:
            groups[-1].append(gap)
        else:
            groups.append([gap])
    return [tuple(group) for group in groups]


def _pair(span: Sequence[int]) -> tuple[int, int]:
    return span[0], span[1]


def _joined(beliefs: list[Belief]) -> Beliefs:
    joined: list[Belief] = []
    for since, to, moment in beliefs:
        if joined and joined[-1][1] == since and joined[-1][2] == moment:
            joined[-1] = joined[-1][0], to, moment
        else:
            joined.append((since, to, moment))
    return tuple(joined)
