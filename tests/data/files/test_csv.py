"""CSV files: header, columns and delimiter; an ambiguous table is an error that asks for columns, never a guess."""

from itertools import pairwise
from pathlib import Path

import pytest

from safla.candles.normalise import FIELDS
from safla.data.files import bounded, csv
from safla.errors import DataError
from tests.data.tables import HEADER, START, STEP, assembled, candles, csv_file, file, lines, same
from tests.errors import raises_code

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
        ",open,high,low,close,volume",
        "Unnamed: 0,open,high,low,close,volume",
        None,
    ],
)
def test_the_usual_headers_and_no_header_give_the_same_candles(tmp_path: Path, header: str | None) -> None:
    path = csv_file(tmp_path, *([header] if header else []), *lines())
    series = candles(csv.read(path, None))
    assert series[1:3] == (2, 3)
    assert series.columns.ts.tolist() == [START, START + STEP, START + 2 * STEP]
    assert [column[1] for column in series.columns[1:]] == [100_50, 110_00, 91_00, 105_25, 1_125]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
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


def test_quoted_cells_are_read_and_unused_columns_are_skipped(tmp_path: Path) -> None:
    rows = [",".join(f'"{cell}"' for cell in line.split(",")) + ',"a, b",x' for line in lines()]
    quoted = csv.read(csv_file(tmp_path, HEADER + ",note,more", *rows), None)
    assert same(candles(quoted), candles(csv.read(csv_file(tmp_path, HEADER, *lines()), None)))


def test_a_banner_before_the_header_is_skipped_with_a_note(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "https://www.example.org/data", HEADER, *lines())
    rows = csv.read(path, None)
    assert rows.notes == (f"{path}: 1 line before the header skipped",)
    assert rows.origin.numbers.tolist() == [3, 4, 5]


@pytest.mark.parametrize("unit", [(1000, "seconds"), (1, "milliseconds")])
def test_an_unusual_unit_of_time_is_noted(tmp_path: Path, unit: tuple[int, str]) -> None:
    rows = [f"{int(line[:13]) // unit[0]}{line[13:]}" for line in lines()]
    path = csv_file(tmp_path, HEADER, *rows)
    read = csv.read(path, None)
    assert read.ts.tolist() == [START, START + STEP, START + 2 * STEP]
    assert read.notes == (() if unit[0] == 1 else (f"{path}: times are {unit[1]}",))


def test_columns_are_selected_by_the_configured_names(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path, "amount,last,bottom,top,first,when", *(",".join(line.split(",")[::-1]) for line in lines())
    )
    plain = csv.read(csv_file(tmp_path, HEADER, *lines(), name="plain.csv"), None)
    assert same(candles(csv.read(path, COLUMNS)), candles(plain))


@pytest.mark.parametrize("header", [None, "t,O,C,V,H,L"])
def test_columns_are_selected_by_the_configured_positions(tmp_path: Path, header: str | None) -> None:
    cells = [line.split(",") for line in lines()]
    rows = [f"{t},{o},{c},{v},{h},{low}" for t, o, h, low, c, v in cells]
    path = csv_file(tmp_path, *([header] if header else []), *rows)
    plain = csv.read(csv_file(tmp_path, HEADER, *lines(), name="plain.csv"), None)
    assert same(candles(csv.read(path, POSITIONS)), candles(plain))


@pytest.mark.parametrize(
    ("header", "columns", "text"),
    [
        ("close,date,open,high,low,close,volume", None, r"2 columns \('close', 'close'\) for close; data.columns says"),
        (
            "timestamp,open,high,low,close,Volume USDT",
            None,
            r"no column for volume among .*'Volume USDT'; data.columns says",
        ),
        (HEADER, {"volume": "amount"}, r"data\.columns\.volume: no column 'amount'"),
        (None, {"open": 4}, r"no header, and data\.columns names only some columns \(open: 4\)"),
        (HEADER, COLUMNS, r"data\.columns\.ts: no column 'when'; the header has 'timestamp', 'open'"),
        (HEADER, {**POSITIONS, "low": 6}, r"data\.columns\.low: no column 6; the file has 6 columns, counted from 0"),
        (None, COLUMNS, r"data\.columns\.ts: no column 'when'; there is no header; give a position"),
        ("something else", None, r"line 1: neither a header nor a row of 6 cells"),
    ],
)
def test_ambiguous_columns_are_an_error_that_asks_for_names(
    tmp_path: Path, header: str | None, columns: dict[str, str | int] | None, text: str
) -> None:
    extra = ",7" if header and header.count(",") == 6 else ""
    path = csv_file(tmp_path, *([header] if header else []), *(line + extra for line in lines()))
    with pytest.raises(DataError, match=text):
        csv.read(path, columns)


def test_a_table_of_five_columns_without_a_header_is_rejected(tmp_path: Path) -> None:
    with raises_code(DataError, "column_unclear", match="5 columns"):
        csv.read(csv_file(tmp_path, *(line.rpartition(",")[0] for line in lines())), None)


def test_a_header_without_rows_gives_no_candles(tmp_path: Path) -> None:
    with raises_code(DataError, "no_candles"):
        assembled(csv.read(csv_file(tmp_path, HEADER), None))


def test_swapped_high_and_low_columns_are_rejected_by_their_values(tmp_path: Path) -> None:
    cells = [line.split(",") for line in lines()]
    path = csv_file(tmp_path, *(f"{t},{o},{c},{low},{h},{v}" for t, o, h, low, c, v in cells))
    with pytest.raises(
        DataError,
        match=r"no header, and its columns are not in Binance's order \(time, open, high, low, close, volume\): line 1 "
        r"has .*; in the order time, open, close, low, high, volume they are valid candles; set data\.columns",
    ):
        csv.read(path, None)


@pytest.mark.parametrize(
    ("note", "cells"),
    [('"x"', ""), ("x", ""), ('"x"', ",x,y"), ('"a, b"', ",x,y,z")],
)
def test_a_line_with_too_many_or_too_few_cells_is_rejected_even_outside_the_used_columns(
    tmp_path: Path, note: str, cells: str
) -> None:
    first, second, third = lines()
    path = csv_file(tmp_path, HEADER + ",note", f"{first},{note}", second + cells, f"{third},x,y")
    found = 6 + cells.count(",")
    with pytest.raises(DataError, match=rf"line 3: {found} cells, the first line has 7"):
        csv.read(path, None)


def test_invalid_utf8_is_rejected_with_its_line(tmp_path: Path) -> None:
    text = "\n".join([HEADER, *lines()]).encode()
    for line, place in ((1, 3), (2, len(HEADER) + 5), (4, len(text) - 2)):
        broken = text[:place] + b"\xff" + text[place:]
        with raises_code(DataError, "wrong_format", match=rf"line {line}: "):
            csv.read(file(tmp_path, "broken.csv", broken), None)


WALK = [100.0, 101.5, 99.25, 102.0, 103.75, 101.0, 98.5, 99.0, 97.25, 96.0, 98.0, 99.5, 101.25]


def walk(order: str) -> list[str]:
    """Hours that open at the close before, without a header: t, o, h, l, c, v in some order."""
    rows = []
    for hour, (opened, close) in enumerate(pairwise(WALK)):
        cells = {"t": START + hour * STEP, "o": opened, "h": max(opened, close) + 1, "l": min(opened, close) - 1}
        cells |= {"c": close, "v": 7}
        rows.append(",".join(str(cells[one]) for one in order))
    return rows


def test_a_table_without_header_is_read_in_the_order_of_binance_with_a_note(tmp_path: Path) -> None:
    path = csv_file(tmp_path, *walk("tohlcv"))
    assert csv.read(path, None).notes == (f"{path}: {csv.NO_HEADER}",)
    everything = dict(zip(FIELDS, range(6), strict=True))
    assert csv.read(path, everything).notes == ()


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("order", "named"),
    [
        ("tchlov", "close, high, low, open, volume"),
        ("tochlv", "open, close, high, low, volume"),
        ("tlhocv", "low, high, open, close, volume"),
        ("tvchlo", "volume, close, high, low, open"),
        ("tolhcv", "open, low, high, close, volume"),
    ],
)
def test_values_that_fit_another_column_order_are_rejected_with_both_orders(
    tmp_path: Path, order: str, named: str, newest_first: bool
) -> None:
    path = csv_file(tmp_path, *walk(order)[:: -1 if newest_first else 1])
    with pytest.raises(
        DataError, match=rf"^{path}: no header, .*; in the order time, {named} they are valid candles; set data.columns"
    ):
        csv.read(path, None)


def test_one_bad_row_of_a_table_without_header_is_reported_with_its_value(tmp_path: Path) -> None:
    rows = walk("tohlcv")
    rows[5] = rows[5].replace("102.0", "100.0")
    with pytest.raises(DataError, match=r"line 6: high 100\.00 is below open 101\.00"):
        assembled(csv.read(csv_file(tmp_path, *rows), None))


def test_some_columns_can_be_configured_and_the_header_gives_the_others(tmp_path: Path) -> None:
    rows = [f"{line},{number}" for number, line in enumerate(lines())]
    path = csv_file(tmp_path, f"{HEADER},Volume", *rows)
    with raises_code(DataError, "column_unclear", match="2 columns"):
        csv.read(path, None)
    plain = csv.read(csv_file(tmp_path, HEADER, *lines(), name="plain.csv"), None)
    for volume in ("volume", 5):
        assert same(candles(csv.read(path, {"volume": volume, "ts": None})), candles(plain))


def test_the_volume_column_can_be_named_by_the_base_currency(tmp_path: Path) -> None:
    rows = [f"{line},9" for line in lines()]
    path = csv_file(tmp_path, HEADER.replace("volume", "Volume BTC") + ",Volume USDT", *rows)
    plain = csv.read(csv_file(tmp_path, HEADER, *lines(), name="plain.csv"), None)
    assert same(candles(csv.read(path, None, symbol="BTC/USDT")), candles(plain))
    with raises_code(DataError, "column_unclear", match="volume"):
        csv.read(path, None, symbol="ETH/USDT")


DATES = ("2024-01-01 00:00:00", "2024-01-01 01:00:00", "2024-01-01 02:00:00")


def with_dates(*dates: str, name: str = "date", first: bool = False) -> list[str]:
    header = f"{name},{HEADER}" if first else f"{HEADER},{name}"
    pairs = zip(lines(), dates, strict=True)
    return [header, *(f"{date},{line}" if first else f"{line},{date}" for line, date in pairs)]


@pytest.mark.parametrize("first", [False, True])
def test_of_two_time_columns_that_agree_the_integer_column_is_used(tmp_path: Path, first: bool) -> None:
    rows = csv.read(csv_file(tmp_path, *with_dates(*DATES, first=first)), None)
    assert (rows.ts.tolist(), rows.notes) == ([START, START + STEP, START + 2 * STEP], ())


def test_two_time_columns_that_disagree_are_rejected_with_both_values(tmp_path: Path) -> None:
    path = csv_file(tmp_path, *with_dates(DATES[0], DATES[2], DATES[2]))
    said = "line 3: the columns 'timestamp' and 'date' have different times, 2024-01-01T01:00Z and 2024-01-01T02:00Z"
    with pytest.raises(DataError, match=said):
        csv.read(path, None)
    assert csv.read(path, {"ts": "timestamp"}).ts[1] == START + STEP


def test_an_unreadable_second_time_column_is_noted(tmp_path: Path) -> None:
    path = csv_file(tmp_path, *with_dates("2024-01-01 12-AM", "2024-01-01 01-AM", "2024-01-01 02-AM"))
    said = (
        f"{path}: column 'date' is not compared with 'timestamp': it holds '2024-01-01 12-AM', which is no known date"
    )
    assert csv.read(path, None).notes == (said,)


def test_date_and_time_of_day_in_two_columns_are_combined(tmp_path: Path) -> None:
    rows = [f"2024.01.01\t0{hour}:00:00\t" + line[14:].replace(",", "\t") for hour, line in enumerate(lines())]
    path = csv_file(tmp_path, "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<VOL>", *rows)
    plain = csv.read(csv_file(tmp_path, HEADER, *lines(), name="plain.csv"), None)
    assert same(candles(csv.read(path, None, zone="UTC")), candles(plain))


def test_a_column_without_a_name_is_the_time_column_if_it_holds_only_times(tmp_path: Path) -> None:
    indexed = [f"{row},{line}" for row, line in enumerate(lines())]
    plain = csv.read(csv_file(tmp_path, HEADER, *lines(), name="plain.csv"), None)
    assert same(candles(csv.read(csv_file(tmp_path, f",{HEADER}", *indexed), None)), candles(plain))
    with pytest.raises(DataError, match="no column for ts among ''"):
        csv.read(csv_file(tmp_path, ",open,high,low,close,volume,x", *indexed), None)


def test_the_header_determines_the_delimiter_if_numbers_contain_commas(tmp_path: Path) -> None:
    rows = [line.replace(",", ";").replace(".", ",") for line in lines()]
    for header in ([HEADER.replace(",", ";")], []):
        with pytest.raises(DataError, match=r"open '100,5' is not a plain decimal number .*: it has a decimal comma"):
            csv.read(csv_file(tmp_path, *header, *rows), None)


@pytest.mark.parametrize(
    ("before", "note"),
    [
        (["# a", "# b", "# c"], "3 lines that begin with # before the rows skipped"),
        (["# a"], "1 line that begins with # before the rows skipped"),
        (["", "  "], None),
        (["Prices of Bitcoin", "", "from 2024 on, in dollars", "as they were"], "3 lines before the header skipped"),
        ([f"line {number}" for number in range(300)], "300 lines before the header skipped"),
    ],
)
def test_any_lines_before_the_header_are_skipped_with_a_note(
    tmp_path: Path, before: list[str], note: str | None
) -> None:
    path = csv_file(tmp_path, *before, HEADER, *lines())
    rows = csv.read(path, None)
    assert rows.notes == (() if note is None else (f"{path}: {note}",))
    assert rows.origin.numbers.tolist() == [len(before) + 2, len(before) + 3, len(before) + 4]


@pytest.mark.parametrize(
    ("between", "note"),
    [
        ([""], "1 empty line skipped (line 4)"),
        (["", "  ", ",,,,,"], "3 empty lines skipped (the first is line 4)"),
        (["# gap"], "1 line that begins with # skipped (line 4)"),
        ([HEADER], "1 repeated header skipped (line 4)"),
        (["\ufeff" + HEADER], "1 repeated header skipped (line 4)"),
        ([HEADER, HEADER], "2 repeated headers skipped (the first is line 4)"),
    ],
)
def test_lines_between_joined_files_that_are_not_rows_are_skipped_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between: list[str], note: str
) -> None:
    rows = lines(20)
    path = csv_file(tmp_path, HEADER, *rows[:2], *between, *rows[2:], "", ",,,,,")
    plain = candles(csv.read(csv_file(tmp_path, HEADER, *rows, name="plain.csv"), None))
    for size in (2**20, 97):
        monkeypatch.setattr(bounded, "BLOCK_BYTES", size)
        found = csv.read(path, None)
        assert found.notes == (f"{path}: {note}",)
        assert same(candles(found), plain)
        assert found.origin.numbers[2] == 4 + len(between)


def test_a_repeated_banner_with_its_header_is_skipped(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path, "https://www.example.org", HEADER, *lines(2), "https://www.example.org", HEADER, lines()[2]
    )
    assert csv.read(path, None).notes == (
        f"{path}: 1 line before the header skipped",
        f"{path}: 2 repeated headers skipped (the first is line 5)",
    )


def test_a_different_header_between_the_rows_is_not_a_row(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, *lines(2), "timestamp,close,high,low,open,volume", lines()[2])
    with raises_code(DataError, "invalid_time", match="line 4: "):
        csv.read(path, None)
