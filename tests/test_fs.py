"""Files that belong only to this user: reading them, creating their folders, and locking."""

import os
from pathlib import Path

import pytest

from safla import fs
from safla.errors import HostError
from tests.errors import raises_code


def made(folder: Path, kind: str) -> Path:
    """Create something else under the name of one of our files."""
    path, target = folder / "name", folder / "target"
    target.write_bytes(b"precious")
    if kind == "link":
        path.symlink_to(target)
    elif kind == "hard link":
        os.link(target, path)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    return path


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder"])
def test_a_file_that_is_not_private_is_not_read(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path, kind)
    with raises_code(HostError, "not_our_file", match=f"{path}: "):
        fs.read_own(path, most=100)
    with pytest.raises(HostError, match=f"{path}: "), fs.locked(path, exclusive=True):
        pass
    assert (tmp_path / "target").read_bytes() == b"precious"


def test_a_file_is_read_completely_unless_it_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert fs.read_own(tmp_path / "file", most=7) == b"content"
    assert fs.read_own(tmp_path / "none", most=7) is None
    with pytest.raises(ValueError, match="7 bytes, at most 6 are read"):
        fs.read_own(tmp_path / "file", most=6)


def test_folders_are_created_private_or_used_if_they_exist(tmp_path: Path) -> None:
    for _ in range(2):
        assert fs.make_folders(tmp_path / "a" / "b", "c", "d") == tmp_path / "a" / "b" / "c" / "d"
    assert (tmp_path / "a" / "b" / "c" / "d").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_link_or_a_file_in_place_of_a_folder_is_an_error(tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "name"
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_text("")
    with pytest.raises(HostError, match=f"{path}"):
        fs.make_folders(tmp_path, "name", "below")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_many_readers_or_a_single_writer_hold_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fs, "LOCK_TRIES", 2)
    lock = tmp_path / "lock"
    held = pytest.raises(HostError, match="locked by another process")
    with fs.locked(lock, exclusive=False):
        assert not lock.exists()  # a reader creates no lock file
    with fs.locked(lock, exclusive=True), held, fs.locked(lock, exclusive=False):
        pass
    with fs.locked(lock, exclusive=False), fs.locked(lock, exclusive=False):
        with held, fs.locked(lock, exclusive=True):
            pass
        assert lock.stat().st_mode & 0o777 == 0o600
