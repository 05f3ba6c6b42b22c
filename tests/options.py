"""What holds for every test: options, the fixtures that use them, fixed seeds, a clean environment."""

import gc
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests import scale

GOLDEN = Path(__file__).parent / "golden"

SEED = 20_240_101
LONG_ROOMS = {"tests", "faults", "exchange", "peers", "paper", "runs", "properties"}

Golden = Callable[[str, str], None]

settings.register_profile("fixed", derandomize=True, deadline=None, print_blob=True)  # the same examples every time
settings.register_profile("wide", max_examples=2_000, deadline=None, print_blob=True)  # --hypothesis-profile wide
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--update-golden rewrites expected texts: by hand, on purpose, and the diff is explained (CONTRIBUTING.md)."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden and the generated parts of README.md"
    )
    parser.addoption("--scale", choices=["ci", "release"], default="ci", help="how much of what could go on for ever")
    parser.addoption("--seed", type=int, default=SEED, help="of everything drawn by chance in tests/faults")


def pytest_configure(config: pytest.Config) -> None:
    """No variable of the caller's shell changes a configuration or how text is laid out."""
    for name in list(os.environ):
        if name.startswith("SAFLA_") or name in {"COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "PYTHONWARNINGS"}:
            del os.environ[name]
    scale.exact = config.getoption("--scale") == "release"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `soak` belongs to make soak alone; elsewhere it is counted as deselected.

    The rooms whose files take longest come first, so that no worker is left with one of them at the end.
    """
    items.sort(key=lambda one: one.path.parent.name not in LONG_ROOMS)
    if config.getoption("--scale") == "release":
        return
    written = config.getoption("--update-golden")
    left = {one for one in items if one.get_closest_marker("soak") and not (written and _writes(one))}
    config.hook.pytest_deselected(items=list(left))
    items[:] = [one for one in items if one not in left]


def pytest_collection_finish() -> None:
    """The collector of garbage need not look through thousands of tests and modules, which stay, again and again."""
    gc.collect()
    gc.freeze()


def _writes(item: pytest.Item) -> bool:
    """Whether a test writes expected texts, so that --update-golden leaves none of them old."""
    return "update_golden" in getattr(item, "fixturenames", ())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A case of the compiled engine needs the library."""
    case = getattr(item, "callspec", None)
    if case is not None and case.params.get("engine") == "compiled":
        from tests.compiled_engine import needs_library  # no import of safla before its coverage is measured

        needs_library()


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two for each core: half of the tests wait for sockets and processes."""
    return 2 * (os.cpu_count() or 1)


def pytest_report_header(config: pytest.Config) -> str:
    """A figure or a failure can be had again: the seed is printed."""
    return f"scale {config.getoption('--scale')}, seed {config.getoption('--seed')}"


@pytest.fixture(scope="session")
def release(request: pytest.FixtureRequest) -> bool:
    """Whether the long form of a test is due (make soak), not the slice that fits a change."""
    return bool(request.config.getoption("--scale") == "release")


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """figure(line): what a test of docs/faults.md came to; with --scale release all of them are printed at the end."""
    return lambda line: request.node.user_properties.append(("figure", line))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The figures of a soak, a line each."""
    if config.getoption("--scale") != "release":
        return
    terminalreporter.section("figures")
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, line in report.user_properties:
            if name == "figure" and report.when == "call":
                terminalreporter.write_line(line)


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Chance that comes back the same, or another with --seed."""
    return random.Random(request.config.getoption("--seed"))


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
