"""`python -m safla` executes no module of the current folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.command import ROOT, SECONDS
from tests.small_runs import SMALL

MARKER = "executed"
MODULES = (
    "numba", "numpy", "polars", "orjson", "msgspec", "pydantic", "click", "loguru", "ccxt", "aiohttp", "rich", "psutil",
    "transitions", "json", "typing", "signal", "tempfile", "prometheus_client",
)  # fmt: skip  # not contextlib, functools and types, which `python -m` imports before any line of safla
PACKAGES = ("ruamel", "pydantic_core", "llvmlite")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Makes a folder with a configuration and with modules that write a marker file when they are executed."""
    (tmp_path / "config.yaml").write_text(SMALL)
    code = f"open({str(tmp_path / MARKER)!r}, 'a').write(__name__ + ' ')\n"
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(code)
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code)
    return tmp_path


def in_folder(folder: Path, *words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs Python in a folder with only the given environment variables."""
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment or {}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=SECONDS, check=False,
    )  # fmt: skip


COMMANDS = {
    "validate": ("validate", "config.yaml"),
    "run": ("run", "config.yaml", "--out", "run", "--quiet", "--engine", "interpreted"),
    "doctor": ("doctor", "--set", "data.source=synthetic"),
    "version": ("--version",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_module_of_the_current_folder_is_executed(hostile, command):
    answer = in_folder(hostile, "-m", "safla", *COMMANDS[command])
    assert answer.returncode == 0, answer.stderr
    assert not (hostile / MARKER).exists(), (hostile / MARKER).read_text()


def test_python_with_option_c_does_execute_modules_of_the_current_folder(hostile):
    """This proves that the test above can fail: with `python -c`, Python itself puts the current folder first."""
    in_folder(hostile, "-c", "import safla.cli")
    assert (hostile / MARKER).exists()


def test_a_folder_that_the_user_puts_on_pythonpath_stays_there(hostile, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    words = ("-m", "safla", "--version")
    assert in_folder(elsewhere, *words, environment={"PYTHONPATH": str(hostile)}).returncode != 0
    assert (hostile / MARKER).exists()


def test_a_clone_runs_without_being_installed(tmp_path):
    """safla is found only in the current folder, and its modules after that through its package folder."""
    (tmp_path / "safla").symlink_to(ROOT / "safla")
    packages = [place for place in sys.path if place.endswith("site-packages")]
    driver = f"import runpy, sys; sys.path[1:1] = {packages!r}; sys.argv = ['safla', '--version']; "
    driver += "runpy.run_module('safla', run_name='__main__', alter_sys=True)"
    answer = in_folder(tmp_path, "-S", "-c", driver)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("safla")
