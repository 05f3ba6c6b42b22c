"""The builder of the engine library, in the environment that `make engine` keeps for it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from safla.compiled import library as library_module
from safla.compiled.builder import PLATFORMS
from safla.compiled.library import LIBRARY, MANIFEST
from tests.compiled_engine import needs_library
from tests.tidy.source import ROOT

BUILDER = Path(sys.prefix) / "engine" / "bin" / "python"


def built(folder: Path, *options: str) -> Path:
    """Build into a folder. The test is skipped where there is no compiler."""
    if not BUILDER.exists():
        pytest.skip(f"{BUILDER} is absent: make engine")
    command = [str(BUILDER), "-m", "safla.compiled.builder", "--to", str(folder), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "No module named ziglang" in done.stderr:
        pytest.skip("ziglang is not installed there, and `cc` cannot link for other platforms")
    assert done.returncode == 0, done.stderr
    return folder / LIBRARY


@pytest.mark.soak
def test_the_same_sources_give_the_same_library(tmp_path: Path) -> None:
    needs_library()
    again = built(tmp_path / "again")
    here = Path(library_module.__file__).with_name(LIBRARY)
    assert again.read_bytes() == here.read_bytes()
    assert (tmp_path / "again" / MANIFEST).read_bytes() == here.with_name(MANIFEST).read_bytes()
    assert {path.name for path in again.parent.iterdir()} == {LIBRARY, MANIFEST}


@pytest.mark.soak
@pytest.mark.parametrize("target", PLATFORMS)
def test_a_library_for_every_platform_is_emitted_and_linked(tmp_path: Path, target: str) -> None:
    code = built(tmp_path / target, "--target", target).read_bytes()
    assert code[:4] == (b"\xcf\xfa\xed\xfe" if "macos" in target else b"\x7fELF")
    assert len(code) < 500_000
    assert json.loads((tmp_path / target / MANIFEST).read_text())["platform"] == PLATFORMS[target].platform
