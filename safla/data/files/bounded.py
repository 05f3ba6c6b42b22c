"""Read input files in bounded blocks: regular files only, unchanged while read, decompressed up to a limit."""

import gzip
import io
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from safla.data.files import panics
from safla.errors import DataError, HostError
from safla.text import printable

MAX_FILE_BYTES = 4 * 2**30
MAX_TEXT_BYTES = 4 * 2**30  # decompressed
MAX_WHOLE_BYTES = 2**30  # of a file that can only be read as a whole
MAX_ZSTD_TEXT_BYTES = 2**28  # decompressed as a whole too, which takes about eight times as much memory
BLOCK_BYTES = 4 * 2**20

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZIP_MAGIC = b"PK\x03\x04"


@contextmanager
def open_file(path: str) -> Iterator[BinaryIO]:
    """A regular file, open for reading. DataError: missing, not regular, too large, or changed at the end.

    Links are followed (Z8). A pipe is an error; O_NONBLOCK keeps the open from waiting for it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise HostError(f"{printable(path)}: no permission to read it", code="no_permission") from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"{printable(path)}: {getattr(error, 'strerror', None) or 'no such file'}", code="file_not_found"
        ) from error
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        os.close(descriptor)
        kind = "a folder" if stat.S_ISDIR(before.st_mode) else "no regular file"
        raise DataError(f"{printable(path)}: {kind}; give a file or a pattern of files", code="file_not_found")
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        if before.st_size > MAX_FILE_BYTES:
            raise DataError(
                f"{printable(path)}: {before.st_size} bytes, at most {MAX_FILE_BYTES} are read", code="file_too_large"
            )
        yield stream
        if not _identity(os.fstat(descriptor)) == _identity(before) == _identity_now(path):
            raise DataError(
                f"{printable(path)}: the file changed while it was read; try again when it is complete",
                code="file_corrupt",
            )


def read_blocks(stream: BinaryIO, path: str) -> Iterator[bytes]:
    """The text of a file in blocks, decompressed if its first bytes say so (plain, gzip, zstd)."""
    magic = stream.read(4) or b""
    stream.seek(0)
    if magic.startswith(GZIP_MAGIC):
        yield from _gzip_blocks(stream, path)
    elif magic == ZSTD_MAGIC:
        yield _zstd_text(whole(stream, path), path)
    elif magic == ZIP_MAGIC:
        raise DataError(
            f"{printable(path)}: a ZIP archive; data.source: file reads an archive with one CSV", code="wrong_format"
        )
    else:
        yield from limited(stream.read, path)


def limited(read: Callable[[int], bytes | None], path: str) -> Iterator[bytes]:
    """Blocks of a stream until it ends. DataError above the limit; the size that a file states is not trusted."""
    total = 0
    while block := read(BLOCK_BYTES):
        total += len(block)
        if total > MAX_TEXT_BYTES:
            raise DataError(
                f"{printable(path)}: more than {MAX_TEXT_BYTES} bytes when decompressed", code="file_too_large"
            )
        yield block


def whole(stream: BinaryIO, path: str) -> bytes:
    """All bytes of a file at once, for the formats that cannot be read in blocks."""
    size = os.fstat(stream.fileno()).st_size
    if size > MAX_WHOLE_BYTES:
        raise DataError(
            f"{printable(path)}: {size} bytes, at most {MAX_WHOLE_BYTES} are read of this format; split it",
            code="file_too_large",
        )
    return b"".join(iter(lambda: stream.read(BLOCK_BYTES), b""))


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _identity_now(path: str) -> tuple[int, ...]:
    """The identity of the file that has this name now: another one, where a file was moved over it."""
    try:
        return _identity(os.stat(path))
    except OSError:
        return ()


def _gzip_blocks(stream: BinaryIO, path: str) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=stream, mode="rb") as archive:
        try:
            yield from limited(archive.read, path)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{printable(path)}: cut or corrupt gzip ({error})", code="file_corrupt") from error


def _zstd_text(archive: bytes, path: str) -> bytes:
    import polars as pl

    if _zstd_bound(archive, path) > MAX_ZSTD_TEXT_BYTES:
        raise DataError(
            f"{printable(path)}: more than {MAX_ZSTD_TEXT_BYTES} bytes when decompressed; split it",
            code="file_too_large",
        )
    try:
        # With NUL as line end and separator, the text is one cell: a cell per line of a bomb would fill the memory.
        with panics.hold_stderr():
            cells = pl.read_csv(
                archive,
                has_header=False,
                schema={"text": pl.String},
                separator="\0",
                eol_char="\0",
                quote_char=None,
                n_rows=2,
            )
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DataError(f"{printable(path)}: cut or corrupt zstd ({_line(error)})", code="file_corrupt") from error
    if cells.height > 1:
        raise DataError(f"{printable(path)}: a NUL byte; this is no text", code="wrong_format")
    return (cells.item() or "").encode()


def _zstd_bound(archive: bytes, path: str) -> int:
    """The most bytes that a zstd file can hold, by the headers of its blocks; nothing is decompressed (RFC 8878)."""
    total, view = 0, io.BytesIO(archive)
    while magic := view.read(4):
        if 0x184D2A50 <= int.from_bytes(magic, "little") <= 0x184D2A5F:  # a skippable frame
            view.seek(int.from_bytes(view.read(4), "little"), os.SEEK_CUR)
            continue
        flags = view.read(1)
        if magic != ZSTD_MAGIC or not flags:
            raise DataError(f"{printable(path)}: cut or corrupt zstd", code="file_corrupt")
        single = flags[0] >> 5 & 1
        sizes = ((1 if single else 0), 2, 4, 8)[flags[0] >> 6]
        view.seek((0 if single else 1) + (0, 1, 2, 4)[flags[0] & 3] + sizes, os.SEEK_CUR)
        total += _zstd_frame_bound(view, path)
        view.seek(4 if flags[0] >> 2 & 1 else 0, os.SEEK_CUR)
    return total


def _zstd_frame_bound(view: io.BytesIO, path: str) -> int:
    total, last = 0, 0
    while not last:
        header = view.read(3)
        if len(header) < 3:
            raise DataError(f"{printable(path)}: cut zstd", code="file_corrupt")
        number = int.from_bytes(header, "little")
        last, kind, size = number & 1, number >> 1 & 3, number >> 3
        # raw and run-length blocks state their size, others hold at most 128 KiB
        total += size if kind < 2 else 128 * 1024
        view.seek(1 if kind == 1 else size, os.SEEK_CUR)
    return total


def _line(error: Exception) -> str:
    return ascii(str(error).partition("\n")[0][:80])[1:-1]
