"""Fixtures for all rooms: real candles, where they lie beside the checkout."""

import ssl
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def no_memory_of_exchanges() -> Iterator[None]:
    """Gate, breaker and ban are the process's (X6, K1): a test does not meet those that another left."""
    yield
    feed = sys.modules.get("safla.exchange.client")
    if feed is not None:
        feed._SHARED.clear()


@pytest.fixture(scope="session", autouse=True)
def one_reading_of_the_certificates() -> Iterator[None]:
    """A client reads 140 certificates before it connects; those of the tests share what the first one read."""
    create = ssl.create_default_context

    @cache
    def of_file(cafile: str) -> ssl.SSLContext:
        return create(cafile=cafile)

    def shared(*purpose: Any, **given: Any) -> ssl.SSLContext:
        return create(*purpose, **given) if purpose or given.keys() != {"cafile"} else of_file(given["cafile"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", shared)
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real candles; a test that needs it is skipped without it."""
    folder = Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real candles: {folder} is absent")
    return folder
