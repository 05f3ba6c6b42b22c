"""SIGINT and SIGTERM: a flag while a journal is written (J29, Z22), elsewhere an end at once; never over a second."""

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from safla.data.files import panics
from safla.errors import Interrupted

EXIT_CODES: dict[int, int] = {signal.SIGINT: 130, signal.SIGTERM: 143}
LEAVING_SECONDS = 0.6  # from there on, for what is left to be closed
GRACE_SECONDS = 0.2  # that a flag may wait to be looked at; compiling the engine alone takes ten


class Flag:
    """Whether somebody asked the process to end, and by which signal."""

    def __init__(self, heeded: Callable[[], None] = lambda: None) -> None:
        """heeded: told that somebody looked, and leaves."""
        self.signal: int | None = None
        self._heeded = heeded

    def check(self) -> None:
        """Raise Interrupted if a signal came since."""
        if self.signal is not None:
            self._heeded()
            name = signal.Signals(self.signal).name
            raise Interrupted(
                f"interrupted by {name}: all is written, the same command goes on", EXIT_CODES[self.signal]
            )


def answered() -> None:
    """From now on either signal ends this process at once, in one line: there is nothing in hand that could be lost."""
    for number in EXIT_CODES:
        signal.signal(number, _end)


def ignored() -> None:
    """From now on neither signal does anything: the answer was given, and the interpreter is on its way out."""
    for number in EXIT_CODES:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def watched() -> Iterator[Flag]:
    """A flag that the two signals set, for the length of a `with`.

    A second signal ends the process at once; so does the first, GRACE_SECONDS later, where nobody looked at the flag. A
    run that ends so loses nothing: it is what a kill leaves behind, and that is recovered from (J42).
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
    """Say so where somebody listens, without the buffers that the interrupted code may be using, and go."""
    text = f"safla: interrupted by {signal.Signals(number).name}; start the same command again\n"
    with suppress(OSError, ValueError):
        stderr = panics.stderr()
        shown = "\x1b[?25h\n" if os.isatty(stderr) else ""  # a bar may have hidden the cursor
        if select.select([], [stderr], [], 0)[1]:
            os.write(stderr, (shown + text).encode("ascii"))
    os._exit(EXIT_CODES[number])
