"""Paper runs that can be asked for something: one that nobody has, and one that a thread has, at its first candles."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safla.errors import Interrupted
from safla.runtime.interrupt import Flag
from safla.runtime.onlookers.told import Told
from tests.runtime.paper_runs import journal, traded

TIMESTAMPS = 40  # of a run that was left
SECONDS = 10.0  # that a run may take to its first candle


class Leaving(list[Told]):
    """A listener that has its run interrupted behind a timestamp."""

    def __init__(self, flag: Flag) -> None:
        super().__init__()
        self._flag = flag

    def append(self, told: Told) -> None:
        """One timestamp more."""
        super().append(told)
        if len(self) == TIMESTAMPS:
            self._flag.signal = signal.SIGINT


def left(folder: Path, *sets: str) -> Path:
    """A run folder whose run was interrupted in the middle."""
    flag = Flag()
    with suppress(Interrupted):
        traded(folder, sets, told=Leaving(flag), flag=flag)
    return folder


@contextmanager
def under_way(folder: Path) -> Iterator[None]:
    """A run that goes on in real time for the length of a `with`: it has folded what it can, and waits an hour."""
    flag, told = Flag(), list[Told]()

    def go_on() -> None:
        with suppress(Interrupted):
            traded(folder, ("paper.speed=1x",), told=told, flag=flag)

    thread = threading.Thread(target=go_on)
    thread.start()
    end = time.monotonic() + SECONDS
    while not journal_is_there(folder) and thread.is_alive() and time.monotonic() < end:
        time.sleep(0.01)
    yield
    flag.signal = signal.SIGINT
    thread.join()


def journal_is_there(folder: Path) -> bool:
    """Whether the first line is whole."""
    return (folder / "journal.jsonl").exists() and b"\n" in journal(folder)


def by_operator(folder: Path) -> list[bytes]:
    """The lines that a person's wishes became."""
    own = (b'"rule":"operator"', b'"by":"operator"')
    return [line for line in journal(folder).splitlines() if any(one in line for one in own)]
