"""Row 17: links, FIFOs, folders and files of others under the names of a run are rejected and never followed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.command import ROOT, Answer
from tests.faults.damage import (
    FILES,
    STRANGER,
    again,
    fifo,
    finished,
    hard_link,
    in_its_place_a_folder,
    link_to_nowhere,
    of_another,
    put,
    replayed,
    symlink,
)
from tests.faults.invariants import check_answer, untouched
from tests.small_runs import journal

SECONDS = 20  # after which a command that hangs is interrupted
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
NAMES = sorted(FILES)


@pytest.fixture(autouse=True)
def no_hang():
    """Interrupts a command that waits for a FIFO, so that the test fails."""

    def woken(*_arguments):
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, woken)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def folder(tmp_path):
    return finished(tmp_path)


@pytest.fixture
def elsewhere(tmp_path):
    """Makes a folder whose file must not be changed."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_bytes(b"precious\n")
    return tmp_path / "elsewhere"


KINDS = [
    symlink, link_to_nowhere, fifo, in_its_place_a_folder, hard_link, pytest.param(of_another, marks=ROOT_ONLY),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_row_17_a_run_rejects_links_fifos_folders_and_files_of_other_users_before_any_work(
    folder, elsewhere, capsys, kind, name
):
    kind(folder / name, elsewhere)
    with untouched(folder, elsewhere):
        answer = again(folder, capsys)
    check_answer(answer, 6)
    assert f"{name}: not a regular file of yours without links; nothing was written" in answer.err


@pytest.mark.parametrize("name", ["journal.jsonl", "head", "candles.parquet"])
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (symlink, 0), (hard_link, 0), pytest.param(of_another, 0, marks=ROOT_ONLY), (link_to_nowhere, 4), (fifo, 6),
        (in_its_place_a_folder, 6),
    ],
)  # fmt: skip
def test_row_17_a_replay_reads_links_and_files_of_any_user_if_they_are_regular(
    folder, elsewhere, capsys, kind, code, name
):
    kind(folder / name, elsewhere)
    with untouched(folder, elsewhere):
        answer = replayed(folder, capsys)
    check_answer(answer, code)
    assert (f"{name}: " in answer.err) == (code != 0)


@pytest.mark.parametrize("name", ["lock", "config.yaml", "summary.json"])
@pytest.mark.parametrize("kind", KINDS)
def test_row_17_a_replay_ignores_the_files_that_it_does_not_need(folder, elsewhere, capsys, kind, name):
    kind(folder / name, elsewhere)
    with untouched(folder, elsewhere):
        answer = replayed(folder, capsys)
    check_answer(answer, 0)
    assert "decisions  240 candles again, 165 lines: 0 differences" in answer.out


def test_row_17_a_replay_accepts_a_link_to_a_journal_or_to_its_folder(tmp_path, capsys):
    folder = finished(tmp_path, "journal.detail=candles")
    for target in (folder, folder / "journal.jsonl"):
        link = tmp_path / f"link-to-{target.name}"
        link.symlink_to(target)
        answer = replayed(link, capsys)
        check_answer(answer, 0)
        assert "decisions  240 candles again" in answer.out
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/null"), Path("/dev/zero")):
        answer = replayed(path, capsys)
        check_answer(answer, 6)
        assert f"{path}: not a regular file" in answer.err


@pytest.mark.parametrize("kind", [symlink, link_to_nowhere, fifo, in_its_place_a_folder, hard_link])
def test_row_17_a_torn_tail_is_saved_under_another_name_when_its_own_is_taken(folder, elsewhere, capsys, kind):
    text = journal(folder)
    lines = text.splitlines(keepends=True)
    put(folder, b"".join(lines[:40]) + lines[40][:9], None)
    (folder / "journal.jsonl.torn-41").write_bytes(b"precious\n")
    kind(folder / "journal.jsonl.torn-41", elsewhere)
    with untouched(elsewhere):
        answer = again(folder, capsys)
    check_answer(answer, 0)
    assert (folder / "journal.jsonl.torn-41.1").read_bytes() == lines[40][:9]
    assert journal(folder) == text


def test_row_17_a_folder_that_is_a_link_is_rejected_by_a_run_and_read_by_a_replay(folder, capsys):
    link = folder.with_name("link")
    link.symlink_to(folder)
    with untouched(folder):
        answer = again(link, capsys)
        check_answer(replayed(link, capsys), 0)
    check_answer(answer, 6)
    assert "is a link or not a folder" in answer.err


@ROOT_ONLY
def test_row_17_a_folder_of_another_user_is_rejected_by_a_run_and_read_by_a_replay(folder, capsys):
    os.chown(folder, STRANGER, STRANGER)
    with untouched(folder):
        answer = again(folder, capsys)
        check_answer(replayed(folder, capsys), 0)
    check_answer(answer, 6)
    assert "belongs to another user" in answer.err


@pytest.fixture
def reachable():
    """Makes a folder for a run that other users can read; tmp_path is closed to them."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@contextmanager
def powerless():
    """Makes file permissions effective in a `with` block: root becomes another user, anybody else stays the same."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(STRANGER)
    try:
        yield
    finally:
        os.seteuid(0)


def opened_up(folder, *, owner):
    """Lets everybody read a run, and gives it to a user."""
    (folder.parent / "small.yaml").chmod(0o644)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path == folder else 0o644)
        if os.geteuid() == 0:
            os.chown(path, owner, owner)


@ROOT_ONLY
def test_row_17_another_user_can_replay_a_run_but_not_continue_it(reachable, capsys):
    folder = finished(reachable)
    opened_up(folder, owner=0)
    check_answer(replayed(folder, capsys), 0)  # this imports all modules that the other user might not reach
    with untouched(folder), powerless():
        answers = [replayed(folder, capsys), again(folder, capsys)]
    check_answer(answers[0], 0)
    check_answer(answers[1], 6)
    assert "belongs to another user" in answers[1].err


@ROOT_ONLY
def test_row_17_a_replay_without_read_permission_reports_it(reachable, capsys):
    folder = finished(reachable)
    opened_up(folder, owner=0)
    (folder / "journal.jsonl").chmod(0o600)
    with powerless():
        answer = replayed(folder, capsys)
    check_answer(answer, 6)
    assert "journal.jsonl: cannot be read: Permission denied" in answer.err


@pytest.mark.parametrize("lost", [(), ("lock",), ("lock", "head"), NAMES])
def test_row_17_a_read_only_folder_is_rejected_by_a_run_and_read_by_a_replay(reachable, capsys, lost):
    folder = finished(reachable)
    for name in lost:
        (folder / name).unlink(missing_ok=True)
    opened_up(folder, owner=STRANGER)
    folder.chmod(0o555)
    replayed(folder, capsys)  # imports all modules that the other user might not reach
    with untouched(folder), powerless():
        answer, read = again(folder, capsys), replayed(folder, capsys)
    folder.chmod(0o755)
    check_answer(answer, 6)
    assert str(folder) in answer.err
    check_answer(read, 4 if "journal.jsonl" in lost else 0)


def mounted_read_only(folder, *command):
    """Runs a command in a mount namespace in which the folder is read-only. Code 99: no such namespace here."""
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 99; exec "$@"'
    words = ["unshare", "-rm", "sh", "-c", script, str(folder), *map(str, command)]
    try:
        found = subprocess.run(
            words, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    except FileNotFoundError:
        return Answer(99, "", "there is no unshare")
    return Answer(found.returncode, found.stdout, found.stderr)


def test_row_17_a_read_only_mount_is_rejected_by_a_run_and_read_by_a_replay(folder):
    run = ["run", folder.parent / "small.yaml", "--out", folder]
    with untouched(folder):
        answer, read = (
            mounted_read_only(folder, sys.executable, "-m", "safla", *words) for words in (run, ["replay", folder])
        )
    if answer.code == 99:
        pytest.skip(f"no mount namespace here: {answer.err.strip()}")
    check_answer(answer, 6)
    assert str(folder) in answer.err
    check_answer(read, 0)
