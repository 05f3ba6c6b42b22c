"""The engine library for tests. Those that need it are skipped, with its reason, where it is not built."""

from collections.abc import Callable
from typing import Any

import pytest

from safla.compiled.library import library
from safla.core.pure import Function


def needs_library() -> None:
    """Skip the test where there is no library."""
    found = library()
    if found.library is None:
        pytest.skip(f"{found.reason}: make engine")


def compiled_entry(function: Function) -> Callable[..., Any]:
    """The compiled form of a function that is marked @entry_point."""
    found = library()
    if found.library is None:
        pytest.skip(f"{found.reason}: make engine")
    compiled = found.library.compiled(function)
    assert compiled is not None, "the library has every entry"
    return compiled
