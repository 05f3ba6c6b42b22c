"""A signal sets a flag and the current work is finished; a second signal ends the process at once (J29)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from safla.errors import Interrupted
from safla.runs.interrupt import watched
from tests.errors import raises_code
from tests.processes import Process

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_recorded_and_raised_at_the_next_check(number, code):
    before = signal.getsignal(number)
    with watched() as flag:
        flag.check()
        os.kill(os.getpid(), number)
        with raises_code(Interrupted, "interrupted") as caught:
            flag.check()
    assert caught.value.exit_code == code
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_the_process_at_once(number, code):
    program = (
        "import time\nfrom safla.runs.interrupt import watched\n"
        "with watched() as flag:\n    print('up', flush=True)\n"
        "    while flag.signal is None:\n        time.sleep(0.01)\n"
        "    print('noted', flush=True)\n    time.sleep(30)\n"
    )
    with Process([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT) as process:
        for word in (b"up\n", b"noted\n"):
            assert process.stdout.readline() == word
            process.send_signal(number)
        assert process.wait(timeout=5) == code
