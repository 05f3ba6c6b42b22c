"""Rows 35 to 43 and 45 to 47 for a paper run, up to its candle source: no candle is lost, and none is wrong.

Row 44, the stream, is in tests/exchange/test_candle_stream.py.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from safla.errors import ExchangeError
from safla.exchange import live_symbol
from safla.exchange.live_candles import CandleBatch
from tests.data.feeds import BEGAN, Following, over_at, pairs
from tests.fake_exchange import ANSWERS, PAGES
from tests.faults.exchange import MINUTE, START
from tests.scale import some_of

SINCE, END = BEGAN - 20, BEGAN + 3  # minutes: a page of what was, and three candles as they close
NO_PATIENCE = "exchange.timeout_seconds=0.2"
SHORT: dict[str, dict[str, Any]] = {"slow": {"seconds": 0.05}, "slow_body": {"seconds": 0.05}}
ENDING = {"status", "418", "451"}  # what waiting does not mend
HOSTILE: dict[str, dict[str, Any]] = {  # rows 41 and 42
    "huge_body": {"bytes": 20 * 2**20}, "gzip_bomb": {"bytes": 20 * 2**20}, "deep_json": {}, "repeated_keys": {},
    "nan_constant": {}, "redirect_elsewhere": {}, "drip": {"every": 0.01},
}  # fmt: skip
LEGAL = {"zero_volume", "spike"}  # the row is wrong, but valid by every rule
ABSENT = {"missing", "short_page", "empty_page"}  # the page lacks candles, but could be right
BAD = sorted(PAGES.keys() - LEGAL - ABSENT)


@pytest.fixture
def following(tmp_path: Path) -> Following:
    """A client that times out soon when a server never answers."""
    return Following(tmp_path, sets=(NO_PATIENCE,), streams=False)


def check_whole(following: Following, came: list[CandleBatch]) -> None:
    """Every candle of the exchange came, in order, exactly once."""
    assert pairs(came) == following.true(SINCE, END)
    assert len({one.ts for one in came}) == len(came)


# --- Rows 35 to 42: answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["klines", "time"])
@some_of("name", sorted(ANSWERS.keys() - ENDING), every=3)
def test_one_bad_response_costs_a_short_delay_and_no_candle(name: str, place: str, following: Following) -> None:
    order = following.fake.break_(name, path=place, after=1 if place == "klines" else 0, **SHORT.get(name, {}))
    came = following.follow(SINCE, END)
    assert order.hits == 1
    check_whole(following, came)
    assert following.kinds() in ([], [live_symbol.LATE])


@pytest.mark.parametrize("name", ["429", "500", "502", "503", "504", "403", "html_200", "truncated_json", "reset"])
def test_a_series_of_bad_responses_is_waited_out_and_reported_once(name: str, following: Following) -> None:
    order = following.fake.break_(name, times=14, after=1)
    came = following.follow(SINCE, END)
    assert order.hits == 14
    check_whole(following, came)
    kinds = following.kinds()
    assert kinds[0] == live_symbol.REFUSED
    assert (kinds.count(live_symbol.REFUSED), kinds.count(live_symbol.WELL)) == (1, 1)


@pytest.mark.parametrize("name", sorted(ENDING))
def test_rows_37_and_48_a_permanent_error_ends_the_source_with_exit_5_after_one_request(
    name: str, following: Following
) -> None:
    order = following.fake.break_(name, times=None, after=1)
    with pytest.raises(ExchangeError) as caught:
        following.follow(SINCE, END)
    assert order.hits == 1
    assert caught.value.exit_code == 5
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_rows_41_and_42_a_hostile_response_costs_a_short_delay_and_no_candle(name: str, following: Following) -> None:
    order = following.fake.break_(name, after=1, **HOSTILE[name])
    check_whole(following, following.follow(SINCE, END))
    assert order.hits == 1


def test_row_38_repeated_runs_of_four_failures_and_one_success_lose_no_candle(following: Following) -> None:
    orders = [following.fake.break_("503", times=4, after=1 + place) for place in range(4)]
    check_whole(following, following.follow(SINCE, END))
    assert [order.hits for order in orders[:3]] == [4, 4, 4]
    faults = [bool(one.faults) for one in following.meeting.asked("klines")]
    assert faults[:11] == [False, *[True] * 4, False, *[True] * 4, False]


# --- Row 43: pages ---------------------------------------------------------------------------------------------------


def test_all_27_page_faults_are_covered_by_this_file() -> None:
    assert {*BAD, *LEGAL, *ABSENT} == PAGES.keys()
    assert len(PAGES) == 27


@pytest.mark.parametrize("after", [0, 1])
@some_of("name", [*BAD, *sorted(ABSENT)], every=4)
def test_row_43_a_page_that_is_bad_once_is_requested_again(name: str, after: int, following: Following) -> None:
    order = following.fake.break_(name, after=after)
    came = following.follow(SINCE, END)
    assert order.hits == 1
    check_whole(following, came)
    assert following.source.counts["revised"] == following.source.counts["gaps"] == 0


@some_of("name", BAD, every=6)
def test_row_43_a_page_that_stays_bad_is_reported_in_one_line_and_waited_out(name: str, following: Following) -> None:
    async def scene() -> list[CandleBatch]:
        async with following.opened(SINCE, END) as source:
            following.fake.break_(name, times=None, after=1)
            taking = asyncio.ensure_future(_collected(source))
            await following.meeting.clock.sleep(100.0)
            following.fake.mend()
            return await taking

    check_whole(following, following.meeting.run(scene, grace=0.005))
    kind, symbol, text = following.reports[0]
    assert (kind in (live_symbol.REFUSED, live_symbol.BAD), symbol) == (True, "BTC/USDT")
    assert text.startswith("binance BTC/USDT 1m: ")
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("names", [("BTCUSDT",), ("ETHUSDT", "BTCUSDT")])
def test_row_43_the_bad_row_is_named_even_when_the_retries_open_the_breaker(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    """The symbol that the open breaker rejects waits too, and all candles arrive in the end."""
    following = Following(tmp_path, *names, sets=(NO_PATIENCE, "exchange.retry_attempts=6"), streams=False)
    following.fake.break_("off_grid_timestamp", times=6, after=len(names), symbol="BTCUSDT")
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    text = next(text for kind, _, text in following.reports if kind == live_symbol.REFUSED)
    assert "binance BTC/USDT 1m: row 2 of a page is not a candle of this timeframe" in text
    assert "the breaker is open after too many failures" in text


@pytest.mark.parametrize("name", sorted(LEGAL))
def test_rows_43_and_45_a_wrong_but_valid_candle_stays_after_delivery_and_is_reported_as_revised(
    name: str, following: Following
) -> None:
    following.fake.break_(name, after=1)
    came = following.follow(SINCE, END)
    assert [ts for ts, rows in pairs(came) if (ts, rows) not in following.true(SINCE, END)] == [START + BEGAN * MINUTE]
    assert following.kinds() == [live_symbol.REVISED, live_symbol.CLOCK]
    assert following.reports[1][2].endswith("its clock was read again: the estimate was right")


# --- Rows 45 to 47 ---------------------------------------------------------------------------------------------------


def test_row_45_a_repeated_candle_is_counted_and_delivered_once(following: Following) -> None:
    check_whole(following, following.follow(SINCE, END))
    assert following.source.counts["repeated"] == 3  # each page begins with the last known candle
    assert following.reports == []


@some_of("length", [1, 2, 5], keep=(2,))
def test_row_46_a_gap_is_requested_once_more_and_reaches_the_engine_as_missing_candles(
    length: int, tmp_path: Path
) -> None:
    gap = range(BEGAN, BEGAN + length)
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT", gaps=gap, streams=False)
    following.max_wait = 10  # candles, so that the symbol is not skipped as silent (S6a)
    came = following.follow(SINCE, END + length)
    assert pairs(came) == following.true(SINCE, END + length)
    assert [one.ts for one in came if one.rows[1] is None] == [START + minute * MINUTE for minute in gap]
    assert following.source.counts["asked again"] == 1


def test_row_47_a_silent_exchange_is_reported_and_all_candles_arrive_after_it_returns(following: Following) -> None:
    async def scene() -> list[CandleBatch]:
        async with following.opened(SINCE, END) as source:
            taking = asyncio.ensure_future(_collected(source))
            await following.meeting.clock.sleep(30.0)
            following.fake.break_("reset", times=None, path=None)
            await following.meeting.clock.sleep(300.0)
            assert following.kinds() == [live_symbol.REFUSED]
            assert source.waits_for == (("BTC/USDT", START + BEGAN * MINUTE),)
            following.fake.mend()
            return await taking

    came = following.meeting.run(scene, grace=0.004)
    check_whole(following, came)
    assert live_symbol.WELL in following.kinds()
    assert came[-1].came - over_at(came[-1].ts) < 300.0


async def _collected(source: Any) -> list[CandleBatch]:
    return [one async for one in source]
