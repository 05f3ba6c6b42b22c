"""Each planted bug is noticed by the tests that its row names; one that gets through is a missing test."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.mutation import ROOT, changed, copied
from tests.faults.planted import PLANTED, Planted
from tests.scale import some_of

SECONDS = 60
EVERY = 40  # of the bugs, one in so many is planted in `make test`


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which one file at a time is changed."""
    return copied(tmp_path_factory.mktemp("planted"))


def noticed(tree: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """The named tests, in the copy: 1 where they ran and one failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=SECONDS, check=False)


def asked(release: bool) -> list[Planted]:
    """All of them in the long form (make soak)."""
    return PLANTED if release else PLANTED[::EVERY]


def test_every_row_names_a_text_that_stands_in_its_file_once() -> None:
    stale = [one.name for one in PLANTED if (ROOT / "safla" / one.file).read_text().count(one.old) != 1]
    assert stale == []


def test_without_a_bug_the_tests_that_are_named_pass(tree: Path, release: bool) -> None:
    found = noticed(tree, *sorted({one.tests for one in asked(release)}))
    assert found.returncode == 0, found.stdout[-2000:]


@some_of("planted", PLANTED, every=EVERY, ids=[one.name for one in PLANTED])
def test_a_planted_bug_is_noticed(tree: Path, planted: Planted) -> None:
    path = tree / "safla" / planted.file
    with changed(path, path.read_text().replace(planted.old, planted.new)):
        found = noticed(tree, planted.tests)
    assert found.returncode == 1, found.stdout[-2000:]
