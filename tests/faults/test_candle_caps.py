"""Z16: candle files have limits for bytes, rows, columns, cell length and decompressed size."""

import os
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from safla.data import source
from safla.data.files import bounded, columnar, csv, footer, parquet, table
from tests.data.tables import START, ZSTD_BLOCK, gz, zst
from tests.faults.candle_files import KLINES, ROWS, TABLE, parquet_of, put, run, zipped
from tests.faults.invariants import check_answer


def longest(content: bytes) -> int:
    return max(map(len, content.splitlines()))


def unpacked(content: bytes) -> int:
    return footer.read(content, name="a", limits=footer.Limits(64, 12_000_000, 2**31)).bytes_unpacked


def footer_bytes(content: bytes) -> int:
    return int.from_bytes(content[-8:-4], "little")


CSV, GZ, ZST, ZIP = TABLE, gz(TABLE), zst(TABLE), zipped({"a.csv": KLINES})
PARQUET = parquet_of({"timestamp": pl.lit(START), **dict.fromkeys("ohlcv", pl.lit("2"))})
CAPS: tuple[tuple[ModuleType, str, str, bytes, int], ...] = (
    (bounded, "MAX_FILE_BYTES", "csv", CSV, len(CSV)),
    (bounded, "MAX_FILE_BYTES", "parquet", PARQUET, len(PARQUET)),
    (bounded, "MAX_WHOLE_BYTES", "csv", ZST, len(ZST)),
    (bounded, "MAX_WHOLE_BYTES", "parquet", PARQUET, len(PARQUET)),
    (bounded, "MAX_TEXT_BYTES", "csv", CSV, len(CSV)),
    (bounded, "MAX_TEXT_BYTES", "csv", GZ, len(CSV)),
    (bounded, "MAX_TEXT_BYTES", "vision", ZIP, len(KLINES)),
    (bounded, "MAX_ZSTD_TEXT_BYTES", "csv", ZST, ZSTD_BLOCK),
    (table, "MAX_CELL_BYTES", "csv", CSV, longest(CSV)),
    (table, "MAX_ROWS", "csv", CSV, len(ROWS)),
    (source, "MAX_ROWS", "csv", CSV, len(ROWS)),
    (csv, "MAX_COLUMNS", "csv", CSV, 6),
    (parquet, "MAX_COLUMNS", "parquet", PARQUET, 6),
    (parquet, "MAX_ROWS", "parquet", PARQUET, 1),
    (columnar, "MAX_TEXT_BYTES", "parquet", PARQUET, 1),
    (parquet, "MAX_UNPACKED_BYTES", "parquet", PARQUET, unpacked(PARQUET)),
    (footer, "MAX_FOOTER_BYTES", "parquet", PARQUET, footer_bytes(PARQUET)),
)


@pytest.mark.parametrize(("module", "cap", "kind", "content", "size"), CAPS, ids=[f"{row[1]}-{row[2]}" for row in CAPS])
def test_z16_a_candle_file_at_a_size_limit_is_read_and_above_it_ends_with_exit_4(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    cap: str,
    kind: str,
    content: bytes,
    size: int,
) -> None:
    path = put(tmp_path, content, "candles")
    monkeypatch.setattr(module, cap, size)
    check_answer(run(path, kind, out="at"), 0)
    monkeypatch.setattr(module, cap, size - 1)
    answer = run(path, kind)
    check_answer(answer, 4)
    assert str(size - 1) in answer.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("kind", "most"), [("csv", 4 * 2**30), ("parquet", 2**30)])
def test_z16_a_candle_file_that_is_too_large_is_rejected_by_its_size_without_being_read(
    tmp_path: Path, kind: str, most: int
) -> None:
    path = put(tmp_path, b"PAR1", "a")
    os.truncate(path, most + 1)
    answer = run(path, kind)
    check_answer(answer, 4)
    assert answer.err.startswith(f"safla: {path}: {most + 1} bytes, at most {most} are read")
