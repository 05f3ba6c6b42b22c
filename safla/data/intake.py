"""Files of candles into the store, of every format that a run reads. No command line is known here.

The holes of a file are no facts: what it leaves out is asked for when it is needed.
"""

from collections.abc import Mapping
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np

from safla.config.shown import printable
from safla.core.candles import TIMEFRAMES, Series
from safla.core.values import Columns
from safla.data import checks
from safla.data.checks import Holes
from safla.data.files import archive_name, bounded, formats
from safla.data.files.csv import ColumnMap
from safla.data.files.formats import Question
from safla.data.rows import Target, assemble
from safla.data.store import store
from safla.data.store.month import PRICE_LIMIT
from safla.data.store.store import Merged, Place
from safla.errors import DataError, UsageError


class Wanted(NamedTuple):
    """What the user says of all files; None where the name of each shall say it."""

    cache: Path
    exchange: str
    symbol: str | None
    timeframe: str | None
    usual_timeframe: str  # where neither user nor name says one
    last_candle: Literal["keep", "drop"]  # of files of which nothing proves that their last candle is closed
    accept_restated: bool
    columns: ColumnMap | None = None  # as data.columns
    zone: str | None = None  # as data.time_zone
    grids: Mapping[str, int] = MappingProxyType({})  # decimals of stated scales, by symbol


class Taken(NamedTuple):
    """What became of one file."""

    file: str
    place: Place
    candles: int
    holes: Holes
    merged: Merged
    notes: tuple[str, ...]


def place_of(path: str, wanted: Wanted) -> Place:
    """Which series a file belongs to. UsageError where that is not said, or said twice and differently."""
    named = archive_name.named(path)
    symbol, timeframe = wanted.symbol, wanted.timeframe
    if symbol is None:
        symbol = named.symbol if named else None
        if symbol is None:
            raise UsageError(f"{bounded.shown(path)}: its name does not tell the symbol; give --symbol BTC/USDT")
    if named and named.id != archive_name.id_of(symbol):
        raise UsageError(f"{bounded.shown(path)}: its name says {named.id}, --symbol says {symbol}")
    if named and timeframe not in (None, named.timeframe):
        raise UsageError(f"{bounded.shown(path)}: its name says {named.timeframe}, --timeframe says {timeframe}")
    timeframe = timeframe or (named.timeframe if named else wanted.usual_timeframe)
    return Place(wanted.cache, wanted.exchange, symbol, timeframe)


def take(path: str, wanted: Wanted, *, at: int) -> Taken:
    """Read one file, check all of it, and merge it: all of its candles or none. at: ms UTC.

    UsageError as in place_of; DataError for a file that is missing, cut, unsound or has a wrong checksum.
    """
    place = place_of(path, wanted)
    rows = formats.read(path, Question(place.symbol, wanted.columns, wanted.zone))
    target = Target(place.symbol, place.step_ms, None, None, PRICE_LIMIT, snap_decimals=wanted.grids.get(place.symbol))
    series, _, said = assemble([rows], target)
    _refuse_other_timeframe(series, place, path=path)
    notes = [*said]
    if not rows.closed:
        series, note = _last(series, path, dropped=wanted.last_candle == "drop")
        notes.append(note)
    source = printable(PurePath(path).name)
    merged = store.merge(place, series, source=source, at=at, accept_restated=wanted.accept_restated)
    holes = checks.holes(series.columns.ts, place.step_ms)
    return Taken(path, place, len(series.columns.ts), holes, merged, (*notes, *merged.notes))


def _refuse_other_timeframe(series: Series, place: Place, *, path: str) -> None:
    """Hours are on the grid of minutes too, and would look like minutes with holes everywhere."""
    ts = series.columns.ts
    apart = int(np.diff(ts).min()) if len(ts) > 1 else place.step_ms
    other = next((name for name, ms in TIMEFRAMES.items() if ms == apart), None)
    if other is not None and apart != place.step_ms:
        raise DataError(
            f"{bounded.shown(path)}: its candles are {other} apart, and would be kept as {place.timeframe}; "
            f"--timeframe {other} keeps them as what they are"
        )


def _last(series: Series, path: str, *, dropped: bool) -> tuple[Series, str]:
    name = bounded.shown(path)
    if not dropped:
        return series, f"{name}: nothing proves that its last candle is closed (--last-candle keep)"
    if len(series.columns.ts) == 1:
        raise DataError(f"{name}: its one candle may not be closed; --last-candle keep takes it")
    rest = series._replace(columns=Columns(*(column[:-1] for column in series.columns)))
    return rest, f"{name}: its last candle left out, for nothing proves that it is closed (--last-candle keep)"
