"""A command waits in a file for the session of a paper run; only `stop` ends a run without a session (S15a)."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from safla.errors import ConfigError, HostError, JournalError, UsageError
from safla.paper import command, control
from safla.paper.command import CommandOutcome
from safla.runs.folder import lock_run
from tests.errors import raises_code
from tests.paper.paper_runs import (
    backtest_journal,
    by_operator,
    journal,
    left,
    put,
    run_paper,
    taken,
    under_way,
    waiting,
)
from tests.small_runs import holds, run, small

HOUR = 3_600_000
GIVEN = 1_767_323_045_678  # 2026-01-02T03:04:05.678Z


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that no session has."""
    return left(tmp_path / "run")


def give(folder: Path, kind: Any, *, said: list[str] | None = None, **more: Any) -> CommandOutcome:
    return command.give_command(folder, kind, say=(said if said is not None else []).append, **more)


def live(folder: Path) -> Path:
    """The same run, as though on an exchange: nothing but the configuration tells."""
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("source: replay", "source: stream"))
    return folder


def test_a_command_is_written_to_a_file_and_the_journal_is_unchanged(folder):
    text = journal(folder)
    answer = give(folder, "resume", halt=7, note="looked", wall=lambda: GIVEN / 1000)
    assert waiting(folder) == (answer.command,)
    assert (answer.command.given, answer.command.halt, answer.command.note) == (GIVEN, 7, "looked")
    assert (answer.running, answer.done, answer.acts_at) == (False, False, None)
    assert journal(folder) == text


def test_a_command_names_the_first_line_of_its_run(folder, tmp_path):
    other = left(tmp_path / "other", "risk.max_drawdown_pct=0.2")
    one = give(folder, "halt").command
    shutil.copytree(folder / "requests", other / "requests")
    assert waiting(other) == ()
    run_paper(other, ("risk.max_drawdown_pct=0.2",))
    assert by_operator(other) == []
    assert (other / "requests" / f"{one.id}.json").exists()  # it is listed, and nobody's to remove


@pytest.mark.parametrize(("within", "opens"), [(0, 1), (1, 1), (HOUR - 1, 1), (HOUR, 2)])
def test_on_an_exchange_a_command_acts_at_the_open_after_its_candle(folder, within, opens):
    live(folder)
    begin = GIVEN // HOUR * HOUR
    answer = give(folder, "halt", wall=lambda: (begin + within) / 1000)
    assert answer.acts_at == begin + opens * HOUR
    assert f"it acts at the candle that opens at 2026-01-02T0{3 + opens}:00Z (by this machine's clock" in answer.text


def test_the_next_start_applies_waiting_commands_in_order_after_the_recorded_candles(folder):
    before = journal(folder)
    ids = [give(folder, kind, note=kind).command.id for kind in ("halt", "resume", "halt")]
    said: list[str] = []
    run_paper(folder, said=said.append)
    assert journal(folder).startswith(before)
    after = journal(folder)[len(before) :].splitlines()
    assert after[0] in by_operator(folder)
    assert [one for line in by_operator(folder) for one in ids if one.encode() in line] == ids
    assert waiting(folder) == ()
    assert next(text for text in said if "by an operator" in text) == "halted by an operator: halt"
    assert holds(folder)


def test_a_halted_run_continues_halted(folder):
    give(folder, "halt")
    kept = journal(folder)
    assert run_paper(folder).again is False
    after = journal(folder)[len(kept) :].splitlines()
    assert [line for line in after if b'"order_placed"' in line and b'"side":"buy"' in line] == []
    assert len(by_operator(folder)) == 1
    assert holds(folder)


def test_a_second_halt_adds_no_line_and_its_file_is_removed(folder):
    give(folder, "halt")
    give(folder, "halt")
    run_paper(folder)
    assert len(by_operator(folder)) == 1
    assert waiting(folder) == ()


def test_resuming_a_halt_that_is_not_open_does_nothing_and_is_reported(folder):
    give(folder, "resume", halt=99)
    said: list[str] = []
    run_paper(folder, said=said.append)
    assert "halt 99 is not open" in said
    assert by_operator(folder) == []


def test_a_session_takes_commands_in_order(tmp_path):
    folder = tmp_path / "run"
    with under_way(folder):
        assert give(folder, "halt").running is True
        give(folder, "resume")
        give(folder / "journal.jsonl", "halt", note="again")
        assert taken(folder)
        give(folder, "stop")
        assert taken(folder)
    assert [b'"type":"halted"' in line for line in by_operator(folder)] == [True, False, True]
    assert b'"type":"run_ended"' in journal(folder).splitlines()[-1]
    assert holds(folder)


# --- Stop without a session ------------------------------------------------------------------------------------------


def test_a_stop_ends_the_run_at_once_and_later_commands_are_rejected(folder):
    answer = give(folder, "stop", note="enough")
    assert (answer.text, answer.done) == ("stopped for good: the run has ended", True)
    last = journal(folder).splitlines()[-1]
    assert b'"type":"run_ended"' in last
    assert f'"given":{answer.command.given},"id":"{answer.command.id}"'.encode() in last
    for kind in ("halt", "resume", "stop"):
        with raises_code(UsageError, "run_ended"):
            give(folder, kind)
    assert waiting(folder) == ()
    assert holds(folder)


def test_commands_that_waited_before_a_stop_are_applied_first(folder):
    give(folder, "halt", note="first")
    give(folder, "resume", note="second")
    give(folder, "stop")
    assert [b"first" in line or b"second" in line for line in by_operator(folder)] == [True, True]
    assert b'"type":"run_ended"' in journal(folder).splitlines()[-1]
    assert waiting(folder) == ()
    assert holds(folder)


def test_commands_after_a_waiting_stop_are_not_applied(folder):
    put(folder, "stop", note="the first")
    put(folder, "halt")
    give(folder, "stop", note="the last")
    assert by_operator(folder) == []
    assert [one.kind for one in waiting(folder)] == ["halt"]
    assert holds(folder)


def test_a_stop_without_a_session_recovers_the_run_first(folder):
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(b'{"n":')
    said: list[str] = []
    assert give(folder, "stop", said=said).done
    assert "were cut off" in said[0]
    assert holds(folder)


def test_a_missing_lock_or_a_lock_of_a_dead_session_does_not_block_a_stop(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    (folder / "lock").unlink()
    assert give(folder, "stop").done
    (tmp_path / "copy" / "lock").write_text("1\n")
    assert give(tmp_path / "copy", "stop").done


def cut_within_a_timestamp(folder: Path) -> bytes:
    """Cuts the journal between the candle lines of its two symbols; returns the old content."""
    whole = journal(folder)
    lines = whole.splitlines(keepends=True)
    place = max(n for n, line in enumerate(lines) if b'"type":"candle"' in line and b'"ETH/USDT"' in line)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:place]))
    (folder / "head").unlink()
    return whole


def test_a_stop_within_a_timestamp_waits_for_the_next_start(folder):
    cut_within_a_timestamp(folder)
    text = journal(folder)
    with pytest.raises(HostError, match="half written; start the run: it completes that and takes the command"):
        give(folder, "stop")
    assert [one.kind for one in waiting(folder)] == ["stop"]
    assert journal(folder) == text
    run_paper(folder)
    assert b'"type":"run_ended"' in journal(folder).splitlines()[-1]
    assert waiting(folder) == ()
    assert holds(folder)


def closing_lines_cut(folder: Path) -> bytes:
    """Cuts the journal between its first closing line and its last; returns the old content."""
    whole = journal(folder)
    lines = whole.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if b'"trigger":"stop"' in line)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[: first + 1]))
    (folder / "head").unlink()
    return whole


def test_a_stop_completes_interrupted_closing_lines_without_other_lines_between(tmp_path):
    folder = tmp_path / "run"
    run_paper(folder)
    whole = closing_lines_cut(folder)
    put(folder, "halt", note="too late")
    assert give(folder, "stop").done
    assert journal(folder) == whole
    assert by_operator(folder) == []


def test_a_session_that_starts_meanwhile_executes_the_stop(folder, monkeypatch):
    finish = command._finish

    def late(*arguments: Any, **named: Any) -> CommandOutcome:
        with lock_run(folder):
            return finish(*arguments, **named)

    monkeypatch.setattr(command, "_finish", late)
    monkeypatch.setattr(command, "holder_of", looking(command.holder_of, [False, True]))
    answer = give(folder, "stop")
    assert (answer.running, answer.done) == (True, False)
    assert [one.kind for one in waiting(folder)] == ["stop"]


@pytest.mark.parametrize("carried_out", [False, True], ids=["its own", "also ours"])
def test_the_second_of_two_concurrent_stops_changes_nothing(folder, monkeypatch, carried_out):
    """The other stop ends the run after we read it and before our turn; it may have found our command waiting."""
    leave, others = control.put_command, []

    def end_it(path: Path, one: control.Command) -> None:
        monkeypatch.setattr(control, "put_command", leave)
        if carried_out:
            leave(path, one)
        assert give(folder, "stop").done
        others.append(journal(folder))
        leave(path, one)

    monkeypatch.setattr(control, "put_command", end_it)
    if carried_out:
        assert give(folder, "stop").done
    else:
        with raises_code(UsageError, "run_ended"):
            give(folder, "stop")
    assert others == [journal(folder)]
    assert waiting(folder) == ()
    assert holds(folder)


def looking(holder_of: Any, answers: list[bool]) -> Any:
    """Replaces the check of the lock by one that finds the given holders."""
    return lambda path: holder_of(path)._replace(held=answers.pop(0), pid=os.getpid())


# --- Runs that take no command ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("detail", ["decisions", "candles"])
def test_a_backtest_takes_no_command(tmp_path, detail):
    run(small(tmp_path, "data.synthetic.candles=60", f"journal.detail={detail}"), tmp_path / "run")
    with pytest.raises(UsageError, match="a backtest; halt, resume and stop need a paper run"):
        give(tmp_path / "run", "halt")
    assert not (tmp_path / "run" / "requests").exists()


def test_a_backtest_is_recognised_by_its_detail_whatever_its_configuration(tmp_path):
    run(small(tmp_path, "data.synthetic.candles=60"), tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text("mode: paper\n")
    with raises_code(UsageError, "not_a_paper_run"):
        give(tmp_path / "run", "halt")


def test_a_run_not_known_to_be_a_paper_run_takes_no_command(folder):
    (folder / "copy.jsonl").write_bytes(journal(folder))
    with raises_code(UsageError, "not_a_run_folder"):
        give(folder / "copy.jsonl", "halt")
    (folder / "config.yaml").unlink()
    with pytest.raises(UsageError, match=r"there is no config\.yaml that calls it a paper run"):
        give(folder, "halt")


def test_an_unreadable_configuration_is_reported(folder):
    (folder / "config.yaml").write_text("mode: [\n")
    with raises_code(ConfigError, "invalid_yaml", match=r"config\.yaml:"):
        give(folder, "halt")


@pytest.mark.parametrize("name", ["nothing", "nothing/journal.jsonl", "."])
def test_a_folder_without_a_run_is_reported(tmp_path, name):
    with raises_code(JournalError, "journal_not_found"):
        give(tmp_path / name, "halt")


@pytest.mark.parametrize("text", [b"", b'{"n":1,"p":'])
def test_a_command_to_a_run_without_candles_is_rejected_with_advice_to_retry(folder, text):
    (folder / "journal.jsonl").write_bytes(text)
    (folder / "head").unlink()
    with lock_run(folder), pytest.raises(HostError, match="the run has just begun and has no candle yet; try again"):
        give(folder, "halt")
    assert not (folder / "requests").exists()


def test_no_command_is_added_if_too_many_are_waiting(folder):
    for _ in range(control.MOST_REQUESTS):
        put(folder, "halt")
    with raises_code(HostError, "too_many_commands"):
        give(folder, "stop")
    assert len(waiting(folder)) == control.MOST_REQUESTS


def test_a_daily_halt_is_lifted_only_by_its_number_and_not_by_resuming_all(tmp_path):
    soon = "risk.max_daily_loss_pct=0.001"
    lines = backtest_journal(tmp_path / "backtest", (soon,)).splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if b'"rule":"daily_loss"' in line)
    until = next(n for n, line in enumerate(lines) if n > at and b'"type":"candle"' in line)
    folder = left(tmp_path / "run", soon)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:until]))
    (folder / "head").unlink()
    number = int(lines[at].split(b'"halt":')[1].split(b",")[0])
    give(folder, "resume")
    give(folder, "resume", halt=number)
    said: list[str] = []
    run_paper(folder, (soon,), said=said.append)
    assert said.index("nothing to resume: no halt is open") < said.index("1 halt lifted by an operator")
    assert holds(folder)


def test_a_command_does_not_read_the_whole_journal(folder, monkeypatch):
    monkeypatch.setattr(command.reader.Journal, "__iter__", None)
    assert give(folder, "halt").done is False
