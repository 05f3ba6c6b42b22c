"""Questions to the real command about a configuration that it should not take."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.command import Answer
from tests.faults.invariants import check_answer, untouched

AT_ONCE = 1.0  # seconds of processor time: 250 ms, with a factor for a slow machine
GOOD = "data: {source: synthetic, synthetic: {candles: 50}}\n"

Ask = Callable[..., Answer]


def refused(ask: Ask, name: str, *sets: str) -> list[str]:
    """The problems of a file that neither command takes: exit 3, in an instant, and nothing is made or changed."""
    errors = []
    for command in ("validate", "run"):
        with untouched(Path.cwd()):
            began = time.process_time()
            answer = ask(command, name, *(option for one in sets for option in ("--set", one)))
            assert time.process_time() - began < AT_ONCE
        check_answer(answer, 3)
        errors.append(answer.err.splitlines())
    assert errors[0] == errors[1]
    return errors[0]
