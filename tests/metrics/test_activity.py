"""Counts of candles in each mode and of fills next to gaps match values computed by hand."""

import numpy as np
import pytest

from safla.core.machine import FLAT, HALTED, LONG, MODES, WARMING
from safla.metrics import activity

HOUR = 3_600_000


def ints(*values):
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("moves", "start", "expected"),
    [
        ([(0, WARMING)], 0, {"warming": 8}),
        ([(0, WARMING), (2, FLAT), (4, LONG), (7, FLAT)], 0, {"warming": 2, "flat": 3, "long": 3}),
        ([(0, WARMING), (2, FLAT), (4, LONG), (7, FLAT)], 3, {"flat": 2, "long": 3}),  # the lookback does not count
        ([(0, WARMING), (0, FLAT), (5, HALTED)], 0, {"flat": 5, "halted": 3}),  # the last of a candle
        ([(0, WARMING), (3.5, HALTED)], 0, {"warming": 4, "halted": 4}),  # between two candles of this symbol
        ([(0, WARMING), (9, HALTED)], 0, {"warming": 8}),
        ([(0, WARMING)], 9, {}),
    ],
)
def test_a_candle_counts_for_the_mode_at_its_end(moves, start, expected):
    moved, target = (ints(*(int(move[i] * (HOUR if i == 0 else 1)) for move in moves)) for i in range(2))
    counts = activity.candles_in_modes(np.arange(8, dtype=np.int64) * HOUR, moved, target, start * HOUR)
    assert {mode: count for mode, count in zip(MODES, counts, strict=True) if count} == expected


@pytest.mark.parametrize(
    ("filled", "expected"), [((), 0), ((0, 1), 0), ((2,), 1), ((5, 5), 2), ((6, 10), 0), ((1, 2, 5, 7, 9), 4)]
)
def test_a_fill_in_the_last_candle_before_or_the_first_after_a_gap_is_next_to_the_gap(filled, expected):
    # given candles with two gaps: 3 and 4, and 8
    ts = ints(0, 1, 2, 5, 6, 7, 9, 10) * HOUR
    assert activity.fills_beside_gaps(ts, ints(*filled) * HOUR, HOUR) == expected
