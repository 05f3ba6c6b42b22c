"""SIGINT and SIGTERM set a flag and nothing else; whoever works looks at it between two blocks (J29, Z22)."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from safla.errors import Interrupted

EXIT_CODES: dict[int, int] = {signal.SIGINT: 130, signal.SIGTERM: 143}


class Flag:
    """Whether somebody asked the process to end, and by which signal."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def check(self) -> None:
        """Raise Interrupted if a signal came since."""
        if self.signal is not None:
            name = signal.Signals(self.signal).name
            raise Interrupted(
                f"interrupted by {name}: all is written, the same command goes on", EXIT_CODES[self.signal]
            )


@contextmanager
def watched() -> Iterator[Flag]:
    """A flag that the two signals set, for the length of a `with`. A second signal ends the process at once."""
    flag = Flag()

    def note(number: int, _frame: FrameType | None) -> None:
        if flag.signal is not None:
            os._exit(EXIT_CODES[flag.signal])
        flag.signal = number

    before = {number: signal.signal(number, note) for number in EXIT_CODES}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
