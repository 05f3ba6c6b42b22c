"""ZIP archives with one CSV: its bytes in blocks. What a member is called is checked and never used as a path."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from safla.data.files import bounded
from safla.errors import DataError
from safla.text import printable

MAX_DIRECTORY_BYTES = 2**18  # of the list of members: some 2 000, of which one is read
SHOWN = 5  # members that a message names

_NAME = r"[A-Za-z0-9_(\[][A-Za-z0-9 ._()\[\]+=,&@#-]{0,199}"
_MEMBER = re.compile(rf"({_NAME}/){{0,8}}{_NAME}\.csv", re.ASCII | re.IGNORECASE)
_BESIDE = re.compile(r"(.*/)?(\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)|__MACOSX/.*", re.DOTALL)
_OFFICE = {"[Content_Types].xml": "an Excel workbook", "mimetype": "an OpenDocument spreadsheet"}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error, NotImplementedError, OverflowError,
)  # fmt: skip


def member(stream: BinaryIO, path: str) -> Iterator[bytes]:
    """The one CSV of a ZIP in blocks. Its sizes are not believed; what macOS and Windows put beside files is no member.

    DataError: several CSV files or none, a strange name, another compression, a cut or changed archive.
    """
    name = printable(path)
    try:
        whole = _Directory(stream, name=name)
        with zipfile.ZipFile(cast("BinaryIO", whole)) as archive:
            whole.most = None
            chosen = _chosen(archive.infolist(), name=name)
            if chosen.flag_bits & 1 or chosen.compress_type not in _METHODS:
                raise DataError(f"{name}: the member is encrypted, or compressed otherwise than by deflate; unpack it")
            with archive.open(chosen) as content:
                yield from bounded.limited(content.read, path)
    except _BROKEN as error:
        raise DataError(f"{name}: cut or corrupt ZIP ({str(error)[:80]!a})") from error


class _Directory:
    """An archive whose list of members is not read where it is too long: the library reads it in one go.

    So it is bounded whichever of several end records the library takes, and whatever count that record says.
    """

    def __init__(self, stream: BinaryIO, *, name: str) -> None:
        self.most: int | None = MAX_DIRECTORY_BYTES  # that are read at once; None: any number
        self.seek, self.tell, self.seekable, self.close = stream.seek, stream.tell, stream.seekable, _stays_open
        self._stream = stream
        self._name = name

    def read(self, size: int = -1) -> bytes:
        """The next bytes. DataError for more at once than the list of members may take."""
        if self.most is not None and size > self.most:
            text = f"a list of members of {size} bytes, at most {self.most} are read; an archive with one CSV is read"
            raise DataError(f"{self._name}: {text}")
        return self._stream.read(size)


def _stays_open() -> None:
    """Whoever opened the stream closes it."""


def _chosen(infos: Sequence[zipfile.ZipInfo], *, name: str) -> zipfile.ZipInfo:
    members = [one for one in infos if not one.is_dir() and not _BESIDE.fullmatch(one.filename)]
    office = next((kind for one in members for file, kind in _OFFICE.items() if one.filename == file), None)
    if office is not None:
        raise DataError(f"{name}: {office}; save its sheet as CSV")
    if not members:
        raise DataError(f"{name}: no member; an archive with one CSV is read")
    tables = [one for one in members if one.filename.lower().endswith(".csv")]
    if len(tables) > 1:
        raise DataError(
            f"{name}: {len(tables)} CSV files ({_listed(tables)}), and one is read; unpack the one that is meant and "
            "name it instead"
        )
    chosen = (tables or members)[0]
    if not _MEMBER.fullmatch(chosen.filename):
        others = f" (of {len(members)})" if len(members) > 1 else ""
        raise DataError(f"{name}: member {chosen.filename[:80]!a}{others}; a plain name that ends in .csv is expected")
    return chosen


def _listed(members: Sequence[zipfile.ZipInfo]) -> str:
    names = [ascii(one.filename[:80])[1:-1] for one in members[:SHOWN]]
    rest = len(members) - SHOWN
    return ", ".join(names) + (f" and {rest} more" if rest > 0 else "")
