"""Rows 11 to 13: a full disk, a short write or a disk error gives exit 6 and complete lines; nothing is lost."""

import errno
import io
import os
import resource
import signal
from pathlib import Path

import pytest

from safla import fs
from safla.journal import append
from safla.runs import folder
from tests.faults.command import Answer, inside, safla
from tests.faults.invariants import check_answer, check_run
from tests.scale import some_of
from tests.small_runs import SMALL, journal

WRITTEN = ("candles.parquet", "config.yaml", "journal.jsonl", "head", "summary.json")


@pytest.fixture
def words(tmp_path, monkeypatch):
    """Returns the arguments of the command; its journal is written in several batches."""
    monkeypatch.setattr(append, "BATCH", 20_000)
    (tmp_path / "small.yaml").write_text(SMALL.replace("candles: 900", "candles: 400"))
    return ["run", tmp_path / "small.yaml", "--engine", "interpreted", "--quiet", "--out"]


@pytest.fixture
def whole(tmp_path, words, capsys):
    """Returns the folder of an undisturbed run."""
    check_answer(inside(capsys, *words, tmp_path / "whole"), 0)
    return tmp_path / "whole"


def check_part(answer: Answer, part: Path, whole: Path) -> None:
    """Checks exit 6 in one line, a journal that ends at a complete line, and no partial file under its final name."""
    check_answer(answer, 6)
    assert len(answer.err.splitlines()) == 1
    for one in part.glob("*"):
        if one.name == "journal.jsonl":
            assert journal(whole).startswith(journal(part))
            assert journal(part)[-1:] in (b"", b"\n")
        elif one.name in WRITTEN:
            assert one.read_bytes() == (whole / one.name).read_bytes(), one.name


def check_goes_on(answer: Answer, part: Path, whole: Path) -> None:
    """Checks that the same command, run again, gives the files of the undisturbed run."""
    check_answer(answer, 0)
    for name in WRITTEN:
        assert (part / name).read_bytes() == (whole / name).read_bytes(), name
    check_run(part, max_positions=2)


# --- Row 11 ----------------------------------------------------------------------------------------------------------


@some_of(
    ("limit", "file"),
    [
        (0, "lock"),
        (1_000, "candles.parquet.tmp"),
        (2_500, "config.yaml.tmp"),
        (50_000, "journal.jsonl"),
    ],
    keep=((0, "lock"), (50_000, "journal.jsonl")),
)
def test_row_11_a_file_size_limit_ends_with_exit_6_and_names_the_file(tmp_path, words, whole, capsys, limit, file):
    detail = ["--journal-detail", "candles"] if file == "config.yaml.tmp" else []  # no candles.parquet before it
    if detail:
        whole = tmp_path / "other"
        check_answer(inside(capsys, *words, whole, *detail), 0)

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    out = tmp_path / "run"
    answer = safla(*words, out, *detail, first=little_room)
    check_part(answer, out, whole)
    assert answer.err.startswith(f"safla: {out}/{file}: cannot be written")
    check_answer(inside(capsys, *words, out, *detail), 0)
    assert journal(out) == journal(whole)


def test_row_11_a_full_disk_ends_with_exit_6_and_the_run_continues_when_there_is_space(
    tmp_path, words, whole, capsys, tiny
):
    place, sized = tiny
    said = []
    for size in ("4k", "28k", "64k", "100k"):
        sized(size)
        answer = inside(capsys, *words, place / "run")
        check_part(answer, place / "run", whole)
        said.append(Path(answer.err.split(": ")[1]).name)
    assert said[0] == "candles.parquet.tmp"
    assert said[-1] == "journal.jsonl"
    sized("1m")
    check_goes_on(inside(capsys, *words, place / "run"), place / "run", whole)


@pytest.mark.parametrize("form", [(), pytest.param(("--json",), marks=pytest.mark.soak)], ids=["text", "json"])
def test_row_11_a_result_that_cannot_be_printed_ends_with_exit_6_and_the_run_is_complete(
    tmp_path, words, whole, capsys, form
):
    out = tmp_path / "run"

    def nowhere():
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)

    answer = safla(*words, out, *form, first=nowhere)
    check_part(answer, out, whole)
    assert answer.err == "safla: No space left on device\n"
    check_goes_on(inside(capsys, *words, out), out, whole)


# --- Row 12 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 3])
def test_row_12_a_short_write_is_cut_back_to_the_last_complete_line(tmp_path, words, whole, capsys, monkeypatch, at):
    write, writes = os.write, []

    def short(descriptor, data):
        writes.append(len(data))
        return write(descriptor, data[:-1]) if len(writes) == at else write(descriptor, data)

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", short)
        answer = inside(capsys, *words, tmp_path / "run")
    assert "cannot be written whole" in answer.err
    assert len(writes) == at
    check_part(answer, tmp_path / "run", whole)
    check_goes_on(inside(capsys, *words, tmp_path / "run"), tmp_path / "run", whole)


def test_row_12_an_interrupted_system_call_has_no_effect(tmp_path, words, whole, capsys):
    """EINTR: a signal whose handler does not restart calls arrives a thousand times a second during the writes."""
    came = []
    before = signal.signal(signal.SIGVTALRM, lambda number, frame: came.append(number))
    signal.siginterrupt(signal.SIGVTALRM, True)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.001, 0.001)
    try:
        answer = inside(capsys, *words, tmp_path / "run")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    assert came
    assert answer.err == ""
    check_goes_on(answer, tmp_path / "run", whole)


# --- Row 13 ----------------------------------------------------------------------------------------------------------

BREAKS = {
    **{f"{file}: {call}": (call, file) for file in ("candles.parquet", "config.yaml", "head", "summary.json")
       for call in ("write", "fsync", "rename", "sync_folder")},
    **{f"journal.jsonl: {call}": (call, "journal.jsonl") for call in ("write", "fdatasync", "sync_folder")},
}  # fmt: skip


class Broken:
    """The disk fails once, at one call for one file; the calls after that are recorded."""

    def __init__(self, call: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.call = call
        self.file = file
        self.now = ""  # the file that is being written
        self.erred = False
        self.later: list[str] = []
        for place, name in ((os, "write"), (os, "fsync"), (os, "rename"), (os, "ftruncate"), (append, "_sync")):
            monkeypatch.setattr(place, name, self._around(getattr(place, name), name.replace("_sync", "fdatasync")))
        for place in (fs, append):
            monkeypatch.setattr(place, "sync_folder", self._around(fs.sync_folder, "sync_folder"))
        monkeypatch.setattr(os, "open", self._noting(os.open))
        monkeypatch.setattr(os, "fdopen", self._fdopen(os.fdopen))

    def _around(self, call, name):
        def called(*arguments):
            if self.erred:
                self.later.append(name)
            if (name, self.now) == (self.call, self.file) and not self.erred:
                self.erred = True
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return call(*arguments)

        return called

    def _noting(self, call):
        def called(path, flags, *more, **named):
            if flags & (os.O_WRONLY | os.O_RDWR):
                self.now = os.path.basename(path).removesuffix(".tmp")
            return call(path, flags, *more, **named)

        return called

    def _fdopen(self, call):
        def called(descriptor, *arguments, **named):
            if (self.call, self.file) != ("write", self.now):
                return call(descriptor, *arguments, **named)
            self.erred = True
            return Erring(descriptor, "wb")

        return called


class Erring(io.FileIO):
    """A file whose writes fail with EIO."""

    def write(self, _data):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("case", BREAKS)
def test_row_13_a_disk_error_is_not_retried_and_nothing_is_lost(tmp_path, words, whole, capsys, monkeypatch, case):
    with monkeypatch.context() as patches:
        broken = Broken(*BREAKS[case], patches)
        answer = inside(capsys, *words, tmp_path / "run")
    assert broken.erred
    assert broken.later in ([], ["ftruncate"] if case == "journal.jsonl: write" else [])  # J25, J27
    check_part(answer, tmp_path / "run", whole)
    check_goes_on(inside(capsys, *words, tmp_path / "run"), tmp_path / "run", whole)


def test_row_13_a_folder_whose_entry_cannot_be_synced_is_not_written_to(tmp_path, words, whole, capsys, monkeypatch):
    """Each new folder, and the existing one above, is synced before the first line of the journal is written."""
    out = tmp_path / "new" / "run"
    synced = []
    sync = folder.sync_folder

    def fails(path):
        synced.append(path)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(folder, "sync_folder", fails)
        answer = inside(capsys, *words, out)
    check_part(answer, out, whole)
    assert answer.err == f"safla: {out}: cannot be created: Input/output error\n"
    assert synced == [out.parent]
    assert list(out.iterdir()) == []
    synced.clear()
    monkeypatch.setattr(folder, "sync_folder", lambda path: (synced.append(path), sync(path)))
    check_goes_on(inside(capsys, *words, out), out, whole)
    check_answer(inside(capsys, *words, tmp_path / "a" / "b"), 0)
    assert synced == [out.parent, tmp_path / "a", tmp_path]
