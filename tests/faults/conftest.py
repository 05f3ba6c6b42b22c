"""What the tests of faults share."""

import subprocess
from pathlib import Path

import pytest

from tests.faults.command import inside
from tests.faults.invariants import GOOD, Ask


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys) -> Ask:
    """The real command in an empty folder of its own, once warm: what it imports is not what is timed."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    Path("good.yaml").write_text(GOOD)
    assert inside(capsys, "validate", "good.yaml").code == 0
    return lambda *arguments: inside(capsys, *arguments)


@pytest.fixture
def tiny(tmp_path):
    """A disk of its own, and how to give it another size."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")

    def sized(size):
        subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)

    yield place, sized
    subprocess.run(["umount", "-l", str(place)], check=True)
