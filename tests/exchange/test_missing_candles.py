"""Gaps: candles missing between served ones are requested again, and then accepted as missing (X11, X16)."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.candles import Series
from safla.errors import ExchangeError
from safla.exchange.missing_candles import (
    MOST_DISAGREEMENTS,
    OnlyNewest,
    PageSource,
    SettledPage,
    missing_between,
    settle,
)
from tests.data.feeds import HOUR, START, hour, hours, series
from tests.errors import raises_code

ASKED = PageSource("binance BTC/USDT 1h", HOUR, 10, None)


def page(*numbers: int) -> Series:
    found = series(hours(*numbers))
    assert found is not None
    return found


async def at_once(_before: int) -> None:
    """No pause."""


def settled(
    first: Series, *answers: Series | None, to: int = 10, asked: PageSource = ASKED
) -> tuple[SettledPage, list[tuple]]:
    """Settle a page whose gap requests get these responses; the result and the requested windows."""
    windows, script = [], list(answers)

    async def ask(window: tuple[int, int]) -> Series | None:
        windows.append(window)
        return script.pop(0)

    return asyncio.run(settle(first, (hour(0), hour(to)), asked=asked, ask=ask, pause=at_once)), windows


def test_a_page_without_gaps_is_accepted_at_once():
    found, windows = settled(page(*range(10)))
    assert (found.gaps, found.reasked, windows) == ([], 0, [])


def test_a_gap_is_requested_once_more_by_its_own_window():
    found, windows = settled(page(0, 1, 4), None)
    assert windows == [(hour(2), hour(4))]
    assert (found.gaps, found.reasked) == ([(hour(2), hour(4))], 1)


def test_after_a_response_with_a_part_of_a_gap_the_rest_is_requested():
    found, windows = settled(page(0, 4), page(1), page(3), None)
    assert windows == [(hour(1), hour(4)), (hour(2), hour(4)), (hour(2), hour(3))]
    assert (found.gaps, found.ts.tolist()) == ([(hour(2), hour(3))], hours(0, 1, 3, 4))


def test_candles_after_a_full_response_that_ends_inside_the_gap_count_as_unknown():
    few = ASKED._replace(limit=2)
    found, _ = settled(page(5), page(0, 1), asked=few)
    assert (found.gaps, found.ts.tolist()) == ([], hours(0, 1))


def test_candles_after_a_full_response_that_reaches_the_end_of_the_gap_stay_known():
    found, windows = settled(page(5), page(0, 4), None, asked=ASKED._replace(limit=2))
    assert windows == [(hour(0), hour(5)), (hour(1), hour(4))]
    assert (found.gaps, found.ts.tolist()) == ([(hour(1), hour(4))], hours(0, 4, 5))


def test_responses_that_keep_contradicting_each_other_are_an_error_and_not_a_gap():
    with raises_code(ExchangeError, "bad_answer", match="2024-01-01T05:00Z"):
        settled(page(9), *(page(number) for number in range(MOST_DISAGREEMENTS + 1)))


def test_a_gap_before_the_oldest_candle_of_an_exchange_that_serves_only_the_newest_is_an_error():
    doubtful = ASKED._replace(newest=hour(8))
    with pytest.raises(OnlyNewest, match="cannot serve this range: it has no candle before 2024-01-01T08:00Z"):
        settled(page(8, 9), None, asked=doubtful)
    assert settled(page(0, 9), None, asked=doubtful)[0].gaps == [(hour(1), hour(9))]


@given(st.sets(st.integers(0, 30), min_size=1), st.integers(0, 10), st.integers(0, 40))
def test_gaps_lie_before_or_between_candles_and_never_after_the_last_one(there: set[int], want: int, to: int):
    columns = series(hours(*there))
    assert columns is not None
    found = missing_between(columns.columns.ts, (hour(want), hour(to)), step=HOUR)
    inside = [number for number in there if number >= want]
    expected = {number for number in range(want, min(to, max(inside, default=want))) if number not in there}
    assert {
        number for since, until in found for number in range((since - START) // HOUR, (until - START) // HOUR)
    } == expected
    assert all(since < until for since, until in found)
