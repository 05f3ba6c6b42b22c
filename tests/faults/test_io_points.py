"""Rows 2 and 10: a process dies before or after each call that touches the disk, and nothing is lost."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.child import DIED, STRIDE, points_of
from tests.faults.command import ROOT, inside
from tests.faults.invariants import check_run
from tests.scale import some_of
from tests.small_runs import SMALL

TINY = SMALL.replace("candles: 900", "candles: 120")
FILES = {"journal.jsonl", "head", "config.yaml", "summary.json"}
SECONDS = 600  # with --scale release


def died(tmp_path: Path, begin: Path, *options: str, release: bool) -> list[Path]:
    """Lets a run die at every disk call, each time in a copy of a folder, and continues it.

    Returns the folder of an undisturbed run and those of the continued ones.
    """
    config = tmp_path / "tiny.yaml"
    config.write_text(TINY)
    (tmp_path / "points").mkdir()
    words = ["ALL" if release else "SLICE", str(tmp_path / "points"), str(begin)]
    command = [*words, "run", str(config), "--out", "{}/run", "--engine", "interpreted", "--quiet", *options]
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.child", "die", *command],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}, capture_output=True,
        timeout=SECONDS, check=True,
    )  # fmt: skip
    undisturbed, *deaths = map(json.loads, found.stdout.splitlines())
    assert undisturbed[1:3] == [0, 0]
    assert undisturbed[4] == [], "a file was changed by a call that is not counted"
    assert undisturbed[3] > 30
    assert len(deaths) == points_of(undisturbed[3], thorough=release)
    assert {code for _, code, *_ in deaths} == {DIED}
    names = [name for name, _, second, *_ in deaths if second == 0]
    known = {f"as {name}" for name in ("before-0", *names)}
    assert [one for one in deaths if one[2] != 0 and one[2] not in known] == []
    assert len(names) > (24 if release else 24 // STRIDE)
    check_run(tmp_path / "points" / "before-0" / "run", max_positions=2)
    return [tmp_path / "points" / name for name in ("before-0", *names)]


def files(run: Path) -> dict[str, bytes]:
    """Returns the files of a run folder and their bytes, without the lock, which has a pid."""
    return {one.name: one.read_bytes() for one in run.iterdir() if one.name != "lock"}


@pytest.fixture
def ended(tmp_path, capsys):
    """Makes a run that has ended, with candles.parquet."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    assert inside(capsys, "run", tmp_path / "tiny.yaml", "--out", tmp_path / "ended" / "run", "--quiet").code == 0
    return tmp_path / "ended"


@some_of("detail", ["decisions", "candles"], keep=("decisions",))
def test_row_2_a_process_that_dies_at_any_disk_call_loses_nothing(tmp_path, release, figure, detail):
    (tmp_path / "nothing").mkdir()
    undisturbed, *places = died(tmp_path, tmp_path / "nothing", "--journal-detail", detail, release=release)
    wanted = files(undisturbed / "run")
    assert wanted.keys() == (FILES | {"candles.parquet"} if detail == "decisions" else FILES)
    for place in places:
        assert files(place / "run") == wanted, place.name
        assert [one.name for one in place.iterdir()] == ["run"]
    figure(f"row 2, {detail}: {len(places)} deaths at calls that touch the disk were continued, 0 lost")


@pytest.mark.soak
def test_row_2_a_process_that_dies_while_it_sets_a_run_aside_leaves_the_old_run_intact(tmp_path, release, ended):
    undisturbed, *places = died(tmp_path, ended, "--force", "--set", "strategy.fast_period=4", release=release)
    wanted, old = files(undisturbed / "run"), files(ended / "run")
    assert wanted["journal.jsonl"] != old["journal.jsonl"]
    for place in places:
        assert files(place / "run") == wanted, place.name
        assert old in [files(one) for one in place.iterdir() if one.name != "run"], place.name


@pytest.mark.parametrize("tail", ["torn", pytest.param("complete", marks=pytest.mark.soak)])
def test_row_10_a_process_that_dies_during_recovery_recovers_at_the_next_start(tmp_path, release, ended, tail):
    """J42: the journal ends in half a line or without its last newline, next to files from an earlier crash."""
    run = ended / "run"
    text = (run / "journal.jsonl").read_bytes()
    line = text[: len(text) // 2].rfind(b"\n") + 1
    cut = line + 40 if tail == "torn" else line - 1
    wanted = files(run)
    (run / "journal.jsonl").write_bytes(text[:cut])
    (run / "head").unlink()
    (run / "summary.json").unlink()
    shutil.copy(run / "config.yaml", run / "head.tmp")
    number = text[:line].count(b"\n") + 1
    saved = f"journal.jsonl.torn-{number}"
    if tail == "torn":
        wanted[saved] = text[line:cut]
    for place in died(tmp_path, ended, release=release):
        found = files(place / "run")
        copies = [found.pop(name) for name in sorted(found) if name.startswith(saved)]
        assert found | ({saved: copies[-1]} if copies else {}) == wanted, place.name
        assert all(text[line:cut].startswith(copy) for copy in copies), place.name  # some died while they wrote it
