"""Row 3: SIGINT and SIGTERM in each phase: 130 and 143 within a second, one line, and the same command continues."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.command import ROOT, Answer, inside
from tests.faults.invariants import check_answer, check_run
from tests.scale import bound, some_of
from tests.small_runs import SMALL

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SECONDS = 1.0  # from the signal to the end of the process (docs/faults.md)
TIMES = 36  # with --scale release: 14 phases, 2 signals, a thousand stops

PHASES = {
    "importing": "safla.cli:_loaded",
    "validating": "safla.config.loader:load",
    "reading candles": "safla.data.source:read",
    "planning": "safla.runs.backtest:make_plan",
    "making the folder": "safla.runs.folder:make",
    "recovering": "safla.runs.backtest:recover",
    "writing the inputs": "safla.runs.backtest:_write_inputs",
    "folding": "safla.core.engine:advance",
    "appending": "safla.journal.append:Appender.append",
    "syncing": "safla.journal.append:_sync",
    "renewing head": "safla.journal.checkpoint:write_checkpoint",
    "summing up": "safla.report.summary:summarise",
    "writing the summary": "safla.report.summary:write_summary",
    "printing": "safla.cli.run:_print",
}


class Stopped(NamedTuple):
    """The result of a command, and the seconds from the signal to its end."""

    answer: Answer
    seconds: float


def stopped(
    place: Path, number: int, target: str, *words: str | Path, times: int = 1, stuck: bool = False, cache: Path
) -> Stopped:
    """Run `safla WORDS` in a process that gets the signal as it enters the target."""
    moment = place / f"moment-{number}-{stuck}"
    moment.unlink(missing_ok=True)
    command = [str(number), str(times), str(int(stuck)), str(moment), target, *map(str, words)]
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.child", "signal", *command],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache)}, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    seconds = time.monotonic() - float(moment.read_text())
    return Stopped(Answer(found.returncode, found.stdout.decode(), found.stderr.decode()), seconds)


def check_stopped(found: Stopped, number: int) -> None:
    """The exit code is that of the signal, in time; stderr is one line, and stdout is empty."""
    check_answer(found.answer, CODES[number])
    (line,) = found.answer.err.splitlines()
    assert line.startswith(f"safla: interrupted by {signal.Signals(number).name}")
    assert found.seconds < bound(SECONDS)


@pytest.fixture
def half(tmp_path, capsys):
    """A folder with a configuration, its undisturbed run, and the first half of that run with a torn last line."""
    (tmp_path / "small.yaml").write_text(SMALL.replace("candles: 900", "candles: 300"))
    assert inside(capsys, "run", tmp_path / "small.yaml", "--out", tmp_path / "whole", "--quiet").code == 0
    begin(tmp_path)
    return tmp_path


def begin(half: Path) -> None:
    """Replace the run folder by the first half of the undisturbed run."""
    shutil.rmtree(half / "run", ignore_errors=True)
    shutil.copytree(half / "whole", half / "run")
    for name in ("head", "summary.json", "config.yaml"):
        (half / "run" / name).unlink()
    text = (half / "whole" / "journal.jsonl").read_bytes()
    (half / "run" / "journal.jsonl").write_bytes(text[: len(text) // 2])


def goes_on(half, capsys):
    """The same command again writes the files of the undisturbed run, and the invariants hold."""
    assert inside(capsys, "run", half / "small.yaml", "--out", half / "run", "--quiet").code == 0
    for name in ("journal.jsonl", "head", "summary.json", "config.yaml", "candles.parquet"):
        assert (half / "run" / name).read_bytes() == (half / "whole" / name).read_bytes(), name
    check_run(half / "run", max_positions=2)


@some_of("phase", PHASES, every=7)
def test_row_3_a_signal_in_any_phase_ends_a_run_within_a_second_and_a_restart_completes_it(
    half, capsys, phase, release, figure
):
    sent = list(CODES) if release else [list(CODES)[list(PHASES).index(phase) % 2]]
    words = ("run", half / "small.yaml", "--out", half / "run", "--engine", "interpreted", "--quiet")
    for number in sent:
        worst = 0.0
        for _ in range(TIMES if release else 1):
            begin(half)
            found = stopped(half, number, PHASES[phase], *words, cache=half)
            check_stopped(found, number)
            worst = max(worst, found.seconds)
        name = signal.Signals(number).name
        figure(f"row 3, {phase}: {worst * 1000:.0f} ms at most from {name} to the end")
        goes_on(half, capsys)


@some_of("phase", ["folding", "syncing"], keep=("syncing",))
def test_row_3_a_signal_ends_a_run_within_a_second_in_a_phase_that_hangs(half, capsys, phase, release):
    sent = list(CODES) if release else [signal.SIGTERM]
    words = ("run", half / "small.yaml", "--out", half / "run", "--engine", "interpreted", "--quiet")
    for number in sent:
        begin(half)
        check_stopped(stopped(half, number, PHASES[phase], *words, stuck=True, cache=half), number)
        goes_on(half, capsys)


def test_row_3_a_signal_is_reported_while_stderr_is_captured_from_a_library(half, capsys):
    words = ("run", half / "small.yaml", "--out", half / "run", "--engine", "interpreted", "--quiet")
    found = stopped(half, signal.SIGINT, "polars:read_parquet", *words, stuck=True, cache=half)
    check_stopped(found, signal.SIGINT)
    goes_on(half, capsys)


def test_row_3_candles_processed_before_the_signal_are_written_and_head_is_renewed(half, capsys):
    """J29: the current block is finished and synced, and head is renewed."""
    words = ("run", half / "small.yaml", "--out", half / "run", "--engine", "interpreted", "--quiet")
    found = stopped(half, signal.SIGTERM, PHASES["folding"], *words, cache=half)
    assert "everything is saved; run the same command again" in found.answer.err
    whole = (half / "whole" / "journal.jsonl").read_bytes()
    part = (half / "run" / "journal.jsonl").read_bytes()
    assert whole.startswith(part)
    assert len(part) > len(whole) // 2
    assert (half / "run" / "head").exists()
    goes_on(half, capsys)


@pytest.mark.parametrize("number", CODES)
def test_row_3_a_second_signal_ends_the_process_at_once(half, capsys, number):
    words = ("run", half / "small.yaml", "--out", half / "run", "--engine", "interpreted", "--quiet")
    check_stopped(stopped(half, number, PHASES["folding"], *words, times=2, stuck=True, cache=half), number)
    goes_on(half, capsys)


@some_of(
    ("words", "target"),
    [
        (("replay", "whole"), "safla.runs.replay:replay_run"),
        (("replay", "whole"), "safla.core.engine:advance"),
        (("validate", "small.yaml"), "safla.config.loader:load"),
        (("init", "new.yaml"), "safla.cli:_loaded"),
        (("schema",), "safla.cli:_loaded"),
    ],
    every=2,
)
def test_row_3_a_signal_ends_a_command_without_a_journal_at_once_in_one_line(half, release, words, target):
    for number in CODES if release else [signal.SIGINT if words[0] == "validate" else signal.SIGTERM]:
        found = stopped(half, number, target, words[0], *(half / word for word in words[1:]), stuck=True, cache=half)
        check_stopped(found, number)
    assert not (half / "new.yaml").exists()
