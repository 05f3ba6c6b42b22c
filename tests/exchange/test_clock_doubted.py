"""When the exchange's clock is trusted, and which evidence shows that it is wrong: no unfinished candle is taken."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from safla.exchange import live_symbol
from safla.exchange.live_candles import WAKE_SECONDS, CandleBatch
from tests.data.feeds import BEGAN, Following, over_at, pairs
from tests.fake import stream as pushing
from tests.faults.exchange import MINUTE, START
from tests.scale import some_of

SINCE, END = BEGAN - 5, BEGAN + 24  # minutes
HOUR = 3_600


@pytest.fixture
def following(tmp_path: Path) -> Following:
    """A client of one symbol, without a stream."""
    return Following(tmp_path)


def check_true(following: Following, came: list[CandleBatch]) -> None:
    """Every candle has its final values, and none arrived before its close."""
    assert pairs(came) == following.true(SINCE, END)
    assert all(one.came >= over_at(one.ts) for one in came)
    assert live_symbol.REVISED not in following.kinds()


# --- One wrong reading -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streams", [False, True])
@some_of("ahead", [2_500, 5_000, 3_600_000, -2_500, -3_600_000], keep=(2_500, -3_600_000))
def test_one_wrong_clock_reading_at_the_start_is_not_trusted(ahead: int, streams: bool, following: Following) -> None:
    following.fake.wrong_times.append(ahead)
    check_true(following, following.follow(SINCE, END, stream=streams, grace=0.004))
    assert following.fake.wrong_times == []


@pytest.mark.parametrize("ahead", [2_500, 5_000])
def test_one_wrong_clock_reading_is_not_trusted_when_the_wall_clock_is_wrong_too(
    ahead: int, following: Following
) -> None:
    wall = following.meeting.clock.wall
    following.meeting.clock = following.meeting.clock._replace(wall=lambda: wall() - 86_400.0)
    following.fake.wrong_times.append(ahead)
    check_true(following, following.follow(SINCE, END, grace=0.004))


@pytest.mark.parametrize("ahead", [2_500, -2_500])
def test_one_wrong_hourly_clock_reading_is_not_trusted(ahead: int, following: Following) -> None:
    async def scene() -> list[CandleBatch]:
        async with following.opened(SINCE, END + 60) as source:
            came = []
            async for one in source:
                came.append(one)
                if one.ts == START + (BEGAN + 50) * MINUTE:
                    following.fake.wrong_times.append(ahead)
            return came

    came = following.meeting.run(scene, grace=0.003)
    assert following.fake.wrong_times == []
    assert pairs(came) == following.true(SINCE, END + 60)
    assert all(one.came >= over_at(one.ts) for one in came)
    assert following.reports == []


@pytest.mark.parametrize("streams", [False, True])
@some_of("ahead", [2_500, 5_000, 8_000], keep=(2_500,))
def test_an_exchange_clock_that_is_always_ahead_delivers_no_candle_before_its_close(
    ahead: int, streams: bool, following: Following
) -> None:
    """Where no later candle is served, the clock must be past the close by a margin."""
    following.fake.wrong_times.extend([ahead] * 1_000)
    came = following.follow(SINCE, END, stream=streams, grace=0.004)
    assert pairs(came) == following.true(SINCE, END)
    assert all(one.came >= over_at(one.ts) for one in came)


# --- Evidence --------------------------------------------------------------------------------------------------------


def test_a_candle_served_again_with_other_values_is_reported_and_the_clock_is_read_at_once(
    following: Following,
) -> None:
    following.fake.break_("spike", after=1)
    following.follow(SINCE, BEGAN + 3)
    assert following.kinds() == [live_symbol.REVISED, live_symbol.CLOCK]
    text = following.reports[1][2]
    assert text.startswith("binance: BTC/USDT: 2024-01-01T00:30Z came back with other values than it was taken with; ")
    times = [following.meeting.second(one) for one in following.meeting.asked("time")]
    revised = following.meeting.second(following.meeting.asked("klines")[2])
    assert times[0] == 0.0
    assert revised <= times[1] <= revised + 20.0


def test_a_stream_event_of_a_candle_believed_closed_makes_the_clock_be_read_at_once(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> tuple[int, int]:
        async with following.opened(SINCE, None, stream=True, pushed=False) as source:
            taking = asyncio.ensure_future(_collected(source))
            await following.heard()
            await following.meeting.clock.sleep(30.0)
            read = following.feed.time._read
            assert read is not None
            following.feed.time._read = read._replace(
                server=read.server + 25_000
            )  # as if the exchange had returned this time
            before = len(following.meeting.asked("time"))
            assert following.candle_stream is not None
            following.candle_stream._unfinished("BTC/USDT", START + (BEGAN + 1) * MINUTE)
            await following.meeting.clock.sleep(0.1)
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            return before, len(following.meeting.asked("time"))

    before, after = following.meeting.run(scene, grace=0.01)
    assert after > before
    assert [kind for kind, _, text in following.reports] == [live_symbol.CLOCK]
    assert "the estimate was 25.0 s ahead" in following.reports[0][2]


def test_false_stream_events_cannot_make_the_clock_be_read_all_the_time(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lying(*given: Any, **more: Any) -> Any:
        event = true(*given, **more)
        return {**event, "k": {**event["k"], "t": START, "T": START + MINUTE - 1, "x": False}}

    true = pushing._event
    monkeypatch.setattr(pushing, "_event", lying)
    following.pushed = 2.0
    came = following.follow(SINCE, BEGAN + 5, stream=True)
    assert pairs(came) == following.true(SINCE, BEGAN + 5)
    assert len(following.meeting.asked("time")) <= 6 * 6 + 2
    assert following.reports == []  # the clock was right each time


# --- A suspend -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wall_goes_on", [True, False])
@pytest.mark.parametrize("streams", [False, True])
def test_after_a_suspend_that_stopped_the_monotonic_clock_candles_arrive_at_once(
    streams: bool, wall_goes_on: bool, following: Following
) -> None:
    """From this machine the exchange seems to jump three hours ahead; that is not an error of the exchange."""
    slept = 3 * HOUR

    async def scene() -> float:
        async with following.opened(SINCE, None, stream=streams) as source:
            woke = None
            async for one in source:
                if one.ts == START + (BEGAN + 1) * MINUTE:
                    following.fake.clock.advance(slept * 1000)
                    following.meeting._began += slept * 1000
                    woke = following.meeting.ticking.now
                elif woke is not None:
                    assert pairs([one]) == following.true(BEGAN + 2, BEGAN + 3)
                    return following.meeting.ticking.now - woke
        raise AssertionError

    if not wall_goes_on:
        ticking = following.meeting.ticking
        began = following.fake.clock.wall()
        following.meeting.clock = following.meeting.clock._replace(wall=lambda: began + ticking.now)
    took = following.meeting.run(scene, grace=0.006)
    assert took <= (WAKE_SECONDS if wall_goes_on else 62.0)
    counts = following.feed.counts
    assert (counts["retries"], counts["breaker open"]) == (0, 0)
    assert live_symbol.REFUSED not in following.kinds()
    (text,) = [text for kind, _, text in following.reports if kind == live_symbol.CLOCK]
    assert "the estimate was 10800.0 s behind" in text


@pytest.mark.parametrize("jump", [3_600.0, -3_600.0, 86_400.0, -86_400.0])
def test_a_jump_of_the_wall_clock_costs_clock_readings_and_no_candle(jump: float, following: Following) -> None:
    wall, moved = following.meeting.clock.wall, [0.0]
    following.meeting.clock = following.meeting.clock._replace(wall=lambda: wall() + moved[0])

    async def scene() -> list[CandleBatch]:
        came = []
        async with following.opened(SINCE, BEGAN + 6) as source:
            async for one in source:
                came.append(one)
                moved[0] = jump if one.ts >= START + (BEGAN + 2) * MINUTE else 0.0
        return came

    assert pairs(following.meeting.run(scene, grace=0.006)) == following.true(SINCE, BEGAN + 6)
    assert len(following.meeting.asked("time")) <= 3
    assert following.reports == []


# --- The unfinished candle -------------------------------------------------------------------------------------------

BAD = {
    "a high below its open": lambda cells: [*cells[:2], "1.00000000", *cells[3:]],
    "no numbers": lambda cells: [cells[0], None, None, None, None, None, *cells[6:]],
    "NaN": lambda cells: [*cells[:4], "NaN", *cells[5:]],
    "negative": lambda cells: [*cells[:3], "-1.00000000", *cells[4:]],
    "more decimals than the run has": lambda cells: [*cells[:4], "42000.12345678", *cells[5:]],
    "four cells": lambda cells: cells[:4],
    "another end": lambda cells: [*cells[:6], cells[6] + 5, *cells[7:]],
}


@pytest.mark.parametrize("name", BAD)
def test_an_invalid_unfinished_candle_is_ignored_without_retry_or_delay(name: str, following: Following) -> None:
    following.fake.form(BAD[name])
    came = following.follow(SINCE, BEGAN + 4)
    assert pairs(came) == following.true(SINCE, BEGAN + 4)
    assert following.feed.counts["retries"] == 0
    assert following.reports == []
    assert [one.came - over_at(one.ts) for one in came if over_at(one.ts) > 0] == [
        1.5
    ] * 4  # an invalid unfinished candle causes no wait


@pytest.mark.parametrize("shift", [17, 10 * MINUTE])
def test_a_last_candle_off_the_grid_or_in_the_future_is_reported_as_a_bad_row(shift: int, following: Following) -> None:
    async def scene() -> None:
        async with following.opened(SINCE, None) as source:
            taking = asyncio.ensure_future(_collected(source))
            await following.meeting.clock.sleep(60.0)
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    following.fake.form(lambda cells: [cells[0] + shift, *cells[1:6], cells[6] + shift, *cells[7:]])
    following.meeting.run(scene, grace=0.006)
    assert following.kinds()[0] == live_symbol.REFUSED
    assert "is not on the grid" in following.reports[0][2] or "is in the future" in following.reports[0][2]


async def _collected(source: Any) -> list[CandleBatch]:
    return [one async for one in source]
