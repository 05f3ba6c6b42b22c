"""CSV files: their header, columns and delimiter; what is not clear is asked for, not guessed."""

from pathlib import Path

import pytest

from safla.data.files import csv
from safla.errors import DataError
from tests.data.written import HEADER, START, STEP, assembled, candles, csv_file, file, lines, same

COLUMNS = {"ts": "when", "open": "first", "high": "top", "low": "bottom", "close": "last", "volume": "amount"}
POSITIONS = {"ts": 0, "open": 1, "high": 4, "low": 5, "close": 2, "volume": 3}  # headerless t, O, C, V, H, L


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        "timestamp_ms,open,high,low,close,volume",
        "Time,Open,High,Low,Close,Volume",
        "DATE,OPEN,HIGH,LOW,CLOSE,VOL",
        "Open time,Open,High,Low,Close,Volume",
        "open_time,o,h,l,c,v",
        "datetime , open , high , low , close , volume",
        '"timestamp","open","high","low","close","volume"',
        None,
    ],
)
def test_the_usual_headers_and_none_at_all_give_the_same_candles(tmp_path: Path, header: str | None) -> None:
    path = csv_file(tmp_path, *([header] if header else []), *lines())
    series = candles(csv.read(path, None))
    assert series[1:3] == (2, 3)
    assert series.columns.ts.tolist() == [START, START + STEP, START + 2 * STEP]
    assert [column[1] for column in series.columns[1:]] == [100_50, 110_00, 91_00, 105_25, 1_125]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", ["", "\n", "\n\n"])
def test_delimiter_line_ends_and_byte_order_mark_change_nothing(
    tmp_path: Path, delimiter: str, end: str, mark: str, last: str
) -> None:
    plain = csv.read(csv_file(tmp_path, HEADER, *lines()), None)
    other = tmp_path / "other.csv"
    text = mark + "\n".join([HEADER, *lines()]).replace(",", delimiter) + last
    other.write_bytes(text.replace("\n", end).encode())
    found = csv.read(str(other), None)
    assert same(candles(found), candles(plain))
    assert found.origin.numbers.tolist() == plain.origin.numbers.tolist() == [2, 3, 4]


def test_quoted_cells_are_read_and_columns_of_no_use_are_passed_over(tmp_path: Path) -> None:
    rows = [",".join(f'"{cell}"' for cell in line.split(",")) + ',"a, b",x' for line in lines()]
    quoted = csv.read(csv_file(tmp_path, HEADER + ",note,more", *rows), None)
    assert same(candles(quoted), candles(csv.read(csv_file(tmp_path, HEADER, *lines()), None)))


def test_a_banner_before_the_header_is_skipped_and_said(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "https://www.example.org/data", HEADER, *lines())
    rows = csv.read(path, None)
    assert rows.notes == (f"{path}: 1 line before the header skipped",)
    assert rows.origin.numbers.tolist() == [3, 4, 5]


@pytest.mark.parametrize("unit", [(1000, "seconds"), (1, "milliseconds")])
def test_a_unit_of_time_that_is_not_the_usual_one_is_said(tmp_path: Path, unit: tuple[int, str]) -> None:
    rows = [f"{int(line[:13]) // unit[0]}{line[13:]}" for line in lines()]
    path = csv_file(tmp_path, HEADER, *rows)
    read = csv.read(path, None)
    assert read.ts.tolist() == [START, START + STEP, START + 2 * STEP]
    assert read.notes == (() if unit[0] == 1 else (f"{path}: times are {unit[1]}",))


def test_columns_are_taken_by_the_names_that_were_asked_for(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path, "amount,last,bottom,top,first,when", *(",".join(line.split(",")[::-1]) for line in lines())
    )
    plain = csv.read(csv_file(tmp_path, HEADER, *lines(), name="plain.csv"), None)
    assert same(candles(csv.read(path, COLUMNS)), candles(plain))


@pytest.mark.parametrize("header", [None, "t,O,C,V,H,L"])
def test_columns_are_taken_by_the_positions_that_were_asked_for(tmp_path: Path, header: str | None) -> None:
    cells = [line.split(",") for line in lines()]
    rows = [f"{t},{o},{c},{v},{h},{low}" for t, o, h, low, c, v in cells]
    path = csv_file(tmp_path, *([header] if header else []), *rows)
    plain = csv.read(csv_file(tmp_path, HEADER, *lines(), name="plain.csv"), None)
    assert same(candles(csv.read(path, POSITIONS)), candles(plain))


@pytest.mark.parametrize(
    ("header", "columns", "text"),
    [
        ("unix,date,open,high,low,close,volume", None, r"2 columns \('unix', 'date'\) for ts; data.columns says which"),
        (
            "timestamp,open,high,low,close,Volume BTC",
            None,
            r"no column for volume among .*'Volume BTC'; data.columns says",
        ),
        (HEADER, COLUMNS, r"data\.columns\.ts: no column 'when'; the header has 'timestamp', 'open'"),
        (HEADER, {**POSITIONS, "low": 6}, r"data\.columns\.low is 6, but there are 6 columns, counted from 0"),
        (None, COLUMNS, r"data\.columns\.ts: no column 'when'; there is no header; give a position"),
        ("something else", None, r"line 1: neither a header nor a row of 6 cells"),
    ],
)
def test_columns_that_are_not_clear_are_asked_for(
    tmp_path: Path, header: str | None, columns: dict[str, str | int] | None, text: str
) -> None:
    extra = ",7" if header and header.count(",") == 6 else ""
    path = csv_file(tmp_path, *([header] if header else []), *(line + extra for line in lines()))
    with pytest.raises(DataError, match=text):
        csv.read(path, columns)


def test_a_headerless_table_of_five_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="5 columns and no header; six are needed"):
        csv.read(csv_file(tmp_path, *(line.rpartition(",")[0] for line in lines())), None)


def test_a_header_without_rows_is_a_source_without_candles(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="BTC/USDT: the source has no candle"):
        assembled(csv.read(csv_file(tmp_path, HEADER), None))


def test_high_and_low_exchanged_by_another_order_of_columns_is_refused_by_value(tmp_path: Path) -> None:
    cells = [line.split(",") for line in lines()]
    path = csv_file(tmp_path, *(f"{t},{o},{c},{low},{h},{v}" for t, o, h, low, c, v in cells))
    with pytest.raises(DataError, match=r"line 1: high 105\.25 is below close 110\.00 \(and 2 more\)"):
        assembled(csv.read(path, None))


@pytest.mark.parametrize(
    ("note", "cells"),
    [('"x"', ""), ("x", ""), ('"x"', ",x,y"), ('"a, b"', ",x,y,z")],
)
def test_a_line_with_cells_too_many_or_too_few_is_refused_where_no_column_of_ours_is_hit(
    tmp_path: Path, note: str, cells: str
) -> None:
    first, second, third = lines()
    path = csv_file(tmp_path, HEADER + ",note", f"{first},{note}", second + cells, f"{third},x,y")
    found = 6 + cells.count(",")
    with pytest.raises(DataError, match=rf"line 3: {found} cells, the first line has 7"):
        csv.read(path, None)


def test_bytes_that_are_no_utf8_are_refused_by_their_line(tmp_path: Path) -> None:
    text = "\n".join([HEADER, *lines()]).encode()
    for line, place in ((1, 3), (2, len(HEADER) + 5), (4, len(text) - 2)):
        broken = text[:place] + b"\xff" + text[place:]
        with pytest.raises(DataError, match=rf"line {line}: not a text in UTF-8"):
            csv.read(file(tmp_path, "broken.csv", broken), None)
