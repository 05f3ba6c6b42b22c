"""Row 15: two processes on one run folder: the second is rejected with the pid of the first, which is unharmed."""

import os
import subprocess
import sys

import pytest

from tests.faults.command import ROOT, inside, safla
from tests.faults.invariants import check_answer, check_run, untouched
from tests.processes import Process
from tests.scale import some_of
from tests.small_runs import SMALL, journal

# A run that pauses in the named function, reports it, and continues when its stdin ends.
HELD = """\
import importlib, sys
module, name, *words = sys.argv[1:]
place = importlib.import_module(module)
original = getattr(place, name)
def entered(*arguments, **named):
    print("held", file=sys.__stdout__, flush=True)
    sys.stdin.read()
    return original(*arguments, **named)
setattr(place, name, entered)
from safla.cli import main
sys.exit(main(words))
"""
PHASES = {
    "before the journal": ("safla.runs.backtest", "_write_inputs"),
    "while it is synced": ("safla.journal.append", "_sync"),
    "before the summary": ("safla.report.summary", "summarise"),
}


@pytest.fixture
def words(tmp_path):
    """The arguments of the command; the folder of its run follows."""
    (tmp_path / "small.yaml").write_text(SMALL.replace("candles: 900", "candles: 200"))
    return ["run", str(tmp_path / "small.yaml"), "--engine", "interpreted", "--quiet", "--out"]


@pytest.fixture
def undisturbed(tmp_path, words, capsys):
    """The journal of the same run by itself."""
    check_answer(inside(capsys, *words, tmp_path / "alone"), 0)
    return journal(tmp_path / "alone")


def first_process(phase, words):
    command = [sys.executable, "-c", HELD, *PHASES[phase], *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return Process(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@some_of("phase", PHASES, keep=("while it is synced",))
@pytest.mark.parametrize("option", [(), ("--force",)], ids=["same", "force"])
def test_row_15_a_second_process_is_rejected_with_the_pid_of_the_first_which_is_unharmed(
    tmp_path, words, undisturbed, phase, option
):
    out = tmp_path / "run"
    with first_process(phase, [*words, out]) as first:
        assert first.stdout.readline() == b"held\n"
        with untouched(out):
            answer = safla(*words, out, *option)
        check_answer(answer, 6)
        assert answer.err == f"safla: {out}: another process holds this run: pid {first.pid}\n"
        rest, said = first.communicate(b"")
    assert (first.returncode, said) == (0, b"")
    assert rest.startswith((b"HALTED", b"source "))
    assert journal(out) == undisturbed
    assert {one.name for one in tmp_path.iterdir()} == {"small.yaml", "alone", "run"}
    check_run(out, max_positions=2)


def test_row_15_the_lock_file_of_a_dead_process_does_not_block_a_run(tmp_path, words, undisturbed):
    out = tmp_path / "run"
    with first_process("before the journal", [*words, out]) as first:
        assert first.stdout.readline() == b"held\n"
        first.kill()
    assert (out / "lock").read_text() == f"{first.pid}\n"
    answer = safla(*words, out)
    check_answer(answer, 0)
    assert answer.err == ""
    assert journal(out) == undisturbed
    assert (out / "lock").read_text() != f"{first.pid}\n"


def test_row_15_a_lock_whose_folder_was_renamed_meanwhile_is_rejected_with_exit_6(tmp_path, words, undisturbed):
    """Between opening the lock and taking it, another process may rename the folder."""
    out = tmp_path / "run"
    check_answer(safla(*words, out), 0)
    program = (
        "import fcntl, os, sys\nfrom safla.cli import main\ntake = fcntl.flock\n"
        "def flock(*arguments):\n    os.rename(sys.argv[1], sys.argv[1] + '.1')\n    os.mkdir(sys.argv[1])\n"
        "    return take(*arguments)\n"
        "fcntl.flock = flock\nsys.exit(main(sys.argv[2:]))\n"
    )
    command = [sys.executable, "-c", program, out, *words, out]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stdout) == (6, "")
    assert found.stderr == f"safla: {out}: another process has just renamed it; start again\n"
    assert list(out.iterdir()) == []
    assert journal(tmp_path / "run.1") == undisturbed
