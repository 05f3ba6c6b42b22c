"""The rows of files become the candles of a symbol, on one scale for all files and in ascending order (S3)."""

from pathlib import Path

import pytest

from safla.candles import normalise
from safla.candles.normalise import FileRows, Target
from safla.data.files import csv
from safla.errors import DataError
from tests.data.tables import HEADER, LIMIT, START, STEP, assembled, candles, csv_file, lines, same
from tests.errors import raises_code


def hours(folder: Path, first: int, count: int, *, name: str, price: str = "100.5", volume: str = "1.5") -> FileRows:
    rows = [f"{START + hour * STEP},{price},110,90,100,{volume}" for hour in range(first, first + count)]
    return csv.read(csv_file(folder, HEADER, *rows, name=name), None)


def test_consecutive_files_are_joined_on_the_finest_scale_of_all(tmp_path: Path) -> None:
    series, counts, _ = assembled(
        hours(tmp_path, 0, 2, name="a", price="100.50", volume="1.500"),
        hours(tmp_path, 3, 1, name="b", price="100.125", volume="2.00001000"),
    )
    assert (series.price_decimals, series.volume_decimals) == (3, 5)
    assert series.columns.open.tolist() == [100_500, 100_500, 100_125]
    assert series.columns.volume.tolist() == [150_000, 150_000, 200_001]
    assert counts == normalise.Counts("BTC/USDT", 3, duplicates=0, without_volume=0, gaps=1, missing=1, volumes_cut=0)


def test_files_are_ordered_by_their_first_candle_whatever_their_names(tmp_path: Path) -> None:
    names = {"part1": 0, "part10": 4, "part2": 2}
    series, counts, notes = assembled(*(hours(tmp_path, first, 2, name=name) for name, first in names.items()))
    assert ((series.columns.ts - START) // STEP).tolist() == [0, 1, 2, 3, 4, 5]
    assert (counts.duplicates, notes) == (0, ())


def test_equal_candles_of_two_files_count_once_and_one_file_fills_the_gaps_of_another(tmp_path: Path) -> None:
    month = csv.read(csv_file(tmp_path, HEADER, *(lines(6)[:2] + lines(6)[4:]), name="month"), None)
    days = csv.read(csv_file(tmp_path, HEADER, *lines(6)[1:5], name="days"), None)
    for files in ((month, days), (days, month)):
        series, counts, notes = assembled(*files)
        assert same(series, candles(csv.read(csv_file(tmp_path, HEADER, *lines(6), name="all"), None)))
        assert (counts.candles, counts.duplicates, counts.gaps) == (6, 2, 0)
        note = f"{tmp_path}/days: 2 candles are also in {tmp_path}/month with the same values; used once"
        assert notes == (note,)


def test_conflicting_candles_of_two_files_are_rejected_with_both_lines_and_values(tmp_path: Path) -> None:
    with raises_code(DataError, "candle_revised") as refused:
        assembled(hours(tmp_path, 0, 3, name="a"), hours(tmp_path, 1, 3, name="b", price="100.6", volume="2"))
    assert str(refused.value) == (
        f"{tmp_path}/b: line 2: candle_revised: 2024-01-01T01:00Z is also in {tmp_path}/a: line 3 with other values: "
        "open 100.6 instead of 100.5, volume 2.0 instead of 1.5 (and 1 more); leave one of the files out"
    )


@pytest.mark.parametrize(
    ("text", "decimals"),
    [("100", 0), ("100.00", 0), ("100.10", 1), ("100.12345678", 8), ("0.000000000001", 12), ("1e2", 0)],
)
def test_the_scale_is_the_largest_number_of_decimals_without_trailing_zeros(
    tmp_path: Path, text: str, decimals: int
) -> None:
    rows = [f"{START},{text},110,{'1e-12' if decimals == 12 else '90'},100,1.5"]
    assert candles(csv.read(csv_file(tmp_path, HEADER, *rows), None)).price_decimals == decimals


@pytest.mark.parametrize(
    ("price", "given", "text"),
    [
        ("100.1234567891234", None, r"line 2: open 100\.1234567891234 has the rounding error of a float"),
        ("0.0000123456789", None, r"line 2: open 0\.0000123456789 has more decimals than 12 \(and 1 more\)"),
        ("100.125", 2, r"line 2: open 100\.125 has more decimals than the 2 that are configured .*_decimals: 3 to"),
    ],
)
def test_a_price_with_more_decimals_than_its_scale_is_rejected(
    tmp_path: Path, price: str, given: int | None, text: str
) -> None:
    with pytest.raises(DataError, match=text):
        candles(hours(tmp_path, 0, 2, name="a", price=price), price_decimals=given)


@pytest.mark.parametrize(("given", "units"), [(None, [150_000_000, 123_456_789]), (2, [150, 123]), (0, [1, 1])])
def test_a_volume_with_more_decimals_is_truncated_with_a_note(
    tmp_path: Path, given: int | None, units: list[int]
) -> None:
    path = csv_file(tmp_path, HEADER, f"{START},100,110,90,100,1.5", f"{START + STEP},100,110,90,100,1.2345678949994")
    series, counts, notes = assembled(csv.read(path, None), volume_decimals=given)
    assert series.columns.volume.tolist() == units
    cut = 2 if given == 0 else 1
    assert (counts.volumes_cut, notes) == (
        cut,
        (f"{path}: {cut} volumes cut to {series.volume_decimals} decimals",),
    )


def test_changes_to_the_rows_are_noted_and_counted(tmp_path: Path) -> None:
    written = [*lines(3)[::-1], lines(1)[0]]
    path = csv_file(tmp_path, HEADER, *written)
    _, counts, notes = assembled(csv.read(path, None))
    assert (counts.candles, counts.duplicates) == (3, 1)
    assert notes == (
        f"{path}: newest first; the order was reversed",
        f"{path}: repeated candles with the same values, ignored: 1",
    )


def test_more_rows_than_the_cap_over_all_files_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [hours(tmp_path, 0, 2, name="a"), hours(tmp_path, 2, 2, name="b")]
    monkeypatch.setattr(normalise, "MAX_ROWS", 4)
    assembled(*files)
    monkeypatch.setattr(normalise, "MAX_ROWS", 3)
    with raises_code(DataError, "file_too_large"):
        assembled(*files)


def test_volumes_of_up_to_twelve_decimals_are_kept(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, f"{START},100,110,90,100,1.000000000001", f"{START + STEP},100,110,90,100,2")
    series, counts, _ = assembled(csv.read(path, None))
    assert (series.volume_decimals, series.columns.volume.tolist()) == (12, [10**12 + 1, 2 * 10**12])
    assert counts.volumes_cut == 0


def test_volumes_too_large_for_nine_decimals_are_truncated_to_eight(tmp_path: Path) -> None:
    rows = f"{START},100,110,90,100,1.000000000001", f"{START + STEP},100,110,90,100,9000000"
    series, counts, _ = assembled(csv.read(csv_file(tmp_path, HEADER, *rows), None))
    assert (series.volume_decimals, series.columns.volume.tolist(), counts.volumes_cut) == (8, [10**8, 9 * 10**14], 1)


def test_a_price_with_float_rounding_is_rejected_and_the_error_suggests_a_scale(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, f"{START},100.25,110,90.000000000000014,100,1.5")
    with raises_code(DataError, "too_many_decimals") as refused:
        assembled(csv.read(path, None))
    assert str(refused.value) == (
        f"{path}: line 2: low 90.000000000000014 has the rounding error of a float; "
        "set markets.BTC/USDT.price_decimals: 2 to read it as 90.00"
    )


def test_prices_with_float_rounding_are_rounded_to_the_stated_scale_and_counted(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, f"{START},100.25,110,89.999999999999986,100.000000001,36.863209999999995")
    for target in (
        Target("BTC/USDT", STEP, 2, 5, LIMIT, snap_decimals=2),
        Target("BTC/USDT", STEP, None, 5, LIMIT, snap_decimals=2),  # of a stated tick
    ):
        series, counts, notes = normalise.assemble([csv.read(path, None)], target)
        assert [column[0] for column in series.columns[1:]] == [10025, 11000, 9000, 10000, 3686321]
        assert (series.price_decimals, counts.volumes_cut) == (2, 0)
        assert notes == (
            f"{path}: 2 prices rounded to 2 decimals, by at most 1e-9 (rounding errors of floats)",
            f"{path}: 1 volume rounded to 5 decimals, by at most 1e-9 (rounding errors of floats)",
        )


def test_more_rows_than_any_real_history_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalise, "MAX_ROWS", 4)
    with raises_code(DataError, "file_too_large"):
        assembled(hours(tmp_path, 0, 3, name="a"), hours(tmp_path, 3, 3, name="b"))


def test_prices_too_fine_for_any_scale_are_rejected_with_advice(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="round the prices, or use the price of 1000 coins"):
        assembled(hours(tmp_path, 0, 2, name="a", price="100.0123456789123"))


def test_files_without_a_candle_give_no_series() -> None:
    with raises_code(DataError, "no_candles"):
        assembled()


def test_a_price_finer_than_the_stated_scale_is_rejected_with_the_allowed_decimals(tmp_path: Path) -> None:
    rows = hours(tmp_path, 0, 2, name="a", price="100.0123456789")
    with pytest.raises(DataError, match=r"markets\.BTC/USDT\.price_decimals may be up to 12"):
        assembled(rows, price_decimals=2)
