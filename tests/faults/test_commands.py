"""Rows 24 and 17, Z22: halt, resume and stop during a session, at once, across crashes, and from unsafe files."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from safla.paper import control
from safla.paper.control import CommandKind
from tests.faults.child import DIED
from tests.faults.command import ROOT, inside, safla
from tests.faults.invariants import check_answer, check_run, untouched
from tests.faults.paper import answer_of, process
from tests.paper.paper_runs import by_operator, put, taken, waiting
from tests.processes import Process
from tests.scale import bound
from tests.small_runs import journal

CONFIG = """\
mode: paper
paper: {source: replay, speed: max}
symbols: {primary: [BTC/USDT]}
data: {source: synthetic, synthetic: {candles: 20}}
strategy: {fast_period: 1, slow_period: 2, entry_threshold_pct: 0, exit_threshold_pct: 0}
"""
SLOW = ("--set", "paper.speed=1x")  # one candle takes an hour, so the session waits
MISSING = 3  # candles at the end
SECONDS = 10.0  # that a process may take until it accepts commands
TAKEN_SECONDS = 1.0  # from the command file to its journal line and the removal of the file (S15a)
NOT_OURS = ("symlink", "dangling", "fifo", "folder", "hard link", "for all to read")


@pytest.fixture
def begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Makes a run shortly before its end, in a folder of its own, and its configuration next to that folder."""
    (tmp_path / "paper.yaml").write_text(CONFIG)
    out = tmp_path / "begin" / "run"
    out.parent.mkdir()
    check_answer(inside(capsys, "run", tmp_path / "paper.yaml", "--out", out, "--quiet"), 0)
    text = journal(out)
    candles = [one.start() for one in re.finditer(rb'(?m)^.*"type":"candle"', text)]
    (out / "journal.jsonl").write_bytes(text[: candles[-MISSING]])
    for name in ("head", "summary.json"):
        (out / name).unlink()
    for log in out.glob("*.log"):
        log.unlink()
    return out


def going_on(begun: Path) -> "Process[bytes]":
    """Continues the run with the real command. Returns once it accepts commands: it took one that changes nothing."""
    put(begun, "resume")
    child = process(["run", begun.parents[1] / "paper.yaml", "--out", begun, "--quiet", *SLOW])
    assert taken(begun, seconds=SECONDS)
    return child


def deaths(tmp_path: Path, begin: Path, *words: str | Path, release: bool) -> tuple[Path, list[Path]]:
    """Runs `safla WORDS` undisturbed, and once for each call that touches the disk with a crash there and a restart.

    Returns the folder of the undisturbed run and the folders of the others.
    """
    (tmp_path / "points").mkdir()
    command = ["ALL" if release else "SLICE", tmp_path / "points", begin, *words]
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.child", "die", *map(str, command)], cwd=ROOT, capture_output=True,
        timeout=600, env={**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}, check=True,
    )  # fmt: skip
    first, *others = map(json.loads, found.stdout.splitlines())
    assert first[1] == 0
    assert first[4] == [], "a file was changed by a call that is not counted"
    assert {code for _, code, *_ in others} == {DIED}
    names = [name for name, _, second, *_ in others if second == 0]
    known = {f"as {name}" for name in ("before-0", *names)}
    assert [one for one in others if one[2] not in (0, *known)] == []
    return tmp_path / "points" / "before-0", [tmp_path / "points" / name for name in names]


def test_row_24_a_waiting_session_takes_a_command_within_a_second(begun):
    child = going_on(begun)
    kinds: list[CommandKind] = ["halt", "resume", "halt"]
    for lines, kind in enumerate(kinds, 1):
        began = time.monotonic()
        put(begun, kind, note="by hand")
        assert taken(begun, seconds=SECONDS)
        assert time.monotonic() - began < bound(TAKEN_SECONDS)
        assert len(by_operator(begun)) == lines
    check_answer(safla("stop", begun, "--note", "enough"), 0)
    check_answer(answer_of(child), 0)
    assert journal(begun).splitlines()[-1].count(b'"type":"run_ended"') == 1
    check_run(begun, max_positions=1)


def test_row_24_two_simultaneous_halts_both_succeed_and_write_one_journal_line(begun):
    child = going_on(begun)
    commands = [process(["halt", begun, "--note", f"the {number}."]) for number in range(2)]
    for one in commands:
        check_answer(answer_of(one), 0)
    assert taken(begun, seconds=SECONDS)
    assert len(by_operator(begun)) == 1
    child.terminate()
    check_answer(answer_of(child), 143)


def test_row_24_two_simultaneous_commands_without_a_session_both_wait_for_the_next_one(begun, tmp_path):
    commands = [process(["halt", begun, "--note", f"the {number}."]) for number in range(2)]
    for one in commands:
        check_answer(answer_of(one), 0)
    assert {one.note for one in waiting(begun)} == {"the 0.", "the 1."}
    check_answer(safla("run", tmp_path / "paper.yaml", "--out", begun, "--quiet"), 0)
    assert len(by_operator(begun)) == 1
    assert waiting(begun) == ()
    check_run(begun, max_positions=1)


def test_row_24_two_simultaneous_stops_without_a_session_end_the_run_once(begun):
    answers = [answer_of(one) for one in [process(["stop", begun]) for _ in range(2)]]
    assert 0 in {one.code for one in answers}
    for one in answers:  # one comes too late, or leaves the work to the other, which holds the lock
        check_answer(one, one.code)
        assert one.code in (0, 2)
    assert journal(begun).count(b'"type":"run_ended"') == 1
    check_run(begun, max_positions=1)


def test_row_24_a_run_that_has_ended_rejects_commands(begun, capsys):
    check_answer(safla("stop", begun), 0)
    with untouched(begun):
        for kind in ("halt", "resume", "stop"):
            answer = inside(capsys, kind, begun)
            check_answer(answer, 2)
            assert "this run has ended and takes no commands" in answer.err


def test_row_24_a_command_file_left_for_a_run_that_has_ended_is_not_applied(begun, tmp_path, capsys):
    check_answer(safla("stop", begun), 0)
    text = journal(begun)
    put(begun, "halt")
    check_answer(inside(capsys, "run", tmp_path / "paper.yaml", "--out", begun, "--quiet"), 0)
    assert journal(begun) == text
    answer = inside(capsys, "status", begun)
    check_answer(answer, 0)
    assert "ignored    " in answer.out
    assert "the run has ended" in answer.out


@pytest.mark.parametrize(
    "kinds",
    [
        ("halt",),
        pytest.param(("stop",), marks=pytest.mark.soak),
        pytest.param(("halt", "resume", "halt", "stop"), marks=pytest.mark.soak),
    ],
    ids="-".join,
)
def test_row_24_a_session_that_dies_between_a_command_and_its_line_applies_each_once(
    begun, tmp_path, release, figure, kinds
):
    """After a crash at any call the next start applies each command that still waits, at the same candle."""
    for kind in kinds:
        put(begun, kind, note="left")
    words = ("run", tmp_path / "paper.yaml", "--out", "{}/run", "--quiet")
    undisturbed, places = deaths(tmp_path, begun.parent, *words, release=release)
    wanted = journal(undisturbed / "run")
    assert wanted.count(b'"rule":"operator"') == kinds.count("halt")
    assert wanted.count(b'"by":"operator"') == kinds.count("resume")
    assert wanted.count(b'"type":"run_ended"') == 1
    assert len(places) > (5 if release else 2)
    for place in (undisturbed, *places):
        assert journal(place / "run") == wanted, place.name
        assert not list((place / "run" / "requests").iterdir()), place.name
    check_run(undisturbed / "run", max_positions=1)
    figure(f"row 24, {' '.join(kinds)}: {len(places)} deaths of a run with commands, each done once")


def test_row_24_a_halt_command_that_dies_at_any_call_leaves_a_complete_file_or_none(begun, tmp_path, release):
    """Sent again after any crash, the command writes one journal line, and no partial file is in the way."""
    _, places = deaths(tmp_path, begun.parent, "halt", "{}/run", "--note", "x", release=release)
    assert len(places) > (5 if release else 2)
    for place in places:
        found = control.requests(place / "run", run=run_of(begun))
        assert found.rejected == (), place.name
        assert {one.note for one in found.commands} == {"x"}, place.name
        assert len(found.commands) in (1, 2), place.name
    shutil.copytree(places[-1] / "run", tmp_path / "last")
    check_answer(safla("run", tmp_path / "paper.yaml", "--out", tmp_path / "last", "--quiet"), 0)
    assert len(by_operator(tmp_path / "last")) == 1


def run_of(folder: Path) -> str:
    """Returns the hash of the first line of a run."""
    return str(json.loads(journal(folder).splitlines()[0])["h"])


def test_row_24_a_stop_command_that_dies_at_any_call_ends_the_run_once(begun, tmp_path, release, figure):
    """Without a session `stop` ends the run itself. Sent again after a crash, it finds the run ended (2) or ends it."""
    (tmp_path / "points").mkdir()
    command = ["ALL" if release else "SLICE", tmp_path / "points", begun.parent, "stop", "{}/run", "--note", "x"]
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.child", "die", *map(str, command)], cwd=ROOT, capture_output=True,
        timeout=600, env={**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}, check=True,
    )  # fmt: skip
    first, *others = map(json.loads, found.stdout.splitlines())
    assert (first[1], first[4]) == (0, [])
    assert {code for _, code, *_ in others} == {DIED}
    whole = journal(begun)
    for name, _, second, *_ in others:
        if isinstance(second, str):  # the same state as another crash that was continued
            continue
        place = tmp_path / "points" / name / "run"
        assert second in (0, 2), name
        text = journal(place)
        assert text.startswith(whole), name
        assert text.count(b'"type":"run_ended"') == 1, name
        for left in place.glob("*.tmp"):  # from a crash after the last line; the next process removes it
            left.unlink()
        check_run(place, max_positions=1)
    figure(f"row 24, stop: {len(others)} deaths of the command, the run ended once")


def make(path: Path, kind: str) -> None:
    """Replaces a command file by something that no safla command writes."""
    other = path.parents[2] / "other"
    path.rename(other)
    if kind in ("symlink", "dangling"):
        path.symlink_to(other if kind == "symlink" else other.with_name("nothing"))
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    if kind == "folder":
        path.mkdir()
    if kind == "hard link":
        os.link(other, path)
    if kind == "for all to read":
        shutil.copy(other, path)
        path.chmod(0o644)


@pytest.mark.parametrize("kind", NOT_OURS)
def test_row_17_a_command_file_that_is_not_regular_and_private_is_listed_and_not_applied(begun, tmp_path, capsys, kind):
    """The other commands are applied: a stray file cannot block a halt."""
    path = begun / "requests" / f"{put(begun, 'stop').id}.json"
    put(begun, "halt", note="heard")
    make(path, kind)
    answer = inside(capsys, "status", begun)
    check_answer(answer, 0)
    assert f"ignored    {path.name}: not a " in answer.out
    answer = inside(capsys, "run", tmp_path / "paper.yaml", "--out", begun, "--quiet")
    check_answer(answer, 0)
    assert b"heard" in by_operator(begun)[0]
    assert b'"given":null,"id":null}' in journal(begun).splitlines()[-1]  # the candles ended, without a stop command
    assert os.path.lexists(path)


@pytest.mark.parametrize("kind", ["symlink", "dangling", "fifo", "file", "for all to write"])
def test_row_17_a_requests_folder_that_is_not_private_ends_with_exit_6_before_any_work(begun, tmp_path, capsys, kind):
    path, other = begun / "requests", tmp_path / "elsewhere"
    other.mkdir(0o700)
    if kind in ("symlink", "dangling"):
        path.symlink_to(other if kind == "symlink" else tmp_path / "nothing")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "file":
        path.touch(0o600)
    else:
        path.mkdir()
        path.chmod(0o777)
    text = journal(begun)
    for words in (("run", tmp_path / "paper.yaml", "--out", begun, "--quiet"), *(
        (command, begun) for command in ("halt", "resume", "stop")
    )):  # fmt: skip
        answer = inside(capsys, *words)
        check_answer(answer, 6)
        assert f"{path}: expected a folder that belongs to you and that nobody else can write to" in answer.err
    assert journal(begun) == text
    assert list(other.iterdir()) == []
    assert os.path.lexists(path)


def test_z22_a_command_file_of_another_user_is_rejected(begun, tmp_path, capsys, monkeypatch):
    put(begun, "stop")
    fstat = os.fstat

    def of_another(descriptor: int) -> object:
        facts = fstat(descriptor)
        if Path(os.readlink(f"/proc/self/fd/{descriptor}")).suffix != ".json":
            return facts
        return os.stat_result((*facts[:4], facts.st_uid + 1, *facts[5:10]))

    monkeypatch.setattr(control.os, "fstat", of_another)
    answer = inside(capsys, "run", tmp_path / "paper.yaml", "--out", begun, "--quiet")
    check_answer(answer, 0)
    assert b'"given":null,"id":null}' in journal(begun).splitlines()[-1]
