"""Shared state of the threads of the fake: waiting and logging use one lock, in whatever order they take it."""

import threading

from tests.fake.state import Limits, State, VirtualClock


def test_waiting_under_the_lock_of_the_clock_does_not_block_logging_under_it() -> None:
    clock = VirtualClock(0)
    state = State({}, clock, Limits(clock, weight_limit=1, patience=1))
    held, asking = threading.Event(), threading.Event()
    heard: list[bool] = []

    def logging() -> None:
        with clock.lock:
            held.set()
            asking.wait(0.2)  # until the other thread may want the lock, which it cannot take if both share one
            state.said(1, "open")

    def logged() -> bool:
        asking.set()
        with clock.lock:
            return len(state.sockets) == 1

    def waiting() -> None:
        held.wait()
        heard.append(state.wait(logged, seconds=5))

    threads = [threading.Thread(target=work, daemon=True) for work in (logging, waiting)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2)
    assert heard == [True]
