"""The tests that are named beside each planted bug must fail with it; if they pass, a test is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.mutation import ROOT, changed, copied
from tests.faults.planted import PLANTED, Planted
from tests.scale import some_of

SECONDS = 60
EVERY = 60  # `make test` plants one bug in so many


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which one file at a time is changed."""
    return copied(tmp_path_factory.mktemp("planted"))


def noticed(tree: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run the named tests in the copy; exit code 1 means that they ran and one failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=SECONDS, check=False)


def asked(release: bool) -> list[Planted]:
    """The planted bugs of this run: all of them in the long form (`make soak`)."""
    return PLANTED if release else PLANTED[::EVERY]


def test_every_row_names_a_source_text_that_occurs_exactly_once_in_its_file() -> None:
    stale = [one.name for one in PLANTED if (ROOT / "safla" / one.file).read_text().count(one.old) != 1]
    assert stale == []


def test_without_a_planted_bug_the_named_tests_pass(tree: Path, release: bool) -> None:
    found = noticed(tree, *sorted({one.tests for one in asked(release)}))
    assert found.returncode == 0, found.stdout[-2000:]


@some_of("planted", PLANTED, every=EVERY, ids=[one.name for one in PLANTED])
def test_the_named_tests_fail_with_the_planted_bug(tree: Path, planted: Planted) -> None:
    path = tree / "safla" / planted.file
    with changed(path, path.read_text().replace(planted.old, planted.new)):
        found = noticed(tree, planted.tests)
    assert found.returncode == 1, found.stdout[-2000:]
