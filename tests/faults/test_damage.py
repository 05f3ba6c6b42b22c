"""Rows 6 to 8, 20 and 21: lines, the checkpoint (file head) or candles that are edited, lost or never written."""

import re

import msgspec
import polars as pl
import pytest

from safla.journal.verify import verify_text
from tests.faults.damage import FILES, POSITIONS, again, finished, head_at, put, refused, replayed, starts, whole
from tests.faults.invariants import check_answer, check_only, check_run, untouched
from tests.journal.test_run_candles import sealed
from tests.small_runs import journal, rehashed

BOTH = pytest.mark.parametrize("command", [again, replayed])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return journal(finished(tmp_path_factory.mktemp("damage")))


@pytest.fixture
def folder(tmp_path):
    return finished(tmp_path)


def moved(lines, i):
    """Returns the lines damaged at line i in four ways, by name."""
    return {
        "deleted": [*lines[:i], *lines[i + 1 :]],
        "doubled": [*lines[: i + 1], *lines[i:]],
        "swapped": [*lines[:i], lines[i + 1], lines[i], *lines[i + 2 :]],
        "edited": [*lines[:i], lines[i].replace(b'"ts":17', b'"ts":18'), *lines[i + 1 :]],
    }


def test_row_6_a_line_deleted_doubled_swapped_or_edited_anywhere_is_reported_as_corrupt(undisturbed):
    lines = undisturbed.splitlines(keepends=True)
    for i in range(len(lines) - 2):
        for name, edit in moved(lines, i).items():
            found = verify_text(whole(edit), None)
            first = i + 1 if name == "doubled" else i  # the first of two equal lines is the right one
            assert (found.kind, found.lines) == ("corrupt", first), (i, name)


@BOTH
@pytest.mark.parametrize("name", ["deleted", "doubled", "swapped", "edited"])
def test_row_6_a_run_with_a_deleted_doubled_swapped_or_edited_line_is_rejected_and_not_modified(
    folder, undisturbed, capsys, name, command
):
    put(folder, whole(moved(undisturbed.splitlines(keepends=True), 30)[name]), None)
    n = 32 if name == "doubled" else 31
    assert f"line {n}, byte " in refused(folder, capsys, command)


EDITS = {  # what replaces the first match, and which check must detect it: the books too, or only the decisions
    "price": (rb'("price":")(\d)', rb"\g<1>9\2", "books"),
    "quantity": (rb'("side":"buy"[^\n]*"quantity":"0\.)3', rb"\g<1>4", "books"),
    "fee": (rb'("fee":")(\d)', rb"\g<1>1\2", "books"),
    "cash": (rb'("fee":"[^"]*","cash":")(\d)', rb"\g<1>1\2", "books"),
    "net": (rb'("net":"-?)(\d)', rb"\g<1>7\2", "books"),
    "reason": (rb'("type":"filled"[^\n]*"reason":")stop_loss', rb"\g<1>trailing_stop", "books"),
    "reason twice": (rb'(n":")stop_loss("[^\n]*\n[^\n]*"reason":")stop_loss', rb"\1trailing_stop\2trailing_stop", ""),
    "mode": (rb'("trigger":"warm","source":"warming","target":")flat', rb"\1long", "books"),
    "order": (rb'("type":"order_placed"[^\n]*"order":)2,', rb"\g<1>3,", "books"),
    "mark": (rb'("marks":\[\{[^\n]*"price":")(\d)', rb"\g<1>1\2", "books"),
    "equity": (rb'("type":"halted"[^\n]*"equity":")(\d)', rb"\g<1>1\2", "books"),
    "halt's value": (rb'("value":"0\.00)2', rb"\g<1>4", "books"),
    "realised": (rb'("realised":"-?)(\d)', rb"\g<1>1\2", "books"),
    "side": (rb'("type":"order_rejected"[^\n]*"side":")sell', rb"\1buy", "books"),
    "answer left out": (rb'[^\n]*"type":"order_rejected"[^\n]*\n', b"", "books"),
    "strength": (rb'("strength":"0\.)0', rb"\g<1>1", ""),
    "reference": (rb'("reference":")(\d)', rb"\g<1>1\2", ""),
    "confidence": (rb'("confidence":"0\.)9', rb"\g<1>8", ""),
    "limit": (rb'("limit":"0\.002)0', rb"\g<1>1", ""),
    "plan": (rb'("risk\.stop_loss_pct":"0\.02)"', rb'\g<1>1"', ""),
    "time of a trade": (rb'("opened":\d{7})0', rb"\g<1>1", "books"),
}  # fmt: skip


@pytest.mark.parametrize("what", EDITS)
def test_row_6_an_edit_with_recomputed_hashes_passes_the_chain_and_is_found_by_a_replay(
    folder, undisturbed, capsys, what
):
    old, new, noticed = EDITS[what]
    text, count = re.subn(old, new, undisturbed, count=1)
    assert count == 1
    put(folder, rehashed(text), None)
    with untouched(folder):
        books = replayed(folder, capsys, "--books")
        answer = replayed(folder, capsys)
    check_answer(books, 1 if noticed == "books" else 0)
    check_answer(answer, 1)
    assert "decisions  240 candles again" in answer.out
    assert "first difference in line" in answer.out


def test_row_6_a_removed_trade_with_recomputed_sums_is_found_only_by_replaying_the_decisions(tmp_path, capsys):
    """The journal of a plan with fewer trades is put under the first line of this run, so all its sums agree."""
    folder = finished(tmp_path, "journal.detail=trades")
    first, digest = journal(folder).split(b"\n", 1)[0], re.search(rb'"digest":"\w+"', journal(folder))[0]
    (tmp_path / "less").mkdir()
    less = finished(tmp_path / "less", "journal.detail=trades", "risk.max_daily_trades=1")
    forged = rehashed(first + b"\n" + journal(less).split(b"\n", 1)[1])
    assert digest in forged
    assert forged.count(b'"filled"') < journal(folder).count(b'"filled"')
    put(folder, forged, head_at(forged, -1))
    check_answer(replayed(folder, capsys, "--books"), 0)
    answer = replayed(folder, capsys)
    check_answer(answer, 1)
    assert "first difference in line" in answer.out


def test_row_6_a_run_edited_with_recomputed_hashes_cannot_be_continued(folder, undisturbed, capsys):
    text = rehashed(undisturbed.replace(b'"fee":"', b'"fee":"1', 1))
    put(folder, text, head_at(text, -1))
    assert "is not what this run decides; the file was not changed" in refused(folder, capsys, again, code=1)


@BOTH
@pytest.mark.parametrize("lost", [1, 3, 150])
def test_row_7_lines_deleted_at_the_end_are_detected_by_the_checkpoint(folder, undisturbed, capsys, lost, command):
    put(folder, undisturbed[: starts(undisturbed)[-1 - lost]], head_at(undisturbed, -1))
    assert f"it was once at least {len(undisturbed)} bytes long (file head)" in refused(folder, capsys, command)


@pytest.mark.parametrize("lost", [1, 3, 150])
def test_row_7_without_a_checkpoint_a_run_with_lines_deleted_at_the_end_is_continued(folder, undisturbed, capsys, lost):
    put(folder, undisturbed[: starts(undisturbed)[-1 - lost]], None)
    read = replayed(folder, capsys)
    check_answer(read, 0)
    assert "the run has not ended" in read.out
    answer = again(folder, capsys)
    check_answer(answer, 0)
    assert "without anchor" in answer.err
    assert journal(folder) == undisturbed
    check_run(folder, max_positions=POSITIONS)


@pytest.mark.parametrize("size", [1, 100, 511, 512, 513, 4096])
@pytest.mark.parametrize("lines", [1, 40, -1])
def test_row_8_a_tail_of_nul_bytes_is_cut_off_as_torn_and_nothing_is_lost(folder, undisturbed, capsys, size, lines):
    kept = undisturbed[: starts(undisturbed)[lines]]
    put(folder, kept + bytes(size), head_at(undisturbed, lines))
    check_answer(replayed(folder, capsys), 0)
    answer = again(folder, capsys)
    check_answer(answer, 0)
    assert f"{size} bytes of a torn line" in answer.err
    assert journal(folder) == undisturbed
    check_run(folder, max_positions=POSITIONS)
    check_only(folder, {*FILES, f"journal.jsonl.torn-{kept.count(bytes([10])) + 1}"})


def test_row_8_a_zero_block_in_the_last_line_is_cut_off_as_torn_and_nothing_is_lost(folder, undisturbed, capsys):
    """Only the first line is long enough to contain a whole disk block."""
    put(folder, undisturbed[:512] + bytes(512) + undisturbed[1024 : starts(undisturbed)[1]], None)
    check_answer(again(folder, capsys), 0)
    assert journal(folder) == undisturbed
    check_run(folder, max_positions=POSITIONS)


@BOTH
@pytest.mark.parametrize("block", [0, 1, 10])
def test_row_8_a_zero_block_before_a_complete_line_is_corrupt(folder, undisturbed, capsys, block, command):
    put(folder, undisturbed[: 512 * block] + bytes(512) + undisturbed[512 * (block + 1) :], None)
    n = undisturbed.count(b"\n", 0, 512 * block) + 1
    assert f"line {n}, byte " in refused(folder, capsys, command)


def test_row_20_a_run_without_a_checkpoint_continues_with_a_notice_and_writes_a_new_one(folder, undisturbed, capsys):
    put(folder, undisturbed, None)
    check_answer(replayed(folder, capsys), 0)
    answer = again(folder, capsys)
    check_answer(answer, 0)
    assert "without anchor: there is no file head" in answer.err
    assert "(the same journal, byte for byte)" in answer.out
    assert (folder / "head").exists()
    assert "without anchor" not in again(folder, capsys).err


UNREADABLE = [
    b"", b"\n", b"{}\n", b"nonsense", b"\x00" * 60, b"[" * 200, b'{"n":1,"offset":0,"h":"%b"}\n' % (b"ab" * 16),
    b'{"n": 1,"offset":5,"h":"%b"}\n' % (b"ab" * 16), b'{"n":1,"offset":5,"h":"%b","x":1}\n' % (b"ab" * 16),
    b'{"n":1e9,"offset":5,"h":"%b"}\n' % (b"ab" * 16), b'{"n":1,"offset":5,"h":"%b"}\n{}' % (b"ab" * 16),
]  # fmt: skip


@pytest.mark.parametrize("text", UNREADABLE)
def test_row_20_an_unreadable_checkpoint_is_rejected_until_the_user_deletes_it(folder, undisturbed, capsys, text):
    (folder / "head").write_bytes(text)
    for command in (again, replayed):
        assert "delete the file" in refused(folder, capsys, command)
    (folder / "head").unlink()
    check_answer(again(folder, capsys), 0)
    assert journal(folder) == undisturbed


@BOTH
@pytest.mark.parametrize("there", ["nothing", "an empty file", "less"])
def test_row_20_a_checkpoint_that_is_ahead_of_the_journal_is_rejected(folder, undisturbed, capsys, there, command):
    put(folder, undisturbed[:2000] if there == "less" else b"", head_at(undisturbed, 40))
    if there == "nothing":
        (folder / "journal.jsonl").unlink()
    assert "journal.jsonl: " in refused(folder, capsys, command)


def spoilt(path, how):
    """Damages the candles of a run folder."""
    raw = path.read_bytes()
    metadata = msgspec.json.decode(pl.read_parquet_metadata(path)["safla"])
    frame = pl.read_parquet(path)
    if how == "missing":
        path.unlink()
    elif how == "other schema":
        sealed(path, frame.rename({"close": "last"}), **metadata)
    elif how == "other digest":
        sealed(path, frame.with_columns(pl.col("close") + 1), **metadata)
    else:
        cut = {"empty": 0, "one byte less": -1, "half": len(raw) // 2}[how]
        path.write_bytes(raw[:cut])


HOW = ["missing", "empty", "one byte less", "half", "other schema", "other digest"]


@pytest.mark.parametrize("how", HOW)
def test_row_21_a_replay_rejects_missing_or_damaged_candles_and_replay_books_still_works(folder, capsys, how):
    spoilt(folder / "candles.parquet", how)
    assert "candles.parquet: " in refused(folder, capsys, replayed)
    with untouched(folder):
        check_answer(replayed(folder, capsys, "--books"), 0)


@pytest.mark.parametrize("how", HOW)
def test_row_21_a_run_rejects_damaged_candles_and_takes_missing_ones_from_its_source(folder, undisturbed, capsys, how):
    raw = (folder / "candles.parquet").read_bytes()
    spoilt(folder / "candles.parquet", how)
    if how != "missing":
        assert "candles.parquet: " in refused(folder, capsys, again)
        return
    check_answer(again(folder, capsys), 0)
    assert (folder / "candles.parquet").read_bytes() == raw
    assert journal(folder) == undisturbed
    check_run(folder, max_positions=POSITIONS)
