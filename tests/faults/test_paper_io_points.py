"""Rows 2 and 10 of a paper run: the process dies before or after each call to the disk, and nothing is lost."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.child import DIED, STRIDE
from tests.faults.command import ROOT
from tests.faults.invariants import check_run
from tests.faults.paper import CONFIG, Undisturbed, undisturbed

TINY = CONFIG.replace("candles: 160, holes: 6}, start: 2024-01-01 15:00", "candles: 7}, start: 2024-01-01 03:00")
TINY = TINY.replace("fast_period: 3, slow_period: 8", "fast_period: 1, slow_period: 2").replace(": 12}", ": 3}")
FILES = {"journal.jsonl", "head", "config.yaml", "summary.json"}
SECONDS = 600  # limit of the long form


@pytest.fixture
def whole(tmp_path, capsys) -> Undisturbed:
    """An undisturbed paper run of a few candles, and its backtest."""
    return undisturbed(tmp_path, capsys, text=TINY)


def died(tmp_path: Path, whole: Undisturbed, begin: Path, *, release: bool) -> list[Path]:
    """Die at every disk call of a run, each in a copy of the folder; continue it unless another left the same files."""
    (tmp_path / "points").mkdir()
    words = ["ALL" if release else "SLICE", str(tmp_path / "points"), str(begin)]
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.child", "die", *words, "run", str(whole.config), "--out", "{}/run",
         "--quiet"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}, capture_output=True,
        timeout=SECONDS, check=True,
    )  # fmt: skip
    first, *deaths = map(json.loads, found.stdout.splitlines())
    assert first[1:3] == [0, 0]
    assert first[4] == [], "a file was changed by a call that is not counted"
    assert {code for _, code, *_ in deaths} == {DIED}
    names = [name for name, _, second, *_ in deaths if second == 0]
    known = {f"as {name}" for name in ("before-0", *names)}
    assert [one for one in deaths if one[2] != 0 and one[2] not in known] == []
    return [tmp_path / "points" / name for name in ("before-0", *names)]


def files(run: Path) -> dict[str, bytes]:
    """The files that must be the same after any death: all but the lock (a pid), the `status` snapshot and logs."""
    apart = ("lock", "snapshot")
    return {one.name: one.read_bytes() for one in run.iterdir() if one.name not in apart and one.suffix != ".log"}


def test_row_2_a_crash_at_any_disk_call_of_a_paper_run_loses_nothing(whole, tmp_path, release, figure):
    (tmp_path / "nothing").mkdir()
    places = died(tmp_path, whole, tmp_path / "nothing", release=release)
    wanted = files(whole.folder)
    assert wanted.keys() == FILES
    # a fast machine renews head less often (J24), and so has fewer calls at which to die
    assert len(places) > (20 if release else 20 // STRIDE)
    for place in places:
        assert files(place / "run") == wanted, place.name
    check_run(places[-1] / "run", max_positions=2)
    figure(f"row 2, paper: {len(places)} deaths at calls that touch the disk were gone on from, 0 lost")


@pytest.mark.soak
@pytest.mark.parametrize("tail", ["torn", pytest.param("complete", marks=pytest.mark.soak)])
def test_row_10_a_crash_during_recovery_of_a_paper_run_is_recovered_from(whole, tmp_path, release, tail):
    """J42: the journal ends in half a line, or without its last newline, and an older death left a temporary file."""
    begin = tmp_path / "begin"
    shutil.copytree(whole.folder, begin / "run")
    line = whole.journal[:-900].rfind(b"\n") + 1
    cut = line + 40 if tail == "torn" else line - 1
    (begin / "run" / "journal.jsonl").write_bytes(whole.journal[:cut])
    for name in ("head", "summary.json"):
        (begin / "run" / name).unlink()
    shutil.copy(begin / "run" / "config.yaml", begin / "run" / "head.tmp")
    wanted, saved = files(whole.folder), f"journal.jsonl.torn-{whole.journal[:line].count(10) + 1}"
    for place in died(tmp_path, whole, begin, release=release):
        found = files(place / "run")
        copies = [found.pop(name) for name in sorted(found) if name.startswith(saved)]
        assert found == wanted, place.name
        assert bool(copies) == (tail == "torn")
        assert all(whole.journal[line:cut].startswith(copy) for copy in copies), place.name
