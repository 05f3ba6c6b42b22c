"""Binance archives: klines as CSV, or as a ZIP with one CSV. A checksum file next to it is verified (X15)."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from safla.candles.bad_rows import Handling
from safla.candles.normalise import FileRows
from safla.data.files import archive, archive_name, bounded, table
from safla.data.files.table import Layout, split_cells
from safla.errors import DataError
from safla.text import printable

WIDTH = 12  # the columns of a kline; the first six are used
HEADER = "open_time"  # USD-M archives have a header since 2022, spot archives have none
MAX_CHECKSUM_BYTES = 1024

_CHECKSUM = re.compile(rb"([0-9a-f]{64})(\s.*)?", re.DOTALL)


def read(path: str) -> FileRows:
    """The rows of an archive, zipped or not. DataError for a wrong checksum, an unusual member, or a truncated file."""
    with bounded.open_file(path) as stream:
        verify_checksum(stream, path)
        zipped = stream.read(4) == bounded.ZIP_MAGIC
        stream.seek(0)
        blocks = (
            archive.member(stream, path, wanted=archive.MemberName()).blocks
            if zipped
            else bounded.read_blocks(stream, path)
        )
        return of_blocks(path, blocks)


def of_blocks(path: str, blocks: Iterator[bytes], *, bad: Handling = "refuse") -> FileRows:
    """The rows of the CSV text of an archive."""
    return table.read(path, blocks, layout_of=lambda lines: _layout(lines, path=printable(path)), closed=True, bad=bad)


def is_archive(path: str, head: bytes, *, zipped: bool) -> bool:
    """Whether a text that begins with `head` is an archive: twelve columns, and in a ZIP or named like an archive."""
    line = head.removeprefix(table.MARK).partition(b"\n")[0]
    begins_like_rows = line[:1].isdigit() or line.startswith(HEADER.encode())
    is_named = archive_name.named(path) is not None
    return begins_like_rows and line.count(b",") == WIDTH - 1 and (zipped or is_named)


def verify_checksum(stream: BinaryIO, path: str) -> None:
    """DataError where the CHECKSUM file next to an archive has another sum. Rewinds the stream."""
    checksum_path = Path(f"{path}.CHECKSUM")
    if not checksum_path.exists():
        return
    with bounded.open_file(str(checksum_path)) as checksum:
        said = _CHECKSUM.fullmatch(checksum.read(MAX_CHECKSUM_BYTES))
    if not said:
        raise DataError(f"{printable(str(checksum_path))}: no checksum; expected `sha256  name`", code="wrong_checksum")
    total = hashlib.sha256()
    while block := stream.read(bounded.BLOCK_BYTES):
        total.update(block)
    stream.seek(0)
    if total.hexdigest() != said[1].decode():
        raise DataError(
            f"{printable(path)}: its SHA-256 is {total.hexdigest()}, the CHECKSUM file says {said[1].decode()}; "
            "download both again",
            code="wrong_checksum",
        )


def _layout(lines: list[str], *, path: str) -> Layout:
    first = split_cells(lines[0], ",")
    if len(first) != WIDTH:
        raise DataError(
            f"{path}: line 1: {len(first)} cells, a kline has {WIDTH}; data.source: file reads other tables too",
            code="wrong_format",
        )
    header = not first[0].isdigit()
    repeated = frozenset([lines[0].encode()]) if header else frozenset()
    return Layout(",", (0, 1, 2, 3, 4, 5), WIDTH, 1 if header else 0, (), repeated=repeated)
