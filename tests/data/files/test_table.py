"""Text tables: every line is complete, every cell is in its column, and the length of lines is bounded."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.data.files import bounded, csv, table
from safla.errors import DataError
from tests.data.tables import HEADER, candles, csv_file, file, lines, read_or_refused, same
from tests.errors import raises_code

GOOD = lines(4)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([GOOD[0], GOOD[1].rpartition(",")[0]], "line 3: 5 cells, the first line has 6"),
        ([GOOD[0], GOOD[1] + ",9"], "line 3: 7 cells, the first line has 6"),
        ([GOOD[0] + ",9", GOOD[1].rpartition(",")[0]], "line 1: neither a header nor a row of 7 cells"),
        ([GOOD[0].rpartition(",")[0], GOOD[1] + ",9"], "line 1: neither a header nor a row of 5 cells"),
        ([GOOD[0], GOOD[1].replace("110", '"110')], "line 3: a quote is opened and not closed"),
        ([GOOD[0], GOOD[1].replace("110", '"11\n0"')], "line 3: a quote is opened"),
        ([GOOD[0], GOOD[1].replace("110", '"110"0"0"')], "line 3: a quote within a cell; remove it, or write"),
        ([GOOD[0], GOOD[1].replace("110", '11"0"')], "line 3: a quote within a cell; remove it, or write"),
        ([GOOD[0], GOOD[1].replace("110", '"110"x')], "line 3: a quote within a cell; remove it, or write"),
        ([GOOD[0], GOOD[1].replace("110", '"11""0"')], "line 3: high '11\"0' is not a plain decimal"),
        ([GOOD[0], GOOD[1].replace("110", "")], "line 3: high is empty"),
        ([GOOD[0], GOOD[1].replace("110", "NaN")], "line 3: high 'NaN' is not a plain decimal"),
        ([GOOD[0], GOOD[1].replace("110", "1" * 131_000)], "line 3: high '1111"),
        ([GOOD[0], GOOD[1].replace("110", "1" * 132_000)], "line 3: more than 131072 bytes"),
        ([GOOD[0], GOOD[1].replace("110", "1\0")], "line 3: a NUL byte"),
        ([GOOD[0], GOOD[1] + "\r" + GOOD[2]], "line 3: 11 cells"),
        ([*GOOD, GOOD[1].replace("110", '"110"') + ",9"], "line 6: 7 cells"),
    ],
)
def test_a_line_that_is_not_a_row_is_rejected_with_its_number(tmp_path: Path, rows: list[str], text: str) -> None:
    with pytest.raises(DataError, match=rf"btc\.csv: {text}"):
        csv.read(csv_file(tmp_path, HEADER, *rows), None)


def test_quotes_in_unused_text_are_ignored(tmp_path: Path) -> None:
    rows = [f'{row},"he said ""sell"", and: ""b, c"""' for row in GOOD]
    assert len(csv.read(csv_file(tmp_path, f"{HEADER},note", *rows), None).numbers["high"].digits) == len(GOOD)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        ("\n".join([HEADER, *GOOD]).encode("utf-16"), "the text is UTF-16; save it as UTF-8"),
        (HEADER.encode() + b"\n" + GOOD[0].encode() + b"\xff\n", "not a text in UTF-8|line 2: volume"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", "neither a header nor a row|NUL|no column"),
        (b"x" * 300_000, "a line of more than 131072 bytes|columns|no column"),
        (b"1," * 70 + b"1\n", "71 columns, at most 64 are read"),
        (b"\xff\xfe\xfd" * 100, "UTF-16"),
        (b"\xfd\xfe" * 100, "not a text in UTF-8"),
    ],
)
def test_a_file_that_is_not_a_text_table_is_rejected_without_a_traceback(
    tmp_path: Path, content: bytes, text: str
) -> None:
    with pytest.raises(DataError, match=text):
        csv.read(file(tmp_path, "btc.csv", content), None)


def test_invalid_utf8_is_rejected_with_its_line(tmp_path: Path) -> None:
    text = "\n".join([HEADER, *GOOD]).encode() + b"\xff\n"
    with raises_code(DataError, "wrong_format", match="line 5: "):
        csv.read(file(tmp_path, "btc.csv", text), None)


def test_a_table_does_not_depend_on_the_block_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = csv_file(tmp_path, HEADER, *lines(50))
    whole = csv.read(path, None)
    for size in (41, 97, 256, 1000):
        monkeypatch.setattr(bounded, "BLOCK_BYTES", size)
        pieces = csv.read(path, None)
        assert same(candles(pieces), candles(whole))
        assert pieces.origin.numbers.tolist() == whole.origin.numbers.tolist()


def test_the_unit_of_time_can_change_at_any_row_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*lines(20), *(f"{int(line[:13]) // 1000}{line[13:]}" for line in lines(40)[20:])]
    path = csv_file(tmp_path, HEADER, *rows)
    plain = csv.read(csv_file(tmp_path, HEADER, *lines(40), name="plain.csv"), None)
    before = len("\n".join(rows[:20])) + len(HEADER) + 2
    for size in (100, before, 2**20):
        monkeypatch.setattr(bounded, "BLOCK_BYTES", size)
        found = csv.read(path, None)
        assert found.ts.tolist() == plain.ts.tolist()
        assert found.notes == (f"{path}: times are milliseconds in lines 2 to 21, seconds from line 22",)


def test_more_lines_that_are_not_rows_than_the_cap_are_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = csv_file(tmp_path, HEADER, *GOOD[:2], *[""] * 20, *GOOD[2:])
    monkeypatch.setattr(table, "MAX_ROWS", 20)
    csv.read(path, None)
    monkeypatch.setattr(table, "MAX_ROWS", 19)
    with raises_code(DataError, "wrong_format", match="more than 19 lines that are no rows"):
        csv.read(path, None)


def test_more_rows_than_the_cap_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = csv_file(tmp_path, HEADER, *lines(10))
    monkeypatch.setattr(table, "MAX_ROWS", 10)
    csv.read(path, None)
    monkeypatch.setattr(table, "MAX_ROWS", 9)
    with raises_code(DataError, "file_too_large"):
        csv.read(path, None)


@given(st.binary(max_size=300))
def test_any_bytes_give_candles_or_one_data_error(content: bytes) -> None:
    blocks = iter([HEADER.encode() + b"\n" + GOOD[0].encode() + b"\n" + content])

    def read(path: str) -> object:
        return candles(table.read(path, blocks, layout_of=lambda head: csv.layout(head, None, path=path), closed=False))

    assert read_or_refused(read, "x")
