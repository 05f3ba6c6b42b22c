"""Binance archives: klines as CSV, or as a ZIP with one member; a checksum beside it is verified (X15)."""

import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from safla.data.bad_rows import Handling
from safla.data.files import bounded, table
from safla.data.files.table import Layout, split
from safla.data.rows import Rows
from safla.errors import DataError

WIDTH = 12  # the columns of a kline; the first six are ours
MAX_CHECKSUM_BYTES = 1024

_MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\.csv", re.ASCII)
_CHECKSUM = re.compile(rb"([0-9a-f]{64})(\s.*)?", re.DOTALL)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read(path: str, *, bad: Handling = "refuse") -> Rows:
    """The rows of an archive, zipped or not. DataError for a wrong checksum, a strange member, or a cut file.

    bad  what becomes of rows that are no candles
    """
    with bounded.opened(path) as stream:
        _verify(stream, path)
        stream.seek(0)
        zipped = stream.read(4) == bounded.ZIP_MAGIC
        stream.seek(0)
        blocks = _member(stream, path) if zipped else bounded.blocks(stream, path)
        return table.read(
            path, blocks, layout_of=lambda lines: _layout(lines, path=bounded.shown(path)), closed=True, bad=bad
        )


def _layout(lines: list[str], *, path: str) -> Layout:
    first = split(lines[0], ",")
    if len(first) != WIDTH:
        raise DataError(f"{path}: line 1: {len(first)} cells, a kline has {WIDTH}; data.source: csv reads other tables")
    header = not first[0].isdigit()  # USD-M archives got one in 2022, spot has none: told by the first cell
    return Layout(",", (0, 1, 2, 3, 4, 5), WIDTH, 1 if header else 0, ())


def _verify(stream: BinaryIO, path: str) -> None:
    beside = Path(f"{path}.CHECKSUM")
    if not beside.exists():
        return
    with bounded.opened(str(beside)) as checksum:
        said = _CHECKSUM.fullmatch(checksum.read(MAX_CHECKSUM_BYTES))
    if not said:
        raise DataError(f"{bounded.shown(str(beside))}: no checksum; `sha256  name` is expected")
    total = hashlib.sha256()
    while block := stream.read(bounded.BLOCK_BYTES):
        total.update(block)
    if total.hexdigest() != said[1].decode():
        raise DataError(
            f"{bounded.shown(path)}: its SHA-256 is {total.hexdigest()}, the CHECKSUM file says {said[1].decode()}; "
            "download both again (X15)"
        )


def _member(stream: BinaryIO, path: str) -> Iterator[bytes]:
    """The one member of a ZIP in blocks. Its name is checked and never used as a path; its sizes are not believed."""
    name = bounded.shown(path)
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            if len(members) != 1:
                raise DataError(f"{name}: {len(members)} members, an archive of candles has one")
            member = members[0]
            if not _MEMBER.fullmatch(member.filename):
                raise DataError(f"{name}: member {member.filename[:80]!a}; a plain name that ends in .csv is expected")
            if member.flag_bits & 1 or member.compress_type not in _METHODS:
                raise DataError(f"{name}: the member is encrypted, or compressed otherwise than by deflate")
            with archive.open(member) as content:
                yield from bounded.limited(content.read, path)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        struct.error,
        NotImplementedError,
        OverflowError,
    ) as error:
        raise DataError(f"{name}: cut or corrupt ZIP ({str(error)[:80]!a})") from error
