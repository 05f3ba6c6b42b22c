"""Fixtures for all rooms: real candles, where they lie beside the checkout."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real candles; a test that needs it is skipped without it."""
    folder = Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real candles: {folder} is absent")
    return folder
