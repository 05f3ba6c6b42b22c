"""Rows 3, 15, 26 and 27 of a paper run: signals in each phase, two processes, clock jumps, a stopped process."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safla.clock import Clock
from safla.strategies.register import STRATEGIES
from tests.faults.command import ROOT, Answer, inside, safla
from tests.faults.invariants import check_answer, check_run, untouched
from tests.faults.paper import (
    FEWER,
    Undisturbed,
    answer_of,
    begin_half,
    check_goes_on,
    check_part,
    process,
    undisturbed,
)  # fmt: skip
from tests.paper.paper_runs import backtest_journal, run_paper
from tests.processes import Process
from tests.scale import bound, some_of
from tests.small_runs import journal

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SECONDS = 1.0  # from the signal to the end of the process (docs/faults.md)
TIMES = 30  # with --scale release

PHASES = {
    "importing": "safla.cli:_loaded",
    "reading candles": "safla.data.source:read",
    "planning": "safla.paper.runner:make_plan",
    "making the folder": "safla.runs.folder:make",
    "judging the journal": "safla.paper.runner:recover",
    "reading the journal": "safla.paper.runner:before_of",
    "folding what is there": "safla.paper.session:PaperSession.recover",
    "waiting": "safla.paper.runner:_next",
    "folding": "safla.runs.incremental:Live.fold",
    "appending": "safla.journal.append:Appender.append",
    "syncing": "safla.journal.append:_sync",
    "renewing head": "safla.journal.checkpoint:write_checkpoint",
    "looking for commands": "safla.paper.control:requests",
    "closing": "safla.paper.session:PaperSession.stop",
    "summing up": "safla.report.summary:summarise",
    "printing": "safla.cli.run:_print",
}


@pytest.fixture
def whole(tmp_path, capsys) -> Undisturbed:
    """An undisturbed paper run, and its backtest."""
    return undisturbed(tmp_path, capsys, text=FEWER)


def stopped(place: Path, number: int, target: str, *words: str | Path, times: int = 1, stuck: bool = False) -> Answer:
    """Run the command in a process that gets the signal as it enters the target; it must end within a second."""
    moment = place / "moment"
    moment.unlink(missing_ok=True)
    command = [str(number), str(times), str(int(stuck)), str(moment), target, *map(str, words)]
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.child", "signal", *command],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert time.monotonic() - float(moment.read_text()) < bound(SECONDS)
    return Answer(found.returncode, found.stdout.decode(), found.stderr.decode())


def check_stopped(answer: Answer, number: int) -> None:
    """The exit code is that of the signal, stderr is one line, and stdout is empty."""
    check_answer(answer, CODES[number])
    (line,) = answer.err.splitlines()
    assert line.startswith(f"safla: interrupted by {signal.Signals(number).name}")


@some_of("phase", PHASES, every=7)
def test_row_3_a_signal_in_any_phase_of_a_paper_run_ends_it_within_a_second(whole, tmp_path, capsys, phase, release):
    for number in CODES if release else [list(CODES)[list(PHASES).index(phase) % 2]]:
        for _ in range(TIMES if release else 1):
            out = tmp_path / "run"
            shutil.rmtree(out, ignore_errors=True)
            begin_half(out, whole)
            check_stopped(stopped(tmp_path, number, PHASES[phase], *whole.words(out)), number)
            check_part(out, whole)
        check_goes_on(inside(capsys, *whole.words(out)), out, whole)


@some_of("phase", ["folding", "syncing"], keep=("folding",))
def test_row_3_a_signal_ends_a_paper_run_within_a_second_in_a_phase_that_hangs(whole, tmp_path, capsys, phase):
    check_stopped(
        stopped(tmp_path, signal.SIGTERM, PHASES[phase], *whole.words(tmp_path / "run"), stuck=True), signal.SIGTERM
    )
    check_goes_on(inside(capsys, *whole.words(tmp_path / "run")), tmp_path / "run", whole)


def test_row_3_a_second_signal_ends_a_paper_run_at_once(whole, tmp_path, capsys):
    words = whole.words(tmp_path / "run")
    check_stopped(stopped(tmp_path, signal.SIGINT, PHASES["folding"], *words, times=2, stuck=True), signal.SIGINT)
    check_goes_on(inside(capsys, *words), tmp_path / "run", whole)


# --- Long-running processes ------------------------------------------------------------------------------------------


def started(words: list[str | Path], out: Path, **more: Any) -> "Process[bytes]":
    """Start the command and wait for the first lines of its journal."""
    running = process(words, **more)
    until = time.monotonic() + 20
    while not (out / "journal.jsonl").exists() or not (out / "journal.jsonl").stat().st_size:
        assert time.monotonic() < until
        time.sleep(0.005)
    return running


def check_ends(answer: Answer, out: Path, whole: Undisturbed) -> None:
    """The run ends with the same journal, although its speed was configured differently before or now."""
    check_answer(answer, 0)
    assert journal(out) == whole.journal
    check_run(out, max_positions=2)


PACED = "paper.speed=54000x"  # an hour of candles in 67 ms


def test_row_27_a_process_stopped_and_continued_processes_the_missed_candles_in_order(whole, tmp_path, capsys):
    out = tmp_path / "run"
    with started(whole.words(out, "--set", PACED), out) as running:
        running.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, running.pid, os.WSTOPPED | os.WNOWAIT)  # it may be in the middle of a write until then
        size = (out / "journal.jsonl").stat().st_size
        time.sleep(0.5)  # seven candles close meanwhile
        assert (out / "journal.jsonl").stat().st_size == size < len(whole.journal)
        running.send_signal(signal.SIGCONT)
        answer = answer_of(running)
    check_ends(answer, out, whole)


@pytest.mark.parametrize("option", [pytest.param((), marks=pytest.mark.soak), ("--force",)], ids=["same", "force"])
def test_row_15_a_second_paper_run_in_the_same_folder_is_exit_6_with_the_pid_of_the_first(
    whole, tmp_path, capsys, option
):
    out = tmp_path / "run"
    with started(whole.words(out, "--set", "paper.speed=1x"), out) as running:
        answer = safla(*whole.words(out, *option))
        running.send_signal(signal.SIGTERM)
        first = answer_of(running)
    check_answer(answer, 6)
    assert answer.err == f"safla: {out}: another process holds this run: pid {running.pid}\n"
    check_answer(first, 143)
    assert whole.journal.startswith(journal(out))
    with untouched(whole.folder):
        check_ends(inside(capsys, *whole.words(out)), out, whole)


def test_row_15_the_lock_of_a_killed_paper_run_does_not_block_a_new_start(whole, tmp_path, capsys):
    out = tmp_path / "run"
    with started(whole.words(out, "--set", "paper.speed=1x"), out) as running:
        running.kill()
        answer_of(running)
    assert (out / "lock").read_text() == f"{running.pid}\n"
    check_ends(inside(capsys, *whole.words(out)), out, whole)


@pytest.mark.parametrize("jump", [-3_600.0, 86_400.0, 1.0])
def test_row_26_jumps_of_the_wall_clock_change_no_decision_and_no_wait(tmp_path, monkeypatch, jump):
    """The wall clock jumps at each reading, wherever it is read; waits use the monotonic clock."""
    wall, looks, waits = time.time, [], []

    def jumping() -> float:
        looks.append(jump)
        return wall() + sum(looks)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(time, "time", jumping)
    clock = Clock(monotonic=lambda: 0.0, wall=jumping, sleep=sleep)
    run_paper(tmp_path / "paper", ("paper.speed=60x",), clock=clock)
    assert journal(tmp_path / "paper") == backtest_journal(tmp_path / "backtest")
    assert np.diff(waits[1:]).tolist() == pytest.approx([waits[2] - waits[1]] * (len(waits) - 2))  # a minute a candle


def test_row_27_a_slow_strategy_delays_candles_and_does_not_change_the_journal(tmp_path):
    slow, asked = STRATEGIES["sma_crossover"], []

    def columns(candles: Any, parameters: Any) -> Any:
        asked.append(len(candles.ts))
        if len(asked) in (20, 60):
            time.sleep(0.3)
        return slow.columns(candles, parameters)

    register = {**STRATEGIES, "sma_crossover": slow._replace(columns=columns, window=slow.warm_up, fold=None)}
    run_paper(tmp_path / "paper", ("paper.speed=360000x",), register=register)
    assert len(asked) > 100
    assert journal(tmp_path / "paper") == backtest_journal(tmp_path / "backtest")
    assert np.diff(asked).max() >= 0
