"""The engine library for tests. Those that need it are skipped, with its reason, where it is not built."""

from collections.abc import Callable
from typing import Any

import pytest

from safla.compiled.library import Found, library
from safla.core.pure import Function
from safla.runs import engine_choice


def needs_library() -> None:
    """Skip the test where there is no library."""
    found = library()
    if found.library is None:
        pytest.skip(f"{found.reason}: make engine")


def without_library(patch: pytest.MonkeyPatch) -> None:
    """Interpret every run: for a test that puts another function in the place of one of the core."""
    patch.setattr(engine_choice, "library", lambda: Found(None, "runs are interpreted in this test"))


def compiled_entry(function: Function) -> Callable[..., Any]:
    """The compiled form of a function that is marked @entry_point."""
    found = library()
    if found.library is None:
        pytest.skip(f"{found.reason}: make engine")
    compiled = found.library.compiled(function)
    assert compiled is not None, "the library has every entry"
    return compiled
