"""`safla halt`, `resume` and `stop` from the view of a user: output, exit codes, streams (S15a)."""

import json
import re

import pytest

from safla import cli
from safla.core.candles import iso
from safla.paper import control
from safla.runs.folder import lock_run
from tests.faults.invariants import untouched
from tests.paper.paper_runs import by_operator, left, put, taken, under_way, waiting
from tests.small_runs import journal, run, small

KINDS = ("halt", "resume", "stop")
WHAT = {"halt": "a halt", "resume": "a resume", "stop": "the end of the run"}


@pytest.fixture
def folder(tmp_path):
    return left(tmp_path / "run")


def answered(capsys, *words):
    code = cli.main([*map(str, words)])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("kind", ["halt", "resume"])
def test_without_a_session_a_command_waits_for_the_next_start_and_reports_it(folder, capsys, kind):
    text = journal(folder)
    out = f"{WHAT[kind]} is requested; no process runs it now: it waits for the next start, and then it acts after the "
    assert answered(capsys, kind, folder, "--note", "lunch") == (0, f"{out}current candle\n", "")
    assert journal(folder) == text
    assert [(one.kind, one.note) for one in waiting(folder)] == [(kind, "lunch")]


def test_without_a_session_a_stop_ends_the_run_at_once(folder, capsys):
    code, out, err = answered(capsys, "stop", folder, "--note", "enough")
    assert (code, out) == (0, "stopped for good: the run has ended\n")
    assert err == ("stop is requested: it acts after the current candle\nstopped by an operator, for good: enough\n")
    assert b'"type":"run_ended"' in journal(folder).splitlines()[-1]
    assert waiting(folder) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_session_a_command_reports_when_it_acts(folder, capsys, kind):
    with lock_run(folder):
        code, out, err = answered(capsys, kind, folder / "journal.jsonl")
    assert (code, err) == (0, "")
    assert out == f"{WHAT[kind]} is requested; it acts after the current candle; `safla status` lists it until then\n"


@pytest.mark.parametrize("kind", KINDS)
def test_on_an_exchange_a_command_names_the_open_at_which_it_acts_and_the_clock(folder, capsys, kind):
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("source: replay", "source: stream"))
    with lock_run(folder):
        code, out, _ = answered(capsys, kind, folder)
    (one,) = waiting(folder)
    opens = iso((one.given // 3_600_000 + 1) * 3_600_000)
    assert code == 0
    assert out == (
        f"{WHAT[kind]} is requested; it acts at the candle that opens at {opens} (by this machine's clock; a session "
        "uses the exchange's as soon as it knows it); `safla status` lists it until then\n"
    )


def test_a_running_session_takes_commands_in_order_within_a_second(tmp_path, capsys):
    folder = tmp_path / "run"
    with under_way(folder):
        for words in (("halt", "--note", "now"), ("resume", "--halt", "1"), ("halt",), ("stop",)):
            assert answered(capsys, words[0], folder, *words[1:])[0] == 0
            assert taken(folder, seconds=1.0)
    assert [b'"type":"halted"' in line for line in by_operator(folder)] == [True, False, True]
    assert b'"note":"now"' in by_operator(folder)[0]
    assert b'"type":"run_ended"' in journal(folder).splitlines()[-1]


def test_status_lists_waiting_commands_in_order(folder, capsys):
    for words in (("halt", "--note", "lunch"), ("resume", "--halt", "3")):
        answered(capsys, words[0], folder, *words[1:])
    code, out, _ = answered(capsys, "status", folder)
    assert code == 0
    listed = [line for line in out.splitlines() if line.startswith("waiting ")]
    assert [re.sub(r" 2\S+Z", " T", line) for line in listed] == [
        "waiting    halt, given T: lunch", "waiting    resume of halt 3, given T",
    ]  # fmt: skip
    answer = json.loads(answered(capsys, "status", folder, "--json")[1])
    assert [(one["kind"], one["halt"], one["note"]) for one in answer["waiting"]] == [
        ("halt", None, "lunch"), ("resume", 3, None),
    ]  # fmt: skip


@pytest.mark.parametrize("source", ["replay", "stream"])
def test_json_output_is_one_object(folder, capsys, source):
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("source: replay", f"source: {source}"))
    code, out, err = answered(capsys, "resume", folder, "--halt", 3, "--note", 'a "note"', "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    (one,) = waiting(folder)
    assert answer.pop("text").startswith("a resume is requested; no process runs it now")
    assert answer == {
        "id": one.id, "command": "resume", "halt": 3, "note": 'a "note"', "given": one.given,
        "acts_at": None if source == "replay" else (one.given // 3_600_000 + 1) * 3_600_000, "running": False,
        "done": False,
    }  # fmt: skip


def test_json_output_reports_a_completed_stop(folder, capsys):
    answer = json.loads(answered(capsys, "stop", folder, "--json")[1])
    assert (answer["command"], answer["acts_at"], answer["running"], answer["done"]) == ("stop", None, False, True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_command_to_a_backtest_or_a_finished_run_is_a_usage_error_with_an_example(kind, folder, tmp_path, capsys):
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
@pytest.mark.parametrize("kind", KINDS)
def test_an_invalid_note_is_rejected_before_any_work(kind, note, folder, capsys):
    with untouched(folder):
        code, out, err = answered(capsys, kind, folder, "--note", note)
    assert (code, out) == (2, "")
    assert "expected printable ASCII, at most 200 characters" in err
    assert note not in err


@pytest.mark.parametrize("words", [(), ("--halt", "0"), ("--halt", "x"), ("--halt", str(10**9 + 1)), ("--nothing",)])
def test_invalid_arguments_are_rejected(words, folder, capsys):
    place = [folder] if words else []
    with untouched(folder):
        code, out, err = answered(capsys, "resume", *place, *words)
    assert (code, out) == (2, "")
    assert "Example: safla resume" in err


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_without_a_run_is_reported(kind, tmp_path, capsys):
    code, out, err = answered(capsys, kind, tmp_path / "nothing")
    assert (code, out) == (4, "")
    assert "name a run folder" in err


def test_a_command_to_a_run_that_has_just_started_is_rejected_with_advice_to_retry(folder, capsys):
    for name in ("journal.jsonl", "head"):
        (folder / name).unlink()
    (folder / "journal.jsonl").touch(mode=0o600)
    with lock_run(folder):
        code, out, err = answered(capsys, "halt", folder)
    assert (code, out) == (6, "")
    assert err == f"safla: {folder}: the run has just begun and has no candle yet; try again in a moment\n"


def test_a_command_after_a_hundred_waiting_commands_is_rejected_with_advice(folder, capsys):
    for _ in range(control.MOST_REQUESTS):
        put(folder, "halt")
    code, out, err = answered(capsys, "halt", folder)
    assert (code, out) == (6, "")
    assert err == f"safla: {folder / 'requests'}: 100 commands are pending already; start the run, or remove them\n"


@pytest.mark.parametrize("kind", KINDS)
def test_the_help_explains_when_a_command_acts_and_its_arguments(kind, capsys):
    code, out, err = answered(capsys, kind, "--help")
    assert (code, err) == (0, "")
    assert f"Example: safla {kind} " in out
    assert {"--note", "--json", "RUN"} <= set(out.split())
    words = " ".join(out.split())
    assert "candle that is open now" in words
    assert "Exit 2 for a backtest" in words
