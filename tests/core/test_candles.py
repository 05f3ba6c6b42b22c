"""Columns of one symbol, of many symbols on one grid, and the hash that identifies them (J7)."""

import hashlib
import struct

import numpy as np
import pytest

from safla.core.candles import BLOCK, Series, align, between, digest, iso, packed, rows_before_gaps, spread
from safla.core.timeframes import TIMEFRAMES
from safla.core.values import Columns

HOUR = 3_600_000


def columns(*hours: int, price: int = 100) -> Columns:
    """Candles at those hours whose numbers all differ."""
    ts = np.array([hour * HOUR for hour in hours], np.int64)
    return Columns(ts, *(price + 10 * field + ts // HOUR for field in range(5)))


def test_one_symbol_is_its_own_grid_without_a_copy() -> None:
    one = columns(1, 2, 4)
    grid = align([one])
    assert grid.ts is one.ts
    assert np.shares_memory(grid.close, one.close)
    assert [column.tolist() for column in grid[1:]] == [[column.tolist()] for column in one[1:]]


def test_symbols_share_one_grid_with_zeros_for_missing_candles() -> None:
    grid = align([columns(1, 2, 5), columns(2, 3, price=500), columns()])
    assert (grid.ts // HOUR).tolist() == [1, 2, 3, 5]
    assert grid.open.tolist() == [[101, 102, 0, 105], [0, 502, 503, 0], [0, 0, 0, 0]]
    assert grid.volume.tolist() == [[141, 142, 0, 145], [0, 542, 543, 0], [0, 0, 0, 0]]
    assert {column.dtype for column in grid} == {np.dtype(np.int64)}


def three(*hours: tuple[int, ...]) -> list[Series]:
    return [Series(f"{place}/USDT", place, 5, columns(*own, price=100 * place)) for place, own in enumerate(hours)]


def test_packing_keeps_the_candles_and_makes_their_grid_without_a_copy() -> None:
    given, plain = three((1, 2, 5), (1, 2, 5), (1, 2, 5)), three((1, 2, 5), (1, 2, 5), (1, 2, 5))
    found = packed(given)
    assert given == []
    assert [one[:3] for one in found] == [one[:3] for one in plain]
    grid, expected = align([one.columns for one in found]), align([one.columns for one in plain])
    assert all(map(np.array_equal, grid, expected))
    for name in Columns._fields[1:]:
        for row, one in enumerate(found):
            assert np.shares_memory(getattr(grid, name)[row], getattr(one.columns, name))
    assert all(one.columns.ts is grid.ts for one in found)


def test_candles_of_different_times_are_packed_unchanged() -> None:
    found = packed(three((1, 2, 5), (1, 3, 5)))
    assert [(one.columns.ts // HOUR).tolist() for one in found] == [[1, 2, 5], [1, 3, 5]]
    assert align([one.columns for one in found]).open.tolist() == [[1, 2, 0, 5], [101, 0, 103, 105]]


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 1), (0, 0, 2)])
def test_a_subset_of_packed_symbols_or_replaced_candles_get_a_new_grid(order: tuple[int, ...]) -> None:
    found, plain = packed(three((1, 2), (1, 2), (1, 2))), three((1, 2), (1, 2), (1, 2))
    grid = align([found[place].columns for place in order])
    assert grid.high.tolist() == [plain[place].columns.high.tolist() for place in order]
    assert not np.shares_memory(grid.high, found[0].columns.high)


def test_a_column_is_aligned_to_the_grid_with_zeros_in_its_gaps() -> None:
    grid, rows = np.array([1, 2, 3, 5]), np.array([2, 5])
    signal = spread(grid, rows, np.array([1, -1], np.int8))
    assert signal.tolist() == [0, 1, 0, -1]
    assert signal.dtype == np.int8


def test_a_column_that_fills_the_grid_is_the_same_column() -> None:
    strength = np.array([0.5, 0.25])
    assert spread(np.array([1, 2]), np.array([1, 2]), strength) is strength


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [(0, 99, [1, 2, 4]), (1, 4, [1, 2]), (2, 5, [2, 4]), (3, 4, []), (4, 4, []), (5, 9, []), (1, 1, [])],
)
def test_the_start_is_inclusive_and_the_end_is_not(start: int, end: int, hours: list[int]) -> None:
    cut = between(columns(1, 2, 4), start * HOUR, end * HOUR)
    assert (cut.ts // HOUR).tolist() == hours
    assert cut.close.tolist() == [130 + hour for hour in hours]


def test_the_digest_hashes_one_line_and_six_columns_per_symbol() -> None:
    series = [Series("BTC/USDT", 2, 8, columns(1, 2)), Series("ETH/USDT", 3, 5, columns(2, price=700))]
    text = b"BTC/USDT 1h 2 8 2\n"
    for pair in ((HOUR, 2 * HOUR), (101, 102), (111, 112), (121, 122), (131, 132), (141, 142)):
        text += struct.pack("<2q", *pair)
    text += b"ETH/USDT 1h 3 5 1\n" + struct.pack("<6q", 2 * HOUR, 702, 712, 722, 732, 742)
    assert digest(series, "1h") == hashlib.blake2b(text, digest_size=16).hexdigest()


def test_the_digest_does_not_depend_on_the_memory_layout_of_columns() -> None:
    one = columns(1, 2, 3, 4)
    every_other = Columns(*(np.repeat(column, 2)[::2] for column in one))
    swapped = Columns(*(column.astype(">i8") for column in one))
    expected = digest([Series("A/B", 0, 0, one)], "1h")
    assert digest([Series("A/B", 0, 0, every_other)], "1h") == expected
    assert digest([Series("A/B", 0, 0, swapped)], "1h") == expected


@pytest.mark.parametrize(
    "other",
    [
        ([Series("A/C", 1, 2, columns(1, 2))], "1h"),
        ([Series("A/B", 2, 2, columns(1, 2))], "1h"),
        ([Series("A/B", 1, 3, columns(1, 2))], "1h"),
        ([Series("A/B", 1, 2, columns(1, 2))], "2h"),
        ([Series("A/B", 1, 2, columns(1, 3))], "1h"),
        ([Series("A/B", 1, 2, columns(1))], "1h"),
        ([Series("A/B", 1, 2, columns(1, 2, price=101))], "1h"),
        ([Series("A/B", 1, 2, columns(1)), Series("A/B", 1, 2, columns(2))], "1h"),
    ],
)
def test_different_candles_or_a_different_scale_change_the_digest(other: tuple[list[Series], str]) -> None:
    assert digest(*other) != digest([Series("A/B", 1, 2, columns(1, 2))], "1h")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00Z"),
        (1_706_706_000_000, "2024-01-31T13:00Z"),
        (1_706_706_060_000, "2024-01-31T13:01Z"),
        (1_706_706_005_000, "2024-01-31T13:00:05Z"),
        (1_706_706_000_500, "2024-01-31T13:00:00.500Z"),
    ],
)
def test_a_time_is_shown_in_its_shortest_exact_form(ms: int, text: str) -> None:
    assert iso(ms) == text


@pytest.mark.parametrize(
    ("name", "minutes"), [("1m", 1), ("5m", 5), ("30m", 30), ("1h", 60), ("12h", 720), ("1d", 1440)]
)
def test_a_timeframe_converts_to_its_length_in_ms(name: str, minutes: int) -> None:
    assert TIMEFRAMES[name] == minutes * 60_000


def test_every_timeframe_floors_to_the_grid_of_the_utc_day() -> None:
    assert [name for name, ms in TIMEFRAMES.items() if 86_400_000 % ms] == []


def test_rows_before_gaps_are_found_across_the_blocks() -> None:
    hours = np.arange(2 * BLOCK + 5)
    at = [0, BLOCK - 2, BLOCK - 1, BLOCK, 2 * BLOCK - 1, len(hours) - 2]
    for row in at:
        hours[row + 1 :] += 3
    assert rows_before_gaps(hours * HOUR, HOUR).tolist() == at
    assert rows_before_gaps(hours[:1] * HOUR, HOUR).tolist() == rows_before_gaps(hours[:0], HOUR).tolist() == []
