"""Rows 9 and 14: every state of a file that a power loss can leave on the disk, composed block by block.

After the last sync each block of 512 bytes was written or not (then it holds NUL), and the file has its full length
or a shorter one. Where a sync lied, the same holds for blocks before it.
"""

from itertools import product

import pytest

from safla.journal.verify import verify_text
from tests.faults.damage import POSITIONS, again, finished, head_at, put, refused, replayed, starts
from tests.faults.invariants import check_answer, check_run
from tests.small_runs import journal

BLOCK = 512
TAIL = 5  # blocks after the sync
SYNCED = (3, 14, 20, 41)  # synced lines; the block edges after them fall on different places of a line each time


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return journal(finished(tmp_path_factory.mktemp("power")))


@pytest.fixture
def folder(tmp_path):
    return finished(tmp_path)


def edges(sync, blocks):
    """The offsets of a sync and of the block edges after it."""
    first = (sync // BLOCK + 1) * BLOCK
    return [sync, *range(first, first + blocks * BLOCK, BLOCK)]


def on_disk(text, sync, arrived, *, size):
    """The file: complete up to the sync, then each block as written, or NUL if it was not, up to the size."""
    cuts = edges(sync, len(arrived))
    pieces = [text[a:b] if there else bytes(b - a) for a, b, there in zip(cuts, cuts[1:], arrived, strict=False)]
    return (text[:sync] + b"".join(pieces))[:size]


def losses(text, sync):
    """Every subset of the blocks after a sync, each with every length that the file may have."""
    cuts = edges(sync, TAIL)
    sizes = sorted({*cuts, *(end for end in starts(text) if cuts[0] < end < cuts[-1])})
    for arrived in product([True, False], repeat=TAIL):
        for size in sizes:
            yield arrived, size, on_disk(text, sync, arrived, size=size)


def a_prefix(text, found):
    """Whether the recovered part is a prefix of the undisturbed journal, by its length, line count and hash."""
    ends = starts(text)
    own = text[found.offset - 35 : found.offset - 3] if found.lines else b"0" * 32
    return found.offset == ends[found.lines] and found.h == own


@pytest.mark.parametrize("synced", SYNCED)
def test_row_9_the_recovered_part_is_a_prefix_not_shorter_than_the_last_sync_or_the_file_is_corrupt(
    undisturbed, synced
):
    sync = starts(undisturbed)[synced]
    head = head_at(undisturbed, synced)
    seen = set()
    for arrived, size, file in losses(undisturbed, sync):
        for anchor in (head, None):
            found = verify_text(file, anchor)
            seen.add(found.kind)
            if found.kind != "corrupt":
                assert found.offset >= sync, (arrived, size)
                assert a_prefix(undisturbed, found), (arrived, size)
    assert seen == {"whole", "complete", "torn", "corrupt"} or seen == {"whole", "torn", "corrupt"}


@pytest.mark.parametrize("synced", SYNCED)
def test_row_9_blocks_written_in_order_are_never_reported_as_corrupt(undisturbed, synced):
    """The usual case: all lost blocks lie after the written ones."""
    sync = starts(undisturbed)[synced]
    for count in range(TAIL + 1):
        arrived = [True] * count + [False] * (TAIL - count)
        end = edges(sync, TAIL)[count]
        for size in range(end, edges(sync, TAIL)[-1] + 1, 64):
            found = verify_text(on_disk(undisturbed, sync, arrived, size=size), head_at(undisturbed, synced))
            assert found.kind != "corrupt", (count, size)
            assert found.lines >= undisturbed.count(b"\n", 0, end), (count, size)


@pytest.mark.parametrize("synced", SYNCED)
def test_row_9_a_whole_line_after_a_lost_block_makes_the_file_corrupt(undisturbed, synced):
    """As in row 8: a line that was written must not be cut off together with a lost block before it."""
    sync = starts(undisturbed)[synced]
    for lost in range(TAIL - 1):
        arrived = [block != lost for block in range(TAIL)]
        found = verify_text(on_disk(undisturbed, sync, arrived, size=len(undisturbed)), None)
        behind = edges(sync, TAIL)[lost + 1]
        whole_line = undisturbed.count(b"\n", behind, edges(sync, TAIL)[-1]) > 1
        assert (found.kind == "corrupt") == whole_line, lost


def check_start(folder, undisturbed, capsys, file, synced):
    """A start ends in the undisturbed bytes, or rejects the folder and leaves it unchanged; a replay agrees."""
    put(folder, file, None if synced is None else head_at(undisturbed, synced))
    if verify_text(file, None if synced is None else head_at(undisturbed, synced)).kind == "corrupt":
        refused(folder, capsys, replayed)
        assert "corrupt: " in refused(folder, capsys, again)
        return
    check_answer(again(folder, capsys), 0)
    assert journal(folder) == undisturbed
    check_run(folder, max_positions=POSITIONS)


@pytest.mark.parametrize("synced", SYNCED)
def test_row_9_a_start_ends_in_the_undisturbed_bytes_or_leaves_the_folder_unchanged(
    folder, undisturbed, capsys, synced
):
    cases = list(losses(undisturbed, starts(undisturbed)[synced]))
    for _, _, file in cases[:: len(cases) // 12]:
        check_start(folder, undisturbed, capsys, file, synced)


def test_row_9_a_run_that_was_never_synced_is_recovered_from_the_lines_that_survive(folder, undisturbed, capsys):
    """A backtest syncs at its end alone: any block of its first lines may be lost, and there is no head."""
    for arrived in product([True, False], repeat=TAIL):
        file = on_disk(undisturbed, 0, arrived, size=TAIL * BLOCK)
        assert verify_text(file, None).offset == 0 or a_prefix(undisturbed, verify_text(file, None))
        check_start(folder, undisturbed, capsys, file, None)


@pytest.mark.parametrize("back", [1, 2, 7])
@pytest.mark.parametrize("synced", SYNCED[1:])
def test_row_14_after_a_sync_that_lied_head_detects_the_loss_or_the_prefix_is_shorter(undisturbed, synced, back):
    """Lines that the disk reported as synced are lost too, while the head file was really written."""
    true, claimed = starts(undisturbed)[synced - back], starts(undisturbed)[synced]
    head = head_at(undisturbed, synced)
    for arrived, size, file in losses(undisturbed, true):
        anchored, alone = verify_text(file, head), verify_text(file, None)
        if anchored.kind != "corrupt":
            assert anchored.offset >= claimed, (arrived, size)
            assert a_prefix(undisturbed, anchored), (arrived, size)
        if alone.kind != "corrupt":
            assert alone.offset >= true, (arrived, size)
            assert a_prefix(undisturbed, alone), (arrived, size)


@pytest.mark.parametrize("with_head", [True, False])
def test_row_14_a_start_after_a_sync_that_lied_is_rejected_by_head_or_writes_the_same_lines_again(
    folder, undisturbed, capsys, with_head
):
    cases = list(losses(undisturbed, starts(undisturbed)[38]))
    for _, _, file in cases[:: len(cases) // 20]:
        check_start(folder, undisturbed, capsys, file, 41 if with_head else None)


def test_row_14_a_journal_lost_with_its_folder_entry_is_detected_by_head(folder, undisturbed, capsys):
    put(folder, undisturbed, head_at(undisturbed, 41))
    (folder / "journal.jsonl").unlink()
    assert "is missing, but the file head says that it existed" in refused(folder, capsys, again)
    (folder / "head").unlink()
    check_answer(again(folder, capsys), 0)
    assert journal(folder) == undisturbed
