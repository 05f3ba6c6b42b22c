"""How the rows of files become the candles of a symbol: one scale over all of them, ascending without overlap (S3)."""

from pathlib import Path

import pytest

from safla.data import rows
from safla.data.files import csv
from safla.data.rows import Rows
from safla.errors import DataError
from tests.data.written import HEADER, START, STEP, assembled, candles, csv_file, lines


def hours(folder: Path, first: int, count: int, *, name: str, price: str = "100.5", volume: str = "1.5") -> Rows:
    written = [f"{START + hour * STEP},{price},110,90,100,{volume}" for hour in range(first, first + count)]
    return csv.read(csv_file(folder, HEADER, *written, name=name), None)


def test_files_that_ascend_are_joined_on_the_finest_scale_of_all(tmp_path: Path) -> None:
    series, counts, _ = assembled(
        hours(tmp_path, 0, 2, name="a", price="100.50", volume="1.500"),
        hours(tmp_path, 3, 1, name="b", price="100.125", volume="2.00001000"),
    )
    assert (series.price_decimals, series.volume_decimals) == (3, 5)
    assert series.columns.open.tolist() == [100_500, 100_500, 100_125]
    assert series.columns.volume.tolist() == [150_000, 150_000, 200_001]
    assert counts == rows.Counts("BTC/USDT", 3, duplicates=0, without_volume=0, holes=1, missing=1, volumes_cut=0)


@pytest.mark.parametrize("first", [0, 1])
def test_files_that_overlap_are_refused_with_both_names(tmp_path: Path, first: int) -> None:
    with pytest.raises(
        DataError, match=r"b: line 2: time .* is not after .*, the last of .*/a; several files must ascend"
    ):
        assembled(hours(tmp_path, 0, 2, name="a"), hours(tmp_path, first, 2, name="b"))


@pytest.mark.parametrize(
    ("text", "decimals"), [("100", 0), ("100.00", 0), ("100.10", 1), ("100.12345678", 8), ("1e2", 0)]
)
def test_the_scale_is_the_most_decimals_seen_without_zeros_at_the_end(tmp_path: Path, text: str, decimals: int) -> None:
    if text == "1e2":
        with pytest.raises(DataError, match="open '1e2' is no plain decimal"):
            hours(tmp_path, 0, 1, name="a", price=text)
        return
    assert candles(hours(tmp_path, 0, 1, name="a", price=text)).price_decimals == decimals


@pytest.mark.parametrize(
    ("price", "given", "text"),
    [
        ("100.123456789", None, r"line 2: open 100\.123456789 has more decimals; at most 8 are read"),
        ("100.125", 2, r"line 2: open 100\.125 has more decimals; markets\.<SYMBOL>\.price_decimals says 2"),
    ],
)
def test_a_price_with_more_decimals_than_its_scale_is_refused(
    tmp_path: Path, price: str, given: int | None, text: str
) -> None:
    with pytest.raises(DataError, match=text):
        candles(hours(tmp_path, 0, 2, name="a", price=price), price_decimals=given)


@pytest.mark.parametrize(("given", "units"), [(None, [150_000_000, 123_456_789]), (2, [150, 123]), (0, [1, 1])])
def test_a_volume_with_more_decimals_is_cut_and_that_is_said(
    tmp_path: Path, given: int | None, units: list[int]
) -> None:
    path = csv_file(tmp_path, HEADER, f"{START},100,110,90,100,1.5", f"{START + STEP},100,110,90,100,1.234567894999")
    series, counts, notes = assembled(csv.read(path, None), volume_decimals=given)
    assert series.columns.volume.tolist() == units
    cut = 2 if given == 0 else 1
    assert (counts.volumes_cut, notes) == (
        cut,
        (f"{path}: {cut} volumes cut to {series.volume_decimals} decimals",),
    )


def test_what_was_done_to_the_rows_is_said_and_counted(tmp_path: Path) -> None:
    written = [*lines(3)[::-1], lines(1)[0]]
    path = csv_file(tmp_path, HEADER, *written)
    _, counts, notes = assembled(csv.read(path, None))
    assert (counts.candles, counts.duplicates) == (3, 1)
    assert notes == (f"{path}: newest first, turned round", f"{path}: 1 duplicates with the same values ignored")


def test_more_rows_than_the_cap_over_all_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [hours(tmp_path, 0, 2, name="a"), hours(tmp_path, 2, 2, name="b")]
    monkeypatch.setattr(rows, "MAX_ROWS", 4)
    assembled(*files)
    monkeypatch.setattr(rows, "MAX_ROWS", 3)
    with pytest.raises(DataError, match="more than 3 rows"):
        assembled(*files)
