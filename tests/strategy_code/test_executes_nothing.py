"""`validate`, `status` and the like execute no code of a strategy (C4): an audit hook would see it."""

import json
import os
import subprocess
import sys

import pytest

from safla.runs.strategy_code import consent
from tests.faults.command import inside, safla
from tests.faults.invariants import check_answer
from tests.scale import some_of
from tests.strategy_code.samples import CONFIG, MINE, PAPER, put
from tests.tidy.source import ROOT

NAMED = CONFIG.replace("name: mine}", "name: mine, file: mine.py}")
# A program that ends with exit 99 as soon as code of a file below FOLDER is executed or imported, in any process of it.
HOOKED = """\
import os, sys
folder = sys.argv[1]
def seen(event, arguments):
    if event == "exec" and getattr(arguments[0], "co_filename", "").startswith(folder):
        os._exit(99)
    if event == "import" and any(str(one).startswith(folder) for one in arguments if one):
        os._exit(99)
    if event == "subprocess.Popen":
        assert "-c" in arguments[1] and "-I" in arguments[1], arguments
sys.addaudithook(seen)
from safla.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def hooked(tmp_path, monkeypatch):
    """hooked(words): the exit code of a command in a process whose audit hook sees all that is executed."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        command = [sys.executable, "-c", HOOKED, str(tmp_path), *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, check=False)

    return call


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_the_hook_sees_the_code_of_a_run(tmp_path, hooked, capsys):
    put(tmp_path / "mine.yaml", NAMED)
    put(tmp_path / "mine.py")
    check_answer(inside(capsys, "trust", tmp_path), 0)
    assert hooked("run", "mine.yaml").returncode == 99


@some_of(
    "words",
    [("validate", "mine.yaml"), ("validate", "mine.yaml", "--resolved"), ("status", "run"),
     ("replay", "run", "--books"), ("halt", "run"), ("resume", "run"), ("schema", "config"),
     ("data", "list"), ("trust",)],
    keep=(("validate", "mine.yaml"), ("status", "run"), ("replay", "run", "--books")),
)  # fmt: skip
def test_a_command_that_needs_no_code_executes_none(tmp_path, hooked, capsys, words):
    put(tmp_path / "mine.yaml", PAPER.replace("name: mine}", "name: mine, file: mine.py}"))
    put(tmp_path / "mine.py")
    check_answer(inside(capsys, "trust", tmp_path), 0)
    check_answer(inside(capsys, "run", "mine.yaml", "--out", "run", "--quiet"), 0)
    lines = (tmp_path / "run/journal.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "run/journal.jsonl").write_bytes(b"".join(lines[:-1]))
    (tmp_path / "run/head").unlink()
    answer = hooked(*words)
    assert answer.returncode == 0, answer.stderr


def test_validate_says_where_the_source_is_no_python(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "mine.yaml", NAMED)
    check_answer(inside(capsys, "trust", tmp_path), 0)
    for text, where in (
        ("x = 1\ny = (\n", "mine.py:2:5: '(' was never closed"),
        ("return 1\n", "mine.py:1:1: 'return' outside function"),
        ("x = 1\0\n", "mine.py: source code string cannot contain null bytes"),
        ("-" * 100_000 + "1\n", "mine.py: "),
    ):
        put(tmp_path / "mine.py", text)
        answer = inside(capsys, "validate", "mine.yaml")
        check_answer(answer, 3)
        assert answer.err.startswith(where), answer.err
    (row,) = json.loads(inside(capsys, "validate", "mine.yaml", "--json").out)
    assert row["problems"][0]["code"] == "code_unusable"


def test_validate_takes_the_code_of_the_command_line_and_reads_a_bounded_part(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "mine.yaml", CONFIG)
    put(tmp_path / "mine.py", "x = (\n")
    answer = inside(capsys, "validate", "mine.yaml", "--strategy", "mine=mine.py")
    check_answer(answer, 3)
    assert answer.err.startswith("mine.py:1:5: ")
    put(tmp_path / "mine.py", MINE + "#" * consent.MOST_PARSED)
    answer = inside(capsys, "validate", "mine.yaml", "--strategy", "mine=mine.py")
    check_answer(answer, 3)
    assert "has more than 262,144 bytes" in answer.err
    put(tmp_path / "mine.py", MINE)
    check_answer(inside(capsys, "validate", "mine.yaml", "--strategy", "mine=mine.py"), 0)


def test_a_parser_that_takes_too_long_is_ended(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(consent, "SECONDS", 0.0)
    put(tmp_path / "mine.yaml", CONFIG)
    put(tmp_path / "mine.py", MINE)
    answer = inside(capsys, "validate", "mine.yaml", "--strategy", "mine=mine.py")
    check_answer(answer, 3)
    assert "to be parsed" in answer.err


def test_validate_parses_nothing_of_a_folder_that_is_not_trusted(tmp_path, monkeypatch):
    put(tmp_path / "mine.yaml", NAMED)
    put(tmp_path / "mine.py", "x = (\n")
    answer = safla("validate", "mine.yaml", cwd=tmp_path)
    check_answer(answer, 3)
    assert "never closed" not in answer.err
    assert "is code, and nothing in" in answer.err
