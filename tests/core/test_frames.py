"""Candles of a higher timeframe: what they are made of, and the row from which each is seen."""

from typing import Any

import numpy as np
import pytest

from safla.core.frames import FRAMES, begin_frame, higher_candles
from safla.core.values import DAY_MS, Columns
from tests.compiled_engine import compiled_entry, needs_library

HOUR = 3_600_000
MONDAY = 1_704_067_200_000  # 2024-01-01T00:00Z
GIVEN = [[0, 1, 2, 3], [0, 4], [0, 5, 11, 12], [1, 23, 25, 26, 50, 51, 99]]


def rows_at(hours: Any, seed: int = 1) -> Columns:
    """Drawn hours, which open so many after a Monday."""
    chance = np.random.default_rng(seed)
    ts = MONDAY + HOUR * np.array(list(hours), np.int64)
    opened, close = chance.integers(100, 200, (2, len(ts)))
    high, low = np.maximum(opened, close) + chance.integers(0, 9, len(ts)), np.minimum(opened, close) - 5
    return Columns(ts, opened, high, low, close, chance.integers(0, 50, len(ts)))


def built(rows: Columns, timeframe: str, cuts: Any = (), fold: Any = higher_candles) -> tuple[list[int], list[Any]]:
    """Which candle is visible at each row, and the candles."""
    state, visible, candles, begin = begin_frame(), [], [], 0
    for end in (*cuts, len(rows.ts)):
        block = Columns(*(column[begin:end] for column in rows))
        seen, out = np.full(end - begin, 77), Columns(*np.full((6, end - begin + 1), 77))
        before = state.closed
        state = fold(state, block, HOUR, *FRAMES[timeframe], seen, out)
        visible += seen.tolist()
        candles += list(zip(*(column[: state.closed - before].tolist() for column in out), strict=True))
        begin = end
    return visible, candles


def by_the_letter(rows: Columns, timeframe: str) -> tuple[list[int], list[Any]]:
    """The same by definition: every bucket with rows, and at each row the latest that has ended."""
    length, shift = FRAMES[timeframe]
    buckets = (rows.ts + shift) // length
    numbers = [int(one) for one in dict.fromkeys(buckets.tolist())]
    if numbers and (rows.ts[0] + shift) % length:
        numbers = numbers[1:]
    candles = []
    for number in numbers:
        at = np.flatnonzero(buckets == number)
        high, low = int(rows.high[at].max()), int(rows.low[at].min())
        opened, close = int(rows.open[at[0]]), int(rows.close[at[-1]])
        candles.append((number * length - shift, opened, high, low, close, int(rows.volume[at].sum())))
    ends = [(number + 1) * length - shift for number in numbers]
    visible = [sum(end <= ts + HOUR for end in ends) - 1 for ts in rows.ts.tolist()]
    return visible, candles[: max(visible, default=-1) + 1]


@pytest.mark.parametrize("timeframe", ["2h", "4h", "12h", "1d", "1w"])
@pytest.mark.parametrize("seed", range(6))
def test_candles_are_those_of_their_rows_and_seen_once_they_are_closed(timeframe: str, seed: int) -> None:
    chance = np.random.default_rng(seed)
    hours = np.flatnonzero(chance.random(700) < [1, 0.97, 0.6, 0.1, 0.99, 0.02][seed]) + chance.integers(0, 30)
    rows = rows_at(hours, seed)
    expected = by_the_letter(rows, timeframe)
    cuts = sorted({int(cut) for cut in chance.integers(0, len(hours), 9)})
    assert built(rows, timeframe) == expected
    assert built(rows, timeframe, cuts) == expected
    assert built(rows, timeframe, range(1, len(hours))) == expected


@pytest.mark.parametrize("hours", GIVEN)
@pytest.mark.parametrize("timeframe", ["4h", "1d"])
def test_compiled_the_candles_are_the_same(hours: list[int], timeframe: str) -> None:
    needs_library()
    rows = rows_at(hours)
    assert built(rows, timeframe, fold=compiled_entry(higher_candles)) == by_the_letter(rows, timeframe)


def test_a_candle_is_visible_from_the_row_that_ends_with_it() -> None:
    assert built(rows_at(range(9)), "4h")[0] == [-1, -1, -1, 0, 0, 0, 0, 1, 1]


def test_a_candle_without_its_last_row_is_visible_from_the_row_after_its_end() -> None:
    assert built(rows_at([0, 1, 5, 6, 7]), "4h")[0] == [-1, -1, 0, 0, 1]


def test_two_candles_can_close_at_one_row() -> None:
    visible, candles = built(rows_at([0, 7]), "4h")
    assert visible == [-1, 1]
    assert [ts - MONDAY for ts, *_ in candles] == [0, 4 * HOUR]


def test_the_first_candle_counts_only_if_its_first_row_opens_it() -> None:
    assert built(rows_at([1, 2, 3, 4, 5, 6, 7]), "4h")[0] == [-1, -1, -1, -1, -1, -1, 0]
    assert built(rows_at([0, 3]), "4h")[0] == [-1, 0], "a missing row inside is just missing"


def test_a_week_begins_on_monday() -> None:
    _, candles = built(rows_at(range(14 * 24)), "1w")
    assert [ts for ts, *_ in candles] == [MONDAY, MONDAY + 7 * DAY_MS]
