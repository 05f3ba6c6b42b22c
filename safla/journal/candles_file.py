"""candles.parquet of a run folder: all candles that the engine was given, in order, under their digest (J7)."""

import hashlib
import io
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from safla.core.candles import Series, digest
from safla.core.values import Columns, Int64
from safla.errors import JournalError
from safla.journal.events import Count, Hex, Places, SymbolName, Timeframe
from safla.journal.files import open_to_read, replace

if TYPE_CHECKING:
    import polars as pl

_KEY = "safla"  # of our entry in the Parquet metadata
_COLUMNS = ("symbol", *Columns._fields)  # int64; symbol is its place in the metadata's list
_SEAL = b'"seal":"'


class _Symbol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the columns do not say about one symbol."""

    symbol: SymbolName
    price_decimals: Places
    volume_decimals: Places
    rows: Count


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The metadata: what the candles are, the digest that they must have, and the seal of the file."""

    digest: Hex
    timeframe: Timeframe
    symbols: list[_Symbol]
    seal: Hex


def write(path: Path, series: Sequence[Series], *, timeframe: Timeframe, known: str | None = None) -> str:
    """Write the candles of all symbols in configuration order, whole or not at all (Z8). Returns their digest.

    known  the same, where the caller has it
    """
    import polars as pl

    total = known or digest(series, timeframe)
    rows = [len(one.columns.ts) for one in series]
    symbols = [
        _Symbol(one.symbol, one.price_decimals, one.volume_decimals, count)
        for one, count in zip(series, rows, strict=True)
    ]
    facts = msgspec.json.encode(_Facts(total, timeframe, symbols, seal="0" * 32)).decode("ascii")
    places = np.repeat(np.arange(len(series), dtype=np.int64), rows)
    columns = [_joined(column) for column in zip(*(one.columns for one in series), strict=True)]
    frame = pl.DataFrame(dict(zip(_COLUMNS, (places, *columns), strict=True)))
    held = io.BytesIO()
    frame.write_parquet(held, compression="zstd", compression_level=1, statistics=False, metadata={_KEY: facts})
    place = _seal_place(held.getvalue())
    raw = held.getbuffer()  # written into where it lies, for ten years of minutes are 90 MB
    raw[place : place + 32] = _seal(raw, place)
    replace(path, raw)
    return total


def _joined(columns: Sequence[Int64]) -> Int64:
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def read(path: Path) -> tuple[Series, ...]:
    """The candles of a run folder. Raises JournalError for a file that is damaged, or has another digest (J7)."""
    import polars as pl
    from polars.exceptions import PolarsError

    with open_to_read(path) as file:
        raw = file.readall()
    place = _seal_place(raw)
    if place < 0 or raw[place : place + 32] != _seal(raw, place):
        raise JournalError(f"{path}: damaged, its bytes are not those that were written; put back a saved copy")
    try:
        facts = msgspec.json.decode(pl.read_parquet_metadata(io.BytesIO(raw))[_KEY], type=_Facts)
        series = _series(pl.read_parquet(io.BytesIO(raw)), facts)
    except (PolarsError, KeyError, ValueError, msgspec.MsgspecError) as error:
        raise JournalError(f"{path}: holds no candles of a run: {str(error)[:200]!a}") from error
    found = digest(series, facts.timeframe)
    if found != facts.digest:
        raise JournalError(f"{path}: its candles have the digest {found}, and it was written with {facts.digest} (J7)")
    return series


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


def _series(frame: "pl.DataFrame", facts: _Facts) -> tuple[Series, ...]:
    import polars as pl

    if tuple(frame.columns) != _COLUMNS or any(kind != pl.Int64 for kind in frame.dtypes):
        raise ValueError(f"its columns are not {', '.join(_COLUMNS)}, all int64")
    if frame.null_count().row(0) != (0,) * len(_COLUMNS):
        raise ValueError("it has empty cells")
    places, *columns = (column.to_numpy() for column in frame)
    rows = [one.rows for one in facts.symbols]  # summed as Python's integers, before numpy makes room for so many
    if sum(rows) != len(frame) or not np.array_equal(places, np.repeat(np.arange(len(rows)), rows)):
        raise ValueError("its rows are not those of its symbols, in order")
    series = []
    for one, end in zip(facts.symbols, accumulate(rows), strict=True):
        own = Columns(*(np.ascontiguousarray(column[end - one.rows : end], np.int64) for column in columns))
        series.append(Series(one.symbol, one.price_decimals, one.volume_decimals, own))
    return tuple(series)
