"""Starting is recovering: what is torn is kept aside and made whole, what is corrupt is left alone (J30-J42)."""

import pytest

from safla.errors import JournalError
from safla.journal import append
from safla.runtime import recovery
from tests.runs import journal, run, small


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


def test_row_4_a_torn_tail_is_saved_aside_and_the_run_ends_in_the_same_bytes(tmp_path, undisturbed):
    path = without_head(tmp_path)
    lines = undisturbed.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:40]) + lines[40][:70])
    _, said = recovered(tmp_path)
    assert path.read_bytes() == undisturbed
    assert (tmp_path / "run" / "journal.jsonl.torn-41").read_bytes() == lines[40][:70]
    assert "70 bytes of a torn line 41" in said


def test_row_8_a_tail_of_nul_is_torn_and_nothing_is_lost(tmp_path, undisturbed):
    path = without_head(tmp_path)
    path.write_bytes(b"".join(undisturbed.splitlines(keepends=True)[:40]) + bytes(4096))
    recovered(tmp_path)
    assert path.read_bytes() == undisturbed


def test_a_missing_last_newline_is_put_back(tmp_path, undisturbed):
    path = without_head(tmp_path)
    path.write_bytes(b"".join(undisturbed.splitlines(keepends=True)[:40])[:-1])
    _, said = recovered(tmp_path)
    assert path.read_bytes() == undisturbed
    assert "newline of its last line was missing" in said


def test_row_20_without_a_head_the_run_goes_on_and_says_so_and_has_one_again(tmp_path, undisturbed):
    without_head(tmp_path)
    ended, said = recovered(tmp_path)
    assert ended.again
    assert "without anchor" in said
    assert (tmp_path / "run" / "head").exists()
    assert "without anchor" not in recovered(tmp_path)[1]


@pytest.mark.parametrize("break_it", ["missing", "shorter", "flipped"])
def test_rows_5_7_what_is_corrupt_is_refused_with_the_two_ways_on_and_left_alone(tmp_path, undisturbed, break_it):
    path = tmp_path / "run" / "journal.jsonl"
    if break_it == "missing":
        path.unlink()
    elif break_it == "shorter":
        path.write_bytes(b"".join(undisturbed.splitlines(keepends=True)[:-1]))
    else:
        path.write_bytes(undisturbed[:900] + bytes([undisturbed[900] ^ 4]) + undisturbed[901:])
    before = {one.name: one.read_bytes() for one in path.parent.iterdir() if one.name != "lock"}
    with pytest.raises(JournalError, match="put back a saved copy, or run with --force"):
        recovered(tmp_path)
    assert {one.name: one.read_bytes() for one in path.parent.iterdir() if one.name != "lock"} == before


def test_a_long_journal_is_told_of_once(tmp_path, monkeypatch):
    monkeypatch.setattr(append, "BATCH", 20_000)
    monkeypatch.setattr(recovery, "LARGE", 100_000)
    said = []
    run(small(tmp_path, "journal.detail=candles"), tmp_path / "run", say=said.append)
    assert [text for text in said if "J6" in text] == [
        f"{tmp_path / 'run' / 'journal.jsonl'}: longer than 100000 bytes; a run ends at 4294967296 (J6)"
    ]
