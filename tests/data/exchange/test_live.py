"""Candles as they close, over requests: when they are asked for, what goes out, what is waited for, what ends it."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from safla.core.candles import Scale
from safla.data.exchange import followed
from safla.data.exchange.live import Arrival
from safla.errors import ConfigError, DataError, ExchangeError
from tests.data.following import BEGAN, Following, over_at, pairs
from tests.fake_exchange import Candles, synthetic
from tests.faults.exchange import LIMIT, MINUTE, START, minutes

SINCE, END = BEGAN - 5, BEGAN + 5  # minutes


@pytest.fixture
def following(tmp_path: Path) -> Following:
    """A client of one symbol, without a stream."""
    return Following(tmp_path)


def numbers(came: list[Arrival]) -> list[int]:
    return [(one.ts - START) // MINUTE for one in came]


def asked(following: Following) -> list[tuple[float, int]]:
    """When candles were asked for, in seconds, and from which minute on."""
    found = following.meeting.asked("klines")
    return [(following.meeting.second(one), (int(one.parameters["startTime"]) - START) // MINUTE) for one in found]


def upto(following: Following, count: int, *, name: str = "BTCUSDT") -> Candles:
    """What a symbol has, cut off behind so many candles; and all of it, for later."""
    market = following.fake.markets[name]
    whole = market.candles["1m"]
    place = following.names.index(name)
    market.candles["1m"] = synthetic(START, MINUTE, 240, seed=1 + place, holes=range(count, 240))
    return whole


# --- When ------------------------------------------------------------------------------------------------------------


def test_what_is_over_comes_page_by_page_and_then_each_candle_a_moment_after_its_close(following: Following) -> None:
    following.meeting.fake.clock.advance(0)
    came = following.follow(0, END)
    assert pairs(came) == following.true(0, END)
    live = [one.came - over_at(one.ts) for one in came if over_at(one.ts) > 0]
    assert live == [1.5] * 5
    assert asked(following)[:2] == [(0.0, 0), (51.5, BEGAN - 1)]
    assert following.told == []


def test_history_is_asked_for_oldest_first_and_each_page_begins_with_the_last_one_known(tmp_path: Path) -> None:
    following = Following(tmp_path)
    following.fake.clock.advance(170 * MINUTE)
    came = following.follow(0, 200)
    assert pairs(came) == following.true(0, 200)
    assert [since for _, since in asked(following)] == [0, 49, 98, 147, 196]


def test_an_hour_of_minutes_takes_one_request_a_minute(following: Following) -> None:
    """The mark of the first system is 5 to 10 a minute."""
    came = following.follow(BEGAN, BEGAN + 60)
    assert numbers(came) == list(range(BEGAN, BEGAN + 60))
    assert following.feed.counts == {"requests": 61}  # and once its clock
    assert following.meeting.ticking.now == pytest.approx(60 * 60 - 8.5)


def test_the_clock_is_asked_for_again_every_hour(following: Following) -> None:
    following.follow(BEGAN, BEGAN + 130, grace=0.003)
    times = [following.meeting.second(one) for one in following.meeting.asked("time")]
    assert times == [0.0, 3_651.5, 7_311.5]


def test_nothing_is_asked_before_a_candle_is_over_by_the_exchanges_clock(tmp_path: Path) -> None:
    following = Following(tmp_path)
    wall = following.meeting.clock.wall
    following.meeting.clock = following.meeting.clock._replace(wall=lambda: wall() + 86_400.0)
    assert pairs(following.follow(SINCE, END)) == following.true(SINCE, END)  # nobody believes the wall (X8)
    assert asked(following)[1][0] == 51.5


def test_a_candle_that_is_not_served_yet_is_asked_for_again_and_again(following: Following) -> None:
    whole = upto(following, BEGAN)

    async def scene() -> list[Arrival]:
        async with following.opened(BEGAN, BEGAN + 1) as source:
            taking = asyncio.ensure_future(collected(source))
            await following.meeting.clock.sleep(66.0)
            following.fake.markets["BTCUSDT"].candles["1m"] = whole
            return await taking

    came = following.meeting.run(scene, grace=0.006)
    assert pairs(came) == following.true(BEGAN, BEGAN + 1)
    assert [second for second, _ in asked(following)] == [51.5, 51.75, 52.25, 53.25, 55.25, 57.25, 59.25, 61.25, 63.25,
                                                          65.25, 67.25]  # fmt: skip
    assert following.kinds() == [followed.MISSING, followed.WELL]
    assert "binance BTC/USDT: the candle of 2024-01-01T00:30Z is over, and not served yet" in following.told[0][2]


def test_the_unfinished_candle_never_goes_out(tmp_path: Path) -> None:
    following = Following(tmp_path)

    async def scene() -> list[Arrival]:
        async with following.opened(BEGAN, None) as source:
            taking = asyncio.ensure_future(collected(source))
            await following.meeting.clock.sleep(49.9)
            taking.cancel()
            return await asyncio.gather(taking, return_exceptions=True)

    assert isinstance(following.meeting.run(scene, grace=0.006)[0], asyncio.CancelledError)
    assert asked(following) == []  # it could only have brought that one


# --- What goes out ---------------------------------------------------------------------------------------------------


def test_symbols_come_together_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT", "SOLUSDT")
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    assert following.feed.counts["requests"] == 1 + 3 * 6  # the clock, and six rounds side by side


@pytest.mark.parametrize("hole", [(32,), (32, 33), (30, 31), (26,), (26, 27), (28, 29)])
def test_a_hole_is_a_fact_once_a_later_candle_was_served_and_it_was_asked_for_again(
    hole: tuple[int, ...], tmp_path: Path
) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT", holes=hole)
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    assert [one.ts for one in came if one.rows[1] is None] == [START + minute * MINUTE for minute in hole]
    behind = next(one for one in came if one.ts == START + (hole[-1] + 1) * MINUTE)
    for one in came:
        if START + hole[0] * MINUTE <= one.ts < behind.ts:
            assert over_at(behind.ts) <= one.came <= behind.came  # all wait until then (S6)
    windows = [one.parameters for one in following.meeting.asked("klines") if "endTime" in one.parameters]
    assert [(one["symbol"], int(one["startTime"]), int(one["endTime"])) for one in windows] == [
        ("BTCUSDT", START + hole[0] * MINUTE, START + (hole[-1] + 1) * MINUTE - 1)
    ]
    assert following.kinds().count(followed.HOLE) == 1
    assert following.source.counts["missing candles"] == len(hole)


def test_a_time_at_which_no_symbol_has_a_candle_is_passed_over(tmp_path: Path) -> None:
    following = Following(tmp_path, holes=[27, 31])
    assert numbers(following.follow(SINCE, END)) == [25, 26, 28, 29, 30, 32, 33, 34]


def test_a_hole_of_one_answer_alone_is_healed_by_the_next(following: Following) -> None:
    following.fake.break_("missing", count=2)
    assert pairs(following.follow(SINCE - 10, END)) == following.true(SINCE - 10, END)
    assert following.source.counts["holes"] == 0
    assert following.source.counts["asked again"] == 1


def test_a_hole_before_the_end_is_proved_by_what_lies_behind_the_end(tmp_path: Path) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT", holes=[END - 1])
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    assert came[-1].rows[1] is None
    assert 0 < came[-1].came - over_at(START + END * MINUTE) <= 1.5


def test_each_symbol_begins_with_the_candle_that_it_wants(tmp_path: Path) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT")

    async def scene() -> list[Arrival]:
        async with following.opened(SINCE, END) as source:
            source._lines[1].want += 2 * MINUTE
            return await collected(source)

    came = following.meeting.run(scene, grace=0.006)
    true = following.true(SINCE, END)
    assert pairs(came) == [(ts, (rows[0], None)) for ts, rows in true[:2]] + true[2:]


def test_one_symbol_that_is_silent_holds_all_up_and_then_they_come_in_order(tmp_path: Path) -> None:
    """FAULTS 47: nothing is decided meanwhile, and nothing is lost."""
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT")
    whole = upto(following, BEGAN + 1, name="BTCUSDT")

    async def scene() -> list[Arrival]:
        came: list[Arrival] = []
        async with following.opened(SINCE, END + 3) as source:
            taking = asyncio.ensure_future(collected(source, came))
            await following.meeting.clock.sleep(6 * 60.0)
            assert numbers(came) == list(range(SINCE, BEGAN + 1))
            assert following.kinds() == [followed.MISSING]
            assert source.waits_for[1] == ("BTC/USDT", START + (BEGAN + 1) * MINUTE)
            following.fake.markets["BTCUSDT"].candles["1m"] = whole
            return await taking

    came = following.meeting.run(scene, grace=0.004)
    assert pairs(came) == following.true(SINCE, END + 3)
    assert followed.WELL in following.kinds()


def test_a_symbol_runs_ahead_of_a_silent_one_by_a_page_or_two_at_most(tmp_path: Path) -> None:
    following = Following(tmp_path, "ETHUSDT", "BTCUSDT")
    upto(following, 1, name="BTCUSDT")
    following.fake.clock.advance(200 * MINUTE)

    async def scene() -> None:
        async with following.opened(0, None) as source:
            taking = asyncio.ensure_future(collected(source))
            await following.meeting.clock.sleep(60.0)
            assert LIMIT <= len(source._lines[0].rows) < 2 * LIMIT
            assert source._lines[0].full
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    following.meeting.run(scene, grace=0.004)


def test_a_candle_that_comes_again_with_other_values_is_refused_and_what_was_taken_stands(following: Following) -> None:
    """S2, FAULTS 45."""
    true = following.true(SINCE, END)

    async def scene() -> list[Arrival]:
        came: list[Arrival] = []
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
    assert following.kinds() == [followed.REVISED]
    assert "candle_revised: 2024-01-01T00:31Z had other values when it was taken" in following.told[0][2]
    assert following.source.counts["revised"] == 1
    assert following.source.counts["repeated"] == 4  # the others came again as they were


def test_a_volume_that_is_finer_is_cut_and_a_price_off_the_grid_ends_it(following: Following) -> None:
    """S3: the scale is that of the plan."""
    true = following.true(SINCE, END)
    following.scale = Scale(3, 5, 1, 1, 1, 0)
    came = pairs(following.follow(SINCE, END))
    assert came == [(ts, tuple((o * 10, h * 10, low * 10, c * 10, v // 10_000) for o, h, low, c, v in rows))
                    for ts, rows in true]  # fmt: skip
    assert following.source.counts["volumes cut"] > 0
    coarse = Following(following.meeting.cache)
    coarse.scale = Scale(1, 5, 5, 1, 1, 0)
    with pytest.raises(DataError, match=r"BTC/USDT 1m: candle \d+: \w+ \S+ has more decimals than this run's 1 \(S3\)"):
        coarse.follow(SINCE, END)
    assert coarse.feed.counts["retries"] == 3  # X4: asked again first


def test_a_price_above_what_the_plan_can_sum_ends_it(following: Following) -> None:
    following.price_limit = 1_000_000
    with pytest.raises(DataError, match=r"above what this run can sum \(D1\)"):
        following.follow(SINCE, END)


# --- Errors ----------------------------------------------------------------------------------------------------------


def test_an_open_breaker_sets_the_pace_and_afterwards_all_comes_oldest_first(following: Following) -> None:
    """R8, R9, FAULTS 38: nothing is lost, and no request is made while it is open."""
    order = following.fake.break_("503", times=8)
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    assert order.hits == 8
    counts = following.feed.counts
    assert (counts["breaker open"], counts["breaker closed"]) == (counts["breaker half_open"], 1)
    hit = [following.meeting.second(one) for one in following.meeting.asked("klines") if one.faults]
    assert all(late - early > 29.99 for early, late in pairwise(hit[4:]))
    assert following.kinds()[:1] == [followed.REFUSED]
    assert following.kinds().count(followed.WELL) == 1
    first = next(since for second, since in asked(following) if second > hit[-1])
    assert first == SINCE


def test_ten_symbols_at_an_outage_ask_one_probe_at_a_time_and_all_come_back(tmp_path: Path) -> None:
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
def test_what_cannot_be_waited_out_ends_it(
    fault: str, more: dict[str, Any], kind: type[Exception], words: str, following: Following
) -> None:
    following.fake.break_(fault, times=None, **more)
    with pytest.raises(kind, match=words):
        following.follow(SINCE, END)
    assert len(following.meeting.asked("klines")) == 1


def test_a_symbol_that_was_there_and_is_not_any_more_is_the_exchanges_matter(following: Following) -> None:
    """FAULTS 48: exit 5, resumable; the configuration was right."""
    following.fake.break_("status", times=None, after=2)
    with pytest.raises(ExchangeError, match="BTC/USDT 1m: not there any more"):
        following.follow(SINCE, END)


def test_a_short_wait_that_the_exchange_asks_for_is_kept(following: Following) -> None:
    following.fake.break_("429", retry_after="7", after=1)
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    seconds = [following.meeting.second(one) for one in following.meeting.asked("klines")]
    assert seconds[1:3] == [51.5, 58.5]
    assert following.kinds() == [followed.LATE]


def test_where_the_clock_cannot_be_had_it_is_asked_for_until_it_can(following: Following) -> None:
    following.fake.break_("502", path="time", times=6)
    came = following.follow(SINCE, END)
    assert pairs(came) == following.true(SINCE, END)
    assert following.kinds()[0] == followed.REFUSED


def test_an_exchange_that_serves_its_newest_candles_alone_ends_it(following: Following) -> None:
    async def scene() -> None:
        async with following.opened(0, END) as source:
            following.feed.honours_since = False
            following.fake.markets["BTCUSDT"].candles["1m"] = synthetic(
                START, MINUTE, 240, seed=1, holes=range(BEGAN - 2)
            )
            await collected(source)

    with pytest.raises(ExchangeError, match="cannot serve this range"):
        following.meeting.run(scene, grace=0.006)


# --- Waiting ---------------------------------------------------------------------------------------------------------


def test_a_pause_of_ten_minutes_costs_no_candle_and_is_told(following: Following) -> None:
    """FAULTS 27: the process is stopped, or the reader is slow."""

    async def scene() -> list[Arrival]:
        came: list[Arrival] = []
        async with following.opened(SINCE, END + 10) as source:
            async for one in source:
                came.append(one)
                if one.ts == START + BEGAN * MINUTE:
                    following.meeting.ticking.advance(600.0)
        return came

    assert pairs(following.meeting.run(scene, grace=0.006)) == following.true(SINCE, END + 10)
    assert following.kinds() == [followed.LATE]


@pytest.mark.parametrize("after", [0.0, 20.0, 52.0, 60.0, 75.0])
def test_whoever_stops_waiting_is_free_at_once_and_no_task_is_left(after: float, following: Following) -> None:
    """R6: in a wait for the next candle, for one that is late, in a request, in a retry."""
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


async def collected(source: AsyncIterator[Arrival] | Any, came: list[Arrival] | None = None) -> list[Arrival]:
    """All that comes."""
    found = [] if came is None else came
    async for one in source:
        found.append(one)
    return found
