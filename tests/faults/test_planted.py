"""Each planted bug is noticed by the tests that its row names; one that gets through is a missing test."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.planted import PLANTED, Planted

ROOT = Path(__file__).parents[2]
SECONDS = 60
OF_THE_TABLE = 25
COPIED = ("safla", "tests", "configs", "schemas", "pyproject.toml")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources and their tests, in which one file at a time is changed."""
    folder = tmp_path_factory.mktemp("planted")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


@contextmanager
def changed(path: Path, planted: Planted) -> Iterator[None]:
    """The file with the bug in it, for the length of a `with`."""
    text = path.read_text()
    assert text.count(planted.old) == 1, f"the row is stale: {planted.old}"
    try:
        _write(path, text.replace(planted.old, planted.new))
        yield
    finally:
        _write(path, text)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):  # Python would tell them apart by whole seconds
        compiled.unlink()


def noticed(tree: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """The named tests, in the copy: 1 where they ran and one failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=SECONDS, check=False)


def asked(release: bool) -> list[Planted]:
    """The bugs of FAULTS 5 each time, those that were added to them in the long form (make soak)."""
    return [one for one in PLANTED if release or one.number <= OF_THE_TABLE]


def test_every_row_names_a_text_that_stands_in_its_file_once() -> None:
    stale = [one.name for one in PLANTED if (ROOT / "safla" / one.file).read_text().count(one.old) != 1]
    assert stale == []


def test_without_a_bug_the_tests_that_are_named_pass(tree: Path, release: bool) -> None:
    found = noticed(tree, *sorted({one.tests for one in asked(release)}))
    assert found.returncode == 0, found.stdout[-2000:]


@pytest.mark.parametrize("planted", PLANTED, ids=[one.name for one in PLANTED])
def test_a_planted_bug_is_noticed(tree: Path, planted: Planted, release: bool) -> None:
    with changed(tree / "safla" / planted.file, planted):  # a row that is stale fails in any form
        if planted in asked(release):
            found = noticed(tree, planted.tests)
            assert found.returncode == 1, found.stdout[-2000:]
