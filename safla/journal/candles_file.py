"""candles.parquet of a run folder: all candles that the engine was given, in order, under their digest (J7)."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec
import numpy as np

from safla.core.candles import Series, digest
from safla.core.values import Columns, Int64
from safla.errors import JournalError
from safla.journal.events import Hex, Places, SymbolName, Timeframe
from safla.journal.files import open_to_read, replace

if TYPE_CHECKING:
    import polars as pl

MAX_ROWS = 100_000_000  # of a file that is read (Z24)

_KEY = "safla"  # of our entry in the Parquet metadata
_COLUMNS = ("symbol", *Columns._fields)  # int64; symbol is its place in the metadata's list


class _Symbol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the columns do not say about one symbol."""

    symbol: SymbolName
    price_decimals: Places
    volume_decimals: Places
    rows: int


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The metadata: what the candles are, and the digest that they must have."""

    digest: Hex
    timeframe: Timeframe
    symbols: list[_Symbol]


def write(path: Path, series: Sequence[Series], *, timeframe: Timeframe) -> str:
    """Write the candles of all symbols in configuration order, whole or not at all (Z8). Returns their digest."""
    import polars as pl

    total = digest(series, timeframe)
    symbols = [_Symbol(one.symbol, one.price_decimals, one.volume_decimals, len(one.columns.ts)) for one in series]
    facts = msgspec.json.encode(_Facts(total, timeframe, symbols)).decode("ascii")
    places = np.repeat(np.arange(len(series), dtype=np.int64), [len(one.columns.ts) for one in series])
    columns = [np.concatenate(column) for column in zip(*(one.columns for one in series), strict=True)]
    frame = pl.DataFrame(dict(zip(_COLUMNS, (places, *columns), strict=True)))

    def write_to(file: BinaryIO) -> None:
        frame.write_parquet(file, compression="zstd", compression_level=1, statistics=False, metadata={_KEY: facts})

    replace(path, write_to)
    return total


def read(path: Path) -> tuple[Series, ...]:
    """The candles of a run folder. Raises JournalError for a file that is damaged, or has another digest (J7)."""
    import polars as pl
    from polars.exceptions import PanicException, PolarsError

    with open_to_read(path) as file:
        held = io.BytesIO(file.read())
    try:
        facts = msgspec.json.decode(pl.read_parquet_metadata(held)[_KEY], type=_Facts)
        held.seek(0)
        series = _series(pl.read_parquet(held), facts)
    except (PolarsError, PanicException, OSError, MemoryError, KeyError, ValueError, msgspec.MsgspecError) as error:
        raise JournalError(f"{path}: no candles can be read from it: {str(error)[:200]!a}") from error
    found = digest(series, facts.timeframe)
    if found != facts.digest:
        raise JournalError(f"{path}: its candles have the digest {found}, and it was written with {facts.digest} (J7)")
    return series


def _series(frame: "pl.DataFrame", facts: _Facts) -> tuple[Series, ...]:
    import polars as pl

    if tuple(frame.columns) != _COLUMNS or any(kind != pl.Int64 for kind in frame.dtypes):
        raise ValueError(f"its columns are not {', '.join(_COLUMNS)}, all int64")
    if frame.null_count().row(0) != (0,) * len(_COLUMNS) or len(frame) > MAX_ROWS:
        raise ValueError("it has empty cells, or too many rows")
    places, *columns = (column.to_numpy() for column in frame)
    ends = np.cumsum([one.rows for one in facts.symbols])
    expected = np.repeat(np.arange(len(facts.symbols)), [one.rows for one in facts.symbols])
    if not np.array_equal(places, expected):
        raise ValueError("its rows are not those of its symbols, in order")
    return tuple(
        Series(one.symbol, one.price_decimals, one.volume_decimals, Columns(*(_cut(c, end - one.rows, end) for c in columns)))
        for one, end in zip(facts.symbols, ends.tolist(), strict=True)
    )


def _cut(column: Int64, first: int, last: int) -> Int64:
    return np.ascontiguousarray(column[first:last], np.int64)
