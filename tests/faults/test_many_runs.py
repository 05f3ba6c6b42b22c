"""Row 63: many runs at once, each in its own folder, write the same bytes as one run by itself."""

import subprocess
import sys

import pytest

from safla.cli import main
from tests.faults.command import ROOT, SECONDS, Answer
from tests.faults.invariants import check_answer, check_only, check_run
from tests.small_runs import SMALL, journal

QUESTIONS = 4  # different seeds; a quarter of the processes runs each


def words(tmp_path, question, folder, engine):
    config, out = tmp_path / "small.yaml", tmp_path / folder
    return [
        "run", str(config), "--set", f"system.random_seed={question}", "--out", str(out), "--engine", engine,
        "--journal-detail", "candles", "--quiet", "--json",
    ]  # fmt: skip


@pytest.fixture
def alone(tmp_path, capsys):
    """The journal of each seed, from a run by itself."""
    (tmp_path / "small.yaml").write_text(SMALL.replace("candles: 900", "candles: 300"))
    found = []
    for question in range(QUESTIONS):
        assert main(words(tmp_path, question, f"alone-{question}", "interpreted")) == 0
        found.append(journal(tmp_path / f"alone-{question}"))
    assert len(set(found)) == QUESTIONS
    return found


@pytest.mark.parametrize("at_once", [4, pytest.param(16, marks=pytest.mark.soak)])
def test_row_63_many_runs_at_once_write_the_same_journals_as_single_runs(tmp_path, alone, at_once):
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "safla", *words(tmp_path, number % QUESTIONS, f"run-{number}", "auto")], cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(at_once)
    ]  # fmt: skip
    for number, process in enumerate(running):
        out, err = process.communicate(timeout=SECONDS * at_once)
        check_answer(Answer(process.returncode, out.decode(), err.decode()), 0)
        folder = tmp_path / f"run-{number}"
        assert journal(folder) == alone[number % QUESTIONS], number
        check_only(folder, {"config.yaml", "head", "journal.jsonl", "lock", "summary.json"})
    for question in range(QUESTIONS):
        check_run(tmp_path / f"run-{question}", max_positions=3)
