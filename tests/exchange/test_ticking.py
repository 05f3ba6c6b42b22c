"""The simulated clock of the tests: sleepers wake in order, each at its own time, and never before all tasks wait."""

import asyncio
import socket

import pytest

from tests.exchange.clock import Ticking


def test_in_run_the_clock_jumps_from_sleeper_to_sleeper_in_order():
    ticking, woken = Ticking(100.0), []

    async def sleeper(name, *naps):
        for seconds in naps:
            await ticking.sleep(seconds)
            woken.append((ticking.now, name))

    async def both():
        await asyncio.gather(sleeper("a", 5, 5), sleeper("b", 1, 4, 1))

    ticking.run(both())
    assert woken == [(101.0, "b"), (105.0, "a"), (105.0, "b"), (106.0, "b"), (110.0, "a")]


def test_in_run_time_stands_still_while_a_task_can_continue():
    ticking, seen = Ticking(), []

    async def busy():
        for _ in range(1_000):
            await asyncio.sleep(0)
            seen.append(ticking.now)

    async def both():
        await asyncio.gather(busy(), ticking.sleep(1.0))

    ticking.run(both())
    assert set(seen) == {0.0}
    assert ticking.now == 1.0


def test_after_a_manual_advance_due_sleepers_wake_and_the_others_sleep_on():
    ticking = Ticking()

    async def by_hand():
        short, long = (asyncio.create_task(ticking.sleep(seconds)) for seconds in (1.0, 2.0))
        await asyncio.sleep(0)
        ticking.advance(1.5)
        await short
        assert ticking.sleeping() == [2.0]
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long
        assert ticking.sleeping() == []
        return ticking.now

    assert asyncio.run(by_hand()) == 1.5


@pytest.mark.parametrize("grace", [0.0, 0.01])
def test_data_on_a_socket_is_handled_before_the_clock_jumps(grace):
    ticking = Ticking()
    here, there = socket.socketpair()
    here.setblocking(False)

    async def waiting():
        loop = asyncio.get_running_loop()
        sleeping = asyncio.create_task(ticking.sleep(60.0))
        for _ in range(3):
            loop.call_soon(there.send, b"x")
            assert await loop.sock_recv(here, 1) == b"x"
            assert (sleeping.done(), ticking.now) == (False, 0.0)
        await sleeping

    with here, there:
        ticking.run(waiting(), grace=grace)
    assert ticking.now == 60.0


def test_a_wait_that_nothing_can_end_fails_instead_of_hanging():
    async def for_ever():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(AssertionError, match="none of them for the clock"):
        Ticking().run(for_ever())
