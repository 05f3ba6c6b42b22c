"""Rows 55, 57 and 59: candle files that are dirty, broken, hostile or changing; values exactly at a limit."""

import json
import math
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.risk import loss_met, rejected_for_cash
from safla.core.scale import LIMIT
from safla.core.values import MAX_EXPOSURE, NO_REASON
from safla.data.files import bounded, csv, table
from safla.data.files import json as json_candles
from tests.data.tables import HEADER, START, gz, lines, zst
from tests.faults.candle_files import KLINES, MEBIBYTE, ROWS, TABLE, parquet_of, put, refused, run, text, zipped
from tests.faults.command import answered
from tests.faults.invariants import check_answer, check_only, check_run, untouched
from tests.small_runs import journal

UNPROVEN = "nothing proves that its last candle is closed (data.last_candle)"


def changed(old: str, new: str, *, row: int = 50) -> bytes:
    """Returns the valid file with one change in one row; row 50 is line 52 of the file."""
    assert ROWS[row].count(old) == 1
    return text(HEADER, *ROWS[:row], ROWS[row].replace(old, new), *ROWS[row + 1 :])


def _json(rows: list[str]) -> bytes:
    return f"[{', '.join(f'[{row}]' for row in rows)}]".encode()


ARRAYS = json_candles.ORDER
NO_HEADER = csv.NO_HEADER
TIME = ROWS[50][:13]
BROKEN = {
    "ragged, long": (changed("50.125", "50.125,7"), "line 52: 7 cells, the first line has 6"),
    "ragged, short": (changed(",50.125", ""), "line 52: 5 cells, the first line has 6"),
    "ragged beside a quote": (changed("50.125", '"50.125",7'), "line 52: 7 cells, the first line has 6"),
    "ragged where nothing is read": (
        text(f"{HEADER},note", f'{ROWS[0]},"x"', ROWS[1], f"{ROWS[2]},x,y"),
        "line 3: 6 cells, the first line has 7",
    ),
    "carriage returns": (TABLE.replace(b"\n", b"\r"), "columns, at most 64 are read"),
    "open quote": (changed("100.5", '"100.5'), "line 52: a quote is opened and not closed"),
    "quote over two lines": (changed("100.5", '"100.5\n"'), "line 52: a quote is opened and not closed"),
    "long field": (changed("110", "1" * 131_073), "line 52: more than 131072 bytes"),
    "one long line": (b"x" * 5 * MEBIBYTE, "a line of more than 131072 bytes; this is no table of candles"),
    "nothing": (b"", "the file is empty"),
    "empty lines": (b"\n\n\n", "the file is empty"),
    "unsorted": (text(HEADER, *ROWS[:50], ROWS[51], ROWS[50]), "line 53: 2024-01-03T02:00Z is out of order"),
    "revised": (
        text(HEADER, *ROWS, ROWS[-1] + "9"),
        "line 62: candle_revised: 2024-01-03T11:00Z is also in line 61 with other values: volume",
    ),
    "picoseconds": (changed(TIME, TIME + "000000000"), "line 52: time '1704247200000000000000' is neither"),
    "off the grid": (
        changed(TIME, TIME[:-1] + "1"),
        "line 52: time 2024-01-03T02:00:00.001Z is not on the grid of 1h candles",
    ),
    "spreadsheet": (
        changed(TIME, "1.70027E+12"),
        "line 52: time '1.70027E+12' is rounded, so its last digits are lost",
    ),
    "half a day": (changed(TIME, "2019-10-17 09-AM"), "line 52: time '2019-10-17 09-AM' is neither an integer"),
    "naive": (text(HEADER, "2024-01-01 00:00:00,1,1,1,1,1"), "line 2: time '2024-01-01 00:00:00' has no time zone"),
    "price": (changed("110", "1" + "0" * 17), f"line 52: high {10**17} is too large for 2 decimals"),
    "sum": (changed("110", "9" + "0" * 15), f"line 52: high {9 * 10**15}.00 is above 46116860184273.87"),
    "volume": (changed("50.125", "9" * 18), f"line 52: volume {'9' * 18} is too large for 3 decimals (2**62 units"),
    "nineteen digits": (changed("110", "1" + "0" * 18), f"line 52: high '{10**18}' is not a plain decimal number"),
    "not a number": (changed("110", "NaN"), "line 52: high 'NaN' is not a plain decimal number"),
    "negative": (changed("110", "-110"), "line 52: high '-110' is not a plain decimal number"),
    "empty cell": (changed("110", ""), "line 52: high is empty"),
    "high below": (changed("110", "101"), "line 52: high 101.00 is below close 105.25"),
    "columns exchanged": (changed("110,90", "90,110"), "line 52: high 90.00 is below open 100.50"),
    "terminal command": (changed("110", "\x1b[31m"), "line 52: high '\\x1b[31m' is not a plain decimal number"),
    "UTF-16": (TABLE.decode().encode("utf-16"), "the text is UTF-16; save it as UTF-8"),
    "latin": (changed("110", "110 €").replace("€".encode(), b"\xa4"), "line 52: not a text in UTF-8"),
    "NUL": (changed("110", "1\x000"), "line 52: a NUL byte; this is no text"),
    "wide": (text(HEADER + ",x" * 100, *(row + ",1" * 100 for row in ROWS)), "106 columns, at most 64 are read"),
    "a ZIP": (b"PK\x03\x04" + bytes(100), "cut or corrupt ZIP"),
    "gzip, cut": (gz(TABLE)[:-20], "cut or corrupt gzip"),
    "gzip in gzip": (gz(gz(TABLE)), "not a text in UTF-8"),
    "zstd, cut": (zst(TABLE)[:-20], "cut or corrupt zstd"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_row_55_a_broken_csv_ends_with_exit_4_and_names_line_and_value(tmp_path: Path, fault: str) -> None:
    content, says = BROKEN[fault]
    assert says in refused(put(tmp_path, content), "csv")


HARMLESS = {
    "no header": (text(*ROWS), (NO_HEADER,)),
    "empty line": (text(HEADER, *ROWS[:50], "", *ROWS[50:]), ("1 empty line skipped (line 52)",)),
    "joined files": (text(HEADER, *ROWS[:30], HEADER, *ROWS[30:]), ("1 repeated header skipped (line 32)",)),
    "byte order mark": (b"\xef\xbb\xbf" + TABLE, ()),
    "CRLF": (TABLE.replace(b"\n", b"\r\n"), ()),
    "no last line end": (TABLE[:-1], ()),
    "quoted": (text(HEADER, *(f'"{row}"'.replace(",", '","') for row in ROWS)), ()),
    "semicolons": (TABLE.replace(b",", b";"), ()),
    "gzip": (gz(TABLE), ()),
    "zstd": (zst(TABLE), ()),
    "banner": (text("https://www.example.org", HEADER, *ROWS), ("1 line before the header skipped",)),
    "newest first": (text(HEADER, *ROWS[::-1]), ("newest first; the order was reversed",)),
    "nanoseconds": (
        changed(TIME, TIME + "000000"),
        ("times are milliseconds in lines 2 to 51, nanoseconds in line 52, milliseconds from line 53",),
    ),
    "whole floats": (changed(TIME, TIME + ".0"), ()),
    "numbers otherwise": (changed("110,90", "+110.,9E+1 "), ()),
    "comments": (
        text(HEADER, "#", *ROWS[:30], "# x", *ROWS[30:]),
        ("1 line that begins with # before the rows skipped", "1 line that begins with # skipped (line 33)"),
    ),
    "one CSV in a ZIP": (zipped({"folder/Any Name (1).csv": TABLE, "__MACOSX/folder/._Any Name (1).csv": b"x"}), ()),
    "JSON": (_json(ROWS), (ARRAYS,)),
    "JSON, gzip": (gz(_json(ROWS)), (ARRAYS,)),
    "twice": (text(HEADER, *ROWS[:9], *ROWS[8:]), ("repeated candles with the same values, ignored: 1",)),
    "seconds": (text(HEADER, *(row[:10] + row[13:] for row in ROWS)), ("times are seconds",)),
}


@pytest.mark.parametrize("form", HARMLESS)
def test_row_55_harmless_variants_of_a_file_give_the_same_journal_and_a_notice(tmp_path: Path, form: str) -> None:
    content, notes = HARMLESS[form]
    run(put(tmp_path, TABLE, "plain.csv"), out="plain")
    path = put(tmp_path, content)
    answer = run(path)
    check_answer(answer, 0)
    assert answer.err.splitlines() == [f"{path}: {note}" for note in (*notes, UNPROVEN)]
    assert journal(tmp_path / "run") == journal(tmp_path / "plain")
    check_run(tmp_path / "run", max_positions=3)


def test_row_55_zero_volume_and_gaps_are_accepted_and_counted(tmp_path: Path) -> None:
    quiet = [f"{row.rpartition(',')[0]},0" for row in ROWS[20:25]]
    answer = run(put(tmp_path, text(HEADER, *ROWS[:20], *quiet, *ROWS[30:])), "csv", "--json")
    check_answer(answer, 0)
    said = json.loads(answer.out)
    names = ("candles", "candles_without_volume", "gaps", "missing_candles")
    assert [said[name] for name in names] == [55, 5, 1, 5]


@pytest.mark.parametrize(
    ("content", "sets"),
    [
        (text(HEADER), ()),
        (TABLE, ("--set", "data.start=2030-01-01")),
        (TABLE, ("--set", "data.end=2020-01-01")),
    ],
)
def test_row_55_no_candle_in_the_window_ends_with_exit_4(tmp_path: Path, content: bytes, sets: tuple[str, ...]) -> None:
    answer = run(put(tmp_path, content), "csv", *sets)
    check_answer(answer, 4)
    assert "no candle" in answer.err
    check_only(tmp_path, {"config.yaml", "btc.csv"})


@pytest.mark.parametrize("count", [1, 8])
def test_row_55_a_run_with_fewer_candles_than_the_warm_up_succeeds_with_a_notice(tmp_path: Path, count: int) -> None:
    answer = run(put(tmp_path, text(HEADER, *ROWS[:count])))
    check_answer(answer, 0)
    assert f"BTC/USDT: {count} candles, but the strategy needs 9 before its first signal" in answer.err
    check_run(tmp_path / "run", max_positions=3)


def cheap(count: int) -> list[str]:
    """Returns hourly rows of a coin that is quoted with twelve decimals, in waves so that it is traded."""
    rows, before = [], 500
    for hour in range(count):
        close = 500 + 40 * (hour % 20 if hour % 40 < 20 else 20 - hour % 20)
        cells = (before, max(before, close) + 3, min(before, close) - 3, close)
        rows.append(f"{START + hour * 3_600_000},{','.join(f'0.{cell:012}' for cell in cells)},123456789012")
        before = close
    return rows


def test_row_55_prices_with_twelve_decimals_are_traded_and_replayed_next_to_high_prices(tmp_path: Path) -> None:
    put(tmp_path, text(HEADER, *cheap(200)), "PEPEUSDT.csv")
    put(tmp_path, text(HEADER, *lines(200)), "BTCUSDT.csv")
    for symbols in ("PEPE/USDT", "BTC/USDT, PEPE/USDT"):
        path = tmp_path / "{symbol}.csv"
        symbol_list = f"symbols.primary=[{symbols}]"
        answer = run(path, "csv", "--set", symbol_list, "--force", out="run")
        check_answer(answer, 0)
        started, *events = (json.loads(line)["e"] for line in journal(tmp_path / "run").splitlines())
        scales = {one["symbol"]: (one["price_decimals"], one["quantity_decimals"]) for one in started["symbols"]}
        assert scales["PEPE/USDT"] == (12, 0)
        assert started["money_decimals"] == 12
        assert any(event["type"] == "filled" and event["symbol"] == "PEPE/USDT" for event in events)
        check_answer(answered("replay", str(tmp_path / "run"), "--engine", "interpreted"), 0)


ARCHIVES = {
    "name": (zipped({"../a.csv": KLINES}), "member '../a.csv'; a plain name that ends in .csv is expected"),
    "absolute": (zipped({"/a.csv": KLINES}), "member '/a.csv'; a plain name"),
    "nested": (zipped({"a.csv": zipped({"a.csv": KLINES})}), "not a text in UTF-8"),
    "nested by name": (zipped({"a.zip": zipped({"a.csv": KLINES})}), "member 'a.zip'; a plain name"),
    "two": (
        zipped({"a.csv": KLINES, "b.csv": KLINES}),
        "2 CSV files (a.csv, b.csv), but none is named after BTC/USDT 1h; unpack the right one",
    ),
    "empty": (zipped({"a.csv": b""}), "the file is empty"),
    "six columns": (zipped({"a.csv": text(*ROWS)}), "line 1: 6 cells, a kline has 12"),
    "cut": (zipped({"a.csv": KLINES})[:-30], "cut or corrupt ZIP"),
    "changed": (zipped({"a.csv": KLINES}).replace(b",110,", b",111,"), "cut or corrupt ZIP"),
}


@pytest.mark.parametrize("fault", ARCHIVES)
def test_row_55_a_broken_archive_ends_with_exit_4_and_nothing_is_written(tmp_path: Path, fault: str) -> None:
    content, says = ARCHIVES[fault]
    folder = tmp_path / "deep" / "deeper"
    folder.mkdir(parents=True)
    path = put(folder, content, "a.zip")
    with untouched(tmp_path / "deep"):
        assert says in refused(path, "vision", folder=tmp_path)


def test_row_55_an_archive_gives_the_same_journal_as_its_csv(tmp_path: Path) -> None:
    run(put(tmp_path, TABLE), out="plain")
    check_answer(run(put(tmp_path, zipped({"a.csv": KLINES}), "a.zip"), "vision"), 0)
    assert journal(tmp_path / "run") == journal(tmp_path / "plain")


CHANGES: dict[str, Callable[[Path], object]] = {
    "appended": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "cut": lambda path: os.truncate(path, path.stat().st_size - 9),
    "touched": lambda path: os.utime(path, (1, 1)),
    "replaced": lambda path: put(path.parent, path.read_bytes(), "new").replace(path),
    "removed": lambda path: path.unlink(),
}
READERS = {
    "csv": (table, "_cells", TABLE),
    "gzip": (table, "_cells", gz(TABLE)),
    "zstd": (bounded, "whole", zst(TABLE)),
    "vision": (table, "_cells", zipped({"a.csv": KLINES})),
    "parquet": (bounded, "whole", parquet_of({"timestamp": pl.lit(START), **dict.fromkeys("ohlcv", pl.lit(2))})),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", READERS)
def test_row_57_a_file_that_changes_while_it_is_read_ends_with_exit_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, change: str
) -> None:
    module, name, content = READERS[kind]
    source_of = kind if kind in ("vision", "parquet") else "csv"
    path = put(tmp_path, content, "candles")
    check_answer(run(path, source_of, out="before"), 0)
    reader = getattr(module, name)

    def in_the_middle(*arguments: Any, **named: Any) -> Any:
        found = reader(*arguments, **named)
        CHANGES[change](path)
        return found

    monkeypatch.setattr(module, name, in_the_middle)
    answer = run(path, source_of)
    check_answer(answer, 4)
    assert answer.err == f"safla: {path}: the file changed while it was read; try again when it is complete\n"
    assert not (tmp_path / "run").exists()


AMOUNT, PPM = st.integers(1, LIMIT - 1), st.integers(1, 1_000_000)


@given(reference=AMOUNT, ppm=PPM)
def test_row_59_a_loss_exactly_at_its_limit_halts_and_one_unit_less_does_not(reference: int, ppm: int) -> None:
    """S15: the rule fires from the limit on. The limit is often a fraction of a unit, so it is rounded up here."""
    limit = math.ceil(Fraction(reference * ppm, 1_000_000))
    assert [loss_met(reference, reference - limit + one, ppm) for one in (1, 0, -1)] == [False, True, True]


@given(allowed=AMOUNT)
def test_row_59_exposure_exactly_at_its_limit_rejects_an_entry_and_one_unit_less_does_not(allowed: int) -> None:
    """S24: an entry is allowed only while exposure is below the limit."""
    found = [rejected_for_cash(allowed + one, allowed, 1, 1).reason for one in (-1, 0, 1)]
    assert found == [NO_REASON, MAX_EXPOSURE, MAX_EXPOSURE]
