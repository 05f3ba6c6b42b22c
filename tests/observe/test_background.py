"""A listener beside a run may raise, be slow or never come back: nothing waits for it (fault row 32)."""

import sys
import threading
import time

from safla.observe.background import BackgroundWorker

SOON = 5.0  # seconds that a thread may take to get to something


def test_it_is_told_everything_in_order():
    heard: list[int] = []
    aside = BackgroundWorker("the log", heard.append)
    for number in range(500):
        aside.tell(number)
    aside.close(SOON)
    assert heard == list(range(500))
    assert aside.dropped == 0


def test_one_that_raises_is_told_of_once_and_goes_on_being_told(capsys):
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


def test_one_that_never_comes_back_holds_nothing_up_and_what_does_not_fit_is_counted():
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


def test_one_that_is_slow_is_given_a_while_at_the_end():
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


def test_a_run_does_not_end_later_for_a_thread_that_never_ends():
    aside = BackgroundWorker("a thread of its own", lambda item: None)
    (thread,) = [one for one in threading.enumerate() if one.name == aside.name]
    assert thread.daemon
    aside.close(SOON)
    assert not thread.is_alive()


def test_stderr_that_is_gone_harms_nobody(monkeypatch):
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
