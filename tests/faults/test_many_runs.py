"""Row 63: sixteen runs at once, in folders of their own: each leaves the bytes that it leaves alone."""

import subprocess
import sys

import pytest

from safla.cli import main
from tests.faults.command import ROOT, SECONDS, Answer
from tests.faults.invariants import check_answer, check_only, check_run
from tests.small_runs import SMALL, journal

AT_ONCE = 16
QUESTIONS = 4  # each asked by four processes at once


def words(tmp_path, question, folder, engine):
    config, out = tmp_path / "small.yaml", tmp_path / folder
    return [
        "run", str(config), "--set", f"system.random_seed={question}", "--out", str(out), "--engine", engine,
        "--journal-detail", "candles", "--quiet", "--json",
    ]  # fmt: skip


@pytest.fixture
def alone(tmp_path, capsys):
    """The journal of each question, asked alone."""
    (tmp_path / "small.yaml").write_text(SMALL.replace("candles: 900", "candles: 300"))
    found = []
    for question in range(QUESTIONS):
        assert main(words(tmp_path, question, f"alone-{question}", "interpreted")) == 0
        found.append(journal(tmp_path / f"alone-{question}"))
    assert len(set(found)) == QUESTIONS
    return found


def test_row_63_sixteen_runs_at_once_leave_the_bytes_of_each_alone(tmp_path, alone):
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "safla", *words(tmp_path, number % QUESTIONS, f"run-{number}", "auto")], cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(AT_ONCE)
    ]  # fmt: skip
    for number, process in enumerate(running):
        out, err = process.communicate(timeout=SECONDS * AT_ONCE)
        check_answer(Answer(process.returncode, out.decode(), err.decode()), 0)
        folder = tmp_path / f"run-{number}"
        assert journal(folder) == alone[number % QUESTIONS], number
        check_only(folder, {"config.yaml", "head", "journal.jsonl", "lock", "summary.json"})
    for question in range(QUESTIONS):
        check_run(tmp_path / f"run-{question}", max_positions=3)
