"""The clock of an exchange (X8): when it is read, and which bounds hold between the readings."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from safla.clock import Clock
from safla.errors import ExchangeError
from safla.exchange.server_time import BELIEVED_SECONDS, DOUBTED_SECONDS, ClockReading, ServerNow, ServerTime
from tests.exchange.clock import Ticking

SERVER = 1_704_067_200_000
WAY = 0.2  # seconds of latency in each direction


class Case:
    """The clock of an exchange, read with latency; it is `ahead` seconds ahead of this machine's wall clock."""

    def __init__(self, *, ahead: float = 0.0) -> None:
        self.ticking = Ticking()
        self.asked: list[float] = []
        self.away = False
        self._ahead = ahead
        clock = Clock(self.ticking.clock, lambda: SERVER / 1000 + self.ticking.now - ahead, self.ticking.sleep)
        self.time = ServerTime("binance", clock=clock, ask=self.ask)

    async def ask(self) -> ClockReading:
        sent = self.ticking.now
        self.asked.append(sent)
        await self.ticking.sleep(WAY)
        if self.away:
            raise ExchangeError("away")
        server = SERVER + round(self.ticking.now * 1000)
        await self.ticking.sleep(WAY)
        return ClockReading(server, sent, self.ticking.now)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.ticking.run(work)

    def now(self) -> ServerNow:
        found: ServerNow = self.run(self.time.now())
        return found

    def true(self) -> int:
        return SERVER + round(self.ticking.now * 1000)


def test_the_true_time_lies_between_the_bounds_however_old_the_reading_is() -> None:
    case = Case()
    assert not case.time.known
    for _ in range(3):
        now = case.now()
        assert now.least <= case.true() <= now.most
        assert now.most - now.least == round(2 * WAY * 1000) + 1
        assert case.time.latest() == now.most
        case.ticking.advance(1_000.0)
    assert (case.asked, case.time.known) == ([0.0], True)


@pytest.mark.parametrize(("doubted", "wait"), [(False, BELIEVED_SECONDS), (True, DOUBTED_SECONDS)])
def test_the_clock_is_read_again_after_an_hour_or_after_a_minute_when_in_doubt(doubted: bool, wait: float) -> None:
    case = Case()
    case.now()
    if doubted:
        case.time.doubt()
    case.ticking.advance(wait)
    case.now()
    assert len(case.asked) == 1
    case.ticking.advance(0.001)
    case.now()
    assert len(case.asked) == 2
    case.ticking.advance(BELIEVED_SECONDS)  # the doubt is over
    case.now()
    assert len(case.asked) == 2


def test_concurrent_callers_share_one_reading() -> None:
    case = Case()

    async def all_at_once() -> list[ServerNow]:
        return await asyncio.gather(*(case.time.now() for _ in range(10)))

    assert len(set(case.run(all_at_once()))) == 1
    assert len(case.asked) == 1


def test_the_error_of_a_failed_reading_is_raised_and_the_clock_is_read_again() -> None:
    case = Case()
    case.away = True
    with pytest.raises(ExchangeError, match="away"):
        case.now()
    case.away = False
    assert case.now().least <= case.true()
    assert len(case.asked) == 2


@pytest.mark.parametrize("ahead", [0.0, 0.9, -0.9, 3600.0, -1.1])
def test_the_difference_to_the_wall_clock_of_this_machine_is_measured(ahead: float) -> None:
    case = Case(ahead=ahead)
    assert case.time.skew_seconds is None
    case.now()
    assert case.time.skew_seconds == pytest.approx(-ahead, abs=0.002)
