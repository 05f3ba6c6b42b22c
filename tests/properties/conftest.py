"""What the properties share: the compiled loop."""

import pytest

from safla.core import engine
from tests.compiled_engine import compiled_entry


@pytest.fixture(scope="session")
def compiled() -> engine.Loop:
    """`engine.fold` of the engine library."""
    return compiled_entry(engine.fold)
