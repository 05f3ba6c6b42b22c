"""The mark of a pure function, and the register that compile.py reads. Nothing is rewritten here (D2)."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

PURE: list[Callable[..., Any]] = []  # in the order of definition


def pure(function: Function) -> Function:
    """Record a function of numbers and arrays as one that can be compiled, and return it unchanged."""
    PURE.append(function)
    return function
