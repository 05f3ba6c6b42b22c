"""Fixtures for all rooms: real candles, where they lie beside the checkout."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_memory_of_exchanges() -> Iterator[None]:
    """Gate, breaker and ban are the process's (X6, K1): a test does not meet those that another left."""
    yield
    feed = sys.modules.get("safla.exchange.client")
    if feed is not None:
        feed._SHARED.clear()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real candles; a test that needs it is skipped without it."""
    folder = Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real candles: {folder} is absent")
    return folder
