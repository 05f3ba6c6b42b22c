"""Row 56, and the bombs of row 55: Parquet files cut, changed or of a wrong schema; decompression bombs."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import polars as pl
import pytest

from tests.data.tables import START, gz, repeated
from tests.faults import corpora
from tests.faults.candle_files import CONFIG, MEBIBYTE, ROWS, TABLE, arrow_of, parquet_of, put, refused, text, zipped
from tests.faults.command import ROOT
from tests.faults.fuzzing import Apart
from tests.faults.invariants import check_only

MOST_MEMORY = 5 * 2**30  # bytes of address space of a process that reads bombs; libraries reserve much of it
READ = """
import resource, sys
from safla.cli import main
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
print([main(["run", path, "--out", path + ".run"]) for path in sys.argv[2:]])
"""
WIDE = f"{ROWS[0]},{'x' * 100_000}"


def bombs(*, release: bool) -> dict[str, tuple[bytes, str, str]]:
    """Files that unpack to far more than their size: content, source and message. `make soak` adds the slow ones."""
    short = {
        "zeros": (gz(bytes(64 * MEBIBYTE)) * 64, "csv", "a line of more than 131072 bytes"),
        "zstd-ones": (repeated(b"\x01", blocks=1024), "csv", "a line of more than 131072 bytes"),
        "zstd-more": (repeated(b"1", blocks=2049), "csv", "more than 268435456 bytes when decompressed"),
        "member": (zipped({"a.csv": zipped({"a.csv": bytes(MEBIBYTE)})}), "vision", "a line of more than 131072 bytes"),
        "comments": (gz(TABLE) + gz(b"#\n" * 32 * MEBIBYTE) * 8, "csv", "lines that are no rows"),
        "zip": (zipped({"a.csv": b"\n" * 24 * MEBIBYTE}), "file", "the file is empty"),
        "json-nested": (gz(b"[" * 64 * MEBIBYTE), "file", "truncated, or of another shape"),
        "json-long": (gz(b"[[" + b"1" * 64 * MEBIBYTE), "file", "an array of more than 131072 bytes"),
        "json-wide": (gz(b"[[" + b"1," * 60_000 + b"1],[1]]"), "file", "60001 values, six are needed"),
        "arrow-rows": (
            arrow_of(pl.DataFrame({"t": pl.repeat(1, 20_000_000, eager=True)})),
            "file",
            "20000000 rows, at",
        ),
        "arrow-columns": (arrow_of(pl.DataFrame({f"c{one}": 1 for one in range(10_000)})), "file", "10000 columns, at"),
        "rows": (
            parquet_of({"timestamp": pl.repeat(START, 20_000_000, dtype=pl.Int64)}),
            "parquet",
            "20000000 rows, at",
        ),
        "columns": (
            parquet_of({f"c{one}": pl.lit(1) for one in range(10_000)}),
            "parquet",
            "10000 columns, at most 64",
        ),
    }
    slow = {
        "ends": (gz(TABLE) + gz(b"\n" * 64 * MEBIBYTE) * 16, "csv", "lines that are no rows"),
        "zstd-ends": (repeated(b"\n", blocks=1024), "csv", "the file is empty"),
        "spaces": (gz(TABLE) + gz(b" \n" * 32 * MEBIBYTE) * 8, "csv", "lines that are no rows"),
        "many-rows": (gz(text(*ROWS)) + gz(text(ROWS[-1]) * 1_000_000) * 12, "csv", "more than 12000000 rows"),
        "wide": (gz(text(*[WIDE] * 600)) * 72, "csv", f"more than {2**32} bytes when decompressed"),
    }
    return {**short, **(slow if release else {})}


def test_rows_55_and_56_decompression_bombs_are_exit_4_and_memory_stays_under_its_cap(
    tmp_path: Path, release: bool
) -> None:
    asked = bombs(release=release)
    for name, (content, kind, _) in asked.items():
        assert len(content) < 32 * MEBIBYTE
        (tmp_path / f"{name}.yaml").write_text(CONFIG.format(kind=kind, path=put(tmp_path, content, name)))
    configs = [str(tmp_path / f"{name}.yaml") for name in asked]
    answer = subprocess.run(
        [sys.executable, "-c", READ, str(MOST_MEMORY), *configs],
        cwd=ROOT, env={**os.environ, "POLARS_MAX_THREADS": "2"}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert json.loads(answer.stdout) == [4] * len(asked)
    for line, (name, (_, _, says)) in zip(answer.stderr.splitlines(), asked.items(), strict=True):
        assert line.startswith(f"safla: {tmp_path / name}: ")
        assert says in line
    check_only(tmp_path, {*asked, *(f"{name}.yaml" for name in asked)})


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A valid Parquet file of two row groups, compressed by zstd."""
    rows = pl.read_csv(TABLE, infer_schema=False).with_columns(pl.col("timestamp").cast(pl.Int64))
    content = io.BytesIO()
    rows.write_parquet(content, compression="zstd", row_group_size=40)
    return content.getvalue()


def test_row_56_a_parquet_file_cut_anywhere_is_exit_4(tmp_path: Path, sound: bytes) -> None:
    places = range(0, len(sound), len(sound) // 100)
    assert len(places) >= 100
    for place in places:
        says = "not a whole Parquet file" if place else "the file is empty"
        assert says in refused(put(tmp_path, sound[:place], "a.parquet"), "parquet")


@pytest.mark.soak  # test_fuzz.py changes a few
def test_row_56_an_arrow_file_with_a_changed_byte_never_crashes_the_process(
    tmp_path: Path, chance: Random, release: bool
) -> None:
    """Each file is rejected or read, under a memory limit, in a process that an abort of the library would end."""
    (_, packed, *_) = corpora.arrows(tmp_path)
    places = range(len(packed)) if release else chance.sample(range(len(packed)), 150)
    with Apart("arrow") as apart:
        for place in places:
            broken = bytearray(packed)
            broken[place] ^= chance.randrange(1, 256)
            assert apart.attempt(bytes(broken)).failure == "", place


WRONG = {
    "no candles": ({"a": pl.lit(1)}, "no column for ts among the 1 cell of a line that names no column of candles"),
    "naive time": ({"ts": pl.lit(0).cast(pl.Datetime("ms"))}, "row 1: time 1970-01-01 00:00:00 has no time zone"),
    "text for time": ({"ts": pl.lit("yesterday")}, "row 1: time 'yesterday' is neither an integer"),
    "list": ({"high": pl.lit([1.0, 2.0])}, "row 1: high is of type List(Float64)"),
    "true": ({"low": pl.lit(True)}, "row 1: low is of type Boolean"),
    "null": ({"volume": pl.lit(None, pl.Float64)}, "row 1: volume is empty"),
    "NaN": ({"high": pl.lit(float("nan"))}, "row 1: high 'NaN' is not a plain decimal number"),
    "negative": ({"volume": pl.lit(-1)}, "row 1: volume -1 is below 0"),
    "beyond int64": ({"volume": pl.lit(2**64 - 1, pl.UInt64)}, "cut or corrupt Parquet file"),
    "beyond 2**62": ({"volume": pl.lit(2**62)}, "row 1: volume 4611686018427387904 is not below 2**62 units"),
    "crossed": ({"high": pl.lit(1)}, "row 1: high 1 is below open 2"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_row_56_a_parquet_file_with_a_wrong_schema_or_value_is_exit_4(tmp_path: Path, fault: str) -> None:
    columns, says = WRONG[fault]
    candle = {"ts": pl.lit(START), **{name: pl.lit(2) for name in ("open", "high", "low", "close", "volume")}}
    content = parquet_of(columns if "a" in columns else candle | columns)
    assert says in refused(put(tmp_path, content, "a.parquet"), "parquet")


@pytest.mark.soak  # test_fuzz.py changes a few
def test_row_56_a_parquet_file_with_a_changed_byte_never_crashes_the_process(
    sound: bytes, chance: Random, release: bool
) -> None:
    """Each file is rejected or read, under a memory limit, in a process that an abort of the library would end."""
    places = range(len(sound)) if release else chance.sample(range(len(sound)), 150)
    with Apart("parquet") as apart:
        for place in places:
            broken = bytearray(sound)
            broken[place] ^= chance.randrange(1, 256)
            assert apart.attempt(bytes(broken)).failure == "", place
