"""Rows 24 and 17, Z22: halt, resume and stop under way, at once, over deaths, and in files that are not ours."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from safla.runtime import wishes
from safla.runtime.wishes import Wish
from tests.faults.command import ROOT, inside, safla
from tests.faults.dying import DIED
from tests.faults.invariants import check_answer, check_run, untouched
from tests.faults.paper import answer_of, process
from tests.runs import journal
from tests.runtime.commanded_runs import by_operator

CONFIG = """\
mode: paper
paper: {source: replay, speed: max}
symbols: {primary: [BTC/USDT]}
data: {source: synthetic, synthetic: {candles: 20}}
strategy: {fast_period: 1, slow_period: 2, entry_threshold_pct: 0, exit_threshold_pct: 0}
"""
SLOW = ("--set", "paper.speed=1x")  # an hour a candle: it stands still
MISSING = 3  # candles at the end
SECONDS = 10.0  # that a process may take until it listens
TAKEN_SECONDS = 1.0  # from the file of a wish to its line, and to the file's end (J45)
NOT_OURS = ("symlink", "dangling", "fifo", "folder", "hard link", "for all to read")


@pytest.fixture
def begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A run shortly before its end, in a folder of its own, and its configuration beside that."""
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


def going_on(begun: Path) -> "subprocess.Popen[bytes]":
    """The real command, once it listens: it has taken a wish by which nothing changed."""
    wishes.put(begun, Wish("resume", None, None))
    child = process(["run", begun.parents[1] / "paper.yaml", "--out", begun, "--quiet", *SLOW])
    assert wishes.answered(begun, seconds=SECONDS)
    return child


def deaths(tmp_path: Path, begin: Path, *words: str | Path, release: bool) -> tuple[Path, list[Path]]:
    """The folder of `safla WORDS` undisturbed, and those of deaths at each call that touches the disk, gone on from."""
    (tmp_path / "points").mkdir()
    command = ["ALL" if release else "SLICE", tmp_path / "points", begin, *words]
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.dying", *map(str, command)], cwd=ROOT, capture_output=True, timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}, check=True,
    )  # fmt: skip
    first, *others = map(json.loads, found.stdout.splitlines())
    assert first[1] == 0
    assert first[4] == [], "a file was changed by a call that is not counted"
    assert {code for _, code, *_ in others} == {DIED}
    names = [name for name, _, second, *_ in others if second == 0]
    known = {f"as {name}" for name in ("before-0", *names)}
    assert [one for one in others if one[2] not in (0, *known)] == []
    return tmp_path / "points" / "before-0", [tmp_path / "points" / name for name in names]


def test_row_24_a_wish_to_a_run_that_waits_is_taken_within_a_second(begun):
    child = going_on(begun)
    for kind, lines in (("halt", 1), ("resume", 2), ("halt", 3)):
        began = time.monotonic()
        wishes.put(begun, Wish(kind, None, "by hand"))
        assert wishes.answered(begun, seconds=SECONDS)
        assert time.monotonic() - began < TAKEN_SECONDS
        assert len(by_operator(begun)) == lines
    check_answer(safla("stop", begun, "--note", "enough"), 0)
    check_answer(answer_of(child), 0)
    check_run(begun, max_positions=1)


def test_row_24_of_two_halts_at_once_there_is_one_line(begun):
    child = going_on(begun)
    commands = [process(["halt", begun, "--note", f"the {number}."]) for number in range(2)]
    answers = [answer_of(one) for one in commands]
    for answer in answers:
        check_answer(answer, answer.code)
    assert {answer.code for answer in answers} <= {0, 6}
    assert 0 in {answer.code for answer in answers}
    assert len(by_operator(begun)) == 1
    child.terminate()
    check_answer(answer_of(child), 143)


def test_row_24_of_two_halts_at_once_without_a_process_there_is_one_line(begun):
    commands = [process(["halt", begun]) for _ in range(2)]
    codes = {answer_of(one).code for one in commands}
    assert 0 in codes
    assert codes <= {0, 6}
    assert len(by_operator(begun)) == 1
    check_run(begun, max_positions=1)


def test_row_24_a_run_that_ended_takes_no_wish(begun, capsys):
    check_answer(safla("stop", begun), 0)
    with untouched(begun):
        for kind in ("halt", "resume", "stop"):
            answer = inside(capsys, kind, begun)
            check_answer(answer, 2)
            assert "this run has ended and takes nothing more" in answer.err


@pytest.mark.parametrize("kind", ["halt", "stop"])
def test_row_24_a_run_that_dies_between_wish_and_line_does_it_once(begun, tmp_path, release, figure, kind):
    """Whatever call it dies at, the wish is done, or waits still; the next start then does it where it would have."""
    wishes.put(begun, Wish(kind, None, "left"))
    words = ("run", tmp_path / "paper.yaml", "--out", "{}/run", "--quiet")
    undisturbed, places = deaths(tmp_path, begun.parent, *words, release=release)
    wanted = journal(undisturbed / "run")
    assert (wanted.count(b'"rule":"operator"'), wanted.count(b'"run_ended"')) == (int(kind == "halt"), 1)
    assert len(places) > 5
    for place in (undisturbed, *places):
        assert journal(place / "run") == wanted, place.name
        assert not list((place / "run").glob("request*")), place.name
    check_run(undisturbed / "run", max_positions=1)
    figure(f"row 24, {kind}: {len(places)} deaths of a run with a wish, each done once")


@pytest.mark.parametrize("words", [("halt", "{}/run", "--note", "x"), ("resume", "{}/run")])
def test_row_24_a_command_that_dies_at_any_call_may_be_given_again(begun, tmp_path, release, words):
    if words[0] == "resume":
        check_answer(safla("halt", begun), 0)
    undisturbed, places = deaths(tmp_path, begun.parent, *words, release=release)
    wanted = journal(undisturbed / "run")
    assert wanted.startswith(journal(begun))
    assert len(by_operator(undisturbed / "run")) == len(by_operator(begun)) + 1
    for place in places:
        assert journal(place / "run") == wanted, place.name


def test_row_24_a_command_that_dies_with_its_wish_put_leaves_it_to_the_next_start(begun, tmp_path):
    wishes.put(begun, Wish("halt", None, None))
    check_answer(safla("run", tmp_path / "paper.yaml", "--out", begun, "--quiet"), 0)
    assert len(by_operator(begun)) == 1
    assert not (begun / "request").exists()


def make(path: Path, kind: str) -> None:
    """What no command of ours puts there."""
    other = path.parents[1] / "other"
    wishes.put(path.parent, Wish("halt", None, None))
    path.rename(other)
    if kind in ("symlink", "dangling"):
        path.symlink_to(other if kind == "symlink" else other.with_name("nothing"))
    if kind == "fifo":
        os.mkfifo(path)
    if kind == "folder":
        path.mkdir()
    if kind == "hard link":
        os.link(other, path)
    if kind == "for all to read":
        shutil.copy(other, path)
        path.chmod(0o644)


@pytest.mark.parametrize("kind", NOT_OURS)
def test_row_17_a_request_that_is_not_ours_alone_is_refused_and_not_followed(begun, tmp_path, capsys, kind):
    make(begun / "request", kind)
    text = journal(begun)
    answer = inside(capsys, "run", tmp_path / "paper.yaml", "--out", begun, "--quiet")
    check_answer(answer, 6)
    assert f"{begun / 'request'}: not a regular file of yours" in answer.err
    for command in ("halt", "resume", "stop"):
        check_answer(inside(capsys, command, begun), 6)
    assert journal(begun) == text
    assert os.path.lexists(begun / "request")


def test_z22_another_user_s_wish_is_refused(begun, capsys, monkeypatch):
    wishes.put(begun, Wish("stop", None, None))
    monkeypatch.setattr("safla.runtime.wishes.is_ours", lambda facts: False)
    answer = inside(capsys, "halt", begun)
    check_answer(answer, 6)
    assert "request: not a regular file of yours" in answer.err
    assert b'"run_ended"' not in journal(begun)
