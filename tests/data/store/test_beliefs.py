"""Gaps that are accepted as real: since when, until when, and which of them are requested again."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.data.store import beliefs, intervals
from safla.data.store.beliefs import DOUBT_MS

NOW = 100 * DOUBT_MS


def test_a_gap_that_was_accepted_before_keeps_its_time() -> None:
    known = beliefs.revised((), added=((10, 20),), at=5, taken=())
    assert beliefs.revised(known, added=((0, 30),), at=9, taken=()) == ((0, 10, 9), (10, 20, 5), (20, 30, 9))


def test_a_gap_whose_candles_arrive_is_no_longer_accepted() -> None:
    known = ((0, 10, 5), (20, 30, 5))
    assert beliefs.revised(known, added=(), at=9, taken=((4, 6), (20, 30))) == ((0, 4, 5), (6, 10, 5))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(1, 20)), max_size=20))
def test_any_sequence_of_changes_matches_a_model_of_sets(changes: list[tuple[bool, int, int]]) -> None:
    known: beliefs.Beliefs = ()
    expected: dict[int, int] = {}
    for moment, (adds, start, length) in enumerate(changes):
        span = ((start, start + length),)
        known = beliefs.revised(known, added=span if adds else (), at=moment, taken=() if adds else span)
        for place in range(start, start + length):
            if adds:
                expected.setdefault(place, moment)
            else:
                expected.pop(place, None)
    assert {place: at for since, to, at in known for place in range(since, to)} == expected
    assert list(known) == sorted(known)
    assert all(before[1] <= after[0] for before, after in pairwise(known))


@pytest.mark.parametrize(
    ("known", "absent", "asked"),
    [
        (((10, 20, NOW - DOUBT_MS + 1),), ((10, 20),), ((10, 20),)),  # accepted for less than some days
        (((10, 20, NOW - DOUBT_MS),), ((10, 20),), ()),
        ((), ((10, 20),), ()),  # accepted before times were stored
        (((NOW - 50, NOW - 40, 7),), ((NOW - 50, NOW - 40),), ((NOW - 50, NOW - 40),)),  # its candles are young
    ],
)
def test_gaps_that_are_requested_again(
    known: beliefs.Beliefs, absent: intervals.Intervals, asked: intervals.Intervals
) -> None:
    assert beliefs.doubtful(known, absent, now=NOW) == asked


def test_gaps_are_grouped_by_what_fits_in_one_request() -> None:
    gaps = ((0, 1), (5, 6), (9, 12), (30, 99))
    assert beliefs.windows(gaps, 10) == [((0, 1), (5, 6)), ((9, 12),), ((30, 99),)]
