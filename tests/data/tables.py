"""Small tables of candles for the tests of this room, as lines of text and as files."""

import gzip
import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl

from safla.candles.normalise import Counts, FileRows, Target, assemble
from safla.core.candles import Series
from safla.errors import DataError

STEP = 3_600_000
START = 1_704_067_200_000
HEADER = "timestamp,open,high,low,close,volume"
LIMIT = 2**62 // 1000
ZSTD_BLOCK = 128 * 1024


def lines(count: int = 3, *, start: int = START) -> list[str]:
    """Sound candles of an hour each, without a header."""
    return [f"{start + row * STEP},100.5,110,{90 + row % 5},105.25,{row}.125" for row in range(count)]


def candles(rows: FileRows, *, price_decimals: int | None = None, volume_decimals: int | None = None) -> Series:
    return assembled(rows, price_decimals=price_decimals, volume_decimals=volume_decimals)[0]


def assembled(
    *rows: FileRows, price_decimals: int | None = None, volume_decimals: int | None = None
) -> tuple[Series, Counts, tuple[str, ...]]:
    return assemble(list(rows), Target("BTC/USDT", STEP, price_decimals, volume_decimals, LIMIT))


def same(one: Series, other: Series) -> bool:
    return one[:3] == other[:3] and all((a == b).all() for a, b in zip(one.columns, other.columns, strict=True))


def csv_file(folder: Path, *rows: str, name: str = "btc.csv") -> str:
    return file(folder, name, "".join(f"{row}\n" for row in rows).encode())


def file(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def kline(line: str) -> str:
    """A line of six cells as a kline of twelve."""
    ts = int(line.partition(",")[0])
    return f"{line},{ts + STEP - 1},1.5,7,0.5,0.25,0"


def zip_file(folder: Path, members: dict[str, bytes], *, name: str = "BTCUSDT-1h-2024-01.zip") -> str:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return file(folder, name, content.getvalue())


def checksum(path: str, *, wrong: bool) -> str:
    """The CHECKSUM file beside an archive."""
    total = hashlib.sha256(Path(path).read_bytes() + (b"?" if wrong else b"")).hexdigest()
    Path(f"{path}.CHECKSUM").write_text(f"{total}  {Path(path).name}\n")
    return total


def gz(text: bytes) -> bytes:
    return gzip.compress(text, 1)


def zst(text: bytes) -> bytes:
    """zstd, by the one library here that writes it."""
    content = io.BytesIO()
    frame = pl.DataFrame({"line": text.decode().splitlines()})
    frame.write_csv(content, include_header=False, quote_style="never", compression="zstd", check_extension=False)
    return content.getvalue()


def read_or_refused(read: Callable[..., object], path: str, *more: object) -> bool:
    """Whether a file, however broken, ends in rows or in one printable DataError that begins with its path."""
    try:
        read(path, *more)
    except DataError as error:
        return str(error).startswith((path, "BTC/USDT")) and str(error).isprintable()
    return True


def repeated(byte: bytes, *, blocks: int) -> bytes:
    """zstd by hand: one byte again and again, in blocks that take four bytes each (RFC 8878)."""
    packed = b"\x28\xb5\x2f\xfd\x00\x38"  # a frame whose window is one block
    for number in range(blocks):
        head = ZSTD_BLOCK << 3 | 1 << 1 | (number == blocks - 1)
        packed += head.to_bytes(3, "little") + byte
    return packed
