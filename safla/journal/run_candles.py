"""candles.parquet of a run folder: all candles that the engine was given, in order, under their digest (J7)."""

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
_PART_ROWS = 2**18  # of a row group
_END = 8  # bytes: the length of the metadata, and four letters
LIMITS = Limits(len(NAMES), MAX_ROWS * run_candles.MAX_SYMBOLS, 2**40)  # and then by what its metadata says


def write_run_candles(path: Path, series: Sequence[Series], *, timeframe: Timeframe, known: str | None = None) -> str:
    """Write the candles of all symbols in configuration order, whole or not at all (Z8). Returns their digest.

    They go to the disk in parts: beside the candles no second copy of them is made.
    known  the same, where the caller has it
    """
    total = known or digest(series, timeframe)
    symbols = [
        RecordedSymbol(one.symbol, one.price_decimals, one.volume_decimals, len(one.columns.ts)) for one in series
    ]
    facts = msgspec.json.encode(RunCandlesMetadata(total, timeframe, symbols, seal="0" * 32)).decode("ascii")
    replace_by(path, lambda file: _write(file, series, facts))
    return total


def _write(file: FileIO, series: Sequence[Series], facts: str) -> None:
    import polars as pl
    from polars.io.plugins import register_io_source

    sealed = _SealedFile(file)
    parts = register_io_source(
        lambda columns, predicate, rows, size: _parts(series), schema=dict.fromkeys(NAMES, pl.Int64)
    )
    try:
        parts.sink_parquet(
            cast("IO[bytes]", sealed), compression="zstd", compression_level=1, statistics=False,
            row_group_size=_PART_ROWS, metadata={KEY: facts},
        )  # fmt: skip
    except pl.exceptions.PolarsError:
        if sealed.error is not None:
            raise sealed.error from None
        raise
    sealed.finish()


def _parts(series: Sequence[Series]) -> "Iterator[pl.DataFrame]":
    """The rows of the file, some at a time."""
    import polars as pl

    for place, one in enumerate(series):
        for first in range(0, len(one.columns.ts), _PART_ROWS):
            columns = [column[first : first + _PART_ROWS] for column in one.columns]
            cells = (np.full(len(columns[0]), place, np.int64), *columns)
            yield pl.DataFrame(dict(zip(NAMES, cells, strict=True)))


class _SealedFile:
    """A file that is written from its beginning to its end, and hashed on the way: its seal is zeros until then."""

    def __init__(self, file: FileIO) -> None:
        self.error: OSError | None = None  # what a write came to: the library that writes tells it in its own words
        self._file = file
        self._total = hashlib.blake2b(digest_size=16)

    def write(self, content: bytes) -> int:
        """All of it. OSError."""
        try:
            if self._file.write(content) != len(content):  # no second attempt (J25)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self.error = error
            raise
        self._total.update(content)
        return len(content)

    def flush(self) -> None:
        """Nothing is held back."""

    def finish(self) -> None:
        """Write the seal into its place."""
        self._file.seek(-_END, os.SEEK_END)
        length = int.from_bytes(self._file.read(4), "little")
        begin = self._file.seek(-_END - length, os.SEEK_END)
        self._file.seek(begin + _seal_place(self._file.read(length)))
        self._file.write(self._total.hexdigest().encode("ascii"))


def read(path: Path) -> tuple[Series, ...]:
    """The candles of a run folder. Raises JournalError for a file that is damaged, or has another digest (J7).

    The seal tells damage alone: it has no key, so whoever means harm can seal again. What such a file claims is
    compared with what it is before any of it is unpacked.
    """
    with open_to_read(path) as file:
        raw = file.readall()
    place = _seal_place(raw)
    if place < 0 or raw[place : place + 32] != _seal(raw, place):
        raise JournalError(f"{path}: damaged, its bytes are not those that were written; put back a saved copy")
    try:
        claims = footer.read(raw, name=printable(str(path)), limits=LIMITS)
        facts = run_candles.facts(claims.metadata)
        if facts is None:
            raise ValueError("no metadata tells whose its rows are")
        run_candles.refuse_claims(claims, facts, file_bytes=len(raw))
        return run_candles.verified_series(decoded(raw, claims), facts)
    except DataError as error:
        raise JournalError(str(error)) from error
    except ValueError as error:
        raise JournalError(f"{path}: holds no candles of a run: {str(error)[:200]!a}") from error


def _seal_place(raw: bytes) -> int:
    """Where the seal's digits begin; -1 if there is none."""
    mark = raw.rfind(_SEAL)
    return mark if mark < 0 else mark + len(_SEAL)


def _seal(raw: bytes | memoryview, place: int) -> bytes:
    """The hash of a file with zeros for its seal.

    A damaged Parquet file can end the whole process inside the library that decodes it, so none is decoded before
    its seal was found whole.
    """
    total = hashlib.blake2b(memoryview(raw)[:place], digest_size=16)
    total.update(b"0" * 32)
    total.update(memoryview(raw)[place + 32 :])
    return total.hexdigest().encode("ascii")
