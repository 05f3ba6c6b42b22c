"""SIGINT and SIGTERM: they set a flag while a journal is written (J29, Z22), else end the process; within a second."""

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from safla.data.files import panics
from safla.errors import Interrupted

EXIT_CODES: dict[int, int] = {signal.SIGINT: 130, signal.SIGTERM: 143}
LEAVING_SECONDS = 0.6  # from the check of a set flag, to close files; then the process ends in any case
GRACE_SECONDS = 0.2  # from the signal to the next check of the flag; compiling the engine alone takes 10 s


class Flag:
    """Holds the signal that asked the process to end, if one came."""

    def __init__(self, heeded: Callable[[], None] = lambda: None) -> None:
        """heeded: is called when a check finds the flag set and the run is about to end."""
        self.signal: int | None = None
        self._heeded = heeded

    def check(self) -> None:
        """Raise Interrupted if a signal came."""
        if self.signal is not None:
            self._heeded()
            name = signal.Signals(self.signal).name
            raise Interrupted(
                f"interrupted by {name}: everything is saved; run the same command again to continue",
                EXIT_CODES[self.signal],
            )


def answered() -> None:
    """From now on either signal ends this process at once, with a line on stderr: no work could be lost."""
    for number in EXIT_CODES:
        signal.signal(number, _end)


def ignored() -> None:
    """From now on both signals are ignored: the command has done its work, and the interpreter is about to exit."""
    for number in EXIT_CODES:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def watched() -> Iterator[Flag]:
    """A flag that the two signals set, for the length of a `with`.

    A second signal ends the process at once. The first one does so too if the flag is not checked within GRACE_SECONDS.
    A run that ends like this loses nothing: it leaves what a kill leaves, and the next start recovers it (J42).
    """

    def leaving() -> None:
        signal.setitimer(signal.ITIMER_REAL, LEAVING_SECONDS)

    flag = Flag(leaving)

    def note(number: int, frame: FrameType | None) -> None:
        if flag.signal is not None:
            _end(flag.signal, frame)
        flag.signal = number
        signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    def late(_number: int, frame: FrameType | None) -> None:
        if flag.signal is not None:
            _end(flag.signal, frame)

    handlers = {**dict.fromkeys(EXIT_CODES, note), signal.SIGALRM: late}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield flag
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> None:
    """Write a line to stderr if that does not block, and exit. The interrupted code may be using Python's buffers."""
    text = f"safla: interrupted by {signal.Signals(number).name}; start the same command again\n"
    with suppress(OSError, ValueError):
        stderr = panics.stderr()
        shown = "\x1b[?25h\n" if os.isatty(stderr) else ""  # a progress bar may have hidden the cursor
        if select.select([], [stderr], [], 0)[1]:
            os.write(stderr, (shown + text).encode("ascii"))
    os._exit(EXIT_CODES[number])
