"""The real command in a process of its own, as a stranger would type it: measured, limited, or in this process."""

import contextlib
import io
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from safla.cli import main

ROOT = Path(__file__).parents[2]
SECONDS = 60


class Answer(NamedTuple):
    """What a process left behind."""

    code: int
    out: str
    err: str


def safla(
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    first: Callable[[], object] | None = None,
    options: tuple[str, ...] = (),
) -> Answer:
    """Run `safla ARGUMENTS`. first: called in the new process before it starts; options: of Python itself."""
    found = subprocess.run(
        [sys.executable, *options, "-m", "safla", *map(str, arguments)],
        cwd=cwd or ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}, preexec_fn=first,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    return Answer(found.returncode, found.stdout.decode(), found.stderr.decode())


def inside(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Answer:
    """The same in this process, where a process is not the point."""
    capsys.readouterr()
    code = main([*map(str, arguments)])
    return Answer(code, *capsys.readouterr())


def answered(*words: str) -> Answer:
    """The same where a test has no capsys."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(words)
    return Answer(code, out.getvalue(), err.getvalue())


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


def limited(kind: int, amount: int) -> Callable[[], None]:
    """Something to call in a new process before it starts."""
    return lambda: resource.setrlimit(kind, (amount, amount))


def without(what: str, *words: str | Path) -> Answer:
    """The real command where a package, or every new thread, is missing."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.child", "without", what, *map(str, words)], cwd=ROOT,
        capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
    )  # fmt: skip
    return Answer(found.returncode, found.stdout.decode(), found.stderr.decode())
