"""Valid candles satisfy rules S1-S4 and the bounds of D1."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.candles import validation
from safla.candles.validation import Bounds, Origin
from safla.core.values import Columns
from safla.errors import DataError

STEP = 3_600_000
BOUNDS = Bounds(step_ms=STEP, price_limit=1_000_00, price_decimals=2, volume_decimals=5)
GOOD = (1_704_067_200_000, 100_00, 110_00, 90_00, 105_00, 7)


def columns(*rows: tuple[int, ...]) -> Columns:
    return Columns(*np.array(rows, np.int64).reshape(-1, 6).T)


def origin(count: int) -> Origin:
    return Origin("btc.csv", "line", np.arange(2, 2 + count))


def changed(**values: int) -> tuple[int, ...]:
    return tuple({**dict(zip(Columns._fields, GOOD, strict=True)), **values}.values())


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"volume": 0},
        {"high": 105_00},
        {"low": 100_00},
        {"open": 1, "low": 1},
        {"open": 1_000_00, "high": 1_000_00},
        {"volume": 2**62 - 1},
        {"ts": 0},
    ],
)
def test_a_candle_exactly_at_the_bound_of_a_rule_is_valid(values: dict[str, int]) -> None:
    validation.check_candles(columns(changed(**values)), BOUNDS, origin=origin(1))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"ts": GOOD[0] + 1234}, r"time 2024-01-01T00:00:01\.234Z is not on the grid of 1h candles"),
        ({"ts": 5_000_000_400_000}, "time 5000000400000 ms is outside 1970 to 2100"),
        ({"low": 0}, r"low 0\.00 is not above 0"),
        ({"low": -1}, r"low -0\.01 is not above 0"),
        ({"high": 99_99, "close": 95_00}, r"high 99\.99 is below open 100\.00"),
        ({"high": 104_99}, r"high 104\.99 is below close 105\.00"),
        ({"low": 100_01}, r"low 100\.01 is above open 100\.00"),
        ({"low": 95_01, "close": 95_00}, r"low 95\.01 is above close 95\.00"),
        ({"high": 1_000_01}, r"high 1000\.01 is above 1000\.00, the highest price that 64-bit sums allow"),
        ({"volume": -1}, r"volume -0\.00001 is below 0"),
        ({"volume": 2**62}, r"volume 46116860184273\.87904 is not below 2\*\*62 units"),
    ],
)
def test_a_candle_one_unit_beyond_a_bound_is_rejected_with_file_row_and_value(
    values: dict[str, int], text: str
) -> None:
    with pytest.raises(DataError, match=rf"^btc\.csv: line 3: {text}"):
        validation.check_candles(columns(GOOD, changed(**values)), BOUNDS, origin=origin(2))


def test_the_first_bad_row_is_named_and_the_others_are_counted() -> None:
    rows = columns(GOOD, changed(volume=-1), changed(low=0), GOOD, changed(volume=-2, low=0))
    with pytest.raises(DataError, match=r"line 3: volume .* \(and 2 more\)$"):
        validation.check_candles(rows, BOUNDS, origin=origin(5))


def hours(*numbers: int, close: int = 105_00) -> Columns:
    return columns(*(changed(ts=number * STEP, close=close) for number in numbers))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.booleans())
def test_rows_are_sorted_only_by_dropping_equal_candles_and_reversing(numbers: list[int], newest: bool) -> None:
    rows = sorted(numbers, reverse=newest)
    ordered = validation.ascend(hours(*rows), BOUNDS, origin=origin(len(rows)))
    assert (ordered.columns.ts // STEP).tolist() == sorted(set(numbers))
    assert ordered.duplicates == len(numbers) - len(set(numbers))
    assert ordered.turned == (newest and len(set(numbers)) > 1)
    assert [rows[line - 2] for line in ordered.origin.numbers] == sorted(set(numbers))


def test_a_repeated_identical_candle_is_ignored_anywhere() -> None:
    ordered = validation.ascend(hours(1, 2, 3, 2, 4, 4), BOUNDS, origin=origin(6))
    assert (ordered.duplicates, (ordered.columns.ts // STEP).tolist()) == (2, [1, 2, 3, 4])


def test_a_repeated_candle_with_different_values_is_rejected_as_revised() -> None:
    rows = Columns(*(np.concatenate(pair) for pair in zip(hours(1, 2), hours(2, 3, close=104_99), strict=True)))
    message = (
        "btc.csv: line 4: candle_revised: 1970-01-01T02:00Z is also in line 3 with other values: "
        "close 104.99 instead of 105.00"
    )
    with pytest.raises(DataError, match=rf"^{re.escape(message)}$"):
        validation.ascend(rows, BOUNDS, origin=origin(4))


@pytest.mark.parametrize(("numbers", "line", "hour"), [((1, 3, 2, 4), 4, 2), ((9, 7, 8, 6), 3, 7)])
def test_a_candle_out_of_order_is_rejected_with_its_row(numbers: tuple[int, ...], line: int, hour: int) -> None:
    with pytest.raises(DataError, match=rf"^btc\.csv: line {line}: 1970-01-01T0{hour}:00Z is out of order"):
        validation.ascend(hours(*numbers), BOUNDS, origin=origin(4))


@pytest.mark.parametrize(
    ("numbers", "expected"), [((1,), (0, 0)), ((1, 2, 3), (0, 0)), ((1, 3), (1, 1)), ((1, 3, 4, 14), (2, 10))]
)
def test_gaps_and_missing_candles_are_counted(numbers: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert validation.count_gaps(hours(*numbers).ts, STEP) == expected


HOUR = 3_600_000


@pytest.mark.parametrize(
    ("step", "shift", "said"),
    [
        (24 * HOUR, 16 * HOUR, "1d candles that open at 16:00 UTC (the day of UTC+8)"),
        (24 * HOUR, 5 * HOUR, "1d candles that open at 05:00 UTC (the day of UTC-5)"),
        (24 * HOUR, HOUR * 37 // 2, "1d candles that open at 18:30 UTC (the day of UTC+5:30)"),
        (4 * HOUR, 2 * HOUR, "4h candles that open at 02:00 UTC and every 4 h from then on"),
        (HOUR, HOUR // 2, "1h candles that open 30 min after the UTC grid, such as 2024-01-01T00:30Z"),
        (HOUR, 1, "time 2024-01-01T00:00:00.001Z is not on the grid of 1h candles"),
    ],
)
def test_candles_with_a_common_offset_are_reported_with_the_offset(step: int, shift: int, said: str) -> None:
    rows = columns(*(changed(ts=GOOD[0] + n * step + shift) for n in range(3)))
    with pytest.raises(DataError, match=re.escape(f"btc.csv: line 2: {said}")):
        validation.check_candles(rows, BOUNDS._replace(step_ms=step), origin=origin(3))


def test_an_empty_series_has_no_gaps() -> None:
    assert validation.count_gaps(np.zeros(0, np.int64), STEP) == (0, 0)
