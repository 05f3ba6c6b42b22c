"""A wish comes to a run by the process that has it, or by hand; the journal alone says what came of it (J45)."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from safla.errors import ConfigError, Finding, HostError, JournalError, UsageError
from safla.runtime import asking, wishes
from safla.runtime.asking import Answer, ask
from safla.runtime.folder import held
from safla.runtime.replay import replay
from safla.runtime.wishes import Wish
from tests.runs import run, small
from tests.runtime.paper_runs import backtested, journal, traded
from tests.runtime.commanded_runs import by_operator, left, under_way

HALT, RESUME, STOP = Wish("halt", None, "a note"), Wish("resume", None, "looked"), Wish("stop", None, "enough")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that nobody has."""
    return left(tmp_path / "run")


def asked(folder: Path, wish: Wish, **more: Any) -> Answer:
    return ask(folder, wish, say=lambda text: None, **more)


def holds(folder: Path) -> bool:
    found = replay(folder, books_only=False, engine="interpreted", say=lambda text: None)
    return found.decisions is not None and found.decisions.difference is None and found.books.differences == ()


def test_a_halt_by_hand_is_a_line_and_a_second_one_is_none(folder):
    answer = asked(folder, HALT)
    assert (answer.changed, answer.text) == (True, f"halted: halt {answer.halts[0]}; `safla resume` lifts it")
    text = journal(folder)
    again = asked(folder, HALT)
    assert (again.changed, again.halts) == (False, answer.halts)
    assert "by an operator was open already" in again.text
    assert journal(folder) == text
    assert len(by_operator(folder)) == 1
    assert b'"note":"a note"' in by_operator(folder)[0]
    assert holds(folder)


def test_a_resume_lifts_what_is_open_and_then_there_is_nothing_to_lift(folder):
    halts = asked(folder, HALT).halts
    answer = asked(folder, RESUME)
    assert answer == Answer(RESUME, changed=True, halts=halts, text=f"lifted: halt {halts[0]}")
    again = asked(folder, RESUME)
    assert (again.changed, again.text) == (False, "there was nothing to lift; no line was written")
    assert len(by_operator(folder)) == 2
    assert holds(folder)


def test_a_halt_that_is_not_open_is_not_lifted_and_those_that_are_stay(folder):
    halts = asked(folder, HALT).halts
    text = journal(folder)
    with pytest.raises(Finding, match=rf"halt 99 is not open; open halts: {halts[0]} \(operator\)"):
        asked(folder, Wish("resume", 99, None))
    assert journal(folder) == text
    assert asked(folder, Wish("resume", halts[0], None)).halts == halts
    with pytest.raises(Finding, match=f"halt {halts[0]} is not open; open halts: none"):
        asked(folder, Wish("resume", halts[0], None))


def test_a_stop_ends_the_run_and_then_it_takes_nothing_more(folder):
    assert asked(folder, STOP).text == "stopped for good: the run has ended"
    assert b'"type":"run_ended"' in journal(folder).splitlines()[-1]
    for wish in (HALT, RESUME, STOP):
        with pytest.raises(UsageError, match="this run has ended"):
            asked(folder, wish)
    assert holds(folder)


def test_a_run_that_was_halted_by_hand_goes_on_halted(folder):
    asked(folder, HALT)
    kept = journal(folder)
    assert traded(folder).again is False
    assert journal(folder).startswith(kept)
    behind = journal(folder)[len(kept) :].splitlines()
    assert [line for line in behind if b'"order_placed"' in line and b'"side":"buy"' in line] == []
    assert len(by_operator(folder)) == 1
    assert holds(folder)


def test_a_lock_that_is_missing_or_left_by_a_dead_process_is_no_obstacle(folder):
    (folder / "lock").unlink()
    assert asked(folder, HALT).changed
    (folder / "lock").write_text("1\n")
    assert asked(folder, RESUME).changed


def test_a_torn_tail_is_recovered_before_the_wish_is_carried_out(folder):
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(b'{"n":')
    assert asked(folder, HALT).changed
    assert holds(folder)


def test_the_process_that_has_the_run_takes_the_wishes_in_turn(tmp_path):
    folder = tmp_path / "run"
    with under_way(folder):
        assert asked(folder, HALT).changed
        assert not asked(folder, HALT).changed
        assert asked(folder / "journal.jsonl", RESUME).halts == (1,)
        assert asked(folder, RESUME).text == "there was nothing to lift; no line was written"
        with pytest.raises(Finding, match="halt 1 is not open"):
            asked(folder, Wish("resume", 1, None))
        assert asked(folder, STOP).changed
        with pytest.raises(UsageError, match="this run has ended"):
            asked(folder, HALT)
    assert len(by_operator(folder)) == 2
    assert not (folder / "request").exists()
    assert holds(folder)


def test_a_process_that_does_not_answer_is_named_and_the_wish_withdrawn(folder):
    slept: list[float] = []
    text = journal(folder)
    with held(folder), pytest.raises(HostError, match=r"pid \d+ did not take the wish within 5 s, and it is withdrawn"):
        asked(folder, HALT, clock=lambda: sum(slept), sleep=slept.append)
    assert not (folder / "request").exists()
    assert journal(folder) == text


def test_a_wish_that_waits_already_is_not_replaced(folder):
    wishes.put(folder, STOP)
    with held(folder), pytest.raises(HostError, match="another wish is waiting"):
        asked(folder, HALT)
    assert wishes.waiting(folder) == STOP


def test_a_wish_that_was_done_late_counts_as_done(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    asked(tmp_path / "copy", HALT)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 5:
            (folder / "journal.jsonl").write_bytes(journal(tmp_path / "copy"))

    with held(folder):
        assert asked(folder, HALT, clock=lambda: sum(slept), sleep=sleep).changed
    assert not (folder / "request").exists()


@pytest.mark.parametrize("wish", [HALT, Wish("resume", 1, None), RESUME, STOP])
def test_a_wish_that_was_taken_and_not_done_is_no_success(folder, wish):
    if wish.kind == "resume":
        number = asked(folder, HALT).halts[0]
        wish = wish if wish.halt is None else Wish("resume", number, None)
    with held(folder), pytest.raises(HostError, match="its lines are not there; ask again"):
        asked(folder, wish, sleep=lambda seconds: wishes.taken(folder))


def test_a_damaged_line_behind_the_wish_is_no_success(folder):
    def sleep(_seconds: float) -> None:
        with (folder / "journal.jsonl").open("ab") as file:
            file.write(b'{"n":1}\n')
        wishes.taken(folder)

    with held(folder), pytest.raises(JournalError, match=r"a line behind byte \d+ is damaged"):
        asked(folder, HALT, sleep=sleep)


def test_a_wish_that_was_left_for_a_process_that_is_no_more_is_done_first(folder):
    wishes.put(folder, HALT)
    said: list[str] = []
    assert ask(folder, RESUME, say=said.append).changed
    assert said[-1].endswith("a wish was waiting: halted by an operator: a note")
    assert [b'"type":"halted"' in line for line in by_operator(folder)] == [True, False]
    assert not (folder / "request").exists()


def test_behind_a_stop_that_was_left_nothing_more_is_taken(folder):
    wishes.put(folder, STOP)
    with pytest.raises(UsageError, match="this run has ended"):
        asked(folder, HALT)
    assert by_operator(folder) == []
    assert not (folder / "request").exists()


@pytest.mark.parametrize("detail", ["decisions", "candles"])
def test_a_backtest_takes_no_wish(tmp_path, detail):
    run(small(tmp_path, "data.synthetic.candles=60", f"journal.detail={detail}"), tmp_path / "run")
    with pytest.raises(UsageError, match="a backtest; halt, resume and stop are for"):
        asked(tmp_path / "run", HALT)


def test_a_backtest_is_known_by_its_detail_whatever_its_configuration_says(tmp_path):
    run(small(tmp_path, "data.synthetic.candles=60"), tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text("mode: paper\n")
    with pytest.raises(UsageError, match="a backtest"):
        asked(tmp_path / "run", HALT)


def test_what_is_not_known_to_be_a_paper_run_takes_no_wish(folder):
    (folder / "copy.jsonl").write_bytes(journal(folder))
    with pytest.raises(UsageError, match=r"not the journal\.jsonl of a run folder"):
        asked(folder / "copy.jsonl", HALT)
    (folder / "config.yaml").unlink()
    with pytest.raises(UsageError, match=r"there is no config\.yaml that calls it a paper run"):
        asked(folder, HALT)


def test_a_configuration_that_cannot_be_read_is_said(folder):
    (folder / "config.yaml").write_text("mode: [\n")
    with pytest.raises(ConfigError, match=r"config\.yaml:"):
        asked(folder, HALT)


@pytest.mark.parametrize("name", ["nothing", "nothing/journal.jsonl", "."])
def test_where_there_is_no_run_that_is_said(tmp_path, name):
    with pytest.raises(JournalError, match="there is no such file; name a run folder"):
        asked(tmp_path / name, HALT)


def test_a_run_without_a_candle_yet_is_asked_and_without_a_process_refused(folder):
    (folder / "journal.jsonl").unlink()
    (folder / "head").unlink()
    slept: list[float] = []
    with held(folder), pytest.raises(HostError, match="did not take the wish"):
        asked(folder, HALT, clock=lambda: sum(slept), sleep=slept.append)
    with pytest.raises(JournalError, match="there is no such file"):
        asked(folder, HALT)


def test_a_daily_halt_is_not_lifted_by_a_resume_for_all_and_is_named(tmp_path):
    soon = "risk.max_daily_loss_pct=0.001"
    lines = backtested(tmp_path / "backtest", (soon,)).splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if b'"rule":"daily_loss"' in line)
    until = next(n for n, line in enumerate(lines) if n > at and b'"type":"candle"' in line)
    folder = left(tmp_path / "run", soon)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:until]))
    (folder / "head").unlink()
    answer = asked(folder, RESUME)
    assert not answer.changed
    assert answer.text.endswith(f"; halt {answer.halts[0]} (daily_loss) goes with the UTC day")
    assert asked(folder, Wish("resume", answer.halts[0], None)).changed
    assert holds(folder)


def test_a_wish_does_not_wait_until_a_journal_was_read_from_its_first_line_on(folder, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(asking.reader.Journal, "__iter__", None)
    with held(folder), pytest.raises(HostError, match="did not take the wish"):
        asked(folder, HALT, clock=lambda: sum(slept), sleep=slept.append)
