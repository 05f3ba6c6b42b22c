"""Each planted bug is noticed by the tests that its row names; one that gets through is a missing test."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.planted import PLANTED, Planted

ROOT = Path(__file__).parents[2]
SECONDS = 60


@pytest.mark.parametrize("planted", PLANTED, ids=[one.name for one in PLANTED])
def test_a_planted_bug_is_noticed(tmp_path: Path, planted: Planted) -> None:
    for name in ("safla", "tests", "configs", "schemas"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "safla" / planted.file
    text = path.read_text()
    assert text.count(planted.old) == 1, f"the row is stale: {planted.old}"
    path.write_text(text.replace(planted.old, planted.new))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", planted.tests]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert found.returncode == 1, found.stdout[-2000:]  # 1: tests ran, and one failed
