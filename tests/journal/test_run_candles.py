"""The candles of a run folder are read back unchanged; damage is always detected and never ends the process."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safla.core.candles import Series, digest
from safla.core.values import Columns
from safla.errors import HostError, JournalError
from safla.journal import run_candles
from safla.journal.run_candles import read, write_run_candles
from tests.errors import raises_code
from tests.journal.sample import small_run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "candles.parquet"


def same(ours: tuple[Series, ...], theirs: tuple[Series, ...]) -> bool:
    """Whether two lists of series are equal to the last candle."""
    return len(ours) == len(theirs) and all(
        one[:3] == other[:3] and all(map(np.array_equal, one.columns, other.columns))
        for one, other in zip(ours, theirs, strict=True)
    )


def series_of(symbol: str, rows: list[list[int]], *, decimals: int) -> Series:
    """Candles of one symbol out of rows."""
    columns = Columns(*np.array(rows, np.int64).reshape(-1, 6).T.copy())
    return Series(symbol, decimals, decimals, columns)


def test_candles_are_read_back_with_the_digest_of_the_core(path: Path) -> None:
    series = small_run().series
    assert write_run_candles(path, series, timeframe="1h") == digest(series, "1h")
    assert same(read(path), series)
    assert [column.dtype for column in read(path)[0].columns] == [np.int64] * 6


ROWS = st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=6, max_size=6), max_size=5)


@settings(max_examples=25)
@given(first=ROWS, second=ROWS, decimals=st.integers(0, 18))
def test_any_int64_value_is_read_back(
    first: Any, second: Any, decimals: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("drawn") / "candles.parquet"
    series = (series_of("BTC/USDT", first, decimals=decimals), series_of("ETH/USDT", second, decimals=18 - decimals))
    write_run_candles(path, series, timeframe="1d")
    assert same(read(path), series)


def test_other_readers_see_int64_columns(path: Path) -> None:
    write_run_candles(path, small_run().series, timeframe="1h")
    frame = pl.read_parquet(path)
    assert frame.columns == ["symbol", "ts", "open", "high", "low", "close", "volume"]
    assert set(frame.dtypes) == {pl.Int64}
    assert frame["symbol"].unique().sort().to_list() == [0, 1]


def test_equal_candles_give_equal_files(path: Path) -> None:
    write_run_candles(path, small_run().series, timeframe="1h")
    once = path.read_bytes()
    write_run_candles(path, small_run().series, timeframe="1h")
    assert path.read_bytes() == once


def test_every_flipped_byte_is_detected_before_the_file_is_decoded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run_candles(path, (series_of("BTC/USDT", [[1, 2, 3, 4, 5, 6]], decimals=2),), timeframe="1h")
    raw = path.read_bytes()
    content = raw
    monkeypatch.setattr(run_candles, "open_to_read", lambda _path: nullcontext(Held(content)))
    assert len(read(path)) == 1
    for place in range(len(raw)):
        content = raw[:place] + bytes([raw[place] ^ 1 << place % 8]) + raw[place + 1 :]
        with raises_code(JournalError, "candles_damaged"):
            read(path)
    for end in range(0, len(raw), 13):
        content = raw[:end]
        with raises_code(JournalError, "candles_damaged"):
            read(path)


class Held(NamedTuple):
    """Keeps a file in memory, because the disk would take longer than the check."""

    content: bytes

    def readall(self) -> bytes:
        """All of it."""
        return self.content


BITCOIN = {"symbol": "BTC/USDT", "price_decimals": 2, "volume_decimals": 2, "rows": 1}


def sealed(path: Path, frame: pl.DataFrame, **facts: Any) -> None:
    """Returns a file made by another program, with a valid seal."""
    known = {
        "digest": "0" * 32, "timeframe": "1h", "seal": "0" * 32,
        "symbols": [BITCOIN],
    }  # fmt: skip
    frame.write_parquet(path, metadata={"safla": msgspec.json.encode(known | facts).decode()})
    raw = bytearray(path.read_bytes())
    place = raw.rfind(b'"seal":"') + 8
    raw[place : place + 32] = run_candles._seal(raw, place)
    path.write_bytes(raw)


ROW = {key: [0] for key in ("symbol", "ts", "open", "high", "low", "close", "volume")}


@pytest.mark.parametrize(
    ("frame", "facts", "what"),
    [
        (ROW, {}, "its candles have the digest"),
        (ROW | {"symbol": [1]}, {}, "its rows are not those of its symbols"),
        (ROW | {"open": [None]}, {}, "cannot be read as the candles of a run"),
        (ROW | {"open": pl.Series([None], dtype=pl.Int64)}, {}, "it has empty cells"),
        (ROW | {"open": [1.5]}, {}, "its columns are not symbol, ts"),
        ({"ts": [1]}, {}, "its columns are not symbol, ts"),
        (ROW, {"timeframe": "7m"}, "Invalid enum value"),
        (ROW, {"symbols": []}, "its rows are not those of its symbols"),
        (
            ROW,
            {"symbols": [{"symbol": "BTC/USDT", "price_decimals": 2, "volume_decimals": 2, "rows": -1}]},
            "Expected `int` >= 0",
        ),
        (
            ROW,
            {"symbols": [{"symbol": "BTC/USDT", "price_decimals": 2, "volume_decimals": 2, "rows": 2**62}]},
            "its rows",
        ),
        (ROW, {"more": 1}, "unknown field `more`"),
    ],
)
def test_a_file_with_unexpected_content_is_rejected(path: Path, frame: Any, facts: Any, what: str) -> None:
    sealed(path, pl.DataFrame(frame), **facts)
    with pytest.raises(JournalError, match=what):
        read(path)


def test_candles_changed_by_another_program_have_a_different_digest(path: Path) -> None:
    write_run_candles(path, small_run().series, timeframe="1h")
    metadata = msgspec.json.decode(pl.read_parquet_metadata(path)["safla"])
    frame = pl.read_parquet(path)
    sealed(path, frame, **metadata)
    assert same(read(path), small_run().series)
    sealed(path, frame.with_columns(pl.col("close") + 1), **metadata)
    with pytest.raises(JournalError, match=f"but it was written with {metadata['digest']}"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 100, b'"seal":"'])
def test_a_file_of_another_kind_is_rejected(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with raises_code(JournalError, "candles_damaged", match=r"candles\.parquet: "):
        read(path)


def test_a_missing_file_and_a_folder_in_its_place_are_named(path: Path) -> None:
    with raises_code(JournalError, "journal_not_found"):
        read(path)
    path.mkdir()
    with raises_code(HostError, "not_our_file"):
        read(path)
