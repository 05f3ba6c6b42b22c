"""The processes of tests end with their tests."""

import signal
import sys

import pytest

from tests.processes import Process


def test_a_test_that_fails_kills_its_process_even_a_stopped_one() -> None:
    child = Process([sys.executable, "-c", "import time; time.sleep(600)"])
    with pytest.raises(AssertionError):
        failing_test(child)
    assert child.returncode == -signal.SIGKILL


def failing_test(child: "Process[bytes]") -> None:
    with child:
        child.send_signal(signal.SIGSTOP)
        assert child.args is None
