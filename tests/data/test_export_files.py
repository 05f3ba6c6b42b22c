"""Exported candles are exact, readable by our own sources, and give the same bytes when imported again."""

from pathlib import Path

import numpy as np
import pytest

from safla.core.candles import Series
from safla.data import export_files
from safla.data.files import csv, parquet
from safla.data.import_files import ImportedFile, Wanted, imported
from safla.data.store import store
from safla.data.store.store import SeriesKey
from tests.data.series import ALL, AT, candles, contents, merge, months, place, same
from tests.data.tables import candles as assembled

MAKERS = {"csv": lambda series: export_files.csv_text(series).encode(), "parquet": export_files.parquet_bytes}


def taken(path: Path, cache: Path, timeframe: str = "1h") -> ImportedFile:
    """What the import makes of a file."""
    wanted = Wanted(cache, "binance", "BTC/USDT", timeframe, "1h", "keep", accept_restated=False)
    (file,) = imported([str(path)], wanted, now=lambda: AT)
    return file


def test_an_exported_csv_has_plain_decimals_and_ms() -> None:
    lines = export_files.csv_text(candles([0])._replace(volume_decimals=8)).splitlines()
    assert lines == ["ts,open,high,low,close,volume", "1706659200000,42000.03,42000.09,42000.00,42000.05,0.01000000"]
    assert export_files.csv_text(candles([0])._replace(price_decimals=0)).splitlines()[1].split(",")[1] == "4200003"


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(("price", "volume"), [(0, 0), (8, 8), (2, 5)])
def test_every_source_reads_an_export_exactly(tmp_path: Path, kind: str, price: int, volume: int) -> None:
    series = Series("BTC/USDT", price, volume, candles(range(30)).columns)
    (tmp_path / f"file.{kind}").write_bytes(MAKERS[kind](series))
    path = str(tmp_path / f"file.{kind}")
    rows = csv.read(path, None) if kind == "csv" else parquet.read(path, None, symbol="BTC/USDT", owners=1)
    assert same(assembled(rows), series)


@pytest.mark.parametrize("kind", MAKERS)
def test_an_export_that_is_imported_again_gives_the_same_months(tmp_path: Path, kind: str) -> None:
    one, other = place(tmp_path / "one"), place(tmp_path / "other")
    merge(one, candles(range(60), price=4))
    series = store.stored_candles(one, ALL).series
    assert series is not None
    (tmp_path / "file").write_bytes(MAKERS[kind](series))
    assert taken(tmp_path / "file", tmp_path / "other").candles == 60
    assert {path.name: path.read_bytes() for path in months(other)} == {
        path.name: path.read_bytes() for path in months(one)
    }
    assert contents(other).keys() == contents(one).keys()


@pytest.mark.parametrize(
    ("name", "timeframe"), [("btcusdt-1h-2017-2025.csv.gz", "1h"), ("btcusdt-1m-2024-04.csv.gz", "1m")]
)
def test_real_candles_are_imported_and_exported_exactly(
    real_data: Path, tmp_path: Path, name: str, timeframe: str
) -> None:
    result = taken(real_data / name, tmp_path, timeframe)
    held = store.stored_candles(SeriesKey(tmp_path, "binance", "BTC/USDT", timeframe), ALL).series
    assert held is not None
    (tmp_path / "out.csv").write_text(export_files.csv_text(held))
    file, back = (csv.read(str(path), None) for path in (real_data / name, tmp_path / "out.csv"))
    assert result.candles == len(back.ts)
    assert np.array_equal(file.ts, back.ts)
    for field, numbers in file.numbers.items():
        theirs = back.numbers[field]
        assert (numbers.digits * 10 ** (8 - numbers.places.astype(np.int64))).tolist() == (
            theirs.digits * 10 ** (8 - theirs.places.astype(np.int64))
        ).tolist()
