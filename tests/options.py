"""What holds for every test: the option --update-golden, the fixture that uses it, fixed seeds, a clean environment."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

GOLDEN = Path(__file__).parent / "golden"

Golden = Callable[[str, str], None]

settings.register_profile("fixed", derandomize=True, deadline=None, print_blob=True)  # the same examples every time
settings.register_profile("wide", max_examples=2_000, deadline=None, print_blob=True)  # --hypothesis-profile wide
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--update-golden rewrites expected texts: by hand, on purpose, and the diff is explained (STYLE 6)."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden and the generated parts of README.md"
    )


def pytest_configure() -> None:
    """No variable of the caller's shell changes a configuration or how text is laid out."""
    for name in list(os.environ):
        if name.startswith("SAFLA_") or name in {"COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "PYTHONWARNINGS"}:
            del os.environ[name]


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether expected texts are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def golden(update_golden: bool) -> Golden:
    """golden(name, text): the text is that of tests/golden/<name>, byte for byte."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if update_golden:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        assert path.exists(), f"tests/golden/{name} is missing; python -m pytest --update-golden writes it"
        assert text == path.read_bytes().decode(), f"tests/golden/{name} differs"

    return compare
