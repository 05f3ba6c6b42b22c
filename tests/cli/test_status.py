"""`safla status` from the view of a user: output, exit codes, streams, and no change of the run folder."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from safla import cli
from safla.runs.folder import lock_run
from tests.faults.invariants import untouched
from tests.processes import Process
from tests.small_runs import journal, run, small

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    run(small(tmp_path, "data.synthetic.candles=120", "journal.detail=candles"), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def begun(folder):
    """Returns the same run, interrupted in the middle."""
    (folder / "head").unlink()
    (folder / "journal.jsonl").write_bytes(b"".join(journal(folder).splitlines(keepends=True)[:150]))
    return folder


def process(*arguments, **more):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    return Process([sys.executable, "-m", "safla", "status", *map(str, arguments)], env=environment, **more)


def test_the_status_of_a_run_is_printed_to_stdout_and_nothing_is_modified(folder, capsys):
    with untouched(folder.parent):
        assert cli.main(["status", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("run        Small, backtest, 1h, 2 symbols\n")
    assert ", ended\n" in out
    assert err == ""


def test_the_process_that_holds_the_run_is_named(begun, capsys):
    with lock_run(begun):
        assert cli.main(["status", str(begun)]) == 0
    assert f"process    running, pid {os.getpid()}\n" in capsys.readouterr().out


def test_json_output_is_one_object(begun, capsys):
    assert cli.main(["status", str(begun), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["state"], status["lines"]) == ("unfinished", 150)


def test_a_run_that_has_just_started_is_not_an_error(tmp_path, capsys):
    (tmp_path / "journal.jsonl").touch()
    assert cli.main(["status", str(tmp_path)]) == 0
    assert "begun, no complete line yet" in capsys.readouterr().out


def test_a_damaged_run_and_a_folder_without_a_run_are_rejected(folder, capsys):
    text = journal(folder)
    (folder / "journal.jsonl").write_bytes(text.replace(b'"ts":17', b'"ts":18', 5))
    assert cli.main(["status", str(folder)]) == 4
    assert cli.main(["status", str(folder.parent)]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"line 1, byte 0: .*\n.*not a run folder, but it contains 1; name one", err)


def test_watching_a_finished_run_shows_it_once(folder, capsys):
    assert cli.main(["status", str(folder), "--watch"]) == 0
    assert capsys.readouterr().out.count("run        Small") == 1


def test_a_watcher_reports_changes_and_ends_with_the_run(begun):
    before = journal(begun)
    with process(begun, "--watch", "--json", stdout=subprocess.PIPE, text=True) as child:
        first = json.loads(child.stdout.readline())
        run(small(begun.parent, "data.synthetic.candles=120", "journal.detail=candles"), begun)
        last = json.loads(child.stdout.readlines()[-1])
    assert child.returncode == 0
    assert (first["state"], first["lines"]) == ("unfinished", 150)
    assert last["state"] == "ended"
    assert journal(begun).startswith(before)


def test_an_interrupt_ends_a_watcher_with_its_exit_code(begun):
    with process(begun, "--watch", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline().startswith("run ")
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=10)
    assert child.returncode == 130
    assert err == "safla: interrupted by SIGINT; start the same command again\n"


def test_on_a_terminal_the_view_is_redrawn_in_place(begun):
    ours, theirs = pty.openpty()
    text, until = b"", time.monotonic() + 15
    with process(begun, "--watch", stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        while text.count(b"run        Small") < 2 and time.monotonic() < until:
            text += os.read(ours, 65_536)
        child.kill()
    os.close(ours)
    assert text.count(b"run        Small") >= 2
    assert b"\x1b[2K" in text
