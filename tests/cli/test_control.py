"""`safla halt`, `resume` and `stop` as a user meets them: answers, exit codes, streams (J45)."""

import json

import pytest

from safla import cli
from safla.runtime import wishes
from safla.runtime.folder import held
from safla.runtime.wishes import Wish
from tests.faults.invariants import untouched
from tests.runs import journal, run, small
from tests.runtime.commanded_runs import by_operator, left, under_way


@pytest.fixture
def folder(tmp_path):
    return left(tmp_path / "run")


def answered(capsys, *words):
    code = cli.main([*map(str, words)])
    return code, *capsys.readouterr()


def test_a_run_without_a_process_is_halted_resumed_and_stopped(folder, capsys):
    assert answered(capsys, "halt", folder) == (0, "halted: halt 1; `safla resume` lifts it\n", "")
    assert answered(capsys, "resume", folder / "journal.jsonl", "--halt", 1) == (0, "lifted: halt 1\n", "")
    assert answered(capsys, "stop", folder) == (0, "stopped for good: the run has ended\n", "")


def test_a_run_with_a_process_is_halted_resumed_and_stopped(tmp_path, capsys):
    with under_way(tmp_path / "run"):
        assert answered(capsys, "halt", tmp_path / "run", "--note", "now")[:2] == (
            0,
            "halted: halt 1; `safla resume` lifts it\n",
        )
        assert answered(capsys, "resume", tmp_path / "run")[:2] == (0, "lifted: halt 1\n")
        assert answered(capsys, "stop", tmp_path / "run")[:2] == (0, "stopped for good: the run has ended\n")
    assert b'"note":"now"' in by_operator(tmp_path / "run")[0]


def test_what_was_so_already_is_said_and_no_error(folder, capsys):
    assert answered(capsys, "resume", folder) == (0, "there was nothing to lift; no line was written\n", "")
    cli.main(["halt", str(folder)])
    text = journal(folder)
    capsys.readouterr()
    out = "halt 1 by an operator was open already; no line was written\n"
    assert answered(capsys, "halt", folder) == (0, out, "")
    assert journal(folder) == text


def test_programs_get_one_object(folder, capsys):
    code, out, err = answered(capsys, "halt", folder, "--note", 'a "note"', "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "wish": "halt",
        "note": 'a "note"',
        "changed": True,
        "halts": [1],
        "text": "halted: halt 1; `safla resume` lifts it",
    }


def test_a_halt_that_is_not_open_is_a_no(folder, capsys):
    code, out, err = answered(capsys, "resume", folder, "--halt", 9)
    assert (code, out) == (1, "")
    assert err == f"safla: {folder}: halt 9 is not open; open halts: none\n"


@pytest.mark.parametrize("kind", ["halt", "resume", "stop"])
def test_a_backtest_and_a_run_that_ended_are_a_wrong_usage_with_an_example(kind, folder, tmp_path, capsys):
    run(small(tmp_path, "data.synthetic.candles=60"), tmp_path / "backtest")
    cli.main(["stop", str(folder)])
    capsys.readouterr()
    for place, what in ((tmp_path / "backtest", "a backtest"), (folder, "this run has ended")):
        with untouched(place):
            code, out, err = answered(capsys, kind, place)
        assert (code, out) == (2, "")
        assert err.startswith(f"safla: {place}: {what}")
        assert f"\nExample: safla {kind} " in err


@pytest.mark.parametrize("note", ["two\nlines", "caf\u00e9", "x" * 201, "\x1b[2J", "\u202e"])
@pytest.mark.parametrize("kind", ["halt", "resume", "stop"])
def test_a_note_that_no_journal_takes_is_refused_before_any_work(kind, note, folder, capsys):
    with untouched(folder):
        code, out, err = answered(capsys, kind, folder, "--note", note)
    assert (code, out) == (2, "")
    assert "printable ASCII is due, at most 200 characters" in err
    assert note not in err


@pytest.mark.parametrize("words", [(), ("--halt", "0"), ("--halt", "x"), ("--halt", str(10**9 + 1)), ("--nothing",)])
def test_words_that_do_not_fit_are_refused(words, folder, capsys):
    place = [folder] if words else []
    with untouched(folder):
        code, out, err = answered(capsys, "resume", *place, *words)
    assert (code, out) == (2, "")
    assert "Example: safla resume" in err


def test_where_there_is_no_run_that_is_said(tmp_path, capsys):
    code, out, err = answered(capsys, "halt", tmp_path / "nothing")
    assert (code, out) == (4, "")
    assert "name a run folder" in err


def test_a_second_wish_is_told_to_come_again(folder, capsys):
    wishes.put(folder, Wish("stop", None, None))
    with held(folder):
        code, out, err = answered(capsys, "halt", folder)
    assert (code, out) == (6, "")
    assert "another wish is waiting; ask again" in err
