"""The candles.parquet of a run folder: all candles that the engine got, in order, with their digest (J7)."""

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import msgspec
import numpy as np

from safla.candles.normalise import MAX_ROWS
from safla.core.candles import Series, digest
from safla.core.timeframes import Timeframe
from safla.data.files import footer, run_candles
from safla.data.files.footer import Limits
from safla.data.files.parquet_decoding import decoded
from safla.data.files.run_candles import KEY, NAMES, RecordedSymbol, RunCandlesMetadata
from safla.errors import DataError, JournalError
from safla.journal.files import open_to_read, replace_by
from safla.text import printable

if TYPE_CHECKING:
    import polars as pl

_SEAL = b'"seal":"'
_PART_ROWS = 2**18  # rows of a row group
_END = 8  # bytes at the end of a Parquet file: the length of its footer, and the magic number PAR1
LIMITS = Limits(len(NAMES), MAX_ROWS * run_candles.MAX_SYMBOLS, 2**40)  # refuse_claims then compares with the metadata


def write_run_candles(path: Path, series: Sequence[Series], *, timeframe: Timeframe, known: str | None = None) -> str:
    """Write the candles of all symbols in configuration order, whole or not at all (Z8). Returns their digest.

    The rows are written in parts, so that the memory never holds a second copy of all candles.
    known  the digest, if the caller has it already
    """
    total = known or digest(series, timeframe)
    symbols = [
        RecordedSymbol(one.symbol, one.price_decimals, one.volume_decimals, len(one.columns.ts)) for one in series
    ]
    metadata = msgspec.json.encode(RunCandlesMetadata(total, timeframe, symbols, seal="0" * 32)).decode("ascii")
    replace_by(path, lambda file: _write(file, series, metadata))
    return total


def _write(file: FileIO, series: Sequence[Series], metadata: str) -> None:
    import polars as pl
    from polars.io.plugins import register_io_source

    sealed = _SealedFile(file)
    parts = register_io_source(
        lambda columns, predicate, rows, size: _parts(series), schema=dict.fromkeys(NAMES, pl.Int64)
    )
    try:
        parts.sink_parquet(
            cast("IO[bytes]", sealed), compression="zstd", compression_level=1, statistics=False,
            row_group_size=_PART_ROWS, metadata={KEY: metadata},
        )  # fmt: skip
    except pl.exceptions.PolarsError:  # polars wraps the OSError of a write: raise that one, with its errno
        if sealed.error is not None:
            raise sealed.error from None
        raise
    sealed.finish()


def _parts(series: Sequence[Series]) -> "Iterator[pl.DataFrame]":
    """The rows of the file, in parts of at most _PART_ROWS."""
    import polars as pl

    for place, symbol_series in enumerate(series):
        for first in range(0, len(symbol_series.columns.ts), _PART_ROWS):
            columns = [column[first : first + _PART_ROWS] for column in symbol_series.columns]
            cells = (np.full(len(columns[0]), place, np.int64), *columns)
            yield pl.DataFrame(dict(zip(NAMES, cells, strict=True)))


class _SealedFile:
    """A file that is hashed while it is written from beginning to end, with zeros as its seal until `finish`."""

    def __init__(self, file: FileIO) -> None:
        self.error: OSError | None = None  # the error of a write, which polars raises again as an error of its own
        self._file = file
        self._total = hashlib.blake2b(digest_size=16)

    def write(self, content: bytes) -> int:
        """Write all of it. Raises OSError."""
        try:
            if self._file.write(content) != len(content):  # no second attempt (J25)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self.error = error
            raise
        self._total.update(content)
        return len(content)

    def flush(self) -> None:
        """Do nothing: every write goes to the file at once."""

    def finish(self) -> None:
        """Replace the zeros by the seal."""
        self._file.seek(-_END, os.SEEK_END)
        length = int.from_bytes(self._file.read(4), "little")
        begin = self._file.seek(-_END - length, os.SEEK_END)
        self._file.seek(begin + _seal_place(self._file.read(length)))
        self._file.write(self._total.hexdigest().encode("ascii"))


def read(path: Path) -> tuple[Series, ...]:
    """The candles of a run folder. Raises JournalError for a file that is damaged, or has another digest (J7).

    The seal shows damage, not forgery: it has no key, so an attacker can compute it for any file. Therefore sizes and
    counts in the file are checked against its length and its metadata before anything is decompressed.
    """
    with open_to_read(path) as file:
        raw = file.readall()
    place = _seal_place(raw)
    if place < 0 or raw[place : place + 32] != _seal(raw, place):
        raise JournalError(
            f"{path}: damaged, its bytes are not those that were written; put back a saved copy", code="candles_damaged"
        )
    try:
        claims = footer.read(raw, name=printable(str(path)), limits=LIMITS)
        metadata = run_candles.facts(claims.metadata)
        if metadata is None:
            raise ValueError("the metadata that names its symbols is missing")
        run_candles.refuse_claims(claims, metadata, file_bytes=len(raw))
        return run_candles.verified_series(decoded(raw, claims), metadata)
    except DataError as error:
        raise JournalError(str(error), code="candles_damaged") from error
    except ValueError as error:
        raise JournalError(
            f"{path}: cannot be read as the candles of a run: {str(error)[:200]!a}", code="candles_damaged"
        ) from error


def _seal_place(raw: bytes) -> int:
    """The offset of the first digit of the seal; -1 if there is no seal."""
    mark = raw.rfind(_SEAL)
    return mark if mark < 0 else mark + len(_SEAL)


def _seal(raw: bytes | memoryview, place: int) -> bytes:
    """The hash of a file with zeros in place of its seal.

    A damaged Parquet file can crash the whole process inside the library that decodes it, so the seal must verify
    before anything is decoded.
    """
    total = hashlib.blake2b(memoryview(raw)[:place], digest_size=16)
    total.update(b"0" * 32)
    total.update(memoryview(raw)[place + 32 :])
    return total.hexdigest().encode("ascii")
