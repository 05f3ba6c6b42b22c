"""A command in a process of its own, with its largest memory and its time. No test here."""

import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.command import Answer, safla

MIB = 2**20

# The command, and then its largest memory of all on the last line of stderr. Behind -c, `-m safla` are two words more.
# It takes its words from the process, as the program itself does.
MEASURED = """\
import sys
from safla.cli import main
sys.argv = ["safla", *sys.argv[3:]]
code = main()
with open("/proc/self/status") as file:
    print(next(line for line in file if line.startswith("VmHWM")).split()[1], file=sys.stderr)
sys.exit(code)
"""

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="its memory is read from /proc")


class Measured(NamedTuple):
    """What a command said, its largest memory in bytes, and its seconds."""

    answer: Answer
    peak: int
    seconds: float


def measured(*words: str | Path) -> Measured:
    """Run a command and measure it."""
    began = time.monotonic()
    answer = safla(*words, options=("-c", MEASURED))
    seconds = time.monotonic() - began
    *said, peak = answer.err.splitlines(keepends=True)
    return Measured(Answer(answer.code, answer.out, "".join(said)), 1024 * int(peak), seconds)
