"""Read the `candles.parquet` of a run folder as a source: its metadata, and the digest that it must have (J7)."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from safla.candles.normalise import MAX_ROWS
from safla.config.types import SYMBOL
from safla.core.candles import Series, digest
from safla.core.timeframes import Timeframe
from safla.core.values import Columns
from safla.data.files.footer import Footer
from safla.data.files.parquet_format import INT64

if TYPE_CHECKING:
    import polars as pl

KEY = "safla"  # the key of our metadata in the file
NAMES = ["symbol", *Columns._fields]  # of the columns
MAX_SYMBOLS = 1000
MAX_FACTS_BYTES = 2**18  # of the metadata: 1 000 symbols with the longest names are 160 KB
OTHER_ROWS = "its rows are not those of its symbols in order"
SHOWN = 20  # symbols that a message lists

VALUE_BYTES = 8
TIMES_UNPACKED = 2  # if a dictionary grew too large, a column has that dictionary and also plain values
SLACK_BYTES = 2**20
MAX_ROWS_A_BYTE = 64  # rows per byte of a file: 9.4 measured, for 1 000 symbols with equal times and constant prices


_Places = Annotated[int, Meta(ge=0, le=18)]  # decimals of a number
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]


class RecordedSymbol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The metadata of one symbol."""

    symbol: str
    price_decimals: _Places
    volume_decimals: _Places
    rows: _Count


class RunCandlesMetadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The metadata of the file: the symbols and the digest of the candles, and the seal of the file.

    The column `symbol` holds indices into `symbols`, in ascending order.
    """

    digest: _Hash
    timeframe: Timeframe
    symbols: list[RecordedSymbol]
    seal: _Hash


def facts(metadata: Mapping[str, str]) -> RunCandlesMetadata | None:
    """The metadata of a run's file; None for other files. ValueError where it is invalid."""
    if KEY not in metadata:
        return None
    if len(metadata[KEY]) > MAX_FACTS_BYTES:
        raise ValueError(f"its metadata `{KEY}` is too long")
    try:
        run = msgspec.json.decode(metadata[KEY], type=RunCandlesMetadata)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"its metadata `{KEY}` makes no sense: {error}") from error
    refuse_symbols([recorded.symbol for recorded in run.symbols])
    return run


def refuse_symbols(symbols: Sequence[str]) -> None:
    """ValueError for symbols that no run has: too many, invalid names, duplicates."""
    if len(symbols) > MAX_SYMBOLS:
        raise ValueError(f"{len(symbols)} symbols, at most {MAX_SYMBOLS} are read")
    if not all(SYMBOL.fullmatch(symbol) for symbol in symbols):
        raise ValueError(f"its metadata `{KEY}` has invalid symbols")
    if len(set(symbols)) < len(symbols):
        raise ValueError(f"its metadata `{KEY}` names a symbol twice")


def refuse_claims(claims: Footer, metadata: RunCandlesMetadata, *, file_bytes: int) -> None:
    """ValueError for a file that no run can have written, by what it claims; checked before any of it is unpacked.

    Its columns must be those that a run writes, its rows those of its symbols, its pages must unpack to little more
    than these rows, and a file of its length must be able to hold so many rows.
    """
    if [leaf.name for leaf in claims.leaves] != NAMES or any(
        leaf.kind != INT64 or not leaf.is_plain for leaf in claims.leaves
    ):
        raise ValueError(f"its columns are not {', '.join(NAMES)}, all int64")
    if claims.rows > file_bytes * MAX_ROWS_A_BYTE:
        raise ValueError(f"{claims.rows} rows in {file_bytes} bytes are no candles")
    refuse_unpacked(claims)
    rows = [recorded.rows for recorded in metadata.symbols]
    if sum(rows) != claims.rows:
        raise ValueError(OTHER_ROWS)
    most = min(MAX_ROWS, file_bytes)  # ascending opening times take more than two bytes per row
    if max(rows, default=0) > most:
        raise ValueError(f"{max(rows)} rows of a symbol in {file_bytes} bytes, at most {most} are read")


def refuse_unpacked(claims: Footer) -> None:
    """ValueError for a file of integers whose pages unpack to more bytes than its rows and columns need."""
    most = claims.rows * claims.columns * VALUE_BYTES * TIMES_UNPACKED + SLACK_BYTES
    if claims.bytes_unpacked > most:
        raise ValueError(f"{claims.bytes_unpacked} bytes when unpacked, but its rows need {most} at most")


def verified_series(frame: "pl.DataFrame", metadata: RunCandlesMetadata) -> tuple[Series, ...]:
    """The candles of each symbol. ValueError where they are not the candles that were written, in order.

    frame  of a file that passed `refuse_claims`
    """
    import polars as pl

    if set(frame.dtypes) != {pl.Int64}:
        raise ValueError(f"its columns are not {', '.join(NAMES)}, all int64")
    if any(frame.null_count().row(0)):
        raise ValueError("it has empty cells")
    ranges = list(pairwise((0, *accumulate(recorded.rows for recorded in metadata.symbols))))
    places = frame["symbol"].to_numpy()
    if not all(bool((places[first:end] == place).all()) for place, (first, end) in enumerate(ranges)):
        raise ValueError(OTHER_ROWS)
    columns = [frame[name].to_numpy() for name in Columns._fields]
    series = []
    for recorded, (first, end) in zip(metadata.symbols, ranges, strict=True):
        own_columns = Columns(*(np.ascontiguousarray(column[first:end]) for column in columns))
        series.append(Series(recorded.symbol, recorded.price_decimals, recorded.volume_decimals, own_columns))
    actual = digest(series, metadata.timeframe)
    if actual != metadata.digest:
        raise ValueError(f"its candles have the digest {actual}, but it was written with {metadata.digest}")
    return tuple(series)
