"""Row 1: after SIGKILL at random moments the same command ends with the bytes of an undisturbed run."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.command import ROOT, safla
from tests.faults.invariants import check_answer, check_run
from tests.processes import Process
from tests.small_runs import SMALL, journal

DETAILS = ("decisions", "candles")
KILLS = 3  # of each detail; 1 000 in all with --scale release
IN_A_ROW = 3  # of one run, before it may finish


def words(config, out, detail):
    return ["run", config, "--out", out, "--journal-detail", detail, "--engine", "interpreted", "--quiet"]


@pytest.fixture(scope="module", params=[DETAILS[0], pytest.param(DETAILS[1], marks=pytest.mark.soak)])
def killed(request, tmp_path_factory):
    """Returns the configuration of a longer run, its journal detail, its undisturbed folder, and its duration."""
    folder = tmp_path_factory.mktemp("kill")
    config = folder / "long.yaml"
    config.write_text(SMALL.replace("candles: 900", "candles: 5000"))
    began = time.monotonic()
    check_answer(safla(*words(config, folder / "run", request.param)), 0)
    return config, request.param, folder / "run", time.monotonic() - began


def check_part(part: Path, whole: Path) -> None:
    """Checks what a kill leaves: a prefix of the journal, and no partial file under its final name."""
    for one in part.glob("*"):
        if one.name == "journal.jsonl":
            assert journal(whole).startswith(journal(part))
        elif one.name != "lock" and one.suffix != ".tmp" and ".torn-" not in one.name:
            assert one.read_bytes() == (whole / one.name).read_bytes()


def kill(config, out, detail, seconds):
    """Starts the command, and kills it after `seconds`."""
    command = [sys.executable, "-m", "safla", *map(str, words(config, out, detail))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with Process(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        process.kill()


def test_row_1_a_run_that_is_killed_repeatedly_ends_with_the_same_bytes_as_an_undisturbed_one(
    killed, tmp_path, chance, release, figure
):
    config, detail, whole, seconds = killed
    kills = 1_000 // len(DETAILS) if release else KILLS
    for number in range(kills):
        out = tmp_path / f"run-{number // IN_A_ROW}"
        kill(config, out, detail, chance.uniform(0, 1.1) * seconds)
        check_part(out, whole)
        if number % IN_A_ROW == IN_A_ROW - 1:
            answer = safla(*words(config, out, detail))
            check_answer(answer, 0)
            assert answer.err == ""
            check_part(out, whole)
            assert journal(out) == journal(whole)
            assert not list(out.glob("*.tmp"))
    check_run(tmp_path / "run-0", max_positions=2)
    figure(f"row 1, {detail}: {kills} kills, 0 lost")
