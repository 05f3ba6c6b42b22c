"""The `candles.parquet` of a run folder as a source: what its metadata says, and the digest it must have (J7)."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from safla.config.types import SYMBOL
from safla.core.candles import Series, digest
from safla.core.timeframes import TIMEFRAMES
from safla.core.values import Columns, Int64
from safla.data.decimals import MAX_PLACES
from safla.data.files.footer import Footer
from safla.data.files.parquet_format import INT64

if TYPE_CHECKING:
    import polars as pl

KEY = "safla"  # of the metadata
NAMES = ["symbol", *Columns._fields]  # of the columns
MAX_SYMBOLS = 1000
MAX_FACTS_BYTES = 2**18  # of the metadata: 1 000 symbols with the longest names are 160 KB
SHOWN = 20  # symbols that a message names

VALUE_BYTES = 8
TIMES_UNPACKED = 2  # a column whose dictionary grew too large has the values in it, and the rest beside it
SLACK_BYTES = 2**20
MAX_ROWS_A_BYTE = 64  # of the file: 9.4 were measured, of 1 000 symbols at the same times whose prices never move


class Recorded(NamedTuple):
    """What a run wrote beside its candles. The column `symbol` holds places in `symbols`, in ascending order."""

    digest: str
    timeframe: str
    symbols: tuple[str, ...]
    decimals: tuple[tuple[int, int], ...]  # of price and volume


def facts(metadata: Mapping[str, str]) -> Recorded | None:
    """What the metadata of a file says; None in a file of someone else. ValueError when it makes no sense."""
    if KEY not in metadata:
        return None
    if len(metadata[KEY]) > MAX_FACTS_BYTES:
        raise ValueError(f"its metadata `{KEY}` makes no sense")
    try:
        said: Any = json.loads(metadata[KEY])
        symbols = tuple(one["symbol"] for one in said["symbols"])
        decimals = tuple((one["price_decimals"], one["volume_decimals"]) for one in said["symbols"])
        found = Recorded(said["digest"], said["timeframe"], symbols, decimals)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"its metadata `{KEY}` makes no sense") from error
    places = [place for pair in decimals for place in pair]
    if found.timeframe not in TIMEFRAMES or not all(type(one) is int and 0 <= one <= MAX_PLACES for one in places):
        raise ValueError(f"its metadata `{KEY}` makes no sense")
    refuse_symbols(symbols)
    return found


def refuse_symbols(symbols: tuple[Any, ...]) -> None:
    """ValueError for symbols that no run has: too many, other names, one twice."""
    if len(symbols) > MAX_SYMBOLS:
        raise ValueError(f"{len(symbols)} symbols, at most {MAX_SYMBOLS} are read")
    if not all(isinstance(symbol, str) and SYMBOL.fullmatch(symbol) for symbol in symbols):
        raise ValueError(f"its metadata `{KEY}` names no symbols")
    if len(set(symbols)) < len(symbols):
        raise ValueError(f"its metadata `{KEY}` names a symbol twice")


def refuse_claims(claims: Footer, *, symbols: int, file_bytes: int) -> None:
    """ValueError for a file that is no run's by what it claims: known before any of it is unpacked.

    Its columns are those that a run writes, its pages unpack to these columns and little more, and it has no more rows
    than a file of its length can have.
    """
    if [leaf.name for leaf in claims.leaves] != NAMES or any(
        leaf.kind != INT64 or not leaf.is_plain for leaf in claims.leaves
    ):
        raise ValueError(f"its columns are not {', '.join(NAMES)}, all int64")
    if claims.rows > file_bytes * MAX_ROWS_A_BYTE:
        raise ValueError(f"{claims.rows} rows in {file_bytes} bytes are no candles")
    refuse_unpacked(claims)
    if claims.rows and not symbols:
        raise ValueError("its rows are not those of its symbols, in order")


def refuse_unpacked(claims: Footer) -> None:
    """ValueError for a file of integers whose pages unpack to more than its rows and columns take."""
    most = claims.rows * claims.columns * VALUE_BYTES * TIMES_UNPACKED + SLACK_BYTES
    if claims.bytes_unpacked > most:
        raise ValueError(f"{claims.bytes_unpacked} bytes when unpacked, and its rows take {most} at most")


def verify(frame: "pl.DataFrame", recorded: Recorded) -> tuple[int, ...]:
    """Where the rows of each symbol end. ValueError when the candles are not those that were written.

    The frame is that of a file that passed `refuse_claims`.
    """
    ends = ends_of(frame, symbols=len(recorded.symbols))
    columns = [frame[name].to_numpy() for name in Columns._fields]
    series = [
        Series(symbol, *decimals, Columns(*(column[first:end] for column in columns)))
        for symbol, decimals, (first, end) in zip(
            recorded.symbols, recorded.decimals, pairwise((0, *ends)), strict=True
        )
    ]
    found = digest(series, recorded.timeframe)
    if found != recorded.digest:
        raise ValueError(f"its candles have the digest {found}, and it was written with {recorded.digest}")
    return ends


def ends_of(frame: "pl.DataFrame", *, symbols: int) -> tuple[int, ...]:
    """Where the rows of each symbol end, by the column `symbol`. ValueError where they are not in order."""
    import polars as pl

    if set(frame.dtypes) != {pl.Int64}:
        raise ValueError(f"its columns are not {', '.join(NAMES)}, all int64")
    if any(frame.null_count().row(0)):
        raise ValueError("it has empty cells")
    places: Int64 = frame["symbol"].to_numpy()
    if len(places) and (int(places[0]) < 0 or int(places[-1]) >= symbols or bool((places[1:] < places[:-1]).any())):
        raise ValueError("its rows are not those of its symbols, in order")
    return tuple(np.searchsorted(places, np.arange(symbols), side="right").tolist())
