"""Rows 11, 12 and 29 of a paper run: a host short of a resource. One line, exit 6, and nothing is lost."""

import os
import resource
import shutil
import signal
from pathlib import Path

import pytest

from tests.faults.command import MIB, inside, limited, safla, without
from tests.faults.invariants import check_answer, check_refused
from tests.faults.paper import FEWER, Undisturbed, check_goes_on, check_part, undisturbed
from tests.small_runs import journal


@pytest.fixture
def whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Undisturbed:
    """An undisturbed paper run, and its backtest."""
    return undisturbed(tmp_path, capsys, text=FEWER)


def test_row_11_a_full_disk_is_exit_6_and_the_paper_run_continues_when_there_is_room(whole, capsys, tiny):
    place, sized = tiny
    for size in ("4k", "16k", "28k"):
        sized(size)
        answer = inside(capsys, *whole.words(place / "run"))
        check_answer(answer, 6)
        assert "No space left on device" in answer.err or "the disk is full" in answer.err
        check_part(place / "run", whole)
        if (place / "run" / "journal.jsonl").exists():
            assert journal(place / "run")[-1:] in (b"", b"\n")
    sized("4m")
    check_goes_on(inside(capsys, *whole.words(place / "run")), place / "run", whole)


def test_row_11_a_full_stdout_is_exit_6_and_the_journal_of_the_paper_run_is_complete(whole, tmp_path, capsys):
    answer = safla(*whole.words(tmp_path / "run"), first=lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 1))
    check_answer(answer, 6)
    assert answer.err == "safla: No space left on device\n"
    assert journal(tmp_path / "run") == whole.journal
    check_goes_on(inside(capsys, *whole.words(tmp_path / "run")), tmp_path / "run", whole)


def test_row_12_an_interrupted_call_has_no_effect_on_a_paper_run(whole, tmp_path, capsys):
    """EINTR: a signal whose handler does not restart system calls arrives a thousand times a second."""
    came = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: came.append(number))
    signal.siginterrupt(signal.SIGALRM, True)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        answer = inside(capsys, *whole.words(tmp_path / "run"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert came
    check_answer(answer, 0)
    assert journal(tmp_path / "run") == whole.journal


@pytest.mark.parametrize("mib", [96, 400, 1_200])
def test_row_29_too_little_address_space_is_rejected_and_leaves_the_journal_unchanged(whole, tmp_path, capsys, mib):
    run = half_run(whole, tmp_path)
    before = journal(run)
    check_refused(
        safla(*whole.words(run), first=limited(resource.RLIMIT_AS, mib * MIB)), "MiB of address space; raise ulimit"
    )
    assert journal(run) == before
    check_goes_on(inside(capsys, *whole.words(run)), run, whole)


def test_row_29_a_paper_run_without_threads_is_rejected_and_leaves_the_journal_unchanged(whole, tmp_path, capsys):
    run = half_run(whole, tmp_path)
    before = journal(run)
    check_refused(without("threads", *whole.words(run)), "0 threads can be started, ")
    assert journal(run) == before
    check_goes_on(inside(capsys, *whole.words(run)), run, whole)


@pytest.mark.parametrize("package", ["loguru", "prometheus_client"])
def test_row_29_a_missing_package_of_a_paper_run_is_reported_with_the_pip_command(whole, tmp_path, capsys, package):
    run = half_run(whole, tmp_path)
    before = journal(run)
    asked = () if package == "loguru" else ("--set", "monitoring.prometheus={bind: 127.0.0.1, port: 65535}")
    check_refused(without(package, *whole.words(run, *asked)), "in the clone of safla: python -m pip install ")
    assert journal(run) == before
    check_goes_on(inside(capsys, *whole.words(run)), run, whole)


def half_run(whole: Undisturbed, place: Path) -> Path:
    """Put the first half of a run into its own folder."""
    run = place / "run"
    shutil.copytree(whole.folder, run)
    for name in ("head", "summary.json"):
        (run / name).unlink()
    lines = whole.journal.splitlines(keepends=True)
    (run / "journal.jsonl").write_bytes(b"".join(lines[: len(lines) // 2]))
    return run
