"""What the tests of faults share."""

from pathlib import Path

import pytest

from tests.faults.asking import GOOD, Ask
from tests.faults.command import inside


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys) -> Ask:
    """The real command in an empty folder of its own, once warm: what it imports is not what is timed."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    Path("good.yaml").write_text(GOOD)
    assert inside(capsys, "validate", "good.yaml").code == 0
    return lambda *arguments: inside(capsys, *arguments)
