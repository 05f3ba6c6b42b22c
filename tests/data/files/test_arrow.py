"""Arrow IPC files: their metadata is read before anything is decompressed, and broken files give one error."""

import io
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from safla.candles.normalise import FileRows
from safla.data.files import arrow
from safla.errors import DataError
from tests.data.tables import START, STEP, assembled, file, read_or_refused
from tests.errors import raises_code

COMPRESSIONS = ("uncompressed", "lz4", "zstd")


def frame(count: int = 200) -> pl.DataFrame:
    ts = [START + hour * STEP for hour in range(count)]
    return pl.DataFrame({"date": ts, "open": 2.5, "high": 4.0, "low": 1.0, "close": 2.0, "volume": 7.0}).with_columns(
        pl.from_epoch("date", "ms").dt.replace_time_zone("UTC")
    )


def written(folder: Path, table: pl.DataFrame, compression: str = "lz4") -> str:
    content = io.BytesIO()
    table.write_ipc(content, compression=compression)  # type: ignore[arg-type]
    return file(folder, "btc.feather", content.getvalue())


def read(path: str) -> FileRows:
    return arrow.read(path, None, symbol="BTC/USDT", owners=1, zone=None)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize(
    "kinds",
    [
        {},
        {"open": pl.String, "volume": pl.String},
        {"close": pl.Decimal(20, 4)},
        {"volume": pl.Int32},
        {"date": pl.Int64},
    ],
)
def test_a_feather_file_gives_its_candles(
    tmp_path: Path, compression: str, kinds: dict[str, type[pl.DataType]]
) -> None:
    rows = read(written(tmp_path, frame().cast(kinds), compression))  # type: ignore[arg-type]
    series, _, _ = assembled(rows)
    assert rows.ts.tolist() == [START + hour * STEP for hour in range(200)]
    assert [column[0] for column in series.columns[1:]] == [25, 40, 10, 20, 7]


def test_of_a_file_with_several_symbols_one_is_read(tmp_path: Path) -> None:
    both = pl.concat([frame(3).with_columns(symbol=pl.lit(name)) for name in ("ETH/USDT", "BTC/USDT")])
    for kind in (pl.String, pl.Categorical):
        rows = read(written(tmp_path, both.with_columns(pl.col("symbol").cast(kind))))
        assert (len(rows.ts), rows.origin.numbers.tolist()) == (3, [4, 5, 6])


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_metadata_of_a_file_matches_what_polars_reads(tmp_path: Path, compression: str) -> None:
    table = frame(300).with_columns(price=pl.lit(Decimal("1.5")), word=pl.lit("a text of some letters"))
    says = arrow.says(Path(written(tmp_path, table, compression)).read_bytes(), name="a")
    assert (says.columns, says.rows) == (8, 300)
    assert 300 * (6 * 8 + 16 + 16) <= says.bytes_unpacked < 2 * 300 * (6 * 8 + 16 + 16)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (frame(1).with_columns(x=pl.lit([1.0])), "the type of the column 'x' is not supported"),
        (frame(1).with_columns(x=pl.struct("open")), "the type of the column 'x' is not supported"),
        (frame(1).with_columns(x=pl.lit(b"x")), "the type of the column 'x' is not supported"),
        (frame(1).with_columns(pl.lit(True).alias("open")), "row 1: open is of type Boolean"),
        (frame(1).with_columns(pl.lit(None, pl.Float64).alias("open")), "row 1: open is empty"),
        (frame(1).with_columns(pl.lit(float("nan")).alias("open")), "row 1: open 'NaN' is not a plain decimal"),
        (frame(1).rename({"volume": "x"}), "no column for volume"),
        (pl.DataFrame({f"c{number}": [1] for number in range(65)}), "65 columns, at most 64 are read"),
        (pl.DataFrame({f"c{number}": [1] for number in range(5000)}), "5000 columns, at most 64 are read"),
        (pl.select(timestamp=pl.repeat(1, 12_000_001, dtype=pl.Int8)), "12000001 rows, at most 12000000 are read"),
    ],
)
def test_a_file_that_is_not_a_table_of_candles_is_rejected(tmp_path: Path, table: pl.DataFrame, says: str) -> None:
    with pytest.raises(DataError, match=rf"btc\.feather: {says}"):
        read(written(tmp_path, table))


def test_more_bytes_than_the_cap_are_rejected_before_decompression(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, frame())
    unpacked = arrow.says(Path(path).read_bytes(), name="a").bytes_unpacked
    monkeypatch.setattr(arrow, "MAX_UNPACKED_BYTES", unpacked)
    read(path)
    monkeypatch.setattr(arrow, "MAX_UNPACKED_BYTES", unpacked - 1)
    monkeypatch.setattr(pl, "read_ipc", None)
    with pytest.raises(DataError, match=f"{unpacked} bytes when unpacked, at most {unpacked - 1}"):
        read(path)


def test_a_file_truncated_anywhere_is_rejected(tmp_path: Path) -> None:
    content = Path(written(tmp_path, frame())).read_bytes()
    for length in range(6, len(content), 13):
        with raises_code(DataError, "file_corrupt"):
            read(file(tmp_path, "cut.feather", content[:length]))
        with raises_code(DataError, "file_corrupt"):
            read(file(tmp_path, "cut.feather", content[:length] + content[-10:]))


def test_an_impossible_size_is_rejected_without_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each number of 8 bytes in the metadata is made absurd: the file is rejected or read, and no number is trusted."""
    content = Path(written(tmp_path, frame(5), "zstd")).read_bytes()
    for place in range(8, len(content) - 10, 8):
        for absurd in (2**40, 2**62, -(2**40), 2**31):
            broken = content[:place] + absurd.to_bytes(8, "little", signed=True) + content[place + 8 :]
            assert read_or_refused(read, file(tmp_path, "broken.feather", broken))
