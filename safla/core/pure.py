"""The decorator @pure, and the list of marked functions that compile.py reads. It rewrites no function (D2)."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

PURE: list[Callable[..., Any]] = []  # in the order of definition


def pure(function: Function) -> Function:
    """Record that a function of numbers and arrays can be compiled, and return it unchanged."""
    PURE.append(function)
    return function
