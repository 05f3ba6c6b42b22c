"""Row 23: lines and files above their limits are rejected, and none of them fills the memory."""

import pytest

from safla.journal.chain import MAX_LINE
from safla.journal.verify import verify_text
from tests.faults.command import MIB, linux, measured
from tests.faults.damage import again, finished, head_at, put, refused, replayed
from tests.faults.invariants import check_answer
from tests.small_runs import journal, rehashed

MOST = 64 * MIB  # above the memory of the bare program
SLACK = 16 * MIB  # allowed difference between two runs of which one reads a large file
MOST_BYTES = 2**32  # limit of a journal (J6)


@pytest.fixture
def folder(tmp_path):
    return finished(tmp_path)


def commands(folder):
    return ["run", folder.parent / "small.yaml", "--out", folder, "--quiet"], ["replay", folder]


def long_line(text, size):
    """The journal with one more line of so many bytes, newline included; all hashes are valid."""
    line = b'{"n":0,"p":"%032d","e":{"type":"x","note":"%%b"},"h":"%032d"}\n' % (0, 0)
    short = rehashed(text + line % b"")
    return rehashed(text + line % (b"y" * (size - len(short) + len(rehashed(text)))))


def test_row_23_a_line_of_64_kib_is_valid_and_one_byte_more_is_corrupt(folder):
    text = journal(folder)
    lines = text.count(b"\n")
    assert verify_text(long_line(text, MAX_LINE), None)[::3] == (lines + 1, "whole")
    found = verify_text(long_line(text, MAX_LINE + 1), None)
    assert found[:4:3] == (lines, "corrupt")
    assert found.what == "it is longer than 65536 bytes"


@pytest.mark.parametrize("command", [again, replayed])
@pytest.mark.parametrize("size", [MAX_LINE + 1, 3 * MIB])
@pytest.mark.parametrize("with_head", [True, False])
def test_row_23_a_line_over_64_kib_is_rejected_although_its_hash_is_valid(folder, capsys, size, command, with_head):
    text = journal(folder)
    put(folder, long_line(text, size), head_at(text, -1) if with_head else None)
    assert f"line 166, byte {len(text)}: corrupt: it is longer than 65536 bytes" in refused(folder, capsys, command)


@linux
def test_row_23_a_journal_over_4_gib_is_exit_6_in_bounded_memory_and_unchanged(folder):
    (folder / "head").unlink()
    before = journal(folder)
    with (folder / "journal.jsonl").open("r+b") as file:
        file.truncate(MOST_BYTES + 1)  # a sparse file: it takes no room
    bare = measured("--version").peak
    for words in commands(folder):
        answer, peak, _ = measured(*words)
        check_answer(answer, 6)
        assert f"{MOST_BYTES + 1} bytes long; a journal has at most {MOST_BYTES}" in answer.err
        assert peak - bare < MOST
    with (folder / "journal.jsonl").open("rb") as file:
        assert file.read(len(before)) == before
        assert file.seek(0, 2) == MOST_BYTES + 1


@linux
def test_row_23_a_large_file_without_a_newline_is_exit_4_in_bounded_memory(folder, release):
    (folder / "head").unlink()
    with (folder / "journal.jsonl").open("r+b") as file:
        file.truncate(0)
        file.write(b"x" * MIB)
        file.truncate(1024 * MIB if release else 128 * MIB)
    answer, peak, _ = measured("replay", folder)
    check_answer(answer, 4)
    assert "line 1, byte 0: there is no whole line" in answer.err
    assert peak - measured("--version").peak < MOST


@linux
def test_row_23_a_large_torn_tail_is_saved_in_bounded_memory_and_nothing_is_lost(folder, release):
    text = journal(folder)
    size = (1024 if release else 128) * MIB
    usual = max(measured(*words).peak for words in commands(folder))
    put(folder, text, None)
    with (folder / "journal.jsonl").open("r+b") as file:
        file.truncate(len(text) + size)
    run, replay = commands(folder)
    for words in (replay, run):
        answer, peak, _ = measured(*words)
        check_answer(answer, 0)
        assert peak - usual < SLACK
    assert journal(folder) == text
    assert (folder / "journal.jsonl.torn-166").stat().st_size == size
