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


def verify(frame: "pl.DataFrame", recorded: Recorded) -> None:
    """ValueError when the candles are not those that were written. The frame: symbol and the six columns, all int64."""
    import polars as pl

    names = ["symbol", *Columns._fields]
    if frame.columns != names or set(frame.dtypes) != {pl.Int64} or any(frame.null_count().row(0)):
        raise ValueError(f"its columns are not {', '.join(names)}, all int64 and full")
    series = []
    for place, (symbol, decimals) in enumerate(zip(recorded.symbols, recorded.decimals, strict=True)):
        own = frame.filter(pl.col("symbol") == place)
        series.append(Series(symbol, *decimals, Columns(*(own[name].to_numpy() for name in Columns._fields))))
    found = digest(series, recorded.timeframe)
    if found != recorded.digest:
        raise ValueError(f"its candles have the digest {found}, and it was written with {recorded.digest}")
