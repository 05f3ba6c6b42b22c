"""Gaps that are believed, and since when: their algebra. No file and no network is known here.

A belief is [from, to) in ms on the grid and the moment it was first believed. They are sorted and none touches another
of the same moment.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from safla.data.store import intervals
from safla.data.store.intervals import Intervals

DAYS = 3  # so long a gap is asked for again: by its age, and by that of its candles
DOUBT_MS = DAYS * 86_400_000

Belief = tuple[int, int, int]  # from, to, since when
Beliefs = tuple[Belief, ...]


def revised(known: Beliefs, *, added: Intervals, at: int, taken: Intervals) -> Beliefs:
    """The known ones with gaps that are believed from `at` on, where they were not before, without what is taken.

    Only those that a change reaches are looked at: a market that seldom trades has a hundred thousand.
    """
    if not added and not taken:
        return known
    start, end = min(one[0] for one in (*added, *taken)), max(one[1] for one in (*added, *taken))
    first, after = bisect_left(known, start, key=lambda one: one[1]), bisect_right(known, end, key=lambda one: one[0])
    local = known[first:after]
    new = intervals.minus(added, [(since, to) for since, to, _ in local])
    changed = [(since, to, moment) for *span, moment in local for since, to in intervals.minus([_pair(span)], taken)]
    changed += [(since, to, at) for since, to in intervals.minus(new, taken)]
    return known[:first] + _joined(sorted(changed)) + known[after:]


def doubtful(known: Beliefs, absent: Intervals, *, now: int) -> Intervals:
    """What is asked for again: gaps believed for less than DAYS, and any whose candles are younger than that."""
    young = [(since, to) for since, to, moment in known if moment > now - DOUBT_MS]
    return intervals.union(young, intervals.within(absent, (now - DOUBT_MS, max(now, now - DOUBT_MS + 1))))


def windows(gaps: Intervals, most_ms: int) -> list[Intervals]:
    """The gaps in groups, each within so many ms, unless a single one is longer: what one question can be about."""
    found: list[list[tuple[int, int]]] = []
    for gap in gaps:
        if found and gap[1] - found[-1][0][0] <= most_ms:
            found[-1].append(gap)
        else:
            found.append([gap])
    return [tuple(group) for group in found]


def _pair(span: Sequence[int]) -> tuple[int, int]:
    return span[0], span[1]


def _joined(beliefs: list[Belief]) -> Beliefs:
    found: list[Belief] = []
    for since, to, moment in beliefs:
        if found and found[-1][1] == since and found[-1][2] == moment:
            found[-1] = found[-1][0], to, moment
        else:
            found.append((since, to, moment))
    return tuple(found)
