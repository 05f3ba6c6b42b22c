"""A file is replaced as a whole: its name holds the old content or the new content, never a part."""

import os
from pathlib import Path
from typing import Any

import pytest

from safla.errors import HostError
from safla.journal import files
from safla.journal.files import journal_of, open_to_read, replace
from tests.errors import raises_code


def test_a_file_is_replaced_and_no_temporary_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    replace(path, b"old")
    replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_failure_keeps_the_old_content_and_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "summary.json"
    replace(path, b"old")

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with raises_code(HostError, "disk_full", match=r"summary\.json\.tmp: "):
        replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_temporary_file_of_another_process_is_neither_followed_nor_removed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    (tmp_path / "summary.json.tmp").symlink_to(target)
    with pytest.raises(HostError, match="File exists"):
        replace(tmp_path / "summary.json", b"new")
    assert target.read_bytes() == b"precious"
    assert (tmp_path / "summary.json.tmp").is_symlink()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.write_bytes(b"12345678901")])
def test_a_rejected_file_leaves_no_open_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any) -> None:
    monkeypatch.setattr(files, "MAX_FILE", 10)
    make(tmp_path / "file")
    before = os.listdir("/proc/self/fd")
    with pytest.raises(HostError):
        open_to_read(tmp_path / "file")
    assert os.listdir("/proc/self/fd") == before


def test_a_run_folder_can_be_named_instead_of_its_journal(tmp_path: Path) -> None:
    assert journal_of(tmp_path) == tmp_path / "journal.jsonl"
    assert journal_of(tmp_path / "other.jsonl") == tmp_path / "other.jsonl"


def test_an_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with raises_code(HostError, "no_permission", match=r"journal\.jsonl: "):
        open_to_read(tmp_path / "journal.jsonl")


def test_opened_files_are_not_inherited_by_child_processes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with open_to_read(tmp_path / "file") as file:
        assert file.read() == b"content"
        assert not os.get_inheritable(file.fileno())
