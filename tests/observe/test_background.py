"""A listener of a run may raise, be slow or hang: nothing waits for it (fault row 32)."""

import sys
import threading
import time

from safla.observe.background import BackgroundWorker

SOON = 5.0  # seconds that a thread may take to reach a point


def test_a_listener_gets_all_updates_in_order():
    heard: list[int] = []
    aside = BackgroundWorker("the log", heard.append)
    for number in range(500):
        aside.tell(number)
    aside.close(SOON)
    assert heard == list(range(500))
    assert aside.dropped == 0


def test_a_listener_that_raises_is_reported_once_and_still_gets_updates(capsys):
    heard: list[int] = []

    def raises(number: int) -> None:
        heard.append(number)
        raise OSError(28, "No space left on device", "/secret/place")

    aside = BackgroundWorker("the log", raises)
    for number in range(20):
        aside.tell(number)
    aside.close(SOON)
    assert heard == list(range(20))
    assert capsys.readouterr().err == "safla: the log failed, the run goes on: OSError\n"


def test_a_listener_that_hangs_blocks_nothing_and_dropped_updates_are_counted():
    held, entered = threading.Event(), threading.Event()

    def blocks(_number: int) -> None:
        entered.set()
        held.wait()

    aside = BackgroundWorker("the view", blocks, most=10)
    began = time.monotonic()
    aside.tell(0)
    assert entered.wait(SOON)
    for number in range(1, 1_000):
        aside.tell(number)
    assert aside.dropped == 999 - 10
    aside.close(0.1)
    assert time.monotonic() - began < SOON
    held.set()


def test_a_slow_listener_gets_some_time_at_the_end():
    heard: list[int] = []
    slow = threading.Event()

    def late(number: int) -> None:
        slow.wait(0.02)
        heard.append(number)

    aside = BackgroundWorker("the log", late)
    for number in range(5):
        aside.tell(number)
    aside.close(SOON)
    assert heard == list(range(5))


def test_a_thread_that_never_ends_does_not_delay_the_end_of_a_run():
    aside = BackgroundWorker("a thread of its own", lambda item: None)
    (thread,) = [one for one in threading.enumerate() if one.name == aside.name]
    assert thread.daemon
    aside.close(SOON)
    assert not thread.is_alive()


def test_a_closed_stderr_is_harmless(monkeypatch):
    class Gone:
        def write(self, _text: str) -> None:
            raise ValueError("I/O operation on closed file")

    heard: list[int] = []

    def raises(number: int) -> None:
        heard.append(number)
        raise MemoryError

    monkeypatch.setattr(sys, "stderr", Gone())
    aside = BackgroundWorker("the log", raises)
    for number in range(3):
        aside.tell(number)
    aside.close(SOON)
    assert heard == [0, 1, 2]
