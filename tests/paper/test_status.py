"""Another process reads whole lines and the holder from a run folder, also while it is written, and leaves no trace."""

import fcntl
import itertools
import json
import os
import re
import shutil
import threading

import pytest

from safla.core import values as v
from safla.errors import HostError, JournalError
from safla.journal.checkpoint import Checkpoint, write_checkpoint
from safla.journal.events import CandleEvent, RunStarted
from safla.observe.snapshot import account_snapshot
from safla.paper import command
from safla.paper import status as looking
from safla.paper.control import Rejected
from safla.paper.status import look, watch_run
from safla.runs.folder import Holder, lock_run
from safla.runs.interrupt import Flag
from safla.runs.replay_watch import ReplayPace
from safla.runs.replay_watch import watch_replay as seen_again
from safla.runs.runner import Outside
from tests.errors import raises_code
from tests.faults.invariants import untouched
from tests.journal.sample import lines_of
from tests.paper.paper_runs import by_hand, left, put, waiting
from tests.small_runs import journal, rehashed, run, small

CANDLES = "data.synthetic.candles=120"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run with candles in its journal."""
    place = tmp_path_factory.mktemp("finished")
    run(small(place, CANDLES, "journal.detail=candles"), place / "run")
    return place / "run"


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of it, without the anchor that would miss what a test cuts off."""
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "head").unlink()
    return tmp_path / "run"


def at(path, clock=lambda: 0.0):
    return look(path, say=pytest.fail, clock=clock)


def wrote(folder, text):
    (folder / "journal.jsonl").write_bytes(text)


def test_the_status_of_a_finished_run_has_its_last_lines(finished):
    found = at(finished, clock=lambda: 7.5)
    assert (found.mode, found.holder, found.seen) == ("backtest", Holder(held=False, pid=None), 7.5)
    assert (found.ended, found.note) == (True, None)
    lines = journal(finished).splitlines()
    assert found.tail.lines == len(lines)
    assert lines[-1].endswith(f'"h":"{found.tail.h}"}}'.encode())
    assert [type(event).__name__ for event in found.last][-1] == "RunEnded"
    assert not any(isinstance(event, CandleEvent) for event in found.last)
    assert {one.mode for one in found.account.symbols} == {"idle"}


def test_the_journal_file_can_be_named_instead_of_its_folder(finished):
    assert at(finished / "journal.jsonl") == at(finished)


@pytest.mark.parametrize("detail", ["trades", "decisions", "candles"])
def test_the_status_of_a_truncated_journal_is_that_of_its_last_whole_timestamp(tmp_path, detail):
    folder = tmp_path / "run"
    run(small(tmp_path, "data.synthetic.candles=40", f"journal.detail={detail}"), folder)
    (folder / "head").unlink()
    stood = {
        seen.ts: account_snapshot(seen.run, seen.state)
        for seen in seen_again(folder, ReplayPace(None, flag=Flag()), engine="interpreted", say=pytest.fail)
    }
    lines = journal(folder).splitlines(keepends=True)
    for n in range(1, len(lines)):
        wrote(folder, b"".join(lines[:n]) + lines[n][:-2])
        found = at(folder)
        assert found.tail.lines == n
        assert found.tail.torn == len(lines[n]) - 2
        if found.account is None:
            assert found.note == "the lines of its first candle are not complete yet"
            continue
        assert found.note is None
        if b'"candle"' not in lines[n - 1] or b'"candle"' not in lines[n]:  # else a candle to come looks like a gap
            assert found.account == stood[found.account.ts]
    assert found.account is not None


def test_external_commands_are_included_in_the_status(folder, monkeypatch):
    events = [line.event for line in looking.reader.read(folder)]
    last = max(event.ts for event in events)
    begun = [event for event in events if event.ts < last]
    wrote(folder, lines_of(begun))
    before = at(folder)
    assert before.note is None
    made = folded_with(folder, monkeypatch, Outside(before.account.ts, v.OPERATOR, lifts=False, input=by_hand()))
    assert "operator" in {one.rule for one in made.account.open_halts}
    assert {one.mode for one in made.account.symbols} == {"halted"}


def test_waiting_commands_and_invalid_command_files_are_listed(tmp_path):
    folder = left(tmp_path / "run")
    first, second = put(folder, "halt", note="a note"), put(folder, "stop")
    (folder / "requests" / "notes.txt").touch(mode=0o600)
    found = at(folder).requests
    assert found.commands == (first, second)
    assert found.rejected == (Rejected("notes.txt", "not a command that safla wrote"),)
    (seen,) = itertools.islice(watch_run(folder, say=pytest.fail, sleep=lambda seconds: None), 1)
    assert seen.requests == found


def test_a_watcher_sees_commands_appear_and_disappear_while_the_journal_is_unchanged(tmp_path):
    folder = left(tmp_path / "run")
    looks = watch_run(folder, say=pytest.fail, sleep=lambda seconds: None)
    assert next(looks).requests.commands == ()
    one = put(folder, "halt")
    assert next(looks).requests.commands == (one,)
    (folder / "requests" / f"{one.id}.json").unlink()
    assert next(looks).requests.commands == ()


def test_a_recorded_command_is_not_waiting_even_if_its_file_exists(tmp_path):
    folder = left(tmp_path / "run")
    one = put(folder, "halt")
    kept = (folder / "requests" / f"{one.id}.json").read_bytes()
    command.give_command(folder, "stop", say=lambda text: None)
    assert waiting(folder) == ()
    late = put(folder, "halt", note="too late")
    (folder / "requests" / f"{one.id}.json").touch(mode=0o600)
    (folder / "requests" / f"{one.id}.json").write_bytes(kept)
    found = at(folder)
    assert found.requests.commands == ()
    assert found.requests.rejected == (Rejected(late.id, "the run has ended"),)
    assert one.id in found.done


@pytest.mark.parametrize("made", ["link", "for all to write", "file"])
def test_a_command_folder_that_is_not_private_to_the_run_is_not_read(tmp_path, made):
    folder = left(tmp_path / "run")
    put(folder, "halt")
    path = folder / "requests"
    if made == "for all to write":
        path.chmod(0o777)
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere") if made == "link" else path.touch()
    assert at(folder).requests == ((), ())


def folded_with(folder, monkeypatch, outside):
    """Returns the status of a journal of the same run, with an external command after its last line."""
    inputs = looking.Inputs(looking.reader.read(folder).started)
    read = looking.reader.read(folder)
    events = list(looking.read_events(read, inputs))
    plan, series = looking.run_of(read.started), looking.series_of(read, inputs.rows)
    forms = looking.choose("interpreted", plan.strategy, candles=0, say=pytest.fail)
    blocks = list(looking.fold_blocks(plan, series, forms=forms, outside=[outside]))
    assert isinstance(events[0], RunStarted)
    wrote(folder, b"".join(block.lines for block in blocks if len(block.ts)))
    return at(folder)


@pytest.mark.parametrize("text", [b"", b'{"n":1,"p":"0000', b"\0" * 600])
def test_a_run_without_a_whole_line_counts_as_started(folder, text):
    wrote(folder, text)
    found = at(folder)
    assert (found.started, found.tail, found.account, found.last) == (None, None, None, ())
    assert found.mode == "backtest"


def test_a_prepared_run_folder_counts_as_started(tmp_path):
    (tmp_path / "lock").touch()
    assert at(tmp_path).started is None


def test_a_folder_without_a_run_is_reported(tmp_path):
    (tmp_path / "letter.txt").touch()
    with pytest.raises(JournalError, match="no such file; name a run folder"):
        at(tmp_path)
    with raises_code(JournalError, "journal_not_found"):
        at(tmp_path / "absent")


def test_a_missing_journal_with_a_checkpoint_is_damage(folder):
    write_checkpoint(folder / "head", Checkpoint(n=1, offset=10, h="0" * 32))
    (folder / "journal.jsonl").unlink()
    with raises_code(JournalError, "journal_not_found"):
        at(folder)


def test_damage_in_the_middle_is_rejected_with_its_position(folder):
    lines = journal(folder).splitlines(keepends=True)
    wrote(folder, b"".join([*lines[:4], lines[4].replace(b'"ts":17', b'"ts":18'), *lines[5:]]))
    with raises_code(JournalError, "chain_broken", match=r"journal.jsonl: line 5, byte \d+: "):
        at(folder)


def test_a_journal_that_this_release_would_decide_differently_is_shown_with_a_note(folder):
    text = journal(folder).replace(b'"type":"signal","ts"', b'"type":"signal","ts"', 1)
    changed = text.replace(b'"strength":"0.00', b'"strength":"0.90', 1)
    assert changed != text
    wrote(folder, rehashed(changed))
    found = at(folder)
    assert found.account is not None
    assert "decides otherwise than the journal says" in found.note


def test_the_status_of_a_python_strategy_has_everything_but_the_account(folder):
    text = journal(folder).replace(b'"strategy.name":"sma_crossover"', b'"strategy.name":"mine"')
    wrote(folder, rehashed(text))
    found = at(folder)
    assert found.account is None
    assert "its strategy is code, which this command does not execute" in found.note
    assert found.ended


def test_the_holder_is_named_while_it_holds(folder):
    with lock_run(folder):
        assert at(folder).holder == Holder(held=True, pid=os.getpid())
    assert at(folder).holder == Holder(held=False, pid=None)


def test_a_holder_that_has_not_written_its_pid_has_no_pid(folder):
    with (folder / "lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert at(folder).holder == Holder(held=True, pid=None)


def test_an_invalid_lock_file_gives_an_unknown_holder(folder):
    (folder / "lock").unlink()
    (folder / "lock").mkdir()
    assert at(folder).holder == Holder(held=None, pid=None)


def test_reading_the_status_leaves_no_trace_and_works_with_links_and_read_only_folders(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    (folder / "candles.parquet.tmp").touch()
    folder.chmod(0o500)
    with untouched(folder):
        assert at(tmp_path / "link").tail == at(folder).tail
    folder.chmod(0o700)


def test_a_path_that_is_not_a_regular_file_is_rejected(tmp_path):
    os.mkfifo(tmp_path / "journal.jsonl")
    with raises_code(HostError, "not_our_file"):
        at(tmp_path)


@pytest.mark.parametrize("text", ["mode: paper   # here\n", "a: 1\nmode: paper\n"])
def test_the_mode_is_read_from_the_configuration_in_the_folder(folder, text):
    (folder / "config.yaml").write_text(text)
    assert at(folder).mode == "paper"
    (folder / "config.yaml").write_text("mode: live\n")
    assert at(folder).mode is None
    shutil.move(folder / "journal.jsonl", folder / "other.jsonl")
    assert (at(folder / "other.jsonl").mode, at(folder / "other.jsonl").holder.held) == (None, None)


MONITORED = '{"time": "2026-01-02T03:04:05.678Z", "text": "breaker closed, lag 0.4 s", "breaker": "closed"}'


def test_the_last_monitoring_values_come_from_the_last_whole_log_line(folder):
    assert at(folder).monitored is None
    log = folder / "performance.log"
    log.write_text('{"time": "before", "text": "x"}\n' * 5_000 + MONITORED + '\n{"time": "half')
    assert at(folder).monitored == json.loads(MONITORED)
    assert at(folder / "journal.jsonl").monitored == json.loads(MONITORED)
    (folder / "journal.jsonl").rename(folder / "other.jsonl")
    assert at(folder / "other.jsonl").monitored is None


@pytest.mark.parametrize(
    "text", ["", "\n", "half", "no JSON\n", "[]\n", "{}\n", '{"time": 1, "text": "x"}\n', "\xff\n"]
)
def test_an_unreadable_monitoring_log_gives_no_values(folder, text):
    (folder / "performance.log").write_bytes(text.encode("latin-1"))
    assert at(folder).monitored is None
    (folder / "performance.log").unlink()
    os.mkfifo(folder / "performance.log")
    assert at(folder).monitored is None


def test_a_watcher_polls_each_second_reads_new_lines_and_ends_with_the_run(folder, monkeypatch):
    lines = journal(folder).splitlines(keepends=True)
    reads, slept, now = [], [], [100.0]
    monkeypatch.setattr(
        looking, "_read", lambda *args, _read=looking._read, **more: reads.append(1) or _read(*args, **more)
    )
    steps = iter([b"".join(lines[:50]), None, b"".join(lines[:90]), b"".join(lines)])
    wrote(folder, b"")

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds
        if (text := next(steps)) is not None:
            wrote(folder, text)

    looks = list(watch_run(folder, say=pytest.fail, clock=lambda: now[0], sleep=sleep))
    assert [one.tail.lines if one.tail else 0 for one in looks] == [0, 50, 50, 90, len(lines)]
    assert [one.ended for one in looks] == [False, False, False, False, True]
    assert [one.seen for one in looks] == [100.0, 101.0, 102.0, 103.0, 104.0]
    assert slept == [1.0] * 4
    assert len(reads) == 3


def test_a_watcher_notices_that_the_process_has_died(folder):
    wrote(folder, b"".join(journal(folder).splitlines(keepends=True)[:50]))
    with lock_run(folder):
        looks = watch_run(folder, say=pytest.fail, sleep=lambda seconds: None)
        assert next(looks).holder.held
    assert not next(looks).holder.held


def test_a_status_read_during_a_write_has_only_whole_timestamps(folder, tmp_path):
    stood = {
        seen.ts: account_snapshot(seen.run, seen.state)
        for seen in seen_again(folder, ReplayPace(None, flag=Flag()), engine="interpreted", say=pytest.fail)
    }
    (tmp_path / "new").mkdir()
    path, text = tmp_path / "new" / "journal.jsonl", journal(folder)
    path.touch()

    def write():
        batches = itertools.groupby(text.splitlines(keepends=True), key=lambda line: re.search(rb'"ts":(\d+)', line)[1])
        with path.open("ab", buffering=0) as file:
            for _, batch in batches:
                file.write(b"".join(batch))
                os.fsync(file.fileno())

    writer, looks = threading.Thread(target=write), []
    writer.start()
    while not looks or not looks[-1].ended:
        looks.append(at(path.parent))
    writer.join()
    accounts = [one.account for one in looks if one.account and not one.ended]
    assert {one.note for one in looks} == {None}
    assert all(one == stood[one.ts] for one in accounts)
