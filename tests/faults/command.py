"""The real command in a process of its own, as a stranger would type it."""

import os
import subprocess
import sys
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
