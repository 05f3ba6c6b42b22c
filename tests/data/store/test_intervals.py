"""Operations on intervals match operations on the sets of their points."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.timeframes import Interval
from safla.data.store import intervals
from safla.data.store.intervals import Intervals

LISTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)


def points(some: list[Interval] | Intervals) -> set[int]:
    return {point for since, to in some for point in range(since, to)}


def check_canonical(some: Intervals) -> None:
    assert all(since < to for since, to in some)
    assert all(before[1] < after[0] for before, after in pairwise(some))


@given(LISTS, LISTS)
def test_union_and_difference_match_operations_on_sets(one: list[Interval], other: list[Interval]) -> None:
    both, rest = intervals.union(one, other), intervals.minus(one, other)
    assert points(both) == points(one) | points(other)
    assert points(rest) == points(one) - points(other)
    check_canonical(both)
    check_canonical(rest)


@given(LISTS, LISTS, LISTS)
def test_a_revision_holds_the_known_and_added_points_without_the_removed_points(
    known: list[Interval], added: list[Interval], taken: list[Interval]
) -> None:
    before, more, less = (intervals.union(some, ()) for some in (known, added, taken))
    found = intervals.revised(before, added=more, taken=less)
    assert points(found) == (points(known) | points(added)) - points(taken)
    check_canonical(found)


@given(st.sets(st.integers(0, 60)))
def test_the_intervals_of_candles_cover_exactly_the_candles(hours: set[int]) -> None:
    found = intervals.of_candles(np.array(sorted(hours), np.int64) * 10, 10)
    assert {point // 10 for since, to in found for point in range(since, to, 10)} == hours
    assert intervals.length(found, 10) == len(hours)
    check_canonical(found)


@pytest.mark.parametrize(
    ("some", "cut"),
    [(((0, 10),), ((3, 7),)), (((0, 3), (7, 9)), ()), (((0, 4), (6, 9)), ((3, 4), (6, 7))), ((), ())],
)
def test_intersection_clips_intervals_at_both_ends(some: Intervals, cut: Intervals) -> None:
    assert intervals.within(some, (3, 7)) == cut
