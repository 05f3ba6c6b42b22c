"""Files of candles into the store, of every format that a run reads. No command line is known here.

The gaps of a file are no facts: what it leaves out is asked for when it is needed.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Literal, NamedTuple

from safla.candles import validation
from safla.candles.bad_rows import Handling, hinted
from safla.candles.normalise import Target, assemble
from safla.candles.validation import GapCount
from safla.core.candles import Series
from safla.core.values import Columns
from safla.data import agreement
from safla.data.files import archive_name, formats
from safla.data.files.csv import ColumnMap
from safla.data.files.formats import Question
from safla.data.store import intervals, store
from safla.data.store.intervals import Intervals
from safla.data.store.month import PRICE_LIMIT
from safla.data.store.store import Merged, SeriesKey
from safla.errors import DataError, UsageError
from safla.text import printable


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
    bad_rows: Handling = "refuse"  # what becomes of rows that are no sound candles
    grids: Mapping[str, int] = MappingProxyType({})  # decimals of stated scales, by symbol


class ImportedFile(NamedTuple):
    """What became of one file."""

    file: str
    place: SeriesKey
    candles: int
    gaps: GapCount
    merged: Merged
    notes: tuple[str, ...]
    bad_rows: int  # left out
    without_trade: int  # rows of candles in which nothing was traded, left out
    first: int  # ms, of its candles
    last: int  # the one that was left out for it may not be closed among them


def series_of_file(path: str, wanted: Wanted) -> SeriesKey:
    """Which series a file belongs to. UsageError where that is not said, or said twice and differently."""
    named = archive_name.named(path)
    symbol, timeframe = wanted.symbol, wanted.timeframe
    if symbol is None:
        symbol = named.symbol if named else None
        if symbol is None:
            raise UsageError(f"{printable(path)}: its name does not tell the symbol; give --symbol BTC/USDT")
    if named and named.id != archive_name.id_of(symbol):
        raise UsageError(f"{printable(path)}: its name says {named.id}, --symbol says {symbol}")
    if named and timeframe not in (None, named.timeframe):
        raise UsageError(f"{printable(path)}: its name says {named.timeframe}, --timeframe says {timeframe}")
    timeframe = timeframe or (named.timeframe if named else wanted.usual_timeframe)
    return SeriesKey(wanted.cache, wanted.exchange, symbol, timeframe)


def take(path: str, wanted: Wanted, *, at: int) -> ImportedFile:
    """Read one file, check all of it, and merge it: all of its candles or none. at: ms UTC.

    UsageError as in place_of; DataError for a file that is missing, cut, unsound or has a wrong checksum.
    """
    place = series_of_file(path, wanted)
    with hinted("--bad-rows drop"):
        rows = formats.read(path, Question(place.symbol, wanted.columns, wanted.zone, bad=wanted.bad_rows))
    rows = agreement.agreed(rows, place.symbol, timeframe=place.timeframe, advice=agreement.for_import(place.timeframe))
    snap = wanted.grids.get(place.symbol)
    target = Target(place.symbol, place.step_ms, None, None, PRICE_LIMIT, snap_decimals=snap, bad_rows=wanted.bad_rows)
    with hinted("--bad-rows drop"):
        series, counts, said = assemble([rows], target)
    notes, last = [*said], int(series.columns.ts[-1])
    if not rows.closed:
        series, note = _last(series, path, dropped=wanted.last_candle == "drop")
        notes.append(note)
    source = printable(PurePath(path).name)
    gaps = _gaps(series, place.step_ms) if not counts.bad_rows else ()  # a bad row is a candle that is unknown
    merged = store.merge(
        place, series, source=source, at=at, absent=gaps, accept_restated=wanted.accept_restated, imported=True
    )
    return ImportedFile(
        path, place, len(series.columns.ts), validation.count_gaps(series.columns.ts, place.step_ms), merged,
        (*notes, *merged.notes), counts.bad_rows,
        counts.without_trade, int(series.columns.ts[0]), last,
    )  # fmt: skip


def join(taken: Sequence[ImportedFile]) -> None:
    """Between the files of one import too, what they leave out counts until an exchange is asked.

    Not where the names of archives say that one of them is missing.
    """
    for place in dict.fromkeys(one.place for one in taken):
        files = sorted((one for one in taken if one.place == place), key=lambda one: one.first)
        gaps = [
            (before.last + place.step_ms, after.first)
            for before, after in pairwise(files)
            if after.first > before.last + place.step_ms and _adjoin(before.file, after.file)
        ]
        if gaps:
            store.leave_out(place, gaps)


def _adjoin(before: str, after: str) -> bool:
    periods = archive_name.period(before), archive_name.period(after)
    return periods[0] is None or periods[1] is None or periods[1][0] <= periods[0][1]


def _gaps(series: Series, step_ms: int) -> Intervals:
    """Between the candles of a file: a later one stands after each, so that it counts until an exchange is asked."""
    ts = series.columns.ts
    return intervals.minus([(int(ts[0]), int(ts[-1]) + step_ms)], intervals.of_candles(ts, step_ms))


def _last(series: Series, path: str, *, dropped: bool) -> tuple[Series, str]:
    name = printable(path)
    if not dropped:
        return series, f"{name}: nothing proves that its last candle is closed (--last-candle keep)"
    if len(series.columns.ts) == 1:
        raise DataError(f"{name}: its one candle may not be closed; --last-candle keep takes it")
    rest = series._replace(columns=Columns(*(column[:-1] for column in series.columns)))
    return rest, f"{name}: its last candle left out, for nothing proves that it is closed (--last-candle keep)"
