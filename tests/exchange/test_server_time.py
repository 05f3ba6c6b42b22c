"""The clock of an exchange (X8): when it is asked, and what is believed in between."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from safla.clock import Clock
from safla.errors import ExchangeError
from safla.exchange.server_time import BELIEVED_SECONDS, DOUBTED_SECONDS, ClockReading, ServerNow, ServerTime
from tests.exchange.clock import Ticking

SERVER = 1_704_067_200_000
WAY = 0.2  # seconds there, and as long back


class Case:
    """A clock that is asked over a way, of an exchange that is `ahead` of this machine's wall clock, seconds."""

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


def test_the_true_time_is_between_the_two_that_are_told_however_long_ago_it_was_asked() -> None:
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
def test_it_is_asked_again_after_an_hour_or_a_minute_where_it_is_doubted(doubted: bool, wait: float) -> None:
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
    case.ticking.advance(BELIEVED_SECONDS)  # it is not doubted any more
    case.now()
    assert len(case.asked) == 2


def test_whoever_comes_while_it_is_asked_has_that_answer_too() -> None:
    case = Case()

    async def all_at_once() -> list[ServerNow]:
        return await asyncio.gather(*(case.time.now() for _ in range(10)))

    assert len(set(case.run(all_at_once()))) == 1
    assert len(case.asked) == 1


def test_where_it_cannot_be_had_the_error_is_that_of_the_question_and_it_is_asked_anew() -> None:
    case = Case()
    case.away = True
    with pytest.raises(ExchangeError, match="away"):
        case.now()
    case.away = False
    assert case.now().least <= case.true()
    assert len(case.asked) == 2


@pytest.mark.parametrize("ahead", [0.0, 0.9, -0.9, 3600.0, -1.1])
def test_the_difference_to_this_machines_clock_is_known(ahead: float) -> None:
    case = Case(ahead=ahead)
    assert case.time.skew_seconds is None
    case.now()
    assert case.time.skew_seconds == pytest.approx(-ahead, abs=0.002)
