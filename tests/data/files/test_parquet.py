"""Parquet files of any sensible type give the candles of the same CSV; broken ones give one error (fault row 56)."""

import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from safla.candles.normalise import FileRows, Target, assemble
from safla.core.candles import Series
from safla.core.values import Columns
from safla.data.files import csv, footer, parquet
from safla.errors import ConfigError, DataError
from safla.journal import run_candles
from tests.data.tables import (
    HEADER,
    LIMIT,
    START,
    STEP,
    assembled,
    candles,
    csv_file,
    file,
    lines,
    read_or_refused,
    same,
)
from tests.errors import raises_code

LIMITS = footer.Limits(64, 12_000_000, 2**31)
NUMBERS = ("open", "high", "low", "close", "volume")


def table(*, count: int = 3) -> pl.DataFrame:
    """The lines of `written` as text, their time as an integer."""
    columns = zip(*(line.split(",") for line in lines(count)), strict=True)
    frame = pl.DataFrame(dict(zip(HEADER.split(","), map(list, columns), strict=True)))
    return frame.with_columns(pl.col("timestamp").cast(pl.Int64))


def written(
    folder: Path, frame: pl.DataFrame, *, metadata: dict[str, str] | None = None, name: str = "a.parquet"
) -> str:
    content = io.BytesIO()
    frame.write_parquet(content, metadata=metadata)
    return file(folder, name, content.getvalue())


def read(path: str, *, owners: int = 1) -> FileRows:
    return parquet.read(path, None, symbol="BTC/USDT", owners=owners)


def dated(unit: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.with_columns(
        pl.from_epoch("timestamp", "ms").dt.cast_time_unit(unit).dt.replace_time_zone("UTC")  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame,
        lambda frame: frame.with_columns(pl.col(NUMBERS).cast(pl.Float64)),
        lambda frame: frame.with_columns(pl.col(NUMBERS).cast(pl.Decimal(18, 6))),
        lambda frame: frame.with_columns(pl.col("timestamp") // 1000),
        lambda frame: frame.with_columns(pl.col("timestamp").cast(pl.UInt64) * 1000),
        lambda frame: frame.with_columns(pl.col("timestamp").cast(pl.String)),
        dated("ms"),
        dated("ns"),
        lambda frame: frame.rename({"timestamp": "ts"}).reverse(),
        lambda frame: frame.with_columns(symbol=pl.lit("BTC/USDT"), other=pl.lit(None)),
        lambda frame: pl.concat([frame.with_columns(symbol=pl.lit(s)) for s in ("ETH/USDT", "BTC/USDT")]),
    ],
)
def test_any_sensible_column_type_gives_the_candles_of_the_same_csv(
    tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    found = candles(read(written(tmp_path, change(table()))))
    assert same(found, candles(csv.read(csv_file(tmp_path, HEADER, *lines()), None)))


def test_a_float_is_read_by_its_shortest_text_with_a_note(tmp_path: Path) -> None:
    frame = table().with_columns(pl.col("volume").cast(pl.Float64), low=pl.lit(0.1 + 0.2 - 0.2))
    path = written(tmp_path, frame)
    with pytest.raises(DataError, match=r"row 1: low 0\.10000000000000003 has the rounding error of a float"):
        assembled(read(path))
    path = written(tmp_path, table().with_columns(volume=pl.Series([1e-7, 0.1 + 0.2, 1.2345678901234567e-05])))
    series, counts, notes = assembled(read(path))
    assert (series.volume_decimals, series.columns.volume.tolist(), counts.volumes_cut) == (
        8,
        [10, 30_000_000, 1234],
        2,
    )
    assert notes == (
        f"{path}: floats (volume) are read as their shortest decimal text",
        f"{path}: 2 volumes cut to 8 decimals",
    )


def recorded_by_a_run(folder: Path) -> tuple[str, tuple[Series, ...]]:
    plain = candles(csv.read(csv_file(folder, HEADER, *lines()), None))
    series = plain, plain._replace(symbol="ETH/USDT", columns=Columns(*(column[:2] for column in plain.columns)))
    run_candles.write_run_candles(folder / "candles.parquet", series, timeframe="1h")
    return str(folder / "candles.parquet"), series


def test_the_candles_of_a_run_folder_are_read_back_unchanged(tmp_path: Path) -> None:
    path, series = recorded_by_a_run(tmp_path)
    for one in series:
        rows = parquet.read(path, None, symbol=one.symbol, owners=2)
        target = Target(one.symbol, STEP, None, None, LIMIT)
        assert same(assemble([rows], target)[0], one)
        assert (rows.closed, rows.notes) == (True, ())


def test_a_symbol_that_a_run_did_not_trade_is_reported_as_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no candles of SOL/USDT; it has BTC/USDT, ETH/USDT"):
        parquet.read(recorded_by_a_run(tmp_path)[0], None, symbol="SOL/USDT", owners=1)


def test_changed_candles_of_a_run_are_rejected_by_their_digest(tmp_path: Path) -> None:
    path, _ = recorded_by_a_run(tmp_path)
    facts = pl.read_parquet_metadata(path)["safla"]
    frame = pl.read_parquet(path).with_columns(pl.col("close") - 1)
    with pytest.raises(DataError, match=r"its candles have the digest .*, but it was written with"):
        read(written(tmp_path, frame, metadata={"safla": facts}))
    with pytest.raises(DataError, match="its columns are not symbol, ts, open"):
        read(written(tmp_path, frame.drop("volume"), metadata={"safla": facts}))


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        "[]",
        '{"digest":"","timeframe":"7m","symbols":[]}',
        '{"digest":"","timeframe":"1h","symbols":[{"symbol":"BTC/USDT","price_decimals":"2","volume_decimals":3}]}',
        '{"digest":"","timeframe":"1h","symbols":[{"symbol":7,"price_decimals":2,"volume_decimals":3}]}',
    ],
)
def test_invalid_metadata_of_a_run_is_rejected(tmp_path: Path, text: str) -> None:
    with raises_code(DataError, "file_corrupt"):
        read(written(tmp_path, table(), metadata={"safla": text}))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"timestamp": pl.from_epoch("timestamp", "ms")}, r"row 1: time .* has no time zone; data\.time_zone"),
        (
            {"timestamp": pl.lit(1).cast(pl.Datetime("us", "UTC"))},
            "row 1: time .* is not a whole number of milliseconds",
        ),
        ({"timestamp": pl.lit(True)}, "row 1: time is of type Boolean"),
        ({"timestamp": pl.lit(1.5)}, r"row 1: time 1\.5 is no integer"),
        ({"timestamp": pl.lit(None, pl.Int64)}, "row 1: time is empty"),
        ({"high": pl.when(pl.col("low") == "91").then(None).otherwise(pl.col("high"))}, "row 2: high is empty"),
        ({"high": pl.lit(float("nan"))}, "row 1: high 'NaN' is not a plain decimal"),
        ({"high": pl.lit(float("inf"))}, "row 1: high 'inf' is not a plain decimal"),
        ({"high": pl.lit(-1)}, "row 1: high -1 is below 0"),
        ({"high": pl.lit("1" * 65)}, "row 1: high is a text of more than 64 bytes"),
        ({"high": pl.lit([1, 2])}, "row 1: high is of type List"),
        ({"high": pl.struct("low")}, "row 1: high is of type Struct|64 are read"),
        ({"high": pl.lit("1_000")}, "row 1: high '1_000' is not a plain decimal"),
    ],
)
def test_a_column_with_an_invalid_type_or_value_is_rejected(
    tmp_path: Path, change: dict[str, pl.Expr], text: str
) -> None:
    with pytest.raises(DataError, match=rf"a\.parquet: {text}"):
        read(written(tmp_path, table().with_columns(**change)))


def test_a_missing_column_is_an_error_that_asks_for_its_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column for volume among .*; data\.columns says which"):
        read(written(tmp_path, table().rename({"volume": "Volume USDT"})))


def test_a_file_for_several_symbols_needs_a_symbol_column(tmp_path: Path) -> None:
    with raises_code(ConfigError, "file_shared"):
        read(written(tmp_path, table()), owners=2)
    with pytest.raises(DataError, match="row 1: its column symbol says ETH/USDT, and no row is of BTC/USDT"):
        read(written(tmp_path, table().with_columns(symbol=pl.lit("ETH/USDT"))), owners=2)


def test_a_file_without_rows_gives_no_candles(tmp_path: Path) -> None:
    with raises_code(DataError, "no_candles"):
        assembled(read(written(tmp_path, table().clear())))


def test_a_file_truncated_anywhere_is_rejected(tmp_path: Path) -> None:
    content = Path(written(tmp_path, table())).read_bytes()
    for length in range(0, len(content), 13):
        with raises_code(DataError, "file_corrupt"):
            read(file(tmp_path, "cut.parquet", content[:length]))
        with raises_code(DataError, "file_corrupt"):
            read(file(tmp_path, "cut.parquet", content[:length] + content[-8:]))


def test_a_changed_byte_gives_rows_or_one_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without the check of its pages, two of these bytes end the process: a page claims to hold 2**31 values."""
    content = Path(written(tmp_path, table())).read_bytes()
    for place in range(0, len(content), 3):
        broken = bytearray(content)
        broken[place] ^= 0x15
        assert read_or_refused(read, file(tmp_path, "broken.parquet", bytes(broken)))


def test_ten_thousand_columns_are_rejected_without_reading(tmp_path: Path) -> None:
    wide = pl.DataFrame({f"c{number}": [1] for number in range(10_000)})
    with pytest.raises(DataError, match="10000 columns, at most 64 are read"):
        read(written(tmp_path, wide))


def test_too_many_rows_are_rejected_before_decompression(tmp_path: Path) -> None:
    bomb = pl.select(timestamp=pl.repeat(START, 20_000_000, dtype=pl.Int64))
    path = written(tmp_path, bomb)
    assert Path(path).stat().st_size < 200_000
    with pytest.raises(DataError, match="20000000 rows, at most 12000000 are read"):
        read(path)


def test_too_many_bytes_are_rejected_before_decompression(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, table(count=100))
    unpacked = footer.read(Path(path).read_bytes(), name="a", limits=LIMITS).bytes_unpacked
    monkeypatch.setattr(parquet, "MAX_UNPACKED_BYTES", unpacked)
    read(path)
    monkeypatch.setattr(parquet, "MAX_UNPACKED_BYTES", unpacked - 1)
    with pytest.raises(DataError, match=rf"{unpacked} bytes when unpacked, at most {unpacked - 1}"):
        read(path)


def test_the_footer_matches_what_polars_reads(tmp_path: Path) -> None:
    frame = table(count=50).with_columns(symbol=pl.lit("BTC/USDT"), nothing=pl.lit(None), price=pl.lit(Decimal("1.5")))
    says = footer.read(Path(written(tmp_path, frame)).read_bytes(), name="a", limits=LIMITS)
    assert (says.rows, says.columns) == (50, 9)
    assert says.bytes_unpacked > 50 * 8


def test_a_footer_beyond_the_cap_is_rejected_without_reading() -> None:
    length = footer.MAX_FOOTER_BYTES + 1
    with pytest.raises(DataError, match="a footer of 4194305 bytes, at most 4194304 are read"):
        footer.read(b"PAR1" + bytes(length) + length.to_bytes(4, "little") + b"PAR1", name="a", limits=LIMITS)


def test_hourly_times_are_read_as_hourly_times(tmp_path: Path) -> None:
    assert read(written(tmp_path, dated("us")(table()))).ts.tolist() == [START, START + STEP, START + 2 * STEP]


def test_columns_that_no_run_writes_are_rejected_before_decompression(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the metadata of a run all columns were unpacked: 64 of them, each as long as the rows may be."""
    facts = pl.read_parquet_metadata(recorded_by_a_run(tmp_path)[0])["safla"]
    path = written(tmp_path, table(), metadata={"safla": facts})
    monkeypatch.setattr(pl, "read_parquet", None)
    with pytest.raises(DataError, match="its columns are not symbol, ts, open"):
        read(path)


def test_columns_are_decoded_one_by_one_and_together_only_for_a_row_that_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str] | None] = []
    decoded = parquet.decoded

    def counted(content: bytes, claims: footer.Footer, *, columns: list[str] | None = None) -> pl.DataFrame:
        asked.append(columns)
        return decoded(content, claims, columns=columns)

    monkeypatch.setattr(parquet, "decoded", counted)
    rows = table(count=9).with_columns(pl.col("open").cast(pl.Float64))
    whole = tmp_path / "whole.parquet"
    rows.write_parquet(whole, row_group_size=4)
    read(str(whole))
    assert asked == [[name] for name in rows.columns]
    without = tmp_path / "without.parquet"
    blank = pl.int_range(pl.len()) == 5
    prices = ("open", "high", "low", "close", "volume")
    rows.with_columns(pl.when(~blank).then(pl.col(*prices))).write_parquet(without)
    asked.clear()
    found = read(str(without))
    assert asked[-1] == rows.columns
    assert (len(found.ts), found.left.without_trade, found.origin.at(5)[-6:]) == (8, 1, " row 7")
