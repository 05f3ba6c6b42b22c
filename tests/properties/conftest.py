"""What the properties share: the compiled loop, made once."""

import pytest

from safla.core import compile as compiling
from safla.core import engine


@pytest.fixture(scope="session")
def compiled() -> engine.Loop:
    """`engine.fold`, compiled (or out of the user's cache) once for all cases."""
    return compiling.compiled_loop()
