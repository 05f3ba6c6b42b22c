"""Row 1 of a paper run: SIGKILL at random moments, also during recovery: nothing that a listener saw is lost."""

import shutil
import time

import pytest

from tests.faults.command import safla
from tests.faults.invariants import check_answer, check_run
from tests.faults.paper import Undisturbed, answer_of, check_part, check_same, forks, process, undisturbed
from tests.small_runs import journal

KILLS = 10  # 1 000 with --scale release
IN_A_ROW = 5  # kills of one run before it may reach its end
COMMANDS = 2  # kills of the real command, in one run; three runs with --scale release


@pytest.fixture
def whole(tmp_path, capsys) -> Undisturbed:
    """An undisturbed paper run, and its backtest."""
    return undisturbed(tmp_path, capsys)


def check_acknowledged(folder, died):
    """I7: the journal holds every line that a listener was notified of."""
    there = journal(folder).count(b"\n") if (folder / "journal.jsonl").exists() else 0
    assert there >= died.acknowledged


def test_row_1_a_paper_run_killed_many_times_ends_in_the_bytes_of_the_uninterrupted_run(
    whole, tmp_path, chance, release, figure
):
    out, kills, met, number = tmp_path / "run", 1_000 if release else KILLS, 0, 0
    with forks(whole.config) as forked:
        forked.run(tmp_path / "first")  # lazy imports are done now
        began = time.monotonic()
        assert forked.run(tmp_path / "timed").code == 0
        seconds = time.monotonic() - began
        while met < kills:
            number += 1
            died = forked.run(out, killed_after=chance.uniform(0.001, 0.6) * seconds)
            check_acknowledged(out, died)
            met += died.code == -9
            check_part(out, whole)
            if number % IN_A_ROW == 0:
                assert forked.run(out).code == 0
                assert journal(out) == whole.journal
                shutil.rmtree(out)
    figure(f"row 1, paper: {met} kills of {number} runs, 0 lost")


def test_row_1_the_real_command_continues_after_kills_to_the_same_journal(whole, tmp_path, chance, release):
    began = time.monotonic()
    check_answer(safla(*whole.words(tmp_path / "timed")), 0)
    seconds = time.monotonic() - began
    runs = 3 if release else 1
    for number in range(COMMANDS * runs):
        out = tmp_path / f"run-{number // COMMANDS}"
        with process(whole.words(out)) as running:
            time.sleep(chance.uniform(0.4, 1.0) * seconds)
            running.kill()
            answer_of(running)
        check_part(out, whole)
    for out in (tmp_path / f"run-{number}" for number in range(runs)):
        check_answer(safla(*whole.words(out)), 0)
        check_same(out, whole)
        assert journal(out) == whole.journal
        check_run(out, max_positions=2)
