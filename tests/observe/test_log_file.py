"""A log file is private, rotated by size, and never raises; lost lines are counted and reported once."""

import errno
import os
import threading
from pathlib import Path

import pytest

from safla.observe.log_file import LogFile


def made(path: Path, said: list[str] | None = None, **more: int | bool) -> LogFile:
    say = pytest.fail if said is None else said.append
    return LogFile(path, say=say, **({"most_bytes": 100, "backups": 2} | more))


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_lines_are_appended_to_an_existing_file(tmp_path):
    for text in ("one\n", "two\n"):
        file = made(tmp_path / "a.log")
        file.write(text)
        file.close()
    assert contents(tmp_path) == {"a.log": "one\ntwo\n"}
    assert (tmp_path / "a.log").stat().st_mode & 0o777 == 0o600


def test_no_file_is_created_before_the_first_line(tmp_path):
    made(tmp_path / "a.log").close()
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(("backups", "left"), [(0, ["g"]), (1, ["g", "f"]), (2, ["g", "f", "e"])])
def test_a_file_that_would_grow_too_large_is_rotated_and_a_limited_number_is_kept(tmp_path, backups, left):
    file = made(tmp_path / "a.log", backups=backups)
    for letter in "abcdefg":
        file.write(letter * 60 + "\n")
    names = ["a.log", "a~1.log", "a~2.log"]
    assert contents(tmp_path) == {name: letter * 60 + "\n" for name, letter in zip(names, left, strict=False)}


def test_an_exactly_full_file_is_kept_and_an_overlong_line_gets_its_own_file(tmp_path):
    file = made(tmp_path / "a.log")
    for text in ("a" * 49 + "\n", "b" * 49 + "\n", "c" * 200 + "\n", "d\n"):
        file.write(text)
    assert {name: len(text) for name, text in contents(tmp_path).items()} == {
        "a.log": 2,
        "a~1.log": 201,
        "a~2.log": 100,
    }


def test_a_moved_or_removed_file_is_created_again(tmp_path):
    file = made(tmp_path / "a.log")
    file.write("one\n")
    (tmp_path / "a.log").rename(tmp_path / "elsewhere")
    file.write("two\n")
    (tmp_path / "a.log").unlink()
    file.write("three\n")
    assert contents(tmp_path) == {"a.log": "three\n", "elsewhere": "one\n"}


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "hard link", "full"])
def test_a_foreign_file_is_not_written_to_and_is_reported_once(tmp_path, kind):
    path, other = tmp_path / "a.log", tmp_path / "other"
    other.write_text("of another\n")
    {
        "link": lambda: path.symlink_to(other),
        "fifo": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "hard link": lambda: os.link(other, path),
        "full": lambda: path.symlink_to("/dev/full"),
    }[kind]()
    said: list[str] = []
    file = made(path, said)
    for _ in range(3):
        file.write("text\n")
    assert file.lost == 3
    assert len(said) == 1
    assert said[0].startswith(f"{path}: a line was lost, the run goes on: ")
    assert other.read_text() == "of another\n"


def test_a_missing_folder_is_a_failure_or_is_created(tmp_path):
    said: list[str] = []
    made(tmp_path / "gone" / "a.log", said).write("text\n")
    assert [text.rpartition(": ")[2] for text in said] == ["No such file or directory"]
    made(tmp_path / "made" / "a.log", makes_folder=True).write("text\n")
    assert contents(tmp_path / "made") == {"a.log": "text\n"}
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


def test_a_full_disk_truncates_no_line_and_writing_continues_when_there_is_room(tmp_path, monkeypatch):
    real, room = os.write, [4, 0, 100]

    def write(descriptor: int, content: bytes) -> int:
        some = room.pop(0)
        if some == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, content[:some])

    monkeypatch.setattr("safla.observe.log_file.os.write", write)
    said: list[str] = []
    file = made(tmp_path / "a.log", said)
    for text in ("the first line\n", "the second\n", "the third\n"):
        file.write(text)
    monkeypatch.undo()
    assert contents(tmp_path) == {"a.log": "the third\n"}
    assert file.lost == 2
    assert said == [f"{tmp_path / 'a.log'}: a line was lost, the run goes on: No space left on device"]


def test_two_processes_rotating_the_same_file_lose_no_line(tmp_path):
    one, other = made(tmp_path / "a.log", backups=50), made(tmp_path / "a.log", backups=50)
    for number in range(60):
        (one if number % 2 else other).write(f"line {number:030}\n")
    lines = "".join(contents(tmp_path).values()).splitlines()
    assert sorted(lines) == [f"line {number:030}" for number in range(60)]


def test_nothing_is_written_after_the_file_is_closed(tmp_path):
    file = made(tmp_path / "a.log")
    file.write("one\n")
    file.close()
    file.write("two\n")
    file.close()
    assert contents(tmp_path) == {"a.log": "one\n"}


def test_closing_does_not_close_the_descriptor_of_a_hanging_write(tmp_path, monkeypatch):
    inside, go = threading.Event(), threading.Event()
    real = os.write

    def write(descriptor: int, content: bytes) -> int:
        inside.set()
        assert go.wait(5)
        return real(descriptor, content)

    monkeypatch.setattr("safla.observe.log_file.os.write", write)
    monkeypatch.setattr("safla.observe.log_file.CLOSING_SECONDS", 0.01)
    file = made(tmp_path / "a.log")
    thread = threading.Thread(target=file.write, args=("text\n",))
    thread.start()
    assert inside.wait(5)
    file.close()
    go.set()
    thread.join(5)
    monkeypatch.undo()
    assert contents(tmp_path) == {"a.log": "text\n"}
    file.close()
