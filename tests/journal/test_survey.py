"""Torn or corrupt: the verdict of J34 for cuts, flips, edits and blocks that a disk did not write."""

import pytest

from safla.errors import JournalError
from safla.journal import head as anchor
from safla.journal.head import Head
from safla.journal.survey import judged, survey
from tests.chains import rehashed
from tests.runs import journal, run, small

LINES = 60


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    run(small(folder), folder / "run")
    return b"".join(journal(folder / "run").splitlines(keepends=True)[:LINES])


def starts(text):
    found = [0]
    while (end := text.find(b"\n", found[-1])) >= 0:
        found.append(end + 1)
    return found


def test_row_4_a_file_cut_anywhere_keeps_its_whole_lines(text):
    ends = starts(text)
    for cut in range(1, len(text) + 1):
        found = judged(text[:cut], None)
        kept = max(end for end in ends if end <= cut)
        if cut == kept:
            assert (found.kind, found.offset) == ("whole", cut)
        elif cut + 1 in ends:
            assert (found.kind, found.offset, found.lines) == ("complete", cut + 1, ends.index(cut + 1))
        else:
            assert (found.kind, found.offset, found.lines) == ("torn", kept, ends.index(kept))


def test_row_5_a_flipped_bit_is_corrupt_and_its_line_is_named(text):
    ends = starts(text)
    for place in range(0, len(text), 41):  # make soak flips them all
        flipped = bytearray(text)
        flipped[place] ^= 1 << (place % 8)
        found = judged(bytes(flipped), None)
        assert found.kind == "corrupt", place
        assert found.lines == sum(end <= place for end in ends) - 1
        assert found.what


def test_row_6_a_line_deleted_doubled_swapped_or_edited_is_corrupt(text):
    lines = text.splitlines(keepends=True)
    for i in range(1, LINES - 2, 7):
        edits = (
            [*lines[:i], *lines[i + 1 :]],
            [*lines[: i + 1], *lines[i:]],
            [*lines[:i], lines[i + 1], lines[i], *lines[i + 2 :]],
            [*lines[:i], lines[i].replace(b'"ts":17', b'"ts":18'), *lines[i + 1 :]],
        )
        assert [judged(b"".join(edit), None).kind for edit in edits] == ["corrupt"] * 4


def test_row_6_an_edit_with_all_hashes_made_anew_is_whole_to_the_chain(text):
    assert judged(rehashed(text.replace(b'"ts":17', b'"ts":18')), None).kind == "whole"


@pytest.mark.parametrize("size", [1, 100, 511, 512, 513, 4096])
def test_row_8_a_tail_of_nul_is_torn(text, size):
    found = judged(text + bytes(size), None)
    assert (found.kind, found.offset) == ("torn", len(text))


def test_row_8_a_zero_block_in_the_last_line_is_torn_and_one_before_a_whole_line_is_corrupt(text):
    long = b'{"n":61,"p":"' + b"0" * 2000 + b'"}\n'
    begin = (len(text) // 512 + 1) * 512
    whole = text + long
    torn = whole[:begin] + bytes(512) + whole[begin + 512 :]
    assert judged(torn, None).kind == "torn"
    begin = 1024
    assert judged(text[:begin] + bytes(512) + text[begin + 512 :], None).kind == "corrupt"


def test_a_damaged_last_newline_is_corrupt(text):
    assert judged(text[:-1] + b"\x0b", None).kind == "corrupt"


def test_row_23_a_file_without_a_newline_and_a_line_that_is_too_long_are_judged_in_bounded_steps(text):
    assert judged(b"x" * 200_000, None).kind == "torn"
    found = judged(text + b"x" * 70_000 + b"\n", None)
    assert (found.kind, found.lines) == ("corrupt", LINES)
    assert "longer than" in found.what


def test_row_7_lines_deleted_at_the_end_are_known_by_head_alone(text):
    found = judged(text, None)
    head = Head(n=found.lines, offset=found.offset, h=found.h.decode())
    short = b"".join(text.splitlines(keepends=True)[:-3])
    assert judged(short, None).kind == "whole"
    assert judged(short, head).kind == "corrupt"
    assert judged(text, head).kind == "whole"
    assert judged(text[:-1], head).kind == "complete"


def test_row_18_a_head_of_another_run_is_corrupt(text):
    found = judged(text, None)
    other = Head(n=10, offset=100, h="ab" * 16)
    assert judged(text, other)._replace(kind="whole", what="") == found
    assert judged(text, other).kind == "corrupt"


def test_an_empty_file_is_whole_with_no_lines_and_corrupt_where_a_head_remembers_some(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.touch()
    assert survey(path, None)[::2] == (0, 0, "")
    assert survey(path, Head(n=1, offset=5, h="ab" * 16)).kind == "corrupt"


@pytest.mark.parametrize(
    "text", [b"", b"{}\n", b"nonsense", b'{"n": 1,"offset":5,"h":"%b"}\n' % (b"ab" * 16), b"\x00" * 60]
)
def test_row_20_a_head_that_cannot_be_read_is_refused_and_is_deleted_knowingly(tmp_path, text):
    (tmp_path / "head").write_bytes(text)
    with pytest.raises(JournalError, match="delete it knowingly"):
        anchor.read(tmp_path / "head")


def test_a_head_reads_back_as_it_was_written(tmp_path):
    head = Head(n=7, offset=4096, h="0f" * 16)
    anchor.write(tmp_path / "head", head)
    assert anchor.read(tmp_path / "head") == head
    assert (tmp_path / "head").read_bytes() == b'{"n":7,"offset":4096,"h":"%b"}\n' % (b"0f" * 16)
    assert anchor.read(tmp_path / "none") is None


def test_the_tail_of_another_journal_does_not_follow(text):
    """Row 18: every line of the tail is sound by itself and has the right number; its p is another's."""
    other = rehashed(text.replace(b'"ts":17', b'"ts":18')).splitlines(keepends=True)
    spliced = b"".join([*text.splitlines(keepends=True)[:30], *other[30:]])
    found = judged(spliced, None)
    assert (found.kind, found.lines) == ("corrupt", 30)
    assert "the hash of the line before" in found.what
