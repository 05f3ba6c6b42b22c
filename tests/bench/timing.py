"""How long something takes, and how much memory: in this process, or as a process of its own. It prints nothing."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SPAWN = Path(__file__).with_name("spawn.py")


class Taken(NamedTuple):
    """A whole process: medians of its runs."""

    seconds: float
    peak_mb: float  # resident
    out: str  # of the last run


def seconds(work: Callable[[], object], runs: int) -> float:
    """The median of several runs, behind one that is not counted."""
    work()
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def process(*arguments: str, runs: int, before: Callable[[], object] = lambda: None, **variables: str) -> Taken:
    """`python ARGUMENTS` as a whole process, several times behind one that is not counted. before: each run."""
    found = []
    for _ in range(runs + 1):
        before()
        found.append(_once(arguments, variables))
    times, peaks, outs = zip(*(found[1:] or found), strict=True)
    return Taken(statistics.median(times), statistics.median(peaks), outs[-1])


def _once(arguments: tuple[str, ...], variables: dict[str, str]) -> Taken:
    command = [sys.executable, "-S", str(SPAWN), sys.executable, *arguments]
    environment = {**os.environ, **variables}
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    taken, peak_kib, code, out = json.loads(found.stdout)
    if code != 0:
        raise RuntimeError(f"{' '.join(arguments)}: exit {code}: {found.stderr}")
    return Taken(taken, peak_kib / 1024, out)
