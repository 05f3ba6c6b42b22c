"""Commands of an operator: their files, when they act, and what they do to a run (S15a)."""

import os
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from safla.errors import HostError
from safla.journal.encode import NO_INPUT, Input
from safla.paper import control
from safla.paper.control import Clocks, Command, Control, Rejected
from tests.errors import raises_code

RUN = "0" * 31 + "a"  # the hash of a first line
GIVEN = 1_767_323_045_678  # 2026-01-02T03:04:05.678Z
MINUTE = 60_000
OPEN = GIVEN // MINUTE * MINUTE  # of the candle in which it was given
HALT = Command(f"{GIVEN}-0a1b2c3d", RUN, GIVEN, "halt", None, None)
TEXT = f'{{"id":"{HALT.id}","run":"{RUN}","given":{GIVEN},"kind":"halt","halt":null,"note":null}}\n'.encode()


def wall(ms: int = GIVEN) -> Callable[[], float]:
    return lambda: ms / 1000


def numbered(number: int, **more: object) -> Command:
    """A command that was given so many ms after the first."""
    fields = {"id": f"{GIVEN + number}-0a1b2c3d", "run": RUN, "given": GIVEN + number, "kind": "halt", "halt": None}
    return Command(**{**fields, "note": None, **more})  # type: ignore[arg-type]


def put(folder: Path, *commands: Command) -> None:
    for one in commands:
        control.put_command(folder, one)


def waiting(folder: Path) -> tuple[Command, ...]:
    return control.requests(folder, run=RUN).commands


def rejected(folder: Path) -> dict[str, str]:
    return dict(control.requests(folder, run=RUN).rejected)


def wrote(folder: Path, text: bytes, name: str = f"{HALT.id}.json") -> Path:
    """A file in the folder of commands."""
    (folder / "requests").mkdir(mode=0o700, exist_ok=True)
    path = folder / "requests" / name
    path.touch(mode=0o600)
    path.write_bytes(text)
    return path


# --- The file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one",
    [
        HALT,
        numbered(0, note="a " * 100),
        numbered(0, kind="resume", halt=3, note="now"),
        numbered(0, kind="resume", note=""),
        numbered(0, kind="stop", note='"'),
    ],
)
def test_a_command_is_read_back_as_written_from_a_private_file(tmp_path, one):
    put(tmp_path, one)
    assert control.requests(tmp_path, run=RUN) == ((one,), ())
    assert [path.name for path in tmp_path.rglob("*")] == ["requests", f"{one.id}.json"]
    facts = (tmp_path / "requests" / f"{one.id}.json").lstat()
    assert (stat.S_IMODE(facts.st_mode), facts.st_nlink) == (0o600, 1)
    assert stat.S_IMODE((tmp_path / "requests").lstat().st_mode) == 0o700


def test_a_command_has_exactly_one_spelling(tmp_path):
    put(tmp_path, HALT)
    assert (tmp_path / "requests" / f"{HALT.id}.json").read_bytes() == TEXT


def test_the_largest_command_is_below_the_limit(tmp_path):
    one = numbered(0, kind="resume", halt=10**9, note='"' * 200)
    put(tmp_path, one)
    assert (tmp_path / "requests" / f"{one.id}.json").stat().st_size < control.MAX_REQUEST
    assert waiting(tmp_path) == (one,)


def test_commands_wait_in_the_order_in_which_they_were_issued(tmp_path):
    put(tmp_path, numbered(2), numbered(0), numbered(10), numbered(1, kind="stop"))
    assert [one.given - GIVEN for one in waiting(tmp_path)] == [0, 1, 2, 10]


def test_a_command_is_ordered_after_waiting_commands_whatever_the_wall_clock(tmp_path):
    first = control.new_command(tmp_path, "halt", run=RUN, wall=wall())
    put(tmp_path, first)
    for later in (0, 0, -3_600_000, 7):
        put(tmp_path, control.new_command(tmp_path, "resume", run=RUN, halt=2, note="x", wall=wall(GIVEN + later)))
    assert [one.given - GIVEN for one in waiting(tmp_path)] == [0, 1, 2, 3, 7]
    assert first.id.startswith(f"{GIVEN}-")
    assert len({one.id for one in waiting(tmp_path)}) == 5


def test_at_most_a_hundred_commands_wait(tmp_path):
    put(tmp_path, *map(numbered, range(100)))
    with pytest.raises(HostError, match="100 commands are pending already; start the run, or remove them"):
        put(tmp_path, numbered(100))
    assert len(waiting(tmp_path)) == 100
    control.remove(tmp_path, numbered(0))
    put(tmp_path, numbered(100))


def test_files_beyond_a_hundred_are_not_read_and_this_is_reported(tmp_path):
    put(tmp_path, *map(numbered, range(100)))
    for name in ("9-x", "9-y"):
        wrote(tmp_path, TEXT, name)
    assert len(waiting(tmp_path)) == 100
    assert rejected(tmp_path) == {"9-x": "only 100 are read"}


def test_without_commands_nothing_waits(tmp_path):
    assert control.requests(tmp_path, run=RUN) == ((), ())
    assert control.requests(tmp_path / "gone", run=RUN) == ((), ())
    control.remove(tmp_path, HALT)


def test_a_missing_run_folder_takes_no_command(tmp_path):
    with pytest.raises(HostError, match="the command cannot be written: No such file"):
        put(tmp_path / "gone", HALT)


def test_a_command_that_was_not_synced_does_not_exist(tmp_path, monkeypatch):
    def fails(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with raises_code(HostError, "disk_full"):
            put(tmp_path, HALT)
    assert list((tmp_path / "requests").iterdir()) == []


def test_a_command_and_its_name_are_synced_before_it_is_confirmed(tmp_path, monkeypatch):
    synced: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    put(tmp_path, HALT)
    assert synced == [f"{HALT.id}.json.tmp", "requests", tmp_path.name]
    control.remove(tmp_path, HALT)
    assert synced[3:] == ["requests"]


def test_the_temporary_file_of_a_dead_command_is_ignored_and_removed_after_a_minute(tmp_path):
    left = wrote(tmp_path, b'{"given":', "0-x.json.tmp")
    assert control.requests(tmp_path, run=RUN) == ((), ())
    put(tmp_path, HALT)
    assert left.exists()  # whoever writes it may be alive
    old = time.time() - control.ABANDONED_SECONDS - 1
    os.utime(left, (old, old))
    put(tmp_path, numbered(1))
    assert not left.exists()
    assert waiting(tmp_path) == (HALT, numbered(1))


def test_a_command_file_that_was_removed_meanwhile_is_no_error(tmp_path, monkeypatch):
    put(tmp_path, HALT)
    monkeypatch.setattr(os, "listdir", lambda descriptor: ["gone.json", f"{HALT.id}.json"])
    assert control.requests(tmp_path, run=RUN) == ((HALT,), ())
    control.remove(tmp_path, numbered(5))


# --- Files that are not commands -------------------------------------------------------------------------------------


def linked(path: Path) -> None:
    path.rename(path.parents[1] / "other")
    path.symlink_to("../other")


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def twice_named(path: Path) -> None:
    os.link(path, path.parents[1] / "other")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_socket(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))


def readable(path: Path) -> None:
    path.chmod(0o640)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (linked, "not a regular file"),
        (dangling, "not a regular file"),
        (fifo, "not a regular file"),
        (directory, "not a regular file"),
        (a_socket, "not a regular file"),
        (twice_named, "not a file that only you can read and write"),
        (readable, "not a file that only you can read and write"),
    ],
)
def test_a_file_that_is_not_private_or_regular_is_rejected_and_not_followed(tmp_path, monkeypatch, made, why):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, HALT, numbered(1))
    made(tmp_path / "requests" / f"{HALT.id}.json")
    descriptors = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        assert control.requests(tmp_path, run=RUN) == ((numbered(1),), (Rejected(f"{HALT.id}.json", why),))
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_file_of_another_user_is_rejected(tmp_path, monkeypatch):
    put(tmp_path, HALT)
    owner = os.geteuid()
    users = iter([owner, owner + 1])  # the folder is ours, the file is not
    monkeypatch.setattr(os, "geteuid", lambda: next(users))
    assert rejected(tmp_path) == {f"{HALT.id}.json": "not a file that only you can read and write"}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        TEXT[:-1],
        TEXT + b"\n",
        TEXT.replace(b":", b": "),
        TEXT.replace(b'"halt",', b'"sell",'),
        TEXT.replace(b'"halt":null,', b""),
        TEXT.replace(b'"halt":null', b'"halt":1'),
        TEXT.replace(b'"kind":"halt"', b'"kind":"resume"').replace(b'"halt":null', b'"halt":0'),
        TEXT.replace(b'"kind":"halt"', b'"kind":"resume"').replace(b'"halt":null', b'"halt":1.0'),
        TEXT.replace(b'"kind":"halt"', b'"kind":"stop"').replace(b'"halt":null', b'"halt":1'),
        TEXT.replace(f'"given":{GIVEN}'.encode(), b'"given":-1'),
        TEXT.replace(b'"note":null', b'"note":"a\\nb"'),
        TEXT.replace(b'"note":null', b'"note":"' + b"x" * 201 + b'"'),
        TEXT.replace(b'"note":null', b'"note":null,"more":1'),
        TEXT.replace(b'"note":null', b'"note":' + b"[" * 900),
        TEXT.replace(HALT.id.encode(), b"another"),
        b"\xff" * 40,
        TEXT + b" " * 1025,
        b"[" * 100_000,
    ],
)
def test_a_foreign_file_is_rejected_and_other_commands_are_read(tmp_path, text):
    put(tmp_path, numbered(1))
    wrote(tmp_path, text)
    assert rejected(tmp_path) == {f"{HALT.id}.json": "not a command that safla wrote"}
    assert waiting(tmp_path) == (numbered(1),)


def test_a_command_for_another_run_is_rejected(tmp_path):
    put(tmp_path, numbered(0, run="f" * 32), numbered(1))
    assert rejected(tmp_path) == {f"{HALT.id}.json": "it is for another run"}
    assert waiting(tmp_path) == (numbered(1),)


@pytest.mark.parametrize("made", ["link", "dangling link", "file", "fifo", "for a group to write", "for all to write"])
def test_a_command_folder_that_is_not_private_is_not_read_or_written(tmp_path, made):
    path = tmp_path / "requests"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    if made.endswith("link"):
        path.symlink_to(elsewhere if made == "link" else tmp_path / "nowhere")
    elif made == "fifo":
        os.mkfifo(path)
    elif made == "file":
        path.touch()
    else:
        path.mkdir()
        path.chmod(0o770 if "group" in made else 0o707)
    for ask in (
        lambda: put(tmp_path, HALT),
        lambda: waiting(tmp_path),
        lambda: control.remove(tmp_path, HALT),
        lambda: control.refuse_unsafe(tmp_path),
    ):
        with pytest.raises(
            HostError,
            match="requests: expected a folder that belongs to you and that nobody else can write to; move it",
        ):
            ask()
    assert list(elsewhere.iterdir()) == []


def test_a_command_folder_of_another_user_is_not_read(tmp_path, monkeypatch):
    put(tmp_path, HALT)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with raises_code(HostError, "not_our_file"):
        waiting(tmp_path)


def test_a_run_folder_without_a_command_folder_is_accepted(tmp_path):
    control.refuse_unsafe(tmp_path)
    put(tmp_path, HALT)
    control.refuse_unsafe(tmp_path)
    assert waiting(tmp_path) == (HALT,)


# --- What a command does ---------------------------------------------------------------------------------------------


class Run:
    """A run that notes what is done to it. Halts 4 and 5 are open, neither by an operator."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []
        self.open = {4, 5}
        self.halted = False

    def halt(self, given: Input) -> bool:
        self.done.append(("halt", given))
        before, self.halted = self.halted, True
        return not before

    def resume(self, number: int | None, given: Input) -> int:
        self.done.append(("resume", number, given))
        lifted = {one for one in self.open if number in (None, one)}
        self.open -= lifted
        return len(lifted)

    def stop(self, given: Input) -> None:
        self.done.append(("stop", given))


@pytest.mark.parametrize(
    ("one", "done", "text"),
    [
        (HALT, ("halt",), "halted by an operator"),
        (numbered(0, note="lunch"), ("halt",), "halted by an operator: lunch"),
        (numbered(0, kind="resume", note="fine"), ("resume", None), "2 halts lifted by an operator: fine"),
        (numbered(0, kind="resume", halt=4), ("resume", 4), "1 halt lifted by an operator"),
        (numbered(0, kind="resume", halt=6), ("resume", 6), "halt 6 is not open"),
        (numbered(0, kind="stop", note="enough"), ("stop",), "stopped by an operator, for good: enough"),
    ],
)
def test_a_command_is_applied_once_with_its_note_time_and_id(one, done, text):
    run = Run()
    assert control.apply(one, run, given=GIVEN + 5) == text
    assert run.done == [(*done, Input(one.note, GIVEN + 5, one.id))]


def test_applying_a_command_again_has_the_same_result():
    run = Run()
    texts = [control.apply(numbered(0, kind=kind), run, given=GIVEN) for kind in ("halt", "halt", "resume", "resume")]
    assert texts == [
        "halted by an operator", "nothing to halt: a halt by an operator is open already",
        "2 halts lifted by an operator", "nothing to resume: no halt is open",
    ]  # fmt: skip


# --- When a command acts ---------------------------------------------------------------------------------------------


class Session:
    """A session's commands, and two clocks of which the test holds the hands."""

    def __init__(self, folder: Path, *, step: int | None = MINUTE, recorded: dict[str, int] | None = None,
                 last: frozenset[str] = frozenset()) -> None:  # fmt: skip
        self.now = Clocks(GIVEN + 500, GIVEN + 500)
        self.said: list[str] = []
        self.run = Run()
        self.control = Control(
            folder, step=step, now=lambda: self.now, recorded=recorded or {}, last=last, say=self.said.append
        )

    def look(self) -> "Session":
        self.control.look(RUN)
        return self

    def due(self, last_ts: int, *, ahead: int | None = None) -> Command | None:
        return self.control.due(last_ts, ahead=ahead)

    def carried_out(self, last_ts: int) -> list[Command]:
        """All that may act after a timestamp."""
        done = []
        while (one := self.control.due(last_ts)) is not None:
            self.control.carry_out(one, self.run)
            done.append(one)
        return done


@pytest.mark.parametrize(
    ("last", "ahead", "acts"),
    [
        (-2, None, False),  # candles before it decide as always
        (-2, -1, False),
        (-1, None, False),
        (-1, 0, False),  # the candle that was open when it was given is folded first
        (-1, 1, True),  # there is no such candle: a gap
        (-5, 7, True),
        (0, None, True),
        (0, 1, True),
        (3, None, True),  # later ones are folded already
    ],
)
def test_a_command_acts_after_the_candle_that_was_open_when_it_was_issued(tmp_path, last, ahead, acts):
    put(tmp_path, HALT)
    session = Session(tmp_path).look()
    found = session.due(OPEN + last * MINUTE, ahead=None if ahead is None else OPEN + ahead * MINUTE)
    assert found == (HALT if acts else None)


@pytest.mark.parametrize(("within", "acts"), [(-1, True), (0, False), (MINUTE - 1, False)])
def test_a_candle_is_open_from_its_first_to_its_last_millisecond(tmp_path, within, acts):
    one = numbered(OPEN - GIVEN + within)
    put(tmp_path, one)
    session = Session(tmp_path)
    session.now = Clocks(OPEN + MINUTE, OPEN + MINUTE)
    assert (session.look().due(OPEN - MINUTE) is not None) == acts


def test_commands_act_in_order_and_never_before_an_earlier_waiting_command(tmp_path):
    put(tmp_path, numbered(0), numbered(1, kind="resume"), numbered(MINUTE), numbered(MINUTE + 1, kind="stop"))
    session = Session(tmp_path)
    session.now = Clocks(GIVEN + 2 * MINUTE, GIVEN + 2 * MINUTE)
    session.look()
    assert session.carried_out(OPEN - MINUTE) == []
    assert session.carried_out(OPEN) == [numbered(0), numbered(1, kind="resume")]
    assert [one.id for one in waiting(tmp_path)] == [numbered(MINUTE).id, numbered(MINUTE + 1).id]
    assert session.carried_out(OPEN + MINUTE) == [numbered(MINUTE), numbered(MINUTE + 1, kind="stop")]
    assert waiting(tmp_path) == ()


@pytest.mark.parametrize("ahead", [-MINUTE, 0, 7, MINUTE, 86_400_000])
def test_the_clock_of_the_exchange_decides_when_a_command_acts(tmp_path, ahead):
    put(tmp_path, HALT)
    session = Session(tmp_path)
    session.now = Clocks(GIVEN + 500, GIVEN + 500 + ahead)
    session.look()
    behind = (GIVEN + ahead) // MINUTE * MINUTE
    assert session.control.given(HALT) == GIVEN + ahead
    assert session.due(behind - MINUTE, ahead=behind) is None
    assert session.due(behind) == HALT


@pytest.mark.parametrize("away", [2, 3_600_000, 86_400_000])
def test_a_command_with_a_future_time_counts_from_when_it_was_first_seen(tmp_path, away):
    """The wall clock was ahead as it was typed, and is right now: the halt does not wait until then."""
    put(tmp_path, numbered(away), numbered(away + 1))
    session = Session(tmp_path)
    session.now = Clocks(GIVEN, GIVEN)
    session.look()
    session.now = Clocks(GIVEN + 3 * MINUTE, GIVEN + 3 * MINUTE)
    session.look()
    assert [session.control.given(one) for one in waiting(tmp_path)] == [GIVEN, GIVEN]
    assert session.due(OPEN - MINUTE) is None
    assert session.due(OPEN) == numbered(away)


@pytest.mark.parametrize("wrong", [-86_400_000, -MINUTE, 3_600_000])
def test_no_command_acts_before_the_clock_of_the_exchange_is_known(tmp_path, wrong):
    """No candle comes before it is known: nothing is late by that, and nothing acts in the past."""
    put(tmp_path, numbered(wrong))
    session = Session(tmp_path)
    session.now = Clocks(GIVEN + wrong + 500, None)
    session.look()
    assert session.due(OPEN - MINUTE) is None
    assert session.due(OPEN + 10 * MINUTE) is None
    assert "(by this machine's clock, until the exchange's is known)" in session.said[0]
    session.now = Clocks(GIVEN + wrong + 700, GIVEN + 700)
    assert session.due(OPEN - MINUTE, ahead=OPEN) is None
    assert session.due(OPEN) == numbered(wrong)
    assert session.control.given(numbered(wrong)) == GIVEN


def test_setting_the_wall_clock_does_not_move_a_waiting_command(tmp_path):
    put(tmp_path, HALT)
    session = Session(tmp_path).look()
    given = session.control.given(HALT)
    session.now = Clocks(GIVEN - 3_600_000, GIVEN + 900)
    assert session.control.given(HALT) == given == GIVEN


def test_a_paper_run_over_history_takes_a_command_at_once(tmp_path):
    put(tmp_path, HALT)
    session = Session(tmp_path, step=None)
    session.now = Clocks(GIVEN + 500, None)
    assert session.look().due(0) == HALT
    assert session.said == ["halt is requested: it acts after the current candle"]


def test_waiting_commands_and_invalid_files_are_reported_once(tmp_path):
    put(tmp_path, HALT)
    wrote(tmp_path, b"", "x")
    session = Session(tmp_path).look().look()
    assert session.said == [
        f"{tmp_path / 'requests' / 'x'}: ignored: not a command that safla wrote",
        "halt is requested: it acts at the candle that opens at 2026-01-02T03:05Z",
    ]
    assert session.carried_out(OPEN) == [HALT]
    assert session.said[2:] == ["halted by an operator"]
    assert session.run.done == [("halt", Input(None, GIVEN, HALT.id))]
    assert session.look().due(OPEN) is None


# --- Commands that are recorded in the journal -----------------------------------------------------------------------


def test_a_recorded_command_is_done_and_its_file_is_removed(tmp_path):
    put(tmp_path, HALT, numbered(1))
    session = Session(tmp_path, recorded={HALT.id: GIVEN}).look()
    assert waiting(tmp_path) == (numbered(1),)
    assert session.carried_out(OPEN) == [numbered(1)]
    assert [given.id for *_, given in session.run.done] == [numbered(1).id]


def test_a_partly_recorded_command_is_completed_at_once_with_its_recorded_time(tmp_path):
    """A crash may have cut the lines of a resume of several halts; a later candle comes after it."""
    one = numbered(0, kind="resume")
    put(tmp_path, one)
    session = Session(tmp_path, recorded={one.id: GIVEN - 7}, last=frozenset([one.id]))
    session.now = Clocks(GIVEN + 500, None)
    assert session.look().carried_out(OPEN - 9 * MINUTE) == [one]
    assert session.run.done == [("resume", None, Input(None, GIVEN - 7, one.id))]
    assert waiting(tmp_path) == ()


def test_a_command_file_that_reappears_is_not_applied_again(tmp_path):
    put(tmp_path, HALT)
    session = Session(tmp_path).look()
    assert session.carried_out(OPEN) == [HALT]
    put(tmp_path, HALT)
    assert session.look().carried_out(OPEN + MINUTE) == []
    assert waiting(tmp_path) == ()
    assert len(session.run.done) == 1


def test_interrupted_closing_lines_belong_to_the_next_stop(tmp_path):
    stop = numbered(0, kind="stop", note="enough")
    put(tmp_path, stop)
    session = Session(tmp_path).look()
    session.control.close(session.run)
    assert session.run.done == [("stop", Input("enough", GIVEN, stop.id))]
    assert waiting(tmp_path) == ()


@pytest.mark.parametrize("others", [(), (HALT,), (HALT, numbered(1, kind="stop"))])
def test_closing_lines_of_the_last_candle_do_not_belong_to_a_stop(tmp_path, others):
    """A halt that comes now comes after the end."""
    put(tmp_path, *others)
    session = Session(tmp_path).look()
    session.control.close(session.run)
    assert session.run.done == [("stop", NO_INPUT)]
    assert waiting(tmp_path) == others


def test_a_run_folder_that_became_a_file_has_no_commands(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    assert control.requests(tmp_path / "run", run="0" * 32) == control.NOTHING_WAITS
