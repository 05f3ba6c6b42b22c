"""ZIP archives: the bytes of one CSV, in blocks. The name of a member is checked and never used as a path."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple, cast

from safla.core.timeframes import TIMEFRAMES
from safla.data.files import bounded
from safla.errors import DataError
from safla.text import printable

MAX_DIRECTORY_BYTES = 2**18  # of the list of members: enough for about 2 000
SHOWN = 5  # members that a message names

_NAME = r"[A-Za-z0-9_(\[][A-Za-z0-9 ._()\[\]+=,&@#-]{0,199}"
_MEMBER = re.compile(rf"({_NAME}/){{0,8}}{_NAME}\.csv", re.ASCII | re.IGNORECASE)
_BESIDE = re.compile(r"(.*/)?(\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)|__MACOSX/.*", re.DOTALL)
_OFFICE = {"[Content_Types].xml": "an Excel workbook", "mimetype": "an OpenDocument spreadsheet"}
_WORDS = re.compile(r"[^A-Za-z0-9]+")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error, NotImplementedError, OverflowError,
)  # fmt: skip


class MemberName(NamedTuple):
    """Which of several CSV files is asked for: the one whose name says so."""

    symbol: str = ""  # "": nothing is known of it
    timeframe: str | None = None


class Member(NamedTuple):
    """A CSV of a ZIP."""

    blocks: Iterator[bytes]
    alone: bool  # False: it was chosen among several by its name, so others may serve other symbols


def member(stream: BinaryIO, path: str, *, wanted: MemberName) -> Member:
    """The CSV of a ZIP, or of several the one whose name fits, in blocks.

    Stated sizes are not trusted; extra files of macOS and Windows are ignored.
    DataError, in part only when the blocks are read: no CSV, several where not exactly one fits, an unusual name,
    another compression, a truncated or changed archive.
    """
    name = printable(path)
    try:
        whole = _Directory(stream, name=name)
        archive = zipfile.ZipFile(cast("BinaryIO", whole))
        whole.most = None
        chosen, alone = _chosen(archive.infolist(), wanted, name=name)
    except _BROKEN as error:
        raise _broken(name, error) from error
    if chosen.flag_bits & 1 or chosen.compress_type not in _METHODS:
        raise DataError(
            f"{name}: the member is encrypted, or its compression is not deflate; unpack it", code="wrong_format"
        )
    return Member(_blocks(archive, chosen, path), alone)


def _blocks(archive: zipfile.ZipFile, chosen: zipfile.ZipInfo, path: str) -> Iterator[bytes]:
    try:
        with archive, archive.open(chosen) as content:
            yield from bounded.limited(content.read, path)
    except _BROKEN as error:
        raise _broken(printable(path), error) from error


def _broken(name: str, error: Exception) -> DataError:
    return DataError(f"{name}: cut or corrupt ZIP ({str(error)[:80]!a})", code="file_corrupt")


class _Directory:
    """A stream that rejects a list of members that is too long, which zipfile would read in one call.

    So the list is bounded whichever of several end records zipfile uses, and whatever size that record states.
    """

    def __init__(self, stream: BinaryIO, *, name: str) -> None:
        self.most: int | None = MAX_DIRECTORY_BYTES  # the most bytes of one read; None: no limit
        self.seek, self.tell, self.seekable, self.close = stream.seek, stream.tell, stream.seekable, _stays_open
        self._stream = stream
        self._name = name

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes. DataError for a read that is longer than the list of members may be."""
        if self.most is not None and size > self.most:
            text = f"a list of members of {size} bytes, at most {self.most} are read; give an archive with one CSV"
            raise DataError(f"{self._name}: {text}", code="file_too_large")
        return self._stream.read(size)


def _stays_open() -> None:
    """Do nothing: the code that opened the stream closes it."""


def _chosen(infos: Sequence[zipfile.ZipInfo], wanted: MemberName, *, name: str) -> tuple[zipfile.ZipInfo, bool]:
    """The member to read, and whether it is the only CSV."""
    members = [info for info in infos if not info.is_dir() and not _BESIDE.fullmatch(info.filename)]
    office = next((kind for info in members for file, kind in _OFFICE.items() if info.filename == file), None)
    if office is not None:
        raise DataError(f"{name}: {office}; save its sheet as CSV", code="wrong_format")
    if not members:
        raise DataError(f"{name}: no member; give an archive with one CSV", code="wrong_format")
    tables = [info for info in members if info.filename.lower().endswith(".csv")]
    fitting = _fitting(tables, wanted) if len(tables) > 1 else tables or members
    if not fitting:
        named = " ".join(filter(None, wanted))  # BTC/USDT 1h
        asked = f"none is named after {named}" if named else "only one is read"
        raise DataError(
            f"{name}: {len(tables)} CSV files ({_listed(tables)}), but {asked}; unpack the right one and name it "
            "instead",
            code="wrong_format",
        )
    if len(fitting) > 1 and len(tables) > 1:
        raise DataError(
            f"{name}: {len(fitting)} of its {len(tables)} CSV files are named after {wanted.symbol} "
            f"({_listed(fitting)}), but only one is read; unpack them, and name one or, if they are parts, all of them "
            "(part*.csv)",
            code="wrong_format",
        )
    chosen = fitting[0]
    if not _MEMBER.fullmatch(chosen.filename):
        others = f" (of {len(members)})" if len(members) > 1 else ""
        raise DataError(
            f"{name}: member {chosen.filename[:80]!a}{others}; a plain name that ends in .csv is expected",
            code="wrong_format",
        )
    return chosen, len(tables) < 2


def _fitting(tables: Sequence[zipfile.ZipInfo], wanted: MemberName) -> list[zipfile.ZipInfo]:
    """The files whose names say the symbol, and among them no other timeframe. btc-usdt_1h.csv says BTC/USDT, 1h."""
    base, _, quote = wanted.symbol.partition(":")[0].partition("/")
    if not base:
        return []
    symbol = re.compile(rf"(?<![a-z0-9]){re.escape(base)}[ _-]?{re.escape(quote)}(?![a-z0-9])", re.IGNORECASE)
    stems = [(info, PurePosixPath(info.filename).stem) for info in tables]
    named = [(info, stem) for info, stem in stems if symbol.search(stem)]
    said = [(info, set(_WORDS.split(stem)) & TIMEFRAMES.keys()) for info, stem in named]
    return [info for info, timeframes in said if not timeframes or wanted.timeframe in {None, *timeframes}]


def _listed(members: Sequence[zipfile.ZipInfo]) -> str:
    names = [ascii(info.filename[:80])[1:-1] for info in members[:SHOWN]]
    rest = len(members) - SHOWN
    return ", ".join(names) + (f" and {rest} more" if rest > 0 else "")
