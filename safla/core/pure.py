"""The decorators @pure and @entry_point, and the lists of marked functions that compiled/builder.py reads (D2)."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

PURE: list[Callable[..., Any]] = []  # in the order of definition
ENTRY_POINTS: list[Callable[..., Any]] = []  # those that Python calls in their compiled form


def pure(function: Function) -> Function:
    """Record that a function of numbers and arrays can be compiled, and return it unchanged."""
    PURE.append(function)
    return function


def entry_point(function: Function) -> Function:
    """The same for a function that the engine library offers. Its annotations say what it takes and returns."""
    ENTRY_POINTS.append(function)
    return pure(function)


def interpreted(function: Function) -> Function:
    """The function itself, where `compiled.library.fastest` would give its compiled form."""
    return function


def entry_point_name(function: Callable[..., Any]) -> str:
    """The name by which the library knows an entry: `safla.core.engine:fold`."""
    return f"{function.__module__}:{function.__qualname__}"
