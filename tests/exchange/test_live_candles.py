"""Live candles over REST: when they are requested, what is delivered, what is waited for, and what ends the source."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from safla.core.candles import Scale
from safla.errors import ConfigError, ExchangeError
from safla.exchange import live_symbol
from safla.exchange.live_candles import WAKE_SECONDS, CandleBatch
from tests.data.feeds import BEGAN, Following, over_at, pairs
from tests.errors import raises_code
from tests.fake_exchange import Candles, synthetic
from tests.faults.exchange import LIMIT, MINUTE, START, minutes
from tests.scale import some_of

SINCE, END = BEGAN - 5, BEGAN + 5  # minutes


@pytest.fixture
def following(tmp_path: Path) -> Following:
    """A client of one symbol, without a stream."""
    return Following(tmp_path)


def numbers(came: list[CandleBatch]) -> list[int]:
    return [(one.ts - START) // MINUTE for one in came]


def asked(following: Following) -> list[tuple[float, int]]:
    """The candle requests: time in seconds, and first requested minute."""
    found = following.meeting.asked("klines")
    return [(following.meeting.second(one), (int(one.parameters["startTime"]) - START) // MINUTE) for one in found]


def upto(following: Following, count: int, *, name: str = "BTCUSDT") -> Candles:
    """Cut the candles of a symbol after so many on the exchange; all of them, for later."""
    market = following.fake.markets[name]
    whole = market.candles["1m"]
    place = following.names.index(name)
    market.candles["1m"] = synthetic(START, MINUTE, 240, seed=1 + place, gaps=range(count, 240))
    return whole


# --- When ------------------------------------------------------------------------------------------------------------


def test_history_arrives_page_by_page_and_then_each_candle_shortly_after_its_close(following: Following) -> None:
    following.meeting.fake.clock.advance(0)
    came = following.follow(0, END)
    assert pairs(came) == following.true(0, END)
    live = [one.came - over_at(one.ts) for one in came if over_at(one.ts) > 0]
    assert live == [1.5] * 5
    assert asked(following)[:2] == [(0.0, 0), (51.5, BEGAN - 1)]
    assert following.reports == []


def test_history_is_requested_oldest_first_and_each_page_starts_at_the_last_known_candle(tmp_path: Path) -> None:
    following = Following(tmp_path)
    following.fake.clock.advance(170 * MINUTE)
    came = following.follow(0, 200)
    assert pairs(came) == following.true(0, 200)
    assert [since for _, since in asked(following)] == [0, 49, 98, 147, 196]


def test_an_hour_of_minute_candles_takes_one_request_per_minute(following: Following) -> None:
    """The mark of the first system is 5 to 10 a minute."""
    came = following.follow(BEGAN, BEGAN + 60)
    assert numbers(came) == list(range(BEGAN, BEGAN + 60))
    assert following.feed.counts == {"requests": 61}  # and one request for the clock
    assert following.meeting.ticking.now == pytest.approx(60 * 60 - 8.5)


def test_the_clock_of_the_exchange_is_read_every_hour(following: Following) -> None:
    following.follow(BEGAN, BEGAN + 130, grace=0.003)
    times = [following.meeting.second(one) for one in following.meeting.asked("time")]
    assert (times[0], len(times)) == (0.0, 3)
    assert all(3600.0 < late - early <= 3600.0 + WAKE_SECONDS for early, late in pairwise(times))


def test_no_candle_is_requested_before_its_close_by_the_clock_of_the_exchange(tmp_path: Path) -> None:
    following = Following(tmp_path)
    wall = following.meeting.clock.wall
    following.meeting.clock = following.meeting.clock._replace(wall=lambda: wall() + 86_400.0)
    assert pairs(following.follow(SINCE, END)) == following.true(SINCE, END)  # the wall clock is not trusted (X8)
    assert asked(following)[1][0] == 51.5


def test_a_closed_candle_that_is_not_served_yet_is_requested_until_it_is(following: Following) -> None:
    whole = upto(following, BEGAN)

    async def scene() -> list[CandleBatch]:
        async with following.opened(BEGAN, BEGAN + 1) as source:
            taking = asyncio.ensure_future(collected(source))
            await following.meeting.clock.sleep(66.0)
            following.fake.markets["BTCUSDT"].candles["1m"] = whole
            return await taking

    came = following.meeting.run(scene, grace=0.006)
    assert pairs(came) == following.true(BEGAN, BEGAN + 1)
    assert [second for second, _ in asked(following)] == [51.5, 51.75, 52.25, 53.25, 55.25, 57.25, 59.25, 61.25, 63.25,
                                                          65.25, 67.25]  # fmt: skip
    assert following.kinds() == [live_symbol.MISSING, live_symbol.WELL]
    assert (
        "binance BTC/USDT: the candle of 2024-01-01T00:30Z has closed, but is not served yet" in following.reports[0][2]
    )


def test_the_unfinished_candle_is_never_delivered(tmp_path: Path) -> None:
    following = Following(tmp_path)

    async def scene() -> list[CandleBatch]:
        async with following.opened(BEGAN, None) as source:
            taking = asyncio.ensure_future(collected(source))
            await following.meeting.clock.sleep(49.9)
            taking.cancel()
            return await asyncio.gather(taking, return_exceptions=True)

    assert isinstance(following.meeting.run(scene, grace=0.006)[0], asyncio.CancelledError)
    assert asked(following) == []  # a request could only have returned the unfinished candle


# --- Delivery --------------------------------------------------------------------------------------------------------


def test_candles_of_all_symbols_are_delivered_together_in_the_configured_order(tmp_path: Path) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT", "SOLUSDT")
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    assert following.feed.counts["requests"] == 1 + 3 * 6  # the clock, and six rounds of concurrent requests


@some_of("gap", [(32,), (32, 33), (30, 31), (26,), (26, 27), (28, 29)], every=2)
def test_a_gap_is_accepted_after_a_later_candle_is_served_and_a_second_request(
    gap: tuple[int, ...], tmp_path: Path
) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT", gaps=gap)
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    assert [one.ts for one in came if one.rows[1] is None] == [START + minute * MINUTE for minute in gap]
    behind = next(one for one in came if one.ts == START + (gap[-1] + 1) * MINUTE)
    for one in came:
        if START + gap[0] * MINUTE <= one.ts < behind.ts:
            assert over_at(behind.ts) <= one.came <= behind.came  # all symbols wait until then (S6)
    windows = [one.parameters for one in following.meeting.asked("klines") if "endTime" in one.parameters]
    assert [(one["symbol"], int(one["startTime"]), int(one["endTime"])) for one in windows] == [
        ("BTCUSDT", START + gap[0] * MINUTE, START + (gap[-1] + 1) * MINUTE - 1)
    ]
    assert following.kinds().count(live_symbol.GAP) == 1
    assert following.source.counts["missing candles"] == len(gap)


def test_a_timestamp_without_a_candle_of_any_symbol_is_skipped(tmp_path: Path) -> None:
    following = Following(tmp_path, gaps=[27, 31])
    assert numbers(following.follow(SINCE, END)) == [25, 26, 28, 29, 30, 32, 33, 34]


def test_a_gap_in_one_response_is_filled_by_the_next(following: Following) -> None:
    following.fake.break_("missing", count=2)
    assert pairs(following.follow(SINCE - 10, END)) == following.true(SINCE - 10, END)
    assert following.source.counts["gaps"] == 0
    assert following.source.counts["asked again"] == 1


def test_a_gap_before_the_end_is_confirmed_by_a_candle_after_the_end(tmp_path: Path) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT", gaps=[END - 1])
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    assert came[-1].rows[1] is None
    assert (
        0 < came[-1].came - over_at(START + END * MINUTE) <= 1.5 + live_symbol.GAP_PAUSE
    )  # the gap is requested again after that


def test_each_symbol_starts_at_its_own_first_candle(tmp_path: Path) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT")

    async def scene() -> list[CandleBatch]:
        async with following.opened(SINCE, END) as source:
            source._symbols[1].want += 2 * MINUTE
            return await collected(source)

    came = following.meeting.run(scene, grace=0.006)
    true = following.true(SINCE, END)
    assert pairs(came) == [(ts, (rows[0], None)) for ts, rows in true[:2]] + true[2:]


# --- Silent symbols (S6a) --------------------------------------------------------------------------------------------


def silent(tmp_path: Path, *, from_minute: int = BEGAN + 1) -> tuple[Following, Candles]:
    """Two symbols, the second without further candles on the exchange; all candles that it would have."""
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT")
    return following, upto(following, from_minute, name="BTCUSDT")


def arrived(came: list[CandleBatch]) -> dict[int, float]:
    """The seconds from its close to its arrival, for each minute."""
    return {(one.ts - START) // MINUTE: one.came - over_at(one.ts) for one in came}


def test_a_silent_symbol_delays_the_others_for_two_candles_and_then_for_one_response(tmp_path: Path) -> None:
    following, _ = silent(tmp_path)
    came = following.follow(SINCE, BEGAN + 8)
    assert numbers(came) == list(range(SINCE, BEGAN + 8))
    assert [one.rows[1] is None for one in came] == [number > BEGAN for number in numbers(came)]
    late = arrived(came)
    assert following.reports[1] == (
        live_symbol.SILENT,
        "BTC/USDT",
        "binance BTC/USDT 1m: no candle of 2024-01-01T00:31Z for 2 candles; the other symbols go on without it",
    )
    assert 120.0 <= late[BEGAN + 1] < 124.0  # two candles after its close
    assert [late[number] for number in range(BEGAN + 4, BEGAN + 8)] == [1.5] * 4
    assert following.kinds() == [live_symbol.MISSING, live_symbol.SILENT]


def test_a_candle_that_arrives_after_its_symbol_was_skipped_is_ignored_and_counted(tmp_path: Path) -> None:
    following, whole = silent(tmp_path)

    async def scene() -> list[CandleBatch]:
        came: list[CandleBatch] = []
        async with following.opened(SINCE, BEGAN + 9) as source:
            async for one in source:
                came.append(one)
                if one.ts == START + (BEGAN + 4) * MINUTE:
                    following.fake.markets["BTCUSDT"].candles["1m"] = whole
        return came

    came = following.meeting.run(scene, grace=0.006)
    there = {number: one.rows[1] is not None for number, one in zip(numbers(came), came, strict=True)}
    assert [there[number] for number in range(BEGAN, BEGAN + 9)] == [True] + [False] * 4 + [True] * 4
    assert following.source.counts["passed over"] == 4
    assert following.source.counts["revised"] == 4  # late candles change nothing
    assert live_symbol.WELL in following.kinds()


def test_a_symbol_that_returns_after_silence_is_waited_for_again(tmp_path: Path) -> None:
    following, whole = silent(tmp_path)

    async def scene() -> list[CandleBatch]:
        came: list[CandleBatch] = []
        async with following.opened(SINCE, BEGAN + 12) as source:
            async for one in source:
                came.append(one)
                if one.ts == START + (BEGAN + 4) * MINUTE:
                    following.fake.markets["BTCUSDT"].candles["1m"] = whole
                if one.ts == START + (BEGAN + 7) * MINUTE:
                    upto(following, BEGAN + 8, name="BTCUSDT")
        return came

    late = arrived(following.meeting.run(scene, grace=0.006))
    assert late[BEGAN + 7] == 1.5
    assert 120.0 <= late[BEGAN + 8] < 124.0
    assert following.kinds().count(live_symbol.SILENT) == 2


def test_failed_requests_do_not_count_as_silence(tmp_path: Path) -> None:
    """While the exchange is down all symbols wait; the wait for a silent symbol starts when it responds again."""
    following, _ = silent(tmp_path)

    async def scene() -> list[CandleBatch]:
        came: list[CandleBatch] = []
        async with following.opened(SINCE, BEGAN + 3) as source:
            async for one in source:
                came.append(one)
                if one.ts == START + BEGAN * MINUTE:
                    following.fake.break_("503", times=60)
        return came

    late = arrived(following.meeting.run(scene, grace=0.004))
    errors = [following.meeting.second(one) for one in following.meeting.asked("klines") if one.faults]
    assert errors[-1] > 300.0
    assert late[BEGAN + 1] + over_at(START + (BEGAN + 1) * MINUTE) >= errors[-1] + 120.0


def test_the_only_symbol_is_waited_for_without_limit(following: Following) -> None:
    """Without its candle there is nothing to decide."""
    whole = upto(following, BEGAN + 1)

    async def scene() -> list[CandleBatch]:
        came: list[CandleBatch] = []
        async with following.opened(SINCE, END) as source:
            taking = asyncio.ensure_future(collected(source, came))
            await following.meeting.clock.sleep(10 * 60.0)
            assert numbers(came) == list(range(SINCE, BEGAN + 1))
            following.fake.markets["BTCUSDT"].candles["1m"] = whole
            return await taking

    assert pairs(following.meeting.run(scene, grace=0.004)) == following.true(SINCE, END)


def test_the_wait_for_a_silent_symbol_has_the_configured_length(tmp_path: Path) -> None:
    following, _ = silent(tmp_path)
    following.max_wait = 0
    assert set(arrived(following.follow(BEGAN + 1, BEGAN + 4)).values()) == {1.5}


def test_a_closed_market_ends_its_series_and_not_the_run(tmp_path: Path) -> None:
    following, _ = silent(tmp_path)
    following.fake.markets["BTCUSDT"].status = "BREAK"
    came = following.follow(SINCE, BEGAN + 20)
    assert numbers(came) == list(range(SINCE, BEGAN + 20))
    assert following.kinds()[-1] == live_symbol.ENDED
    assert following.reports[-1][2].endswith(
        "the exchange says that this market is closed; the series ends after the candle of 2024-01-01T00:30Z"
    )
    asked_for = [one.parameters["symbol"] for one in following.meeting.asked("klines")]
    assert asked_for.count("BTCUSDT") < asked_for.count("ETHUSDT") + 60
    assert asked_for[-10:] == ["ETHUSDT"] * 10


def test_the_source_ends_when_all_markets_are_closed(following: Following) -> None:
    upto(following, BEGAN + 1)
    following.fake.markets["BTCUSDT"].status = "BREAK"
    assert numbers(following.follow(SINCE, None)) == list(range(SINCE, BEGAN + 1))
    assert following.kinds()[-1] == live_symbol.ENDED


def test_a_delisted_symbol_ends_without_the_other_symbols(tmp_path: Path) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT")

    async def scene() -> list[CandleBatch]:
        came: list[CandleBatch] = []
        async with following.opened(SINCE, BEGAN + 6) as source:
            async for one in source:
                came.append(one)
                if one.ts == START + BEGAN * MINUTE:
                    del following.fake.markets["BTCUSDT"]
        return came

    came = following.meeting.run(scene, grace=0.006)
    assert [one.rows[1] is None for one in came] == [number > BEGAN for number in numbers(came)]
    assert numbers(came) == list(range(SINCE, BEGAN + 6))


# --- Candles that stay bad (S6a) -------------------------------------------------------------------------------------


def spoilt(following: Following, number: int, *, name: str = "BTCUSDT") -> Candles:
    """Serve a closed candle with a high below its open from now on; the valid candles, for later."""
    market = following.fake.markets[name]
    whole = market.candles["1m"]
    cells = [whole.finished(place) for place in range(240)]
    cells[number][2] = "0.01000000"
    market.candles["1m"] = Candles([(one[0], *one[1:6]) for one in cells], step_ms=MINUTE)
    return whole


def test_a_closed_candle_that_stays_bad_is_skipped_when_later_ones_of_its_symbol_are_good(following: Following) -> None:
    spoilt(following, BEGAN + 1)
    came = following.follow(SINCE, BEGAN + 8)
    assert numbers(came) == [number for number in range(SINCE, BEGAN + 8) if number != BEGAN + 1]
    kind, symbol, text = following.reports[0]
    assert (kind, symbol) == (live_symbol.BAD, "BTC/USDT")
    assert "high 0.01 is below open" in text
    assert 60.0 <= arrived(came)[BEGAN + 2] < 64.0  # two candles after the close of the bad one
    assert arrived(came)[BEGAN + 7] == 1.5


def test_a_candle_that_is_bad_for_a_while_is_delivered_when_it_is_good(following: Following) -> None:
    whole = spoilt(following, BEGAN + 1)

    async def scene() -> list[CandleBatch]:
        async with following.opened(SINCE, END) as source:
            taking = asyncio.ensure_future(collected(source))
            await following.meeting.clock.sleep(over_at(START + (BEGAN + 1) * MINUTE) + 30.0)
            following.fake.markets["BTCUSDT"].candles["1m"] = whole
            return await taking

    assert pairs(following.meeting.run(scene, grace=0.004)) == following.true(SINCE, END)


def test_a_bad_candle_of_one_symbol_delays_the_others_no_longer_than_a_missing_one(tmp_path: Path) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT")
    spoilt(following, BEGAN + 1, name="BTCUSDT")
    came = following.follow(SINCE, BEGAN + 8)
    assert numbers(came) == list(range(SINCE, BEGAN + 8))
    assert [number for number, one in zip(numbers(came), came, strict=True) if one.rows[1] is None] == [BEGAN + 1]
    assert following.kinds() == [
        live_symbol.BAD,
        live_symbol.MISSING,
        live_symbol.SILENT,
        live_symbol.LATE,
        live_symbol.WELL,
    ]


def test_a_symbol_is_at_most_two_pages_ahead_of_a_silent_one(tmp_path: Path) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT")
    following.max_wait = 1_000
    upto(following, 1, name="BTCUSDT")
    following.fake.clock.advance(200 * MINUTE)

    async def scene() -> None:
        async with following.opened(0, None) as source:
            taking = asyncio.ensure_future(collected(source))
            await following.meeting.clock.sleep(60.0)
            assert LIMIT <= len(source._symbols[0].rows) < 2 * LIMIT
            assert source._symbols[0].full
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    following.meeting.run(scene, grace=0.004)


def test_a_revised_candle_is_rejected_and_the_delivered_one_stays(following: Following) -> None:
    """S2, fault row 45."""
    true = following.true(SINCE, END)

    async def scene() -> list[CandleBatch]:
        came: list[CandleBatch] = []
        async with following.opened(SINCE, END) as source:
            async for one in source:
                came.append(one)
                if one.ts == START + (BEGAN + 1) * MINUTE:
                    following.fake.markets["BTCUSDT"].candles["1m"] = restated
        return came

    rows = minutes(240).candles["1m"]
    cells = [rows.finished(number) for number in range(240)]
    cells[BEGAN + 1][5] = "0.00000001"
    restated = Candles([(one[0], *one[1:6]) for one in cells], step_ms=MINUTE)
    assert pairs(following.meeting.run(scene, grace=0.006)) == true
    assert following.kinds() == [live_symbol.REVISED, live_symbol.CLOCK]
    assert "candle_revised: 2024-01-01T00:31Z comes again with other values" in following.reports[0][2]
    assert following.source.counts["revised"] == 1
    assert following.source.counts["repeated"] == 4  # the others were repeated unchanged


def test_a_volume_with_more_decimals_is_truncated_and_a_price_with_more_decimals_is_rejected(
    following: Following,
) -> None:
    """S3: the scale is fixed by the plan."""
    true = following.true(SINCE, END)
    following.scale = Scale(3, 5, 1, 1, 1, 0)
    came = pairs(following.follow(SINCE, END))
    assert came == [(ts, tuple((o * 10, h * 10, low * 10, c * 10, v // 10_000) for o, h, low, c, v in rows))
                    for ts, rows in true]  # fmt: skip
    assert following.source.counts["volumes cut"] > 0
    coarse = Following(following.meeting.cache)
    coarse.scale = Scale(1, 5, 5, 1, 1, 0)
    assert waited(coarse) == []
    assert coarse.reports[0][0] == live_symbol.BAD
    assert "has more decimals than this run's 1" in coarse.reports[0][2]


def test_a_price_too_large_for_the_scale_of_the_plan_is_rejected(following: Following) -> None:
    following.price_limit = 1_000_000
    assert waited(following) == []
    assert "too large for the scale of this run" in following.reports[0][2]


def waited(following: Following) -> list[CandleBatch]:
    """The candles that arrive within a minute."""

    async def scene() -> list[CandleBatch]:
        came: list[CandleBatch] = []
        async with following.opened(SINCE, END) as source:
            taking = asyncio.ensure_future(collected(source, came))
            await following.meeting.clock.sleep(60.0)
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
        return came

    return following.meeting.run(scene, grace=0.004)


# --- Errors ----------------------------------------------------------------------------------------------------------


def test_an_open_breaker_stops_requests_and_afterwards_all_candles_arrive_oldest_first(following: Following) -> None:
    """R8, R9, fault row 38: nothing is lost, and no request is made while the breaker is open."""
    order = following.fake.break_("503", times=8)
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    assert order.hits == 8
    counts = following.feed.counts
    assert (counts["breaker open"], counts["breaker closed"]) == (counts["breaker half_open"], 1)
    hit = [following.meeting.second(one) for one in following.meeting.asked("klines") if one.faults]
    assert all(late - early > 29.99 for early, late in pairwise(hit[4:]))
    assert following.kinds()[:1] == [live_symbol.REFUSED]
    assert following.kinds().count(live_symbol.WELL) == 1
    first = next(since for second, since in asked(following) if second > hit[-1])
    assert first == SINCE


def test_ten_symbols_recover_from_an_outage_with_all_candles(tmp_path: Path) -> None:
    names = [f"{letter}{letter}{letter}USDT" for letter in "ABCDEFGHIJ"]
    following = Following(tmp_path, *names)
    following.fake.break_("502", times=8)
    came = following.follow(SINCE, BEGAN + 3)
    assert pairs(came) == following.true(SINCE, BEGAN + 3)
    late = [one.came - over_at(one.ts) for one in came]
    assert late[-1] == 1.5


@pytest.mark.parametrize(
    ("fault", "more", "kind", "words"),
    [
        ("418", {"retry_after": "120"}, ExchangeError, "banned"),
        ("451", {}, ExchangeError, "region"),
        ("429", {"retry_after": "999999"}, ExchangeError, "too many requests"),
        ("status", {}, ConfigError, "Invalid symbol"),
    ],
)
def test_a_permanent_error_ends_the_source_after_one_request(
    fault: str, more: dict[str, Any], kind: type[Exception], words: str, following: Following
) -> None:
    following.fake.break_(fault, times=None, **more)
    with pytest.raises(kind, match=words):
        following.follow(SINCE, END)
    assert len(following.meeting.asked("klines")) == 1


def test_a_symbol_that_becomes_invalid_during_a_run_is_an_exchange_error(following: Following) -> None:
    """fault row 48: exit 5, resumable; the configuration was right."""
    following.fake.break_("status", times=None, after=2)
    with raises_code(ExchangeError, "symbol_ended", match="BTC/USDT 1m: "):
        following.follow(SINCE, END)


def test_a_short_retry_after_of_the_exchange_is_obeyed(following: Following) -> None:
    following.fake.break_("429", retry_after="7", after=1)
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    seconds = [following.meeting.second(one) for one in following.meeting.asked("klines")]
    assert seconds[1:3] == [51.5, 58.5]
    assert following.kinds() == [live_symbol.LATE]


def test_the_clock_of_the_exchange_is_requested_until_it_responds(following: Following) -> None:
    following.fake.break_("502", path="time", times=6)
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    assert following.kinds()[0] == live_symbol.REFUSED


def test_an_exchange_that_serves_only_its_newest_candles_ends_the_source_with_an_error(following: Following) -> None:
    async def scene() -> None:
        async with following.opened(0, END) as source:
            following.feed.honours_since = False
            following.fake.markets["BTCUSDT"].candles["1m"] = synthetic(
                START, MINUTE, 240, seed=1, gaps=range(BEGAN - 2)
            )
            await collected(source)

    with raises_code(ExchangeError, "candles_not_served"):
        following.meeting.run(scene, grace=0.006)


# --- Waiting ---------------------------------------------------------------------------------------------------------


def test_a_pause_of_ten_minutes_loses_no_candle_and_is_reported(following: Following) -> None:
    """Fault row 27: the process is stopped, or the reader is slow."""

    async def scene() -> list[CandleBatch]:
        came: list[CandleBatch] = []
        async with following.opened(SINCE, END + 10) as source:
            async for one in source:
                came.append(one)
                if one.ts == START + BEGAN * MINUTE:
                    following.meeting.ticking.advance(600.0)
        return came

    assert pairs(following.meeting.run(scene, grace=0.006)) == following.true(SINCE, END + 10)
    assert following.kinds() == [live_symbol.LATE]


@pytest.mark.parametrize("after", [0.0, 20.0, 52.0, 60.0, 75.0])
def test_a_cancelled_wait_ends_at_once_and_leaves_no_task(after: float, following: Following) -> None:
    """R6: during a wait for the next candle or a late one, during a request, and during a retry."""
    upto(following, BEGAN)
    following.fake.break_("hang", after=6)

    async def scene() -> float:
        async with following.opened(SINCE, None) as source:
            before = asyncio.all_tasks()
            taking = asyncio.ensure_future(collected(source))
            await following.meeting.clock.sleep(after)
            began = time.perf_counter()
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            took = time.perf_counter() - began
            assert {one for one in asyncio.all_tasks() - before if "safla" in repr(one)} == set()
            return took

    assert following.meeting.run(scene, grace=0.006) < 1.0


async def collected(
    source: AsyncIterator[CandleBatch] | Any, came: list[CandleBatch] | None = None
) -> list[CandleBatch]:
    """All candles that the source delivers."""
    found = [] if came is None else came
    async for one in source:
        found.append(one)
    return found
