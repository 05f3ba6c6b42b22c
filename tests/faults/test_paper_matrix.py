"""Row 28 of a paper run: hash seed, time zone, locale, development mode, threads: one journal, one summary."""

import itertools
import os
import subprocess
import sys

import pytest

from tests.faults.command import ROOT, Answer
from tests.faults.invariants import check_answer
from tests.faults.paper import FEWER, Undisturbed, check_same, undisturbed

SEEDS = ("0", "1", "random")
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns")
LOCALES = ("C", "tr_TR.UTF-8", "de_DE.UTF-8")
THREADS = ("1", "2", "8")


@pytest.fixture
def whole(tmp_path, capsys) -> Undisturbed:
    """An undisturbed paper run, and its backtest."""
    return undisturbed(tmp_path, capsys, text=FEWER)


def surroundings(release: bool) -> list[tuple[str, str, str, str, bool]]:
    """Three environments with each value once, two of them in development mode; or all combinations."""
    if release:
        return [
            (*one, bool(number % 2)) for number, one in enumerate(itertools.product(SEEDS, ZONES, LOCALES, THREADS))
        ]
    return [(*one, number > 0) for number, one in enumerate(zip(SEEDS, ZONES, LOCALES, THREADS, strict=True))]


def test_row_28_a_paper_run_leaves_the_same_bytes_in_every_environment(whole, tmp_path, release, figure):
    cases = surroundings(release)
    for number, (seed, zone, locale, threads, development) in enumerate(cases):
        around = {
            "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale, "LANG": locale, "POLARS_MAX_THREADS": threads,
            "NUMBA_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        out = tmp_path / f"run-{number}"
        found = subprocess.run(
            [sys.executable, *(["-X", "dev"] if development else []), "-m", "safla", *map(str, whole.words(out))],
            cwd=ROOT, env={**os.environ, **around}, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        check_answer(Answer(found.returncode, found.stdout.decode(), found.stderr.decode()), 0)
        # in development mode asyncio names what took 0.1 s, which a busy machine needs
        assert [line for line in found.stderr.splitlines() if not line.startswith(b"Executing <")] == [], around
        check_same(out, whole)
    figure(f"row 28, paper: {len(cases)} surroundings, one journal")
