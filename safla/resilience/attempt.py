"""A call of which nothing may depend: what it gives, or in a word why it gave nothing (FAULTS 32)."""

from collections.abc import Callable
from typing import TypeVar

Given = TypeVar("Given")


def tried(call: Callable[[], Given]) -> tuple[Given | None, str]:
    """What the call gives, and ""; or None, and the name of what it raised."""
    try:
        return call(), ""
    except Exception as error:  # noqa: BLE001 - whatever it was, the others go on
        return None, type(error).__name__
