"""Import candle files of every format into the store. The command line is not known here.

A gap of a file is no proof that the exchange has no candle there: the exchange is asked when a run needs the gap.
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
from safla.data.store.store import MergeResult, SeriesKey
from safla.errors import DataError, UsageError
from safla.text import printable


class Wanted(NamedTuple):
    """The user's options for all files. None: the name of each file says it."""

    cache: Path
    exchange: str
    symbol: str | None
    timeframe: str | None
    usual_timeframe: str  # where neither the user nor the file name gives one
    last_candle: Literal["keep", "drop"]  # of files that do not prove that their last candle is closed
    accept_restated: bool
    columns: ColumnMap | None = None  # as in data.columns
    zone: str | None = None  # as in data.time_zone
    bad_rows: Handling = "refuse"  # how to handle rows that are not valid candles
    grids: Mapping[str, int] = MappingProxyType({})  # price decimals that the configuration states, by symbol


class ImportedFile(NamedTuple):
    """The result for one file."""

    file: str
    place: SeriesKey
    candles: int
    gaps: GapCount
    merged: MergeResult
    notes: tuple[str, ...]
    bad_rows: int  # dropped
    without_trade: int  # dropped rows of candles without a trade
    first: int  # ms, of its candles
    last: int  # ms; includes a last candle that was dropped because it may not be closed


def series_of_file(path: str, wanted: Wanted) -> SeriesKey:
    """The series of a file, by options and file name. UsageError where neither says it, or where they differ."""
    named = archive_name.named(path)
    symbol, timeframe = wanted.symbol, wanted.timeframe
    if symbol is None:
        symbol = named.symbol if named else None
        if symbol is None:
            raise UsageError(
                f"{printable(path)}: its name does not tell the symbol; give --symbol BTC/USDT", code="invalid_argument"
            )
    if named and named.id != archive_name.id_of(symbol):
        raise UsageError(
            f"{printable(path)}: its name says {named.id}, --symbol says {symbol}", code="invalid_argument"
        )
    if named and timeframe not in (None, named.timeframe):
        raise UsageError(
            f"{printable(path)}: its name says {named.timeframe}, --timeframe says {timeframe}", code="invalid_argument"
        )
    timeframe = timeframe or (named.timeframe if named else wanted.usual_timeframe)
    return SeriesKey(wanted.cache, wanted.exchange, symbol, timeframe)


def take(path: str, wanted: Wanted, *, at: int) -> ImportedFile:
    """Read one file, check all of it, and merge all of its candles or none. at: ms UTC.

    UsageError as in series_of_file; DataError for a file that is missing, truncated, invalid or has a wrong checksum.
    """
    place = series_of_file(path, wanted)
    with hinted("--bad-rows drop"):
        rows = formats.read(path, Question(place.symbol, wanted.columns, wanted.zone, bad=wanted.bad_rows))
    rows = agreement.agreed(rows, place.symbol, timeframe=place.timeframe, advice=agreement.for_import(place.timeframe))
    snap_decimals = wanted.grids.get(place.symbol)
    target = Target(
        place.symbol, place.step_ms, None, None, PRICE_LIMIT, snap_decimals=snap_decimals, bad_rows=wanted.bad_rows
    )
    with hinted("--bad-rows drop"):
        series, counts, assembly_notes = assemble([rows], target)
    notes, last = [*assembly_notes], int(series.columns.ts[-1])
    if not rows.closed:
        series, note = _last(series, path, dropped=wanted.last_candle == "drop")
        notes.append(note)
    source = printable(PurePath(path).name)
    gaps = _gaps(series, place.step_ms) if not counts.bad_rows else ()  # a dropped bad row would look like a gap
    merged = store.merge(
        place, series, source=source, at=at, absent=gaps, accept_restated=wanted.accept_restated, imported=True
    )
    return ImportedFile(
        path, place, len(series.columns.ts), validation.count_gaps(series.columns.ts, place.step_ms), merged,
        (*notes, *merged.notes), counts.bad_rows,
        counts.without_trade, int(series.columns.ts[0]), last,
    )  # fmt: skip


def join(taken: Sequence[ImportedFile]) -> None:
    """Also record the gaps between the files of one import, which hold until an exchange is asked.

    Exception: a gap where the names of the archives show that one of them is missing.
    """
    for place in dict.fromkeys(file.place for file in taken):
        files = sorted((file for file in taken if file.place == place), key=lambda file: file.first)
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
    """The gaps between the candles of a file. Later candles follow each, so it counts until an exchange is asked."""
    ts = series.columns.ts
    return intervals.minus([(int(ts[0]), int(ts[-1]) + step_ms)], intervals.of_candles(ts, step_ms))


def _last(series: Series, path: str, *, dropped: bool) -> tuple[Series, str]:
    name = printable(path)
    if not dropped:
        return series, f"{name}: nothing proves that its last candle is closed (--last-candle keep)"
    if len(series.columns.ts) == 1:
        raise DataError(f"{name}: its only candle may not be closed; --last-candle keep imports it", code="no_candles")
    without_last = series._replace(columns=Columns(*(column[:-1] for column in series.columns)))
    note = f"{name}: its last candle was dropped, since nothing proves that it is closed; --last-candle keep imports it"
    return without_last, note
