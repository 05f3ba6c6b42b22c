"""Paper runs that take commands: one that no session has, and one that a thread has, at its first candles."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safla.errors import Interrupted
from safla.journal.encode import Input
from safla.observe.update import Update
from safla.paper import control
from safla.paper.control import Command, CommandKind
from safla.paper.session import first_hash
from safla.runs.interrupt import Flag
from tests.paper.paper_runs import journal, run_paper

TIMESTAMPS = 40  # of a run that was left
SECONDS = 10.0  # that a run may take to its first candle, or to a command


class Leaving(list[Update]):
    """A listener that has its run interrupted after a timestamp."""

    def __init__(self, flag: Flag) -> None:
        super().__init__()
        self._flag = flag

    def append(self, update: Update) -> None:
        """One timestamp more."""
        super().append(update)
        if len(self) == TIMESTAMPS:
            self._flag.signal = signal.SIGINT


def left(folder: Path, *sets: str) -> Path:
    """A run folder whose run was interrupted in the middle."""
    flag = Flag()
    with suppress(Interrupted):
        run_paper(folder, sets, updates=Leaving(flag), flag=flag)
    return folder


@contextmanager
def under_way(folder: Path) -> Iterator[None]:
    """A run that goes on in real time for the length of a `with`: it has folded what it can, and waits an hour."""
    flag, updates = Flag(), list[Update]()

    def go_on() -> None:
        with suppress(Interrupted):
            run_paper(folder, ("paper.speed=1x",), updates=updates, flag=flag)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        assert until(lambda: journal_is_there(folder) or not thread.is_alive())
        yield
    finally:
        flag.signal = signal.SIGINT
        thread.join()


def until(met: Callable[[], bool], *, seconds: float = SECONDS) -> bool:
    """Wait until something is so; False if it is not in time."""
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def journal_is_there(folder: Path) -> bool:
    """Whether the first line is whole."""
    return (folder / "journal.jsonl").exists() and b"\n" in journal(folder)


def by_operator(folder: Path) -> list[bytes]:
    """The lines that the commands of a person became, the end of the run apart."""
    own = (b'"rule":"operator"', b'"by":"operator"')
    return [line for line in journal(folder).splitlines() if any(one in line for one in own)]


def put(
    folder: Path, kind: CommandKind, *, note: str | None = None, halt: int | None = None, given: int = 0
) -> Command:
    """Leave a command for a run as `safla halt`, `resume` or `stop` do. given: when, ms; 0: now."""
    wall = time.time if given == 0 else lambda: given / 1000
    one = control.new_command(folder, kind, run=first_hash(folder / "journal.jsonl"), halt=halt, note=note, wall=wall)
    control.put_command(folder, one)
    return one


def waiting(folder: Path) -> tuple[Command, ...]:
    """The commands that no session has applied yet."""
    return control.requests(folder, run=first_hash(folder / "journal.jsonl")).commands


def taken(folder: Path, *, seconds: float = SECONDS) -> bool:
    """Wait until no command waits any more."""
    return until(lambda: waiting(folder) == (), seconds=seconds)


def by_hand(note: str | None = None, *, number: int = 1) -> Input:
    """What a command brings along, where a test applies it itself."""
    return Input(note, 1_704_000_000_000 + number, f"{number:04d}-by-hand")
