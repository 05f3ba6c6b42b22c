"""A page as received: each rule of X4 names the row that breaks it; nothing is sorted, dropped or repaired."""

from typing import Any

import pytest

from safla.errors import DataError
from safla.exchange import pages
from safla.exchange.pages import PageRequest
from tests.errors import raises_code

HOUR = 3_600_000
START = 1_704_067_200_000  # 2024-01-01
ASKED = PageRequest("binance BTC/USDT 1h", "BTC/USDT", HOUR, START, 4, START + 3 * HOUR + 1_000)


def row(number: int, **changed: object) -> list[object]:
    cells = {"ts": START + number * HOUR, "open": "100.10", "high": "101", "low": "99.5", "close": "100.25000000"}
    return [*(cells | {"volume": "12.3"} | changed).values()]


GOOD = [row(0), row(1), row(2), row(3)]


def test_a_valid_page_is_read_unchanged_including_the_unfinished_candle():
    series = pages.check_page(GOOD, ASKED)
    assert series is not None
    assert series.columns.ts.tolist() == [START + number * HOUR for number in range(4)]
    assert (series.price_decimals, series.volume_decimals) == (2, 1)
    assert series.columns.close.tolist() == [10_025] * 4
    assert series.columns.volume.tolist() == [123] * 4


def test_an_empty_page_has_no_candles():
    assert pages.check_page([], ASKED) is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*GOOD, row(4)], "expected 4 rows at most, got 5"),
        ([row(0), row(1, ts=START + HOUR + 1_234)], "1704070801234 is not on the grid"),
        ([row(-1), row(0)], "1704063600000 is before the requested start, 1704067200000"),
        ([row(0), row(2), row(1)], "1704070800000 comes after 1704074400000; the times of a page must ascend"),
        ([row(0), row(0)], "comes after 1704067200000"),
        ([row(0), row(1, ts=START + 13 * HOUR)], "is in the future: the exchange's clock says"),
        ([row(0, ts=START * 1000)], "'?1704067200000000'? is not an integer of 13 digits"),
        ([row(0, ts=START // 1000)], "1704067200 is not an integer of 13 digits"),
        ([row(0, ts=str(START))], "'1704067200000' is not an integer of 13 digits"),
        ([row(0, ts=float(START))], "is not an integer of 13 digits"),
        ([row(0, ts=True)], "True is not an integer of 13 digits"),
        ([[]], "None is not an integer of 13 digits"),
        ([row(0)[:4]], "are not five numbers"),
        ([[*row(0), "1"]], "are not five numbers"),
        ([row(0, close=None)], "None, '12.3'\\] are not five numbers"),
        ([row(0, close=100.25)], "are not five numbers"),
        ([row(0, high="NaN")], "high 'NaN' is not a plain decimal number"),
        ([row(0, high="Infinity")], "high 'Infinity' is not a plain decimal"),
        ([row(0, close="1e400")], "close '1e400' is not a plain decimal"),
        ([row(0, close="n/a")], "close 'n/a' is not a plain decimal"),
        ([row(0, close="")], "close is empty"),
        ([row(0, low="-1")], "low '-1' is not a plain decimal"),
        ([row(0, low="0")], "low 0.00 is not above 0"),
        ([row(0, volume="-1")], "volume '-1' is not a plain decimal"),
        ([row(0, high="99.4", low="101")], "high 99.40 is below open 100.10"),
        ([row(0, close="102")], "high 101.0 is below close 102.0"),
        ([row(0, close="100.1234567891234")], "has the rounding error of a float"),
        ([row(0, close="0.0000000000001")], "has more decimals than 12"),
    ],
)
def test_a_row_that_breaks_a_rule_is_reported_with_its_value(rows: list, said: str):
    with pytest.raises(DataError, match=said) as refused:
        pages.check_page(rows, ASKED)
    assert str(refused.value).startswith("binance BTC/USDT 1h: ")


FORMING = {  # the last row of an unfinished candle, with any content
    "high below open": row(3, high="99.4", low="101"),
    "no number": row(3, close="n/a"),
    "null": row(3, close=None),
    "too few cells": row(3)[:3],
    "too many decimals": row(3, close="100.12345678901234"),
}


@pytest.mark.parametrize("name", FORMING)
def test_an_invalid_last_row_of_an_unfinished_candle_is_removed_before_the_page_is_checked(name: str):
    series = pages.check_page([*GOOD[:3], FORMING[name]], ASKED)
    assert series is not None
    assert series.columns.ts.tolist() == [START + number * HOUR for number in range(3)]
    assert pages.check_page([FORMING[name]], ASKED) is None


@pytest.mark.parametrize("name", FORMING)
def test_the_same_row_is_an_error_once_its_candle_has_closed_or_another_row_follows(name: str):
    with pytest.raises(DataError):
        pages.check_page([*GOOD[:3], FORMING[name]], ASKED._replace(latest=START + 4 * HOUR))
    with raises_code(DataError, "invalid_candle"):
        pages.check_page([*GOOD[:2], row(2, high="1"), GOOD[3]], ASKED)


def test_the_check_of_the_caller_applies_to_closed_candles_only():
    def sound(found: Any) -> None:
        if found.price_decimals > 2:
            raise DataError("too fine")

    finer = row(3, close="100.125")
    series = pages.check_page([*GOOD[:3], finer], ASKED, sound=sound)
    assert series is not None
    assert len(series.columns.ts) == 3
    with pytest.raises(DataError, match="too fine"):
        pages.check_page([row(0, close="100.125"), *GOOD[1:]], ASKED, sound=sound)


def test_a_candle_that_closes_between_the_two_clock_bounds_may_be_unfinished():
    """The response was produced at some time between the two bounds."""
    asked = ASKED._replace(latest=START + 4 * HOUR + 100, least=START + 4 * HOUR - 100)
    series = pages.check_page([*GOOD[:3], row(3, high="1")], asked)
    assert series is not None
    assert len(series.columns.ts) == 3


@pytest.mark.parametrize("volume", ["0", "0.00000000"])
def test_a_candle_with_zero_volume_is_valid(volume: str):
    series = pages.check_page([row(0, volume=volume)], ASKED)
    assert series is not None
    assert series.columns.volume.tolist() == [0]


def test_upto_returns_the_candles_that_open_before_the_end():
    series = pages.check_page(GOOD, ASKED)
    assert series is not None
    assert pages.upto(series, START + 2 * HOUR).columns.ts.tolist() == [START, START + HOUR]
    assert pages.upto(series, START).columns.ts.tolist() == []
