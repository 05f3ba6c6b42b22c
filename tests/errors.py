"""Errors that tests expect: recognised by class and code, so that a text can be reworded (docs/errors.md)."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from safla.errors import SaflaError


@contextmanager
def raises_code(
    kind: type[SaflaError], code: str, *, match: str | None = None
) -> Iterator[pytest.ExceptionInfo[SaflaError]]:
    """`pytest.raises` for an error with this code. match: what its text says besides, where that is the point."""
    with pytest.raises(kind, match=match) as caught:
        yield caught
    assert caught.value.code == code, caught.value
