"""Long work runs in a thread beside the event loop, and its requests run on the loop (X6)."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import ccxt.async_support  # noqa: F401 - its import is not what is timed
import pytest

from safla.config.operation import ExchangeSection
from safla.exchange import factory, off_loop
from safla.exchange.transport import HttpAnswer
from tests.fake.rest import _described
from tests.fake_exchange import Market

WHO: ContextVar[str] = ContextVar("who", default="")


async def doubled(number: int) -> int:
    """A request that waits on the loop."""
    await asyncio.sleep(0)
    return 2 * number


def test_steps_run_in_another_thread_and_requests_in_the_thread_of_the_caller() -> None:
    threads: dict[str, set[int]] = {"steps": set(), "requests": set()}

    async def request(number: int) -> int:
        threads["requests"].add(threading.get_ident())
        return await doubled(number)

    async def work(fetch: off_loop.Fetch) -> int:
        found = 1
        for _ in range(3):
            threads["steps"].add(threading.get_ident())
            found = await fetch(found)
        return found

    assert asyncio.run(off_loop.run_off_loop(work, request)) == 8
    assert threads["requests"] == {threading.get_ident()}
    assert not threads["steps"] & threads["requests"]


def test_requests_that_are_started_together_run_concurrently() -> None:
    under_way: list[int] = []

    async def request(number: int) -> int:
        under_way.append(number)
        while len(under_way) < 3:
            await asyncio.sleep(0)
        return number

    async def work(fetch: off_loop.Fetch) -> list[int]:
        return await asyncio.gather(fetch(1), fetch(2), fetch(3))

    assert asyncio.run(off_loop.run_off_loop(work, request)) == [1, 2, 3]


def test_work_without_requests_returns_its_result() -> None:
    async def work(_fetch: off_loop.Fetch) -> str:
        await asyncio.sleep(0)
        return "done"

    assert asyncio.run(off_loop.run_off_loop(work, doubled)) == "done"


def test_a_request_runs_with_the_context_variables_of_the_work() -> None:
    async def request() -> str:
        return WHO.get()

    async def work(fetch: off_loop.Fetch) -> str:
        WHO.set("the work")
        return str(await fetch())

    assert asyncio.run(off_loop.run_off_loop(work, request)) == "the work"


def test_an_error_of_a_request_reaches_the_work_and_an_error_of_the_work_the_caller() -> None:
    async def request() -> None:
        raise ValueError("of the request")

    async def work(fetch: off_loop.Fetch) -> None:
        try:
            await fetch()
        except ValueError as error:
            raise LookupError(str(error)) from error

    with pytest.raises(LookupError, match="of the request"):
        asyncio.run(off_loop.run_off_loop(work, request))


def test_pending_requests_are_cancelled_when_the_work_fails() -> None:
    cancelled: list[str] = []

    async def request(name: str) -> None:
        try:
            await asyncio.sleep(0 if name == "fails" else 60)
        except asyncio.CancelledError:
            cancelled.append(name)
            raise
        raise LookupError(name)

    async def work(fetch: off_loop.Fetch) -> None:
        await asyncio.gather(fetch("waits"), fetch("fails"))

    async def scene() -> None:
        with pytest.raises(LookupError, match="fails"):
            await off_loop.run_off_loop(work, request)
        await asyncio.sleep(0)

    asyncio.run(scene())
    assert cancelled == ["waits"]


@pytest.mark.parametrize("while_", ["a request is under way", "a step is under way"])
def test_a_cancelled_call_ends_its_work_and_leaves_no_thread(while_: str) -> None:
    began, go_on = threading.Event(), threading.Event()
    ended: list[str] = []

    async def request() -> None:
        began.set()
        await asyncio.Event().wait()

    async def work(fetch: off_loop.Fetch) -> None:
        try:
            if while_ == "a step is under way":
                began.set()
                assert go_on.wait(10)
            await fetch()
        finally:
            ended.append("work")

    async def scene() -> None:
        task = asyncio.ensure_future(off_loop.run_off_loop(work, request))
        await asyncio.to_thread(began.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    before = threading.active_count()
    asyncio.run(scene())  # asyncio.run waits for the threads of its executor
    assert ended == ["work"]
    assert threading.active_count() == before


# --- The markets of an exchange --------------------------------------------------------------------------------------

SYMBOLS = 1_500


def test_the_event_loop_keeps_running_while_ccxt_parses_markets(figure: Callable[[str], None]) -> None:
    text = json.dumps({"symbols": [_described(Market(f"A{number}USDT")) for number in range(SYMBOLS)]})
    gaps: list[float] = []

    async def received(_url: str, _headers: Any) -> HttpAnswer:
        return HttpAnswer(200, "OK", {}, text)

    async def before() -> None:
        """No rate limiter."""

    async def guard() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.001)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    async def scene() -> tuple[float, int]:
        config = ExchangeSection.model_validate({"name": "binance"})
        exchange = factory.make_exchange(config)
        exchange._received, exchange.before, exchange.heard = received, before, lambda heard: None
        exchange.timeout_on_exit = 0
        guarding = asyncio.ensure_future(guard())
        began = time.monotonic()
        try:
            await factory.load_markets(exchange, (), config=config)
            return time.monotonic() - began, len(exchange.markets)
        finally:
            guarding.cancel()
            await exchange.close()

    taken, markets = asyncio.run(scene())
    figure(f"{SYMBOLS} markets are parsed in {taken:.2f} s; the loop waits {max(gaps) * 1000:.0f} ms at most")
    assert markets == SYMBOLS
    assert max(gaps) < taken / 4  # relative to the whole time, so that a busy machine changes nothing
    assert len(gaps) > 10


def test_candles_can_be_parsed_as_usual_while_markets_are_loaded() -> None:
    """A second object parses the markets, so that in the one that serves candles numbers stay text."""
    seen: list[Any] = []

    async def scene() -> None:
        config = ExchangeSection.model_validate({"name": "binance"})
        exchange = factory.make_exchange(config)
        factory.assume(exchange, ["BTC/USDT"])

        async def received(_url: str, _headers: Any) -> HttpAnswer:
            seen.append(exchange.parse_ohlcv([1, "2.50", "3", "1", "2", "9"]))
            return HttpAnswer(200, "OK", {}, '{"symbols": []}')

        async def before() -> None:
            """No rate limiter."""

        exchange._received, exchange.before, exchange.heard = received, before, lambda heard: None
        exchange.timeout_on_exit = 0
        try:
            with pytest.raises(Exception, match="expected symbols, got none"):
                await factory.load_markets(exchange, (), config=config)
        finally:
            await exchange.close()

    asyncio.run(scene())
    assert seen == [[1, "2.50", "3", "1", "2", "9"]]
