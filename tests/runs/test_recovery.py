"""A start is a recovery: an incomplete journal is repaired and reported (J31-J38). Damage is in tests/faults."""

import pytest

from safla.errors import JournalError
from tests.small_runs import journal, run, small


@pytest.fixture
def undisturbed(tmp_path):
    run(small(tmp_path), tmp_path / "run")
    return journal(tmp_path / "run")


def recovered(tmp_path):
    said = []
    ended = run(small(tmp_path), tmp_path / "run", say=said.append)
    return ended, "\n".join(said)


def without_head(tmp_path):
    (tmp_path / "run" / "head").unlink()
    return tmp_path / "run" / "journal.jsonl"


def test_a_missing_last_newline_is_restored(tmp_path, undisturbed):
    path = without_head(tmp_path)
    path.write_bytes(b"".join(undisturbed.splitlines(keepends=True)[:40])[:-1])
    _, said = recovered(tmp_path)
    assert path.read_bytes() == undisturbed
    assert "newline of the last line was missing" in said


def test_a_torn_tail_is_reported_with_its_bytes_and_line(tmp_path, undisturbed):
    path = without_head(tmp_path)
    lines = undisturbed.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:40]) + lines[40][:70])
    ended, said = recovered(tmp_path)
    assert not ended.again
    assert "70 bytes of a torn line 41" in said


def test_a_missing_journal_is_detected_by_its_checkpoint(tmp_path, undisturbed):
    (tmp_path / "run" / "journal.jsonl").unlink()
    with pytest.raises(JournalError, match="put back a saved copy, or run with --force"):
        recovered(tmp_path)
