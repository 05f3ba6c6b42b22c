"""What the tests of paper runs share: one small run, its words and its backtest, and runs in forks that can be killed.

    python -m tests.faults.paper CONFIG

takes lines `FOLDER SECONDS` from stdin: the paper run of CONFIG in that folder, in a fork of a process that has all
imported, killed so many seconds later (0: never). It answers each with the exit code (-9: killed) and the lines that a
listener was told of.
"""

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from safla.config.loader import load
from safla.errors import SaflaError
from safla.observe.update import Update
from safla.paper import runner
from safla.paper.runner import Listeners
from safla.runs.interrupt import Flag
from tests.faults.command import ROOT, Answer, inside
from tests.faults.invariants import check_answer, check_run
from tests.processes import Process
from tests.small_runs import journal

CONFIG = """\
mode: paper
paper: {source: replay, speed: max}
symbols: {primary: [BTC/USDT, ETH/USDT]}
market_data: {timeframe: 1h, lookback_candles: 12}
data: {source: synthetic, synthetic: {candles: 160, holes: 6}, start: 2024-01-01 15:00}
strategy: {fast_period: 3, slow_period: 8, entry_threshold_pct: 0, exit_threshold_pct: 0}
risk: {max_daily_loss_pct: 0.004, trailing_stop_pct: 0.03, max_drawdown_pct: 0.05}
"""
FEWER = CONFIG.replace("candles: 160, holes: 6", "candles: 40, holes: 2")

FILES = ("journal.jsonl", "head", "config.yaml", "summary.json")  # those that have the same bytes, whatever happened


class Undisturbed(NamedTuple):
    """A configuration, and the folder of the run that nothing happened to."""

    config: Path
    folder: Path

    @property
    def journal(self) -> bytes:
        """The bytes that every other must end in."""
        return journal(self.folder)

    def words(self, out: Path, *more: str) -> list[str | Path]:
        """The words of the command that runs it elsewhere."""
        return ["run", self.config, "--out", out, "--quiet", *more]


def undisturbed(place: Path, capsys: pytest.CaptureFixture[str], *, text: str = CONFIG) -> Undisturbed:
    """Run it as a paper run, which is its backtest byte for byte (promise 1)."""
    found = Undisturbed(place / "paper.yaml", place / "whole")
    found.config.write_text(text)
    check_answer(inside(capsys, *found.words(found.folder)), 0)
    backtest = ("--set", "mode=backtest", "--journal-detail", "candles", "--engine", "interpreted")
    check_answer(inside(capsys, *found.words(place / "backtest", *backtest)), 0)
    assert journal(place / "backtest") == found.journal
    return found


def check_part(part: Path, whole: Undisturbed) -> None:
    """What a fault leaves: a prefix of the journal, and no half file under its final name."""
    if (part / "journal.jsonl").exists():
        assert whole.journal.startswith(journal(part))
    if (part / "config.yaml").exists():
        assert (part / "config.yaml").read_bytes() == (whole.folder / "config.yaml").read_bytes()


def check_goes_on(answer: Answer, part: Path, whole: Undisturbed) -> None:
    """The same command again: exit 0, and the files of the undisturbed run."""
    check_answer(answer, 0)
    check_same(part, whole)
    check_run(part, max_positions=2)


def check_same(part: Path, whole: Undisturbed) -> None:
    """Every file that is a function of the run has its bytes; none is left as *.tmp."""
    for name in FILES:
        assert (part / name).read_bytes() == (whole.folder / name).read_bytes(), name
    assert not list(part.glob("*.tmp"))


def begin_half(part: Path, whole: Undisturbed, *, behind: int | None = None) -> None:
    """Put the first half of the journal there, or so many bytes of it, as a kill leaves them."""
    part.mkdir(mode=0o700)
    text = whole.journal
    size = text.index(b"\n", len(text) // 2) + 1 if behind is None else behind
    (part / "journal.jsonl").write_bytes(text[:size])
    (part / "journal.jsonl").chmod(0o600)


def process(words: Sequence[str | Path], **more: Any) -> "Process[bytes]":
    """The real command, started and not waited for."""
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(ROOT)}
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "safla", *map(str, words)]
    return Process(command, cwd=ROOT, env=environment, **{**silent, **more})


def answer_of(running: "Process[bytes]") -> Answer:
    """Its answer, once it has ended."""
    out, err = running.communicate(timeout=60)
    return Answer(running.returncode, out.decode(), err.decode())


# --- Runs in forks ---------------------------------------------------------------------------------------------------


class Died(NamedTuple):
    """How a run in a fork came to its end."""

    code: int
    acknowledged: int  # lines of the journal that a listener had been told of


class Forks:
    """A process with everything imported, that runs in forks and kills them."""

    def __init__(self, pipes: "Process[str]") -> None:
        self._pipes = pipes

    def run(self, folder: Path, *, killed_after: float = 0.0) -> Died:
        """One run; killed so many seconds after its fork, if it has not ended before."""
        assert self._pipes.stdin is not None
        assert self._pipes.stdout is not None
        self._pipes.stdin.write(f"{folder} {killed_after}\n")
        self._pipes.stdin.flush()
        return Died(*map(int, self._pipes.stdout.readline().split()))


@contextmanager
def forks(config: Path) -> Iterator[Forks]:
    """Such a process, for the length of a `with`."""
    command = [sys.executable, "-m", "tests.faults.paper", str(config)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with Process(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pipes:
        yield Forks(pipes)


def main(config: Path) -> None:
    """Answer the lines of stdin."""
    loaded = load(config)
    gc.freeze()  # a fork that collects would copy every page
    for line in sys.stdin:
        folder, seconds = line.split()
        acknowledged = Path(f"{folder}.acknowledged")
        acknowledged.write_bytes(b"0")
        child = os.fork()
        if child == 0:
            os._exit(_run_paper(loaded, Path(folder), acknowledged))
        killer = threading.Timer(float(seconds), os.kill, (child, signal.SIGKILL))
        if float(seconds):
            killer.start()
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # until it is reaped, its number is its own
        killer.cancel()
        if killer.is_alive():
            killer.join()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, int(acknowledged.read_bytes()), flush=True)


def _run_paper(loaded: Any, folder: Path, acknowledged: Path) -> int:
    """The exit code of a paper run, whose listener leaves the number of lines that it was told of."""
    descriptor = os.open(acknowledged, os.O_WRONLY)

    def note(one: Update) -> None:
        os.pwrite(descriptor, str(one.lines).encode(), 0)

    try:
        runner.run_paper(
            loaded, folder, force=False, say=lambda text: None, flag=Flag(),
            attach_listeners=lambda run, source: nullcontext(Listeners(note, lambda *trouble: None)),
        )  # fmt: skip
    except SaflaError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
