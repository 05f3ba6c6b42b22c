"""Z8: files of a run are private to its user, complete or absent, and never written through files of others."""

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest

from safla.cli import main
from safla.errors import HostError
from safla.journal.files import replace
from tests.faults.damage import FILES, TEXT, fifo, hard_link, link_to_nowhere, symlink
from tests.faults.invariants import check_only, untouched


@pytest.fixture
def elsewhere(tmp_path):
    """Makes a folder whose file must not be changed."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_bytes(b"precious\n")
    return tmp_path / "elsewhere"


def started(config, folder):
    """Runs a configuration that is outside the run folder. Returns the exit code."""
    return main(["run", str(config), "--out", str(folder), "--quiet"])


@pytest.fixture
def config(tmp_path):
    """Writes the configuration of a run that has not started."""
    (tmp_path / "small.yaml").write_text(TEXT)
    return tmp_path / "small.yaml"


def test_z8_only_the_user_can_access_the_folders_and_files_of_a_run(tmp_path, config):
    before = os.umask(0)
    try:
        assert started(config, tmp_path / "deep" / "er" / "run") == 0
    finally:
        os.umask(before)
    made = [tmp_path / "deep", *(tmp_path / "deep").rglob("*")]
    assert {one.name for one in made} == {"deep", "er", "run", *FILES}
    for one in made:
        assert stat.S_IMODE(one.lstat().st_mode) == (0o700 if one.is_dir() else 0o600), one


def test_z8_a_file_is_synced_before_it_is_renamed_and_its_folder_after_that(tmp_path, config, monkeypatch):
    calls = []
    fsync, rename = os.fsync, os.rename

    def synced(descriptor):
        facts = os.fstat(descriptor)
        calls.append(("sync", facts.st_ino, facts.st_size))
        fsync(descriptor)

    def renamed(old, new):
        facts = os.stat(old)
        calls.append((Path(new).name, facts.st_ino, facts.st_size))
        rename(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    assert started(config, tmp_path / "run") == 0
    folder = (tmp_path / "run").stat().st_ino
    named = [i for i, call in enumerate(calls) if call[0] != "sync"]
    assert {calls[i][0] for i in named} == FILES - {"journal.jsonl", "lock"}
    for i in named:
        assert calls[i - 1] == ("sync", *calls[i][1:])
        assert calls[i + 1][:2] == ("sync", folder)


@pytest.mark.parametrize("name", sorted(FILES - {"journal.jsonl", "lock"}))
def test_z8_a_file_that_cannot_be_renamed_leaves_no_partial_file(tmp_path, config, monkeypatch, name):
    rename = os.rename

    def refuses(old, new):
        if Path(new).name == name:
            raise OSError(errno.EIO, "Input/output error")
        rename(old, new)

    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", refuses)
        assert started(config, tmp_path / "run") == 6
    assert not (tmp_path / "run" / name).exists()
    assert not list((tmp_path / "run").glob("*.tmp"))
    assert started(config, tmp_path / "run") == 0
    check_only(tmp_path / "run", set(FILES))


@pytest.mark.parametrize("kind", [symlink, link_to_nowhere, fifo, hard_link])
def test_z8_a_temporary_file_placed_by_someone_else_is_not_written_to(tmp_path, config, elsewhere, kind):
    for name in ("config.yaml.tmp", "head.tmp"):
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / name).write_bytes(b"precious\n")
        kind(tmp_path / "run" / name, elsewhere)
    with untouched(elsewhere / "precious"):
        assert started(config, tmp_path / "run") == 0
    check_only(tmp_path / "run", set(FILES))
    for one in elsewhere.iterdir():
        assert one.read_bytes() == b"precious\n"


@pytest.mark.parametrize("kind", [symlink, link_to_nowhere, fifo, hard_link])
def test_z8_a_temporary_file_placed_at_the_last_moment_is_rejected_and_not_modified(tmp_path, elsewhere, kind):
    (tmp_path / "head.tmp").write_bytes(b"precious\n")
    kind(tmp_path / "head.tmp", elsewhere)
    with untouched(tmp_path), pytest.raises(HostError, match=r"head\.tmp: cannot be written: File exists"):
        replace(tmp_path / "head", b"a head\n")


def test_z8_neither_a_run_nor_a_replay_leaves_files_in_the_temporary_folder(tmp_path, config, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    assert started(config, tmp_path / "run") == 0
    assert main(["replay", str(tmp_path / "run")]) == 0
    assert list((tmp_path / "temporary").iterdir()) == []
