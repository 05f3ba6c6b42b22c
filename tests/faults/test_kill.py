"""Row 1: SIGKILL of the real command at random moments: the same command ends in the undisturbed bytes."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runs import SMALL, journal

ROOT = Path(__file__).parents[2]
KILLS = 12  # make soak: 1 000
SEED = 20_240_101


def command(config, out):
    return [sys.executable, "-m", "safla", "run", str(config), "--out", str(out), "--engine", "interpreted", "--quiet"]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A configuration whose run takes a while, its undisturbed journal, and how long it took."""
    folder = tmp_path_factory.mktemp("kill")
    config = folder / "long.yaml"
    config.write_text(SMALL.replace("candles: 900", "candles: 30000"))
    began = time.monotonic()
    subprocess.run(command(config, folder / "undisturbed"), check=True, cwd=ROOT, capture_output=True)
    return config, journal(folder / "undisturbed"), time.monotonic() - began


def test_row_1_a_run_that_is_killed_again_and_again_ends_in_the_bytes_of_one_that_was_not(killed, tmp_path):
    config, undisturbed, seconds = killed
    chance = random.Random(SEED)
    for _ in range(KILLS):
        with subprocess.Popen(command(config, tmp_path / "run"), cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            time.sleep(chance.uniform(0.3, 1.0) * seconds)
            process.kill()
        path = tmp_path / "run" / "journal.jsonl"
        assert not path.exists() or undisturbed.startswith(path.read_bytes())
    found = subprocess.run(command(config, tmp_path / "run"), cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert journal(tmp_path / "run") == undisturbed
    assert not list((tmp_path / "run").glob("*.tmp"))
