"""The rate limiter: its limit per minute, its order, the effect of a shut, and cancelled waits (X6)."""

import asyncio
import inspect
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safla.exchange.rate_limiter import RateLimiter
from tests.exchange.clock import Ticking


@pytest.fixture
def ticking():
    return Ticking(1_000.0)


def gate_of(ticking, per_minute):
    return RateLimiter(per_minute, clock=ticking.clock, sleep=ticking.sleep)


async def passed(gate, ticking, times):
    """The times at which so many concurrent calls pass, in seconds after the start."""
    began = ticking.now

    async def one():
        assert await gate.enter() is True
        return ticking.now - began

    return await asyncio.gather(*(one() for _ in range(times)))


def test_the_rate_limiter_uses_the_monotonic_clock():
    defaults = inspect.signature(RateLimiter).parameters
    assert defaults["clock"].default is time.monotonic
    assert defaults["sleep"].default is asyncio.sleep


def test_calls_up_to_the_limit_pass_at_once_and_the_next_ones_a_minute_later(ticking):
    gate = gate_of(ticking, 3)
    assert ticking.run(passed(gate, ticking, 7)) == [0, 0, 0, 60, 60, 60, 120]
    assert gate.sent == 7


def test_only_calls_of_the_last_minute_count(ticking):
    gate = gate_of(ticking, 10)
    ticking.run(passed(gate, ticking, 4))
    ticking.advance(30.0)
    ticking.run(passed(gate, ticking, 2))
    assert gate.spent() == 6
    ticking.advance(30.0)
    assert gate.spent() == 2
    ticking.advance(30.0)
    assert (gate.spent(), gate.sent) == (0, 6)


def test_no_call_passes_during_a_shut_and_then_calls_are_spaced_for_a_minute(ticking):
    gate = gate_of(ticking, 20)
    gate.shut(7.0)
    assert ticking.run(passed(gate, ticking, 21)) == [7.0 + 3.0 * place for place in range(21)]


def test_a_minute_after_a_shut_calls_are_no_longer_spaced(ticking):
    gate = gate_of(ticking, 20)
    gate.shut(7.0)
    ticking.advance(67.0)
    assert ticking.run(passed(gate, ticking, 20)) == [0.0] * 20


def test_the_spacing_after_a_shut_counts_from_a_call_before_it_too(ticking):
    gate = gate_of(ticking, 6)
    ticking.run(passed(gate, ticking, 1))
    gate.shut(1.0)
    assert ticking.run(passed(gate, ticking, 2)) == [10.0, 20.0]


@pytest.mark.parametrize(("first", "second"), [(7.0, 3.0), (3.0, 7.0), (7.0, 7.0), (7.0, 0.0)])
def test_of_two_shuts_the_later_end_counts(ticking, first, second):
    gate = gate_of(ticking, 60)
    gate.shut(first)
    gate.shut(second)
    assert ticking.run(passed(gate, ticking, 1)) == [7.0]


def test_a_shut_delays_calls_that_wait_already(ticking):
    gate = gate_of(ticking, 1)

    async def shut_later():
        await ticking.sleep(50.0)
        gate.shut(40.0)

    async def both():
        return (await asyncio.gather(passed(gate, ticking, 3), shut_later()))[0]

    assert ticking.run(both()) == [0, 90, 150]


def test_a_shut_of_negative_length_is_a_bug(ticking):
    with pytest.raises(AssertionError):
        gate_of(ticking, 1).shut(-1.0)


@pytest.mark.parametrize("place", [1, 2, 4])
def test_a_cancelled_wait_ends_at_once_and_uses_no_capacity(ticking, place):
    gate = gate_of(ticking, 1)

    async def cancelling():
        tasks = [asyncio.create_task(passed(gate, ticking, 1)) for _ in range(5)]
        await ticking.sleep(5.0)
        tasks[place].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[place]
        assert ticking.now == 1_005.0
        return [(await one)[0] for one in tasks if one is not tasks[place]]

    assert ticking.run(cancelling()) == [0, 60, 120, 180]
    assert (gate.sent, gate.spent()) == (4, 1)


def test_a_call_that_is_no_longer_wanted_is_not_counted_and_delays_no_other(ticking):
    gate, wanted = gate_of(ticking, 1), [True]

    async def leaving():
        first = await gate.enter()
        waiting = [asyncio.create_task(gate.enter(wanted=lambda: wanted[0])) for _ in range(100)]
        last = asyncio.create_task(gate.enter())
        await ticking.sleep(1.0)
        wanted[0] = False
        return first, {await one for one in waiting}, await last, ticking.now

    assert ticking.run(leaving()) == (True, {False}, True, 1_060.0)
    assert gate.sent == 2


def test_a_thousand_waiting_calls_need_one_sleep_per_minute(ticking):
    sleeps = []

    async def sleep(seconds):
        sleeps.append(seconds)
        await ticking.sleep(seconds)

    gate = RateLimiter(100, clock=ticking.clock, sleep=sleep)
    times = ticking.run(passed(gate, ticking, 1_000))
    assert times == [60 * (place // 100) for place in range(1_000)]
    assert sleeps == [60.0] * 9


def test_a_rate_limiter_can_be_used_in_a_second_event_loop(ticking):
    gate = gate_of(ticking, 1)
    assert ticking.run(passed(gate, ticking, 3)) == [0, 60, 120]
    assert ticking.run(passed(gate, ticking, 3)) == [60, 120, 180]


ARRIVALS = st.lists(
    st.tuples(
        st.floats(0, 40, allow_subnormal=False),  # seconds after the previous event
        st.sampled_from(["enter", "enter", "enter", "burst", "shut", "cancel"]),
        st.floats(0, 90, allow_subnormal=False),  # seconds of a shut
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(per_minute=st.integers(1, 8), arrivals=ARRIVALS)
def test_every_minute_keeps_the_limit_every_shut_holds_and_all_calls_pass_in_order(per_minute, arrivals):
    ticking = Ticking(1_000.0)
    gate = gate_of(ticking, per_minute)
    left, shuts, waiting, cancelled = [], [], [], set()

    async def one(number):
        await gate.enter()
        left.append((ticking.now, number, max(shuts, default=0.0)))

    async def story():
        for pause, what, seconds in arrivals:
            await ticking.sleep(pause)
            if what == "shut":
                gate.shut(seconds)
                shuts.append(ticking.now + seconds)
            elif what == "cancel" and waiting and waiting[-1].cancel():
                cancelled.add(len(waiting) - 1)
            else:
                for _ in range(3 if what == "burst" else what == "enter"):
                    waiting.append(asyncio.create_task(one(len(waiting))))
        await asyncio.gather(*waiting, return_exceptions=True)

    ticking.run(story())
    times, numbers, opened = zip(*left, strict=True) if left else ((), (), ())
    assert list(numbers) == sorted(set(range(len(waiting))) - cancelled)
    assert gate.sent == len(left)
    assert all(later >= earlier + 60 for earlier, later in zip(times, times[per_minute:], strict=False))
    assert all(moment >= end for moment, end in zip(times, opened, strict=True))
    for (earlier, later), end in zip(pairwise(times), opened[1:], strict=True):
        assert later >= earlier + 60 / per_minute or later >= end + 60


# --- In flight -------------------------------------------------------------------------------------------------------


def in_flight(ticking, gate, calls, *, seconds=1.0, cancelled=()):
    """The most calls in flight at once, when each lasts some seconds and some are cancelled."""
    now, most = 0, 0

    async def one(number):
        nonlocal now, most
        if number in cancelled:
            asyncio.current_task().cancel()
        assert await gate.enter_and_stay()
        now += 1
        most = max(most, now)
        assert gate.in_flight == now
        await ticking.sleep(seconds)
        now -= 1
        gate.left()

    async def all_of_them():
        return await asyncio.gather(*(one(number) for number in range(calls)), return_exceptions=True)

    ends = ticking.run(all_of_them())
    assert sum(end is None for end in ends) == calls - len(cancelled)
    assert gate.in_flight == 0
    return most


def test_the_number_of_calls_in_flight_is_bounded_and_all_calls_pass(ticking):
    gate = RateLimiter(1_000, clock=ticking.clock, sleep=ticking.sleep, at_once=8)
    assert in_flight(ticking, gate, 50) == 8
    assert ticking.now == 1_007.0  # seven rounds
    assert gate.sent == 50


def test_without_a_bound_all_calls_are_in_flight_at_once(ticking):
    assert in_flight(ticking, gate_of(ticking, 1_000), 50) == 50


def test_a_call_cancelled_while_it_waits_for_a_slot_takes_none(ticking):
    gate = RateLimiter(1_000, clock=ticking.clock, sleep=ticking.sleep, at_once=2)
    assert in_flight(ticking, gate, 20, cancelled=range(3, 9)) == 2


def test_a_shut_delays_calls_that_wait_for_a_slot(ticking):
    gate = RateLimiter(60_000, clock=ticking.clock, sleep=ticking.sleep, at_once=2)
    left = []

    async def one():
        assert await gate.enter_and_stay()
        left.append(ticking.now - 1_000.0)
        await ticking.sleep(1.0)
        if len(left) == 2:
            gate.shut(30.0)
        gate.left()

    async def all_of_them():
        await asyncio.gather(*(one() for _ in range(5)))

    ticking.run(all_of_them())
    assert left[:2] == [0.0, 0.0]
    assert min(left[2:]) == 31.0


def test_a_call_that_is_no_longer_wanted_returns_its_slot(ticking):
    gate = RateLimiter(1_000, clock=ticking.clock, sleep=ticking.sleep, at_once=1)

    async def calls():
        assert await gate.enter_and_stay(wanted=lambda: False) is False
        assert await gate.enter_and_stay() is True
        gate.left()

    ticking.run(calls())
    assert (gate.sent, gate.in_flight) == (1, 0)
