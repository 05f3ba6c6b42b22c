"""The `candles.parquet` of a run folder as a source: what its metadata says, and the digest it must have (J7)."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from safla.core.candles import TIMEFRAMES, Series, digest
from safla.core.values import Columns
from safla.data.decimals import MAX_PLACES

if TYPE_CHECKING:
    import polars as pl

KEY = "safla"  # of the metadata
NAMES = ["symbol", *Columns._fields]  # of the columns


class Recorded(NamedTuple):
    """What a run wrote beside its candles. The column `symbol` holds places in `symbols`."""

    digest: str
    timeframe: str
    symbols: tuple[str, ...]
    decimals: tuple[tuple[int, int], ...]  # of price and volume


def facts(metadata: Mapping[str, str]) -> Recorded | None:
    """What the metadata of a file says; None in a file of someone else. ValueError when it makes no sense."""
    if KEY not in metadata:
        return None
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
    if not all(isinstance(symbol, str) and symbol.isascii() for symbol in symbols):
        raise ValueError(f"its metadata `{KEY}` names no symbols")
    return found


def refuse_columns(schema: "Mapping[str, pl.DataType]") -> None:
    """ValueError for other columns than a run writes: known before any is unpacked, for others would not be bounded."""
    import polars as pl

    if list(schema) != NAMES or set(schema.values()) != {pl.Int64}:
        raise ValueError(f"its columns are not {', '.join(NAMES)}, all int64")


def verify(frame: "pl.DataFrame", recorded: Recorded) -> None:
    """ValueError when the candles are not those that were written. The frame's columns passed `refuse_columns`."""
    import polars as pl

    if any(frame.null_count().row(0)):
        raise ValueError("it has empty cells")
    series = []
    for place, (symbol, decimals) in enumerate(zip(recorded.symbols, recorded.decimals, strict=True)):
        own = frame.filter(pl.col("symbol") == place)
        series.append(Series(symbol, *decimals, Columns(*(own[name].to_numpy() for name in Columns._fields))))
    found = digest(series, recorded.timeframe)
    if found != recorded.digest:
        raise ValueError(f"its candles have the digest {found}, and it was written with {recorded.digest}")
