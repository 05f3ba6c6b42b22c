"""Recognise other file formats by their first bytes, to say what the file is and what to do instead."""

from safla.errors import DataError
from safla.text import printable

PEEKED_BYTES = 4096
PARQUET = b"PAR1"
ARROW = b"ARROW1"

_EXPORT = "export its candles as CSV or Parquet"
_UNPACK = "unpack it, or pack it as .gz, .zst or .zip"
KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"\x04\x22\x4d\x18", "an LZ4 archive", _UNPACK),
    (b"PK\x05\x06", "an empty ZIP archive", "give an archive with one CSV"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (as pandas and PyTables write)", _EXPORT),
    (b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)", "save its sheet as CSV"),
    (b"FEA1", "a Feather file of version 1", "write it as version 2 (Arrow IPC) or Parquet"),
    (b"\xff\xff\xff\xff", "an Arrow stream", "write it as a Feather file (Arrow IPC file) or Parquet"),
    (b"\x93NUMPY", "a numpy array (.npy)", _EXPORT),
    (b"\x80\x02", "a Python pickle", _EXPORT + "; a pickle is never read, because it can run programs"),
    (b"\x80\x03", "a Python pickle", _EXPORT + "; a pickle is never read, because it can run programs"),
    (b"\x80\x04", "a Python pickle", _EXPORT + "; a pickle is never read, because it can run programs"),
    (b"\x80\x05", "a Python pickle", _EXPORT + "; a pickle is never read, because it can run programs"),
    (b"Obj\x01", "an Avro file", _EXPORT),
    (b"ORC", "an ORC file", _EXPORT),
    (b"DUCK", "a DuckDB database", _EXPORT),
    (b"%PDF-", "a PDF document", _EXPORT),
    (b"<!doctype html", "a web page instead of a table: the download may have failed", "download it again"),
    (b"<html", "a web page instead of a table: the download may have failed", "download it again"),
    (b"<?xml", "an XML document", _EXPORT),
)
_TAR = 257  # offset of the magic bytes of a tar archive
DUCKDB = 8  # offset of the magic bytes of a DuckDB file


def refuse_known(begin: bytes, path: str) -> None:
    """DataError for a file that begins like another format than those of candles."""
    letters = begin.removeprefix(b"\xef\xbb\xbf").lstrip()[:32].lower()
    for magic, what, instead in KINDS:
        text = magic.startswith(b"<")
        offset = DUCKDB if magic == b"DUCK" else 0
        if letters.startswith(magic) if text else begin[offset:].startswith(magic):
            raise DataError(f"{printable(path)}: {what}; {instead}", code="wrong_format")
    if begin[_TAR : _TAR + 5] == b"ustar":
        raise DataError(f"{printable(path)}: a tar archive; {_UNPACK}", code="wrong_format")
