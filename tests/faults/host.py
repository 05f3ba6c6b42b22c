"""What the tests of row 29 share: a real command where something of the host is little or missing. No test here."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults.command import ROOT, SECONDS, Answer
from tests.faults.invariants import check_answer

MIB = 2**20


def limited(kind: int, amount: int) -> Callable[[], None]:
    """Something to call in a new process before it starts."""
    return lambda: resource.setrlimit(kind, (amount, amount))


def check_refused(answer: Answer, said: str) -> None:
    """Exit 6, and one line that says what is missing."""
    check_answer(answer, 6)
    (line,) = answer.err.splitlines()
    assert said in line


def without(what: str, *words: str | Path) -> Answer:
    """The real command where a package, or every new thread, is missing."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.without", what, *map(str, words)], cwd=ROOT, capture_output=True,
        stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
    )  # fmt: skip
    return Answer(found.returncode, found.stdout.decode(), found.stderr.decode())
