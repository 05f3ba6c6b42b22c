"""The file of a wish: whole or absent, ours alone, one at a time; and what a wish does to a run (J45, J20, Z22)."""

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from safla.errors import HostError
from safla.runtime import wishes
from safla.runtime.wishes import Wish

HALT = Wish("halt", None, None)
TEXT = b'{"kind":"halt","halt":null,"note":null}\n'


class Run:
    """A run that notes what it is asked for: one halt is open, number 4."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.open = {4}

    def halt(self, note: str | None) -> bool:
        self.asked.append(("halt", note))
        return not self.open

    def resume(self, number: int | None, note: str | None) -> int:
        self.asked.append(("resume", number, note))
        lifted = {one for one in self.open if number in (None, one)}
        self.open -= lifted
        return len(lifted)

    def stop(self) -> None:
        self.asked.append("stop")


@pytest.mark.parametrize(
    "wish",
    [HALT, Wish("halt", None, "a " * 100), Wish("resume", 3, "now"), Wish("resume", None, ""), Wish("stop", None, '"')],
)
def test_a_wish_that_was_put_waits_as_it_was(tmp_path, wish):
    wishes.put(tmp_path, wish)
    assert wishes.waiting(tmp_path) == wish
    facts = (tmp_path / "request").lstat()
    assert (stat.S_IMODE(facts.st_mode), facts.st_nlink) == (0o600, 1)
    assert [one.name for one in tmp_path.iterdir()] == ["request"]


def test_a_wish_has_one_spelling(tmp_path):
    wishes.put(tmp_path, Wish("resume", 12, "go on"))
    assert (tmp_path / "request").read_bytes() == b'{"kind":"resume","halt":12,"note":"go on"}\n'


def test_a_second_wish_is_refused_and_the_first_stands(tmp_path):
    wishes.put(tmp_path, HALT)
    with pytest.raises(HostError, match="another wish is waiting"):
        wishes.put(tmp_path, Wish("stop", None, None))
    assert wishes.waiting(tmp_path) == HALT


def test_of_two_commands_at_once_one_is_refused(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(HostError, match="another command is asking"):
        wishes.put(tmp_path, HALT)
    os.close(descriptor)
    wishes.put(tmp_path, HALT)
    assert wishes.waiting(tmp_path) == HALT


def test_what_a_command_that_died_left_is_no_obstacle_and_no_wish(tmp_path):
    (tmp_path / "request.tmp").write_bytes(b'{"kind":')
    assert wishes.waiting(tmp_path) is None
    wishes.put(tmp_path, HALT)
    assert [one.name for one in tmp_path.iterdir()] == ["request"]


def test_a_folder_that_is_not_there_takes_no_wish(tmp_path):
    with pytest.raises(HostError, match="cannot be opened"):
        wishes.put(tmp_path / "gone", HALT)
    assert wishes.waiting(tmp_path / "gone") is None


def test_no_file_is_opened_where_no_wish_waits(tmp_path, monkeypatch):
    opened: list[object] = []
    monkeypatch.setattr(os, "open", opened.append)
    assert wishes.waiting(tmp_path) is None
    assert opened == []


def linked(path: Path) -> None:
    path.with_name("other").write_bytes(TEXT)
    path.with_name("other").chmod(0o600)
    path.symlink_to("other")


def twice_named(path: Path) -> None:
    wishes.put(path.parent, HALT)
    os.link(path, path.with_name("other"))


def readable(path: Path) -> None:
    wishes.put(path.parent, HALT)
    path.chmod(0o644)


@pytest.mark.parametrize(
    "made", [linked, twice_named, readable, os.mkfifo, Path.mkdir, lambda path: path.symlink_to("nowhere")]
)
def test_a_wish_that_is_not_ours_alone_is_refused_and_not_followed(tmp_path, made: Callable[[Path], object]):
    made(tmp_path / "request")
    with pytest.raises(HostError, match="request: not a regular file of yours"):
        wishes.waiting(tmp_path)
    with pytest.raises(HostError, match="request: not a regular file of yours"):
        wishes.put(tmp_path, HALT)


def test_another_user_s_wish_is_refused(tmp_path, monkeypatch):
    wishes.put(tmp_path, HALT)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(HostError, match="not a regular file of yours"):
        wishes.waiting(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        TEXT[:-1],
        TEXT + b"\n",
        TEXT.replace(b":", b": "),
        TEXT.replace(b"halt", b"sell", 1),
        TEXT.replace(b'"halt":null,', b""),
        TEXT.replace(b'"halt":null', b'"halt":1'),
        TEXT.replace(b'"halt"', b'"resume"', 1).replace(b"null", b"0", 1),
        TEXT.replace(b'"halt"', b'"resume"', 1).replace(b"null", b"1.0", 1),
        TEXT.replace(b'"note":null', b'"note":"a\\nb"'),
        TEXT.replace(b'"note":null', b'"note":"' + b"x" * 201 + b'"'),
        TEXT.replace(b'"note":null', b'"note":null,"more":1'),
        TEXT.replace(b'"note":null', b'"note":' + b"[" * 900),
        b"\xff" * 40,
        b" " * 1025,
    ],
)
def test_what_is_no_wish_of_ours_is_refused(tmp_path, text):
    (tmp_path / "request").touch(mode=0o600)
    (tmp_path / "request").write_bytes(text)
    with pytest.raises(HostError, match="is no wish that a command of safla wrote"):
        wishes.waiting(tmp_path)


def test_a_wish_that_was_taken_is_gone_and_its_name_too(tmp_path, monkeypatch):
    wishes.put(tmp_path, HALT)
    synced: list[Path] = []
    monkeypatch.setattr(wishes, "sync_folder", synced.append)
    wishes.taken(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert synced == [tmp_path]
    wishes.taken(tmp_path)  # a command may have withdrawn it
    assert wishes.waiting(tmp_path) is None


def test_a_wish_that_cannot_be_removed_is_said(tmp_path):
    (tmp_path / "request").mkdir()
    with pytest.raises(HostError, match="request: cannot be removed: "):
        wishes.taken(tmp_path)


def test_a_command_waits_until_its_wish_is_gone_or_the_time_is_over(tmp_path):
    wishes.put(tmp_path, HALT)
    slept: list[float] = []
    assert not wishes.answered(tmp_path, clock=lambda: sum(slept), sleep=slept.append)
    assert 5.0 <= sum(slept) < 5.1

    def take(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            wishes.taken(tmp_path)

    slept.clear()
    assert wishes.answered(tmp_path, clock=lambda: sum(slept), sleep=take)
    assert len(slept) == 3


@pytest.mark.parametrize(
    ("wish", "asked", "text"),
    [
        (HALT, ("halt", None), "a halt by an operator was open already"),
        (Wish("resume", None, "fine"), ("resume", None, "fine"), "1 halt lifted by an operator: fine"),
        (Wish("resume", 4, None), ("resume", 4, None), "1 halt lifted by an operator"),
        (Wish("resume", 5, None), ("resume", 5, None), "halt 5 was not open"),
        (Wish("stop", None, "enough"), "stop", "stopped by an operator, for good: enough"),
    ],
)
def test_a_wish_asks_the_run_once_and_says_what_came_of_it(wish, asked, text):
    run = Run()
    assert wishes.act(wish, run) == text
    assert run.asked == [asked]


def test_a_wish_that_is_carried_out_again_has_the_same_end():
    run = Run()
    run.open = set()
    assert wishes.act(Wish("halt", None, "now"), run) == "halted by an operator: now"
    run.open = {4, 5}
    assert wishes.act(Wish("resume", None, None), run) == "2 halts lifted by an operator"
    assert wishes.act(Wish("resume", None, None), run) == "there was nothing to lift"
