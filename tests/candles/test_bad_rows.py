"""An invalid row is an error by default and is dropped with `drop`; a row without trades is a gap."""

import re
from pathlib import Path

import polars as pl
import pytest

from safla.data.source import SourceCandles
from safla.data.tables import rows_of
from safla.errors import DataError
from safla.report.summary import summarise
from tests.cli.test_data import Ask, ask
from tests.data.tables import HEADER, START, STEP, csv_file, file, kline, lines, zip_file
from tests.data.test_source import read
from tests.errors import raises_code
from tests.small_runs import journal, run, small

__all__ = ["ask"]

ROWS = lines(12)
BAD = {
    "high below open": ("100.5,100.4,90,100,1", "line 6: high 100.40 is below open 100.50"),
    "zero": ("0,0,0,0,0", "line 6: low 0.00 is not above 0"),
    "no number": ("100.5,110,90,abc,1", "line 6: close 'abc' is not a plain decimal number"),
    "one cell is empty": ("100.5,110,,105,1", "line 6: low is empty"),
}
NO_TRADE = ["nan,nan,nan,nan,nan", "NaN,NaN,NaN,NaN,0.0", ",,,,", "null,null,null,null,null", ",,,,0"]


def replaced(values: str, *, place: int = 4) -> list[str]:
    """The rows with other values in one of them, line 6 of the file."""
    row = f"{ROWS[place].partition(',')[0]},{values}"
    return [*ROWS[:place], row, *ROWS[place + 1 :]]


def times(sourced: SourceCandles) -> list[int]:
    return [(int(ts) - START) // STEP for ts in sourced.series[0].columns.ts]


@pytest.mark.parametrize(("values", "message"), BAD.values(), ids=list(BAD))
def test_a_bad_row_is_rejected_unless_it_may_be_dropped(tmp_path: Path, values: str, message: str) -> None:
    path = csv_file(tmp_path, HEADER, *replaced(values))
    with pytest.raises(DataError, match=message):
        read("csv", path)
    sourced = read("csv", path, data={"bad_rows": "drop"})
    assert times(sourced) == [0, 1, 2, 3, *range(5, 12)]
    assert (sourced.counts[0].bad_rows, sourced.counts[0].missing) == (1, 1)
    assert any(message in note and note.endswith("; left out (data.bad_rows: drop)") for note in sourced.notes)


@pytest.mark.parametrize("bad", ["refuse", "drop"])
@pytest.mark.parametrize("values", NO_TRADE)
def test_a_row_without_trades_is_a_gap_by_default(tmp_path: Path, values: str, bad: str) -> None:
    sourced = read("csv", csv_file(tmp_path, HEADER, *replaced(values)), data={"bad_rows": bad})
    assert times(sourced) == [0, 1, 2, 3, *range(5, 12)]
    assert (sourced.counts[0].without_trade, sourced.counts[0].bad_rows) == (1, 0)
    assert any(note.endswith("btc.csv: line 6: no price and no trade; left out as a gap") for note in sourced.notes)


@pytest.mark.parametrize("values", [",,,,5", "nan,nan,nan,105,nan"])
def test_a_row_with_a_volume_or_a_price_is_not_treated_as_a_row_without_trades(tmp_path: Path, values: str) -> None:
    with raises_code(DataError, "not_a_number", match="line 6: "):
        read("csv", csv_file(tmp_path, HEADER, *replaced(values)))


def test_many_dropped_rows_and_rows_without_trades_are_counted(tmp_path: Path) -> None:
    rows = [*ROWS]
    for place, values in ((2, ",,,,"), (3, "1,1,1,x,1"), (5, ",,,,"), (7, "9,8,9,9,1"), (8, "9,8,9,9,1")):
        rows[place] = f"{ROWS[place].partition(',')[0]},{values}"
    sourced = read("csv", csv_file(tmp_path, HEADER, *rows), data={"bad_rows": "drop"})
    assert times(sourced) == [0, 1, 4, 6, 9, 10, 11]
    assert (sourced.counts[0].without_trade, sourced.counts[0].bad_rows) == (2, 3)
    assert f"{tmp_path}/btc.csv: 3 bad rows left out in all" in sourced.notes


def test_bad_rows_of_archives_and_parquet_files_are_treated_like_those_of_csv(tmp_path: Path) -> None:
    rows = replaced("100.5,100.4,90,100,1")
    zip_file(tmp_path, {"a.csv": "\n".join(map(kline, rows)).encode()}, name="a.zip")
    floats = pl.read_csv(csv_file(tmp_path, HEADER, *rows))
    floats.write_parquet(tmp_path / "a.parquet")
    for kind, name in (("vision", "a.zip"), ("parquet", "a.parquet")):
        with pytest.raises(DataError, match=r"high 100\.40 is below open 100\.50"):
            read(kind, f"{tmp_path}/{name}")
        assert read(kind, f"{tmp_path}/{name}", data={"bad_rows": "drop"}).counts[0].bad_rows == 1
    nothing = {
        name: pl.when(pl.col("timestamp") == START + 4 * STEP).then(None).otherwise(pl.col(name))
        for name in floats.columns[1:]
    }
    floats.with_columns(**nothing).write_parquet(tmp_path / "null.parquet")
    assert times(read("parquet", f"{tmp_path}/null.parquet")) == [0, 1, 2, 3, *range(5, 12)]


def test_the_first_of_two_candles_of_one_time_with_different_values_is_kept(tmp_path: Path) -> None:
    again = ROWS[4].rpartition(",")[0] + ",0.001"
    path = csv_file(tmp_path, HEADER, *ROWS[:5], again, *ROWS[5:])
    message = (
        r"line 7: candle_revised: 2024-01-01T04:00Z is also in line 6 with other values: "
        r"volume 0\.001 instead of 4\.125"
    )
    with pytest.raises(DataError, match=message):
        read("csv", path)
    sourced = read("csv", path, data={"bad_rows": "drop"})
    assert times(sourced) == list(range(12))
    assert (int(sourced.series[0].columns.volume[4]), sourced.counts[0].bad_rows) == (4125, 1)


def test_a_row_out_of_order_is_rejected_even_with_drop(tmp_path: Path) -> None:
    with raises_code(DataError, "candles_out_of_order"):
        read("csv", csv_file(tmp_path, HEADER, *ROWS[:3], *ROWS[4:7], ROWS[3]), data={"bad_rows": "drop"})


def test_a_file_without_a_valid_row_is_rejected(tmp_path: Path) -> None:
    rows = [f"{row.partition(',')[0]},0,0,0,0,0" for row in ROWS]
    with raises_code(DataError, "no_candles"):
        read("csv", csv_file(tmp_path, HEADER, *rows), data={"bad_rows": "drop"})


BAD_TIMES = {
    "empty": ("", "time '' is neither an integer since 1970 nor a date"),
    "no time": ("n/a", "time 'n/a' is neither an integer since 1970 nor a date"),
    "a day first": ("01/02/2024", "time '01/02/2024' may begin with a day or a month"),
    "a fraction": ("1704081600000.5", "time '1704081600000.5' is no integer since 1970"),
    "part of a millisecond": ("2024-01-01T04:00:00.0001Z", "is not a whole number of milliseconds"),
    "no such day": ("2024-02-30T04:00:00Z", "time '2024-02-30T04:00:00Z' is neither"),
    "too small": ("100000", "time '100000' is neither an integer"),
    "too large": ("9999999999999999999", "is in no unit from seconds to nanoseconds"),
    "microseconds that are no milliseconds": ("1704081600000001", "is not a whole number of milliseconds"),
}


def with_times(*wrong: str, place: int = 4) -> list[str]:
    """The rows with wrong times in some of them, from line 6 of the file on."""
    rows = [f"{time},{ROWS[place + n].partition(',')[2]}" for n, time in enumerate(wrong)]
    return [*ROWS[:place], *rows, *ROWS[place + len(wrong) :]]


@pytest.mark.parametrize(("wrong", "message"), BAD_TIMES.values(), ids=list(BAD_TIMES))
def test_a_row_whose_time_cannot_be_read_is_rejected_unless_it_may_be_dropped(
    tmp_path: Path, wrong: str, message: str
) -> None:
    path = csv_file(tmp_path, HEADER, *with_times(wrong))
    with raises_code(DataError, "invalid_time", match=f"line 6: .*({message})"):
        read("csv", path)
    sourced = read("csv", path, data={"bad_rows": "drop"})
    assert times(sourced) == [0, 1, 2, 3, *range(5, 12)]
    assert (sourced.counts[0].bad_rows, sourced.counts[0].missing) == (1, 1)
    (note,) = [note for note in sourced.notes if "left out" in note]
    assert re.search(rf"btc\.csv: line 6: .*({message}).*; left out \(data\.bad_rows: drop\)$", note)


def test_rows_with_several_kinds_of_wrong_times_and_values_are_dropped_and_counted_together(tmp_path: Path) -> None:
    rows = with_times("n/a", "2024-01-01T05:00:00.0001Z", "oops", "9999999999999999999")
    rows[10] = f"{rows[10].partition(',')[0]},1,0.5,1,1,1"
    sourced = read("csv", csv_file(tmp_path, HEADER, *rows), data={"bad_rows": "drop"})
    assert times(sourced) == [0, 1, 2, 3, 8, 9, 11]
    assert f"{tmp_path}/btc.csv: 5 bad rows left out in all" in sourced.notes


def test_rows_without_a_readable_time_are_dropped_from_every_form_of_candles(tmp_path: Path) -> None:
    rows = with_times("n/a")
    klines = "\n".join(map(kline, ROWS)).replace(f"{START + 4 * STEP},", "n/a,", 1)
    zip_file(tmp_path, {"a.csv": klines.encode()}, name="a.zip")
    cells = ",".join(f"[{row}]" for row in with_times("null"))
    file(tmp_path, "a.json", f"[{cells}]".encode())
    texts = pl.read_csv(csv_file(tmp_path, HEADER, *rows), infer_schema=False)
    integers = texts.with_columns(pl.col("timestamp").cast(pl.Int64, strict=False), pl.exclude("timestamp").cast(float))
    floats = integers.with_columns(pl.col("timestamp").cast(float).fill_null(float("nan")))
    dates = integers.with_columns(pl.col("timestamp").cast(pl.Datetime("ms", "UTC")))
    frames = {"texts": texts, "integers": integers, "floats": floats, "dates": dates}
    for name, frame in frames.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
        frame.write_ipc(tmp_path / f"{name}.feather")
    paths = ["a.json", "a.zip", *(f"{name}.{kind}" for name in frames for kind in ("parquet", "feather"))]
    for path in paths:
        with pytest.raises(DataError, match=r"(line|row) [56]: (.*time.* is |time is empty)"):
            read("file", f"{tmp_path}/{path}")
        sourced = read("file", f"{tmp_path}/{path}", data={"bad_rows": "drop"})
        assert (path, times(sourced)) == (path, [0, 1, 2, 3, *range(5, 12)])
        assert sourced.counts[0].bad_rows == 1
    for frame in frames.values():
        (_, found), *_ = rows_of({"BTC/USDT": frame}, columns=None, zone=None, bad="drop")
        assert (len(found.ts), found.left.bad) == (11, 1)
        with pytest.raises(DataError, match=r"candles: row 5: .*time"):
            rows_of({"BTC/USDT": frame}, columns=None, zone=None, bad="refuse")


def test_a_file_in_which_no_time_can_be_read_is_rejected_even_with_drop(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, *with_times(*["oops"] * 12, place=0))
    with raises_code(DataError, "no_candles", match=r"line 2: time 'oops' .*; no row could be read"):
        read("csv", path, data={"bad_rows": "drop"})
    frame = pl.read_csv(path).with_columns(timestamp=pl.lit(None, pl.Int64))
    frame.write_parquet(tmp_path / "none.parquet")
    with raises_code(DataError, "no_candles", match="row 1: time is empty; no row could be read"):
        read("parquet", f"{tmp_path}/none.parquet", data={"bad_rows": "drop"})


def test_a_missing_time_zone_is_an_error_even_with_drop(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, *with_times("2024-01-01T04:00:00"))
    with raises_code(DataError, "time_zone_unclear"):
        read("csv", path, data={"bad_rows": "drop"})


def test_an_import_with_drop_leaves_out_rows_without_a_readable_time(ask: Ask, tmp_path: Path) -> None:
    rows = lines(48)
    path = csv_file(tmp_path, HEADER, *rows[:20], f"n/a,{rows[20].partition(',')[2]}", *rows[21:])
    answer = ask("import", path, "--symbol", "BTC/USDT")
    assert (answer.code, "line 22: time 'n/a'" in answer.err) == (4, True)
    assert "--bad-rows drop leaves such rows out" in answer.err
    answer = ask("import", path, "--symbol", "BTC/USDT", "--bad-rows", "drop")
    assert (answer.code, "46 candles, 46 new" in answer.out, "1 bad row left out" in answer.out) == (0, True, True)


def test_a_run_with_a_dropped_row_equals_the_run_with_that_gap_and_counts_the_row(tmp_path: Path) -> None:
    rows = lines(60)
    bad = [*rows[:30], f"{rows[30].partition(',')[0]},1,0.5,1,1,1", *rows[31:]]
    csv_file(tmp_path, HEADER, *bad, name="bad.csv")
    csv_file(tmp_path, HEADER, *rows[:30], *rows[31:], name="gap.csv")
    text = "symbols: {primary: [BTC/USDT]}\nstrategy: {fast_period: 2, slow_period: 4}\n"
    for name in ("bad", "gap"):
        (tmp_path / name).mkdir()
        loaded = small(
            tmp_path, "data.source=csv", f"data.path={tmp_path}/{name}.csv", "data.bad_rows=drop", text=text
        )  # fmt: skip
        ended = run(loaded, tmp_path / name / "run")
        assert summarise(ended.outcome, risk_free_rate=0.0)["bad_rows"] == (1 if name == "bad" else 0)
    assert journal(tmp_path / "bad" / "run") == journal(tmp_path / "gap" / "run")


def test_an_import_with_drop_leaves_out_bad_rows(ask: Ask, tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, *replaced("100.5,100.4,90,100,1"))
    words = ("import", path, "--symbol", "BTC/USDT", "--timeframe", "1h")
    assert ask(*words).code == 4
    answer = ask(*words, "--bad-rows", "drop")
    assert answer.code == 0
    assert "10 candles, 10 new, 0 known, 1 gaps (1 candles), 1 bad row left out" in answer.out
    assert "line 6: high 100.40 is below open 100.50" in answer.err
