"""Rows 9 and 14: a file as it could lie on the disk after a power loss, made by hand, block by block.

Behind the last sync each block of 512 bytes arrived or did not (then it holds NUL), and the file is as long as the
disk had been told, or shorter. Where a sync lied, the same holds for blocks in front of it.
"""

from itertools import product

import pytest

from safla.journal.verify import verify_text
from tests.faults.damage import POSITIONS, again, finished, head_at, put, refused, replayed, starts
from tests.faults.invariants import check_answer, check_run
from tests.small_runs import journal

BLOCK = 512
TAIL = 5  # blocks behind the sync
SYNCED = (3, 14, 20, 41)  # lines that were synced; the blocks behind begin at other places of a line each time


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return journal(finished(tmp_path_factory.mktemp("power")))


@pytest.fixture
def folder(tmp_path):
    return finished(tmp_path)


def edges(sync, blocks):
    """Where a sync and the block edges behind it lie."""
    first = (sync // BLOCK + 1) * BLOCK
    return [sync, *range(first, first + blocks * BLOCK, BLOCK)]


def on_disk(text, sync, arrived, *, size):
    """The file: whole up to the sync, then a block if it arrived and NUL if not, up to the size."""
    cuts = edges(sync, len(arrived))
    pieces = [text[a:b] if there else bytes(b - a) for a, b, there in zip(cuts, cuts[1:], arrived, strict=False)]
    return (text[:sync] + b"".join(pieces))[:size]


def losses(text, sync):
    """Every subset of the blocks behind a sync, each with every length that the file may have."""
    cuts = edges(sync, TAIL)
    sizes = sorted({*cuts, *(end for end in starts(text) if cuts[0] < end < cuts[-1])})
    for arrived in product([True, False], repeat=TAIL):
        for size in sizes:
            yield arrived, size, on_disk(text, sync, arrived, size=size)


def a_prefix(text, found):
    """Whether what was kept is the beginning of the undisturbed journal, by its length, number and hash."""
    ends = starts(text)
    own = text[found.offset - 35 : found.offset - 3] if found.lines else b"0" * 32
    return found.offset == ends[found.lines] and found.h == own


@pytest.mark.parametrize("synced", SYNCED)
def test_row_9_what_is_kept_is_a_prefix_not_shorter_than_the_last_sync_or_nothing_is(undisturbed, synced):
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
def test_row_9_blocks_that_arrived_in_their_order_are_never_corrupt(undisturbed, synced):
    """The usual case: what is lost lies behind what is there."""
    sync = starts(undisturbed)[synced]
    for count in range(TAIL + 1):
        arrived = [True] * count + [False] * (TAIL - count)
        end = edges(sync, TAIL)[count]
        for size in range(end, edges(sync, TAIL)[-1] + 1, 64):
            found = verify_text(on_disk(undisturbed, sync, arrived, size=size), head_at(undisturbed, synced))
            assert found.kind != "corrupt", (count, size)
            assert found.lines >= undisturbed.count(b"\n", 0, end), (count, size)


@pytest.mark.parametrize("synced", SYNCED)
def test_row_9_a_whole_line_behind_a_lost_block_is_corrupt(undisturbed, synced):
    """Row 8 again: a line that is there must not be cut off with what was lost in front of it."""
    sync = starts(undisturbed)[synced]
    for lost in range(TAIL - 1):
        arrived = [block != lost for block in range(TAIL)]
        found = verify_text(on_disk(undisturbed, sync, arrived, size=len(undisturbed)), None)
        behind = edges(sync, TAIL)[lost + 1]
        whole_line = undisturbed.count(b"\n", behind, edges(sync, TAIL)[-1]) > 1
        assert (found.kind == "corrupt") == whole_line, lost


def check_start(folder, undisturbed, capsys, file, synced):
    """A start ends in the undisturbed bytes, or it refuses the folder and leaves it alone; a replay agrees."""
    put(folder, file, None if synced is None else head_at(undisturbed, synced))
    if verify_text(file, None if synced is None else head_at(undisturbed, synced)).kind == "corrupt":
        refused(folder, capsys, replayed)
        assert "corrupt: " in refused(folder, capsys, again)
        return
    check_answer(again(folder, capsys), 0)
    assert journal(folder) == undisturbed
    check_run(folder, max_positions=POSITIONS)


@pytest.mark.parametrize("synced", SYNCED)
def test_row_9_a_start_ends_in_the_undisturbed_bytes_or_leaves_the_folder_alone(folder, undisturbed, capsys, synced):
    cases = list(losses(undisturbed, starts(undisturbed)[synced]))
    for _, _, file in cases[:: len(cases) // 12]:
        check_start(folder, undisturbed, capsys, file, synced)


def test_row_9_a_run_whose_first_sync_never_came_begins_anew(folder, undisturbed, capsys):
    """A backtest syncs at its end alone: of its first lines any block may be lost, and there is no head."""
    for arrived in product([True, False], repeat=TAIL):
        file = on_disk(undisturbed, 0, arrived, size=TAIL * BLOCK)
        assert verify_text(file, None).offset == 0 or a_prefix(undisturbed, verify_text(file, None))
        check_start(folder, undisturbed, capsys, file, None)


@pytest.mark.parametrize("back", [1, 2, 7])
@pytest.mark.parametrize("synced", SYNCED[1:])
def test_row_14_where_a_sync_lied_head_knows_it_or_the_prefix_is_shorter(undisturbed, synced, back):
    """Lines that were synced, by the disk's word, are lost as well; head, of which the disk kept its word, is there."""
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
def test_row_14_a_start_after_it_is_refused_by_head_or_writes_the_same_lines_again(
    folder, undisturbed, capsys, with_head
):
    cases = list(losses(undisturbed, starts(undisturbed)[38]))
    for _, _, file in cases[:: len(cases) // 20]:
        check_start(folder, undisturbed, capsys, file, 41 if with_head else None)


def test_row_14_a_journal_that_is_gone_with_its_folder_entry_is_missed_by_head(folder, undisturbed, capsys):
    put(folder, undisturbed, head_at(undisturbed, 41))
    (folder / "journal.jsonl").unlink()
    assert "is missing, but the file head says that it existed" in refused(folder, capsys, again)
    (folder / "head").unlink()
    check_answer(again(folder, capsys), 0)
    assert journal(folder) == undisturbed
