"""Rows 11 to 13: a full disk, a short write, an error of the disk: exit 6, whole lines, and nothing is lost."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from safla.errors import HostError
from safla.journal import append
from tests.runs import SMALL, journal, run, small

ROOT = Path(__file__).parents[2]


@pytest.fixture
def undisturbed(tmp_path, monkeypatch):
    monkeypatch.setattr(append, "BATCH", 20_000)
    run(small(tmp_path), tmp_path / "undisturbed")
    return journal(tmp_path / "undisturbed")


def goes_on(tmp_path, undisturbed):
    """The file ended at a whole line, and the same run ends in the same bytes."""
    part = journal(tmp_path / "run")
    assert undisturbed.startswith(part)
    assert part == b"" or part.endswith(b"\n")
    run(small(tmp_path), tmp_path / "run")
    assert journal(tmp_path / "run") == undisturbed


def test_row_11_a_full_disk_is_exit_6_in_one_line_and_the_file_ends_at_a_whole_line(tmp_path):
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    command = [sys.executable, "-m", "safla", "run", str(config), "--out", str(tmp_path / "run"), "--quiet"]
    limit = 150_000  # bytes of a file: less than the journal, more than the candles

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=little_room, check=False)
    assert found.returncode == 6
    assert found.stdout == ""
    assert len(found.stderr.splitlines()) == 1
    assert "journal.jsonl: cannot be written" in found.stderr
    run(small(tmp_path), tmp_path / "undisturbed")
    goes_on(tmp_path, journal(tmp_path / "undisturbed"))


def test_row_12_a_short_write_is_cut_back(tmp_path, undisturbed, monkeypatch):
    write, writes = os.write, []

    def short(descriptor, data):
        writes.append(len(data))
        return write(descriptor, data[:-1]) if len(writes) == 3 else write(descriptor, data)

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(HostError, match="cannot be written whole"):
        run(small(tmp_path), tmp_path / "run")
    monkeypatch.setattr(os, "write", write)
    goes_on(tmp_path, undisturbed)


@pytest.mark.parametrize("call", ["write", "_sync"])
def test_row_13_an_error_of_the_disk_is_not_tried_again(tmp_path, undisturbed, monkeypatch, call):
    calls = []

    def fails(*_arguments):
        calls.append(call)
        raise OSError(errno.EIO, "Input/output error")

    place = os if call == "write" else append
    with monkeypatch.context() as broken:
        broken.setattr(place, call, fails)
        with pytest.raises(HostError, match="Input/output error"):
            run(small(tmp_path), tmp_path / "run")
    assert len(calls) == 1
    goes_on(tmp_path, undisturbed)
