"""Whole lines are appended in batches; errors of the disk and foreign files are handled."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from safla.errors import HostError
from safla.journal import append
from safla.journal.append import BATCH, Appender
from safla.journal.verify import survey
from tests.errors import raises_code
from tests.journal.sample import small_journal


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Limits the size of every file of this process, so that the kernel itself makes short writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def lines(size: int) -> bytes:
    """Returns so many bytes of lines, the last of them whole."""
    line = b"x" * 99 + b"\n"
    return line * (size // 100)


@pytest.mark.parametrize(
    "change",
    [lambda path: path.unlink(), lambda path: path.rename(path.with_name("moved")),
     lambda path: path.with_name("second").hardlink_to(path), lambda path: (path.unlink(), path.write_bytes(b""))],
    ids=["deleted", "moved", "known under two names", "replaced"],
)  # fmt: skip
def test_a_file_that_was_renamed_or_hard_linked_is_no_longer_written(
    journal: Path, change: Callable[[Path], object]
) -> None:
    with Appender(journal) as appender:
        appender.append(lines(100))
        appender.refuse_moved()
        change(journal)
        before = len(os.listdir("/proc/self/fd"))
        with raises_code(HostError, "journal_replaced"):
            appender.refuse_moved()
        assert appender.closed
        assert len(os.listdir("/proc/self/fd")) == before - 1


def test_the_file_is_closed_at_the_end_of_its_with_block(journal: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with Appender(journal) as appender:
        assert len(os.listdir("/proc/self/fd")) == len(before) + 1
    assert appender.closed
    assert os.listdir("/proc/self/fd") == before


def test_appended_lines_are_in_the_file_and_only_its_owner_can_read_it(journal: Path) -> None:
    with Appender(journal) as appender:
        for piece in small_journal().splitlines(keepends=True):
            appender.append(piece)
        appender.sync()
        assert appender.offset == len(small_journal())
    assert journal.read_bytes() == small_journal()
    assert journal.stat().st_mode & 0o777 == 0o600
    assert survey(journal, None).kind == "whole"


def test_an_existing_file_is_appended_at_its_end(journal: Path) -> None:
    journal.write_bytes(b"old\n")
    with Appender(journal) as appender:
        assert appender.offset == 4
        appender.append(b"new\n")
        appender.sync()
    assert journal.read_bytes() == b"old\nnew\n"


def test_batches_are_whole_lines_of_about_one_mebibyte(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[bytes] = []
    write = os.write

    def note(descriptor: int, batch: bytes) -> int:
        batches.append(batch)
        return write(descriptor, batch)

    monkeypatch.setattr(os, "write", note)
    with Appender(journal) as appender:
        appender.append(lines(3 * BATCH + 1_000))
        assert len(batches) == 3
        appender.append(lines(BATCH))
        appender.sync()
    assert all(batch.endswith(b"\n") and len(batch) <= BATCH for batch in batches)
    assert b"".join(batches) == lines(3 * BATCH + 1_000) + lines(BATCH) == journal.read_bytes()


def test_closing_drops_lines_that_were_not_synced(journal: Path) -> None:
    with Appender(journal) as appender:
        appender.append(b"one\n")
    assert journal.read_bytes() == b""


@pytest.mark.parametrize("room", [0, 1, 99, 100, 150, 999_999])
def test_a_full_disk_leaves_whole_lines_and_stops_writing(journal: Path, room: int) -> None:
    journal.write_bytes(b"old\n")
    with Appender(journal) as appender, at_most(4 + room):
        appender.append(lines(1_000_000))
        with pytest.raises(HostError, match=r"journal.jsonl: cannot be written.*ends at its last whole line"):
            appender.sync()
        with pytest.raises(AssertionError, match="the file is closed, after an error"):
            appender.sync()
    assert journal.read_bytes() == b"old\n"


def test_batches_before_a_failed_batch_are_kept(journal: Path) -> None:
    with Appender(journal) as appender, at_most(BATCH + 10), raises_code(HostError, "disk_full"):
        appender.append(lines(3 * BATCH))
    kept = journal.read_bytes()
    assert kept == lines(BATCH)
    assert kept.endswith(b"\n")


def test_a_failure_to_truncate_the_file_is_reported(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "ftruncate", fail)
    with Appender(journal) as appender, at_most(10):
        appender.append(lines(1_000))
        with pytest.raises(HostError, match="and it cannot be cut to 0 bytes: Input/output error"):
            appender.sync()


def test_a_failed_sync_is_not_retried(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def fail(_descriptor: int) -> None:
        tries.append(1)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(append, "_sync", fail)
    with Appender(journal) as appender:
        appender.append(b"one\n")
        with pytest.raises(HostError, match="cannot be synced: Input/output error"):
            appender.sync()
        appender.append(b"two\n")
        with pytest.raises(AssertionError):
            appender.sync()
    assert (journal.read_bytes(), len(tries)) == (b"one\n", 1)


def test_a_journal_never_exceeds_its_maximum_size(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append, "MAX_FILE", 300)
    with Appender(journal) as appender:
        appender.append(lines(300))
        appender.sync()
        appender.append(b"\n")
        with raises_code(HostError, "journal_too_long"):
            appender.sync()
    assert journal.read_bytes() == lines(300)


def make_link(path: Path) -> None:
    (path.parent / "other").write_bytes(b"")
    path.symlink_to(path.parent / "other")


def make_second_name(path: Path) -> None:
    (path.parent / "other").write_bytes(b"")
    path.hardlink_to(path.parent / "other")


@pytest.mark.parametrize("make", [make_link, make_second_name, os.mkfifo, Path.mkdir])
def test_a_file_that_is_not_regular_or_is_shared_is_rejected_without_hanging(
    journal: Path, make: Callable[[Path], None]
) -> None:
    make(journal)
    with pytest.raises(HostError, match=r"journal\.jsonl: (cannot be opened to write|not a regular file of yours)"):
        Appender(journal)


def test_a_file_of_another_owner_is_rejected(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with raises_code(HostError, "not_our_file"):
        Appender(journal)


def test_a_fifo_with_a_reader_is_rejected(journal: Path) -> None:
    os.mkfifo(journal)
    reader = os.open(journal, os.O_RDONLY | os.O_NONBLOCK)
    with raises_code(HostError, "not_our_file"):
        Appender(journal)
    os.close(reader)
