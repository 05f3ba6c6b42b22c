"""Rows 38 and 39 for breaker and retries only: scripted requests, tasks and threads, without sockets."""

import asyncio
import statistics
import threading
import time

import pytest

from safla.exchange.circuit_breaker import CircuitOpen
from safla.exchange.retry import TransientError
from tests.exchange.clock import FINAL, SLOW, Scripted, trouble

STORM = {
    "503 for ever": [trouble()],
    "503 and a 429 now and then": [trouble(), trouble(), trouble("status 429", **SLOW, retry_after=7.0)] * 400,
    "one good of six": [*[trouble()] * 5, 7] * 400,
}


def due_for_a_probe(*script, seconds=0.0):
    """Returns an exchange whose open breaker lets a probe pass now; each further request takes `seconds`."""
    exchange = Scripted(trouble(), *script, attempts=0, failure_threshold=1)
    with pytest.raises(TransientError):
        exchange.run()
    exchange.ticking.advance(30.0)
    exchange.asked.clear()
    exchange.seconds = seconds
    return exchange


async def for_ever(exchange, seconds):
    """Sends requests like a paper session: again after every error; a rejection says how long to wait."""
    while exchange.ticking.now < seconds:
        try:
            await exchange.call()
        except CircuitOpen as refusal:
            await exchange.ticking.sleep(refusal.retry_after)
        except TransientError:
            continue


@pytest.mark.parametrize("storm", STORM)
@pytest.mark.parametrize("callers", [1, 7])
def test_row_38_no_request_is_sent_while_the_breaker_is_open(storm, callers):
    exchange = Scripted(*STORM[storm], seconds=0.25)
    moves = []
    exchange.breaker.listen(lambda move: moves.append((exchange.ticking.now, move)))

    async def together():
        await asyncio.gather(*(for_ever(exchange, 1_000.0) for _ in range(callers)))

    exchange.ticking.run(together())
    opened = [at for at, move in moves if move.target == "open"]
    assert len(opened) > 10
    assert not any(at < asked < at + 30.0 for asked in exchange.asked for at in opened)
    assert {move.count for _, move in moves if move.source == "closed"} == {5}
    assert len(exchange.asked) == exchange.gate.sent


def test_row_38_the_breaker_opens_at_the_fifth_failure_and_probes_every_thirty_seconds():
    exchange = Scripted(trouble(), attempts=0)
    exchange.ticking.run(for_ever(exchange, 301.0))
    assert exchange.asked == [0.0] * 5 + [30.0 * turn for turn in range(1, 11)]


def test_row_38_four_failures_before_each_success_never_open_the_breaker():
    exchange = Scripted(*[*[trouble()] * 4, 7] * 200, attempts=4, delay=0.0)

    async def two_hundred():
        return [await exchange.call() for _ in range(200)]

    assert exchange.ticking.run(two_hundred()) == [7] * 200
    assert (len(exchange.asked), exchange.breaker.state) == (1_000, "closed")


@pytest.mark.parametrize("calls", [100, 1_000])
def test_row_39_when_half_open_one_of_many_tasks_sends_a_request_and_the_others_are_rejected(calls):
    exchange = due_for_a_probe(7, seconds=1.0)
    taken = []

    async def timed():
        began, now = time.perf_counter(), exchange.ticking.now
        try:
            return await exchange.call()
        except CircuitOpen:
            taken.append(time.perf_counter() - began)
            assert exchange.ticking.now == now
            raise

    async def together():
        return await asyncio.gather(*(timed() for _ in range(calls)), return_exceptions=True)

    ends = exchange.ticking.run(together())
    assert (ends.count(7), sum(isinstance(one, CircuitOpen) for one in ends)) == (1, calls - 1)
    assert exchange.asked == [30.0]
    assert statistics.median(taken) < 0.005


@pytest.mark.parametrize(("threads", "each"), [(50, 2), (50, 20)])
def test_row_39_when_half_open_one_of_many_threads_sends_a_request_and_the_others_are_rejected(threads, each):
    exchange = due_for_a_probe(7)
    barrier, refused = threading.Barrier(threads), threading.Semaphore(0)
    asked, ends = [], []

    def all_others_are_refused():
        return all(refused.acquire(timeout=30) for _ in range(threads * each - 1))

    async def request():
        asked.append(threading.get_ident())
        return await asyncio.to_thread(all_others_are_refused)

    async def one():
        try:
            ends.append(await exchange.call())
        except CircuitOpen:
            ends.append("refused")
            refused.release()

    async def together():
        await asyncio.gather(*(one() for _ in range(each)))

    def work():
        barrier.wait()
        asyncio.run(together())

    exchange.request = request
    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert (len(asked), ends.count(True), ends.count("refused")) == (1, 1, threads * each - 1)


NOT_COUNTED = {
    "429": trouble("status 429", **SLOW, retry_after=7.0),
    "451": trouble("status 451", **FINAL),
    "ours": ZeroDivisionError("a bug"),
    "cancelled": asyncio.CancelledError(),
}


@pytest.mark.parametrize("end", NOT_COUNTED)
def test_row_39_a_probe_whose_result_does_not_count_frees_its_slot_and_keeps_the_state(end):
    exchange = due_for_a_probe(7, NOT_COUNTED[end], 7)
    moves = []
    exchange.breaker.listen(moves.append)
    assert exchange.run() == 7
    with pytest.raises((TransientError, ZeroDivisionError, asyncio.CancelledError)):
        exchange.run()
    assert [exchange.run(), exchange.breaker.state] == [7, "half_open"]
    assert [exchange.run(), exchange.breaker.state] == [7, "closed"]
    assert [(move.target, move.count) for move in moves] == [("half_open", 0), ("closed", 3)]


def test_row_39_a_probe_cancelled_during_its_request_frees_its_slot_and_keeps_the_state():
    exchange = due_for_a_probe(7, seconds=100.0)

    async def cancelling():
        probe = asyncio.create_task(exchange.call())
        await exchange.ticking.sleep(1.0)
        with pytest.raises(CircuitOpen):
            await exchange.call()
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        return exchange.breaker.state, await exchange.call()

    assert exchange.ticking.run(cancelling()) == ("half_open", 7)
    assert exchange.asked == [30.0, 31.0]
