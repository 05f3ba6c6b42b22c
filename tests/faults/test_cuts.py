"""Rows 4 and 5: a journal cut at any byte continues and loses nothing; one with a flipped bit is not modified."""

import pytest

from safla.journal.verify import verify_text
from tests.faults.damage import FILES, POSITIONS, again, finished, head_at, put, replayed, starts, whole
from tests.faults.invariants import check_answer, check_only, check_run, untouched
from tests.small_runs import journal

ANCHOR = 40  # the line of the checkpoint (file head), where there is one
FLIP_STRIDE = 37  # bits; odd, so that every bit position of a byte is tested


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return journal(finished(tmp_path_factory.mktemp("cuts")))


@pytest.fixture(scope="module")
def text(undisturbed, release):
    """Returns the journal that is cut and flipped: 60 lines, or 100 (docs/faults.md)."""
    return whole(undisturbed.splitlines(keepends=True)[: 100 if release else 60])


@pytest.fixture
def folder(tmp_path):
    return finished(tmp_path)


def test_row_4_a_journal_cut_at_any_byte_keeps_its_complete_lines(text):
    ends = starts(text)
    line = 0
    for cut in range(1, len(text) + 1):
        line += cut == ends[line + 1]
        found = verify_text(text[:cut], None)
        if cut == ends[line]:
            expected = ("whole", cut, line)
        elif cut + 1 == ends[line + 1]:
            expected = ("complete", cut + 1, line + 1)
        else:
            expected = ("torn", ends[line], line)
        assert (found.kind, found.offset, found.lines) == expected, cut


def test_row_4_a_journal_cut_before_its_checkpoint_is_corrupt_and_after_it_is_not(text):
    ends = starts(text)
    head = head_at(text, ANCHOR)
    for cut in range(ends[ANCHOR - 2], ends[ANCHOR + 2]):
        enough = cut >= ends[ANCHOR] - 1  # the line is complete even without its newline
        assert (verify_text(text[:cut], head).kind != "corrupt") == enough, cut


def test_row_5_a_journal_with_any_bit_flipped_is_corrupt_and_line_and_offset_are_reported(text, release):
    ends = starts(text)
    for bit in range(0, 8 * len(text), 1 if release else FLIP_STRIDE):
        place = bit // 8
        flipped = bytearray(text)
        flipped[place] ^= 1 << (bit % 8)
        found = verify_text(bytes(flipped), None)
        line = sum(end <= place for end in ends) - 1
        assert (found.kind, found.lines, found.offset) == ("corrupt", line, ends[line]), bit
        assert found.what


def place_of(text, line, byte):
    """Returns the offset of a byte of a line; both may be counted from the end."""
    lines = text.splitlines(keepends=True)
    before = lines[: line - 1] if line > 0 else lines[:line]
    return sum(map(len, before)) + byte % len(lines[len(before)])


CUTS = (  # the line, and the first byte of it that is lost; -1 is its newline
    (1, 0), (1, 1), (1, 700), (1, -1), (2, 0), (2, 1), (41, 0), (41, 8), (41, 60), (41, -34), (41, -2), (41, -1),
    (-1, 1), (-1, 90), (-1, -1),
)  # fmt: skip


@pytest.mark.parametrize(("line", "byte"), CUTS)
def test_row_4_a_cut_run_recovers_to_the_same_bytes_and_its_torn_tail_is_saved(folder, undisturbed, capsys, line, byte):
    place = place_of(undisturbed, line, byte)
    kept = undisturbed.rfind(b"\n", 0, place) + 1
    put(folder, undisturbed[:place], None)
    answer = again(folder, capsys)
    check_answer(answer, 0)
    assert journal(folder) == undisturbed
    check_run(folder, max_positions=POSITIONS)
    if kept == place or undisturbed[place : place + 1] == b"\n":
        check_only(folder, set(FILES))
        return
    saved = f"journal.jsonl.torn-{undisturbed.count(bytes([10]), 0, place) + 1}"
    assert (folder / saved).read_bytes() == undisturbed[kept:place]
    assert f"{place - kept} bytes of a torn line" in answer.err
    check_only(folder, {*FILES, saved})


@pytest.mark.parametrize("command", [again, replayed])
@pytest.mark.parametrize("lines", [0, ANCHOR - 1, ANCHOR])
def test_row_4_a_run_cut_before_its_checkpoint_is_rejected_and_not_modified(
    folder, undisturbed, capsys, lines, command
):
    cut = max(0, starts(undisturbed)[lines] - 2)
    put(folder, undisturbed[:cut], head_at(undisturbed, ANCHOR))
    with untouched(folder):
        answer = command(folder, capsys)
    check_answer(answer, 4)
    assert "head" in answer.err or cut == 0  # without any line, there is none to name


@pytest.mark.parametrize("extra", [0, 1, 100])
def test_row_4_a_run_cut_after_its_checkpoint_is_continued(folder, undisturbed, capsys, extra):
    head = head_at(undisturbed, ANCHOR)
    put(folder, undisturbed[: head.offset + extra], head)
    check_answer(again(folder, capsys), 0)
    assert journal(folder) == undisturbed
    check_run(folder, max_positions=POSITIONS)


def test_row_4_a_replay_of_a_cut_journal_reports_the_torn_bytes_and_confirms_the_complete_lines(
    folder, undisturbed, capsys
):
    put(folder, undisturbed[: starts(undisturbed)[ANCHOR] + 50], None)
    with untouched(folder):
        answer = replayed(folder, capsys)
    check_answer(answer, 0)
    assert f"{ANCHOR} lines, " in answer.out
    assert "50 bytes of a torn line" in answer.out
    assert "the run has not ended" in answer.out


FLIPS = (  # line, byte, bit
    (1, 0, 0), (1, 400, 3), (1, -1, 2), (30, 5, 1), (30, 20, 7), (30, 90, 4), (30, -3, 6), (30, -1, 0), (-1, 7, 5),
    (-1, -1, 1),
)  # fmt: skip


@pytest.mark.parametrize("with_head", [True, False])
@pytest.mark.parametrize(("line", "byte", "bit"), FLIPS)
def test_row_5_a_run_with_a_flipped_bit_is_rejected_by_run_and_replay_and_not_modified(
    folder, undisturbed, capsys, line, byte, bit, with_head
):
    flipped = bytearray(undisturbed)
    place = place_of(undisturbed, line, byte)
    flipped[place] ^= 1 << bit
    put(folder, bytes(flipped), head_at(undisturbed, -2) if with_head else None)
    n = undisturbed.count(b"\n", 0, place) + 1
    with untouched(folder):
        answers = [again(folder, capsys), replayed(folder, capsys)]
    for answer in answers:
        check_answer(answer, 4)
        assert f"line {n}, byte {starts(undisturbed)[n - 1]}" in answer.err
    assert "put back a saved copy, or run with --force" in answers[0].err


def test_row_5_a_run_with_force_keeps_the_damaged_folder_and_starts_again(folder, undisturbed, capsys):
    damaged = undisturbed[:900] + bytes([undisturbed[900] ^ 4]) + undisturbed[901:]
    put(folder, damaged, head_at(undisturbed, -2))
    check_answer(again(folder, capsys, "--force"), 0)
    assert journal(folder.with_name("run.1")) == damaged
    assert journal(folder) == undisturbed
    check_run(folder, max_positions=POSITIONS)
