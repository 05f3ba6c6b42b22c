"""A call of which nothing may depend: what it gives, or in a word why it gave nothing (FAULTS 32)."""

from collections.abc import Callable
from typing import TypeVar

Given = TypeVar("Given")

# All that Python, psutil (runtime/host.py) and sockets raise; what is left would end the process anyway.
WHATEVER = (
    ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, ImportError, LookupError, MemoryError,
    NameError, OSError, RuntimeError, SyntaxError, SystemError, TypeError, ValueError,
)  # fmt: skip


def tried(call: Callable[[], Given]) -> tuple[Given | None, str]:
    """What the call gives, and ""; or None, and what it raised."""
    try:
        return call(), ""
    except WHATEVER as error:
        return None, type(error).__name__
