"""The format of a file is detected from its bytes; all formats give the same candles, and other kinds are named."""

import bz2
import io
import lzma
import pickle
from pathlib import Path

import polars as pl
import pytest

from safla.candles.normalise import FileRows
from safla.data.files import formats
from safla.data.files.formats import Question
from safla.errors import ConfigError, DataError
from tests.data.tables import HEADER, START, STEP, candles, csv_file, file, gz, kline, lines, same, zip_file, zst
from tests.errors import raises_code

TABLE = "".join(f"{line}\n" for line in (HEADER, *lines())).encode()
KLINES = "".join(f"{kline(line)}\n" for line in lines()).encode()
JSON = f"[{', '.join(f'[{line}]' for line in lines())}]".encode()
BTC = Question("BTC/USDT")


def read(folder: Path, content: bytes, *, name: str = "candles", question: Question = BTC) -> FileRows:
    return formats.read(file(folder, name, content), question)


def frame() -> pl.DataFrame:
    return pl.read_csv(TABLE).with_columns(pl.col("high", "low").cast(pl.Float64))


def packed(method: str) -> bytes:
    content = io.BytesIO()
    getattr(frame(), method)(content)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [TABLE, gz(TABLE), zst(TABLE), JSON, gz(JSON), zst(JSON), b"\xef\xbb\xbf" + TABLE, packed("write_parquet"),
     packed("write_ipc")],
    ids="csv gz zst json json.gz json.zst bom parquet feather".split(),
)  # fmt: skip
def test_every_format_gives_the_same_candles_whatever_the_file_name(tmp_path: Path, content: bytes) -> None:
    plain = candles(formats.read(csv_file(tmp_path, HEADER, *lines()), BTC))
    rows = read(tmp_path, content, name="BTC.dat")
    assert same(candles(rows), plain)
    assert not rows.closed


def test_a_csv_in_a_zip_is_a_table_and_with_twelve_columns_an_archive(tmp_path: Path) -> None:
    plain = candles(formats.read(csv_file(tmp_path, HEADER, *lines()), BTC))
    table = formats.read(zip_file(tmp_path, {"btc.csv": TABLE}, name="a.zip"), BTC)
    archive = formats.read(zip_file(tmp_path, {"btc.csv": KLINES}, name="b.zip"), BTC)
    named = read(tmp_path, KLINES, name="BTCUSDT-1h-2024-01.csv")
    other = read(tmp_path, KLINES, name="btc.csv")
    assert all(same(candles(one), plain) for one in (table, archive, named, other))
    assert [one.closed for one in (table, archive, named, other)] == [False, True, True, False]


def test_a_source_of_archives_accepts_only_archives(tmp_path: Path) -> None:
    promised = Question("BTC/USDT", archive=True)
    for content in (TABLE, JSON, packed("write_parquet"), packed("write_ipc")):
        with raises_code(DataError, "wrong_format", match=r"a kline has 12|a NUL byte|not a text"):
            read(tmp_path, content, question=promised)
    with pytest.raises(DataError, match=r"6 cells, a kline has 12; data\.source: file reads other tables too"):
        read(tmp_path, TABLE, question=promised)


KNOWN = {
    "xz": (lzma.compress(TABLE), "an xz archive; unpack it"),
    "bz2": (bz2.compress(TABLE), "a bzip2 archive; unpack it"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file .*; export its candles as CSV or Parquet"),
    "SQLite": (b"SQLite format 3\x00" + bytes(100), "an SQLite database"),
    "pickle": (pickle.dumps({"a": 1}), "a Python pickle; .* never read"),
    "Feather 1": (b"FEA1" + bytes(100), "a Feather file of version 1"),
    "Arrow stream": (packed("write_ipc_stream"), "an Arrow stream; write it as a Feather file"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "an old Excel workbook"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(100), "a 7-Zip archive"),
    "numpy": (b"\x93NUMPY" + bytes(100), "a numpy array"),
    "web page": (b"\n<!DOCTYPE html><html>404</html>", "a web page instead of a table: the download may have failed"),
    "tar": (b"btc.csv".ljust(257, b"\0") + b"ustar\x0000" + bytes(300), "a tar archive"),
    "DuckDB": (bytes(8) + b"DUCK" + bytes(100), "a DuckDB database"),
}


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("pack", [bytes, gz])
def test_the_kind_of_an_unsupported_file_is_named(tmp_path: Path, kind: str, pack: type) -> None:
    content, says = KNOWN[kind]
    with pytest.raises(DataError, match=f"candles: {says}"):
        read(tmp_path, pack(content))


def test_an_excel_workbook_is_not_an_archive_of_candles(tmp_path: Path) -> None:
    path = zip_file(tmp_path, {"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}, name="btc.xlsx")
    with pytest.raises(DataError, match="an Excel workbook; save its sheet as CSV"):
        formats.read(path, BTC)


def test_a_file_without_symbols_serves_a_single_symbol(tmp_path: Path) -> None:
    for content in (TABLE, JSON, packed("write_parquet"), packed("write_ipc")):
        with raises_code(ConfigError, "file_shared"):
            read(tmp_path, content, question=Question("BTC/USDT", owners=2))


def test_configured_columns_and_time_zone_apply_to_every_format(tmp_path: Path) -> None:
    dates = [f"2024-01-01 0{hour + 1}:00:00" for hour in range(3)]
    question = Question("BTC/USDT", columns={"ts": "when"}, zone="Europe/Berlin")
    table = frame().with_columns(when=pl.Series(dates))
    naive = table.with_columns(pl.col("when").str.to_datetime("%Y-%m-%d %H:%M:%S"))
    contents = [table.write_csv().encode()]
    for one in (table, naive):
        for method in ("write_parquet", "write_ipc"):
            content = io.BytesIO()
            getattr(one, method)(content)
            contents.append(content.getvalue())
    for content in contents:
        assert read(tmp_path, content, question=question).ts.tolist() == [START, START + STEP, START + 2 * STEP]
    arrays = ", ".join(f'["{date}", {line[14:]}]' for date, line in zip(dates, lines(), strict=True))
    question = question._replace(columns=None)
    assert read(tmp_path, f"[{arrays}]".encode(), question=question).ts.tolist()[1] == START + STEP


@pytest.mark.parametrize("kind", [pl.Float64, pl.Date, pl.Int64])
def test_times_of_any_sensible_type_are_read_from_parquet_and_feather(tmp_path: Path, kind: type[pl.DataType]) -> None:
    days = [START + 24 * day * STEP for day in range(3)]
    times = {
        pl.Float64: pl.Series([ms / 1000 for ms in days]),
        pl.Date: pl.Series(days).cast(pl.Datetime("ms")).cast(pl.Date),
        pl.Int64: pl.Series([ms * 1_000_000 for ms in days]),
    }
    for method in ("write_parquet", "write_ipc"):
        content = io.BytesIO()
        getattr(frame().with_columns(timestamp=times[kind]), method)(content)
        rows = read(tmp_path, content.getvalue(), question=Question("BTC/USDT", zone="UTC"))
        assert rows.ts.tolist() == days


OTHER = "".join(f"{line}\n" for line in (HEADER, *lines(5))).encode()  # what must not be read
NAMED = {
    "by symbol": ["BTCUSDT.csv", "ETHUSDT.csv"],
    "by symbol and timeframe": ["BTCUSDT-1h-2024-01.csv", "BTCUSDT-4h-2024-01.csv", "ETHUSDT-1h-2024-01.csv"],
    "with separators, in lower case": ["spot/btc-usdt_1h.csv", "spot/eth-usdt_1h.csv"],
    "with a longer name beside": ["BTCUSDT.csv", "1000BTCUSDT.csv", "WBTCUSDT.csv", "BTCUSDTX.csv"],
    "a month is no minute": ["BTC_USDT 1h.csv", "BTC_USDT 1m.csv"],
    "with files of macOS": ["__MACOSX/BTCUSDT.csv", "BTCUSDT.csv", "ETHUSDT.csv", "._BTCUSDT.csv"],
}


@pytest.mark.parametrize("case", NAMED)
def test_of_several_files_in_a_zip_the_one_named_after_symbol_and_timeframe_is_read(tmp_path: Path, case: str) -> None:
    right = next(name for name in NAMED[case] if not name.startswith("__"))
    members = {name: TABLE if name == right else OTHER for name in NAMED[case]}
    for order in (members, dict(reversed(members.items()))):
        path = zip_file(tmp_path, order, name="all.zip")
        assert len(formats.read(path, Question("BTC/USDT", "1h")).ts) == len(lines())


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a.csv", "b.csv"], r"2 CSV files \(a\.csv, b\.csv\), but none is named after BTC/USDT 1h"),
        (["ETHUSDT.csv", "BTCUSDT-4h.csv"], r"2 CSV files \(.*\), but none is named after BTC/USDT 1h"),
        (
            ["BTCUSDT-1h-2024-01.csv", "BTCUSDT-1h-2024-02.csv", "ETHUSDT-1h-2024-01.csv"],
            r"2 of its 3 CSV files are named after BTC/USDT \(BTCUSDT-1h-2024-01\.csv, BTCUSDT-1h-2024-02\.csv\), but",
        ),
    ],
)
def test_files_in_a_zip_of_which_not_exactly_one_fits_are_refused_with_their_names(
    tmp_path: Path, names: list[str], says: str
) -> None:
    path = zip_file(tmp_path, dict.fromkeys(names, TABLE), name="all.zip")
    with raises_code(DataError, "wrong_format", match=says):
        formats.read(path, Question("BTC/USDT", "1h"))


def test_two_symbols_may_share_a_zip_that_has_a_file_of_each(tmp_path: Path) -> None:
    path = zip_file(tmp_path, {"BTCUSDT.csv": TABLE, "ETHUSDT.csv": OTHER}, name="all.zip")
    found = [formats.read(path, Question(symbol, "1h", owners=2)) for symbol in ("BTC/USDT", "ETH/USDT")]
    assert [len(rows.ts) for rows in found] == [len(lines()), 5]
    alone = zip_file(tmp_path, {"BTCUSDT.csv": TABLE}, name="one.zip")
    with raises_code(ConfigError, "file_shared"):
        formats.read(alone, Question("BTC/USDT", "1h", owners=2))
