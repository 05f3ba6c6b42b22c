"""Rows 11 to 13 and 16 of a paper run: disk full, disk errors, journal moved or deleted: exit 6, nothing is lost."""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safla import fs
from safla.journal import append
from safla.runs.recovery import JournalAppender
from tests.faults.command import inside, safla
from tests.faults.invariants import check_answer
from tests.faults.paper import FEWER, Undisturbed, check_goes_on, check_part, undisturbed
from tests.scale import some_of
from tests.small_runs import journal


@pytest.fixture
def whole(tmp_path, capsys) -> Undisturbed:
    """An undisturbed paper run, and its backtest."""
    return undisturbed(tmp_path, capsys, text=FEWER)


def check_whole_lines(part: Path, whole: Undisturbed) -> None:
    """The file ends at a whole line and holds everything that head acknowledges."""
    check_part(part, whole)
    assert journal(part)[-1:] in (b"", b"\n")
    if (part / "head").exists():
        assert f'"offset":{len(journal(part))}'.encode() >= (part / "head").read_bytes().split(b",")[1]


@some_of("share", [0.02, 0.5, 0.97], keep=(0.5,))
def test_row_11_a_journal_at_the_file_size_limit_is_exit_6_and_the_run_continues_without_the_limit(
    whole, tmp_path, capsys, share
):
    limit = int(len(whole.journal) * share)
    out = tmp_path / "run"

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    answer = safla(*whole.words(out), first=little_room)
    check_answer(answer, 6)
    if share > 0.1:
        assert f"safla: {out}/journal.jsonl: cannot be written" in answer.err
        check_whole_lines(out, whole)
        assert len(journal(out)) > limit - 3_000
    check_goes_on(inside(capsys, *whole.words(out)), out, whole)


# --- Rows 12 and 13 --------------------------------------------------------------------------------------------------


class Disk:
    """A disk that fails once, at the n-th call of a kind for the journal or head, and records the calls after it."""

    def __init__(self, patch: pytest.MonkeyPatch, kind: str, nth: int, *, short: bool = False) -> None:
        self.kind, self.nth, self.short = kind, nth, short
        self.count = 0
        self.later: list[str] = []
        for place, name, as_kind, ours in (
            (os, "write", "write", is_journal),
            (append, "_sync", "fdatasync", is_journal),
            (os, "fsync", "fsync", is_journal),
            (os, "ftruncate", "ftruncate", is_journal),
            (os, "rename", "rename", lambda path: str(path).endswith("head.tmp")),
            (append, "sync_folder", "sync_folder", lambda path: True),
            (fs, "sync_folder", "sync_folder of head", lambda path: True),
        ):
            patch.setattr(place, name, self._around(getattr(place, name), as_kind, ours))

    def _around(self, call: Callable[..., Any], kind: str, ours: Callable[[Any], bool]) -> Callable[..., Any]:
        def called(first: Any, *arguments: Any, **named: Any) -> Any:
            if not ours(first):
                return call(first, *arguments, **named)
            if self.count >= self.nth:
                self.later.append(kind)
            self.count += kind == self.kind and self.count < self.nth
            if kind != self.kind or self.count != self.nth or self.later:
                return call(first, *arguments, **named)
            if self.short:
                return call(first, arguments[0][:-1])
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        return called


def is_journal(descriptor: int) -> bool:
    """Whether an open file is a journal, by its name."""
    path = Path(f"/proc/self/fd/{descriptor}")
    return path.is_symlink() and path.readlink().name == "journal.jsonl"


ERRORS = {
    "first write": ("write", 1, ["ftruncate"]),
    "a later write": ("write", 20, ["ftruncate"]),
    "first fdatasync": ("fdatasync", 1, []),
    "a later fdatasync": ("fdatasync", 20, []),
    "name of the journal": ("sync_folder", 1, []),
    "rename of head": ("rename", 2, []),
    "name of head": ("sync_folder of head", 4, []),
}


@pytest.mark.parametrize("case", ERRORS)
def test_row_13_a_disk_error_ends_a_paper_run_and_nothing_more_is_written(whole, tmp_path, capsys, case):
    kind, nth, later = ERRORS[case]
    out = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch, kind, nth)
        answer = inside(capsys, *whole.words(out))
    check_answer(answer, 6)
    assert "Input/output error" in answer.err
    assert disk.count == nth
    assert disk.later == later  # J25, J27: no second try
    check_whole_lines(out, whole)
    check_goes_on(inside(capsys, *whole.words(out)), out, whole)


@pytest.mark.parametrize("nth", [1, 25])
def test_row_12_a_short_write_of_a_paper_run_is_cut_back(whole, tmp_path, capsys, nth):
    out = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch, "write", nth, short=True)
        answer = inside(capsys, *whole.words(out))
    check_answer(answer, 6)
    assert "cannot be written whole" in answer.err
    assert disk.later == ["ftruncate"]
    check_whole_lines(out, whole)
    check_goes_on(inside(capsys, *whole.words(out)), out, whole)


# --- Row 16 ----------------------------------------------------------------------------------------------------------


def linked(path: Path) -> None:
    (path.parent.parent / "another-name").hardlink_to(path)


def replaced(path: Path) -> None:
    path.rename(path.parent.parent / "moved")
    path.write_bytes((path.parent.parent / "moved").read_bytes())


def by_a_link(path: Path) -> None:
    path.rename(path.parent.parent / "moved")
    path.symlink_to(path.parent.parent / "moved")


TAKEN = {
    "moved": lambda path: path.rename(path.parent.parent / "moved"),
    "deleted": Path.unlink,
    "linked": linked,
    "replaced": replaced,
    "replaced by a link": by_a_link,
    "in a folder that was moved": lambda path: path.parent.rename(path.parent.parent / "moved-folder"),
    "in a folder that became a file": lambda path: (
        path.parent.rename(path.parent.parent / "moved-folder"),
        path.parent.write_text("a file"),
    ),
}
BACK = {"moved": "moved", "linked": "another-name", "replaced": "moved", "replaced by a link": "moved"}


@pytest.mark.parametrize("how", TAKEN)
def test_row_16_a_journal_moved_replaced_or_deleted_while_open_ends_the_run_at_the_next_batch(
    whole, tmp_path, capsys, how, monkeypatch
):
    out, commits, sizes = tmp_path / "run", [], {}
    renew = JournalAppender.renew_anchor  # the last disk operation of a batch

    def taking(journal_, **named):
        renew(journal_, **named)
        commits.append(1)
        if len(commits) == 20:
            sizes["then"] = (out / "journal.jsonl").stat().st_size
            TAKEN[how](out / "journal.jsonl")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JournalAppender, "renew_anchor", taking)
        answer = inside(capsys, *whole.words(out))
    check_answer(answer, 6)
    assert "was moved, replaced or deleted while it was written" in answer.err
    assert len(commits) in (20, 21)
    left = [one for one in tmp_path.rglob("*") if one.is_file() and one.stat().st_size > sizes["then"] - 1]
    names = {"journal.jsonl", "moved", "another-name"}
    mine = [one for one in left if one.name in names and one.parent not in (whole.folder, tmp_path / "backtest")]
    assert {one.read_bytes() for one in mine} <= {
        whole.journal[: sizes["then"]]
    }  # nothing was written after the change
    if how in BACK:
        os.replace(tmp_path / BACK[how], out / "journal.jsonl")
        (out / "journal.jsonl").chmod(0o600)
        (tmp_path / "another-name").unlink(missing_ok=True)
        check_goes_on(inside(capsys, *whole.words(out)), out, whole)


def test_row_16_a_deleted_journal_is_detected_by_the_head_file(whole, tmp_path, capsys):
    check_answer(inside(capsys, *whole.words(tmp_path / "run")), 0)
    (tmp_path / "run" / "journal.jsonl").unlink()
    answer = inside(capsys, *whole.words(tmp_path / "run"))
    check_answer(answer, 4)
    assert "the file head says that it existed" in answer.err
