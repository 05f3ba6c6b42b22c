"""Import candle files of every format into the store. The command line is not known here.

A gap of a file is no proof that the exchange has no candle there: the exchange is asked when a run needs the gap.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Literal, NamedTuple

from safla.candles import validation
from safla.candles.bad_rows import Handling, hinted
from safla.candles.decimals import MAX_PLACES
from safla.candles.normalise import End, Target, assemble
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
from safla.errors import DataError, SaflaError, UsageError
from safla.text import printable


class Wanted(NamedTuple):
    """The user's options for all files. None: the name of each file says it."""

    cache: Path
    exchange: str
    symbol: str | None
    timeframe: str | None
    usual_timeframe: str  # where neither the user nor the file name gives one
    last_candle: Literal["keep", "drop"]  # of a series whose last file does not prove that its last candle is closed
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
    end: End  # includes a last candle that was dropped because it may not be closed


class _Taken(NamedTuple):
    """A file whose candles are stored, but for a last one that waits until it is known whether another file goes on."""

    file: ImportedFile
    waiting: Series | None  # the last two candles, or the only one


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


def imported(paths: Sequence[str], wanted: Wanted, *, now: Callable[[], int]) -> Iterator[ImportedFile]:
    """Read file after file, check all of each, and merge all of its candles or none. now: ms UTC.

    Files are yielded in the order of the paths. One that does not prove that its last candle is closed waits for all
    others: if one of them has later candles of its series, it gives that candle too. Where a file fails, those before
    it are yielded first.
    UsageError as in series_of_file; DataError for a file that is missing, truncated, invalid or has a wrong checksum.
    """
    ends: dict[SeriesKey, End] = {}  # of each series, in the files so far
    taken: list[_Taken] = []
    failed: SaflaError | None = None
    for path in paths:
        try:
            one = _take(path, wanted, at=now())
        except SaflaError as error:
            failed = error
            break
        taken.append(one)
        place, end = one.file.place, one.file.end
        ends[place] = max(end, ends.get(place, end))
        while taken and taken[0].file.end.closed:
            yield taken.pop(0).file
    for one in taken:
        try:
            yield _settled(one, closed=one.file.end.closed or one.file.end < ends[one.file.place], at=now())
        except SaflaError as error:
            failed = failed or error
    if failed is not None:
        raise failed


def _take(path: str, wanted: Wanted, *, at: int) -> _Taken:
    """Read a file and merge its candles, but for a last one that may not be closed."""
    place = series_of_file(path, wanted)
    with hinted("--bad-rows drop"):
        rows = formats.read(
            path, Question(place.symbol, place.timeframe, wanted.columns, wanted.zone, bad=wanted.bad_rows)
        )
    rows = agreement.agreed(rows, place.symbol, timeframe=place.timeframe, advice=agreement.for_import(place.timeframe))
    snap_decimals = wanted.grids.get(place.symbol)
    target = Target(
        place.symbol, place.step_ms, None, None, PRICE_LIMIT, snap_decimals=snap_decimals, bad_rows=wanted.bad_rows
    )
    with hinted("--bad-rows drop"):
        series, counts, notes = assemble([rows], target)
    ts = series.columns.ts
    waiting = None if rows.closed or wanted.last_candle == "keep" else _between(series, max(0, len(ts) - 2), len(ts))
    stored = series if waiting is None else _between(series, 0, len(ts) - 1)
    gaps = _gaps(stored, place.step_ms) if not counts.bad_rows else ()  # a dropped bad row would look like a gap
    merged = _merge(path, place, stored, at=at, absent=gaps, accept_restated=wanted.accept_restated)
    file = ImportedFile(
        path, place, len(stored.columns.ts), validation.count_gaps(stored.columns.ts, place.step_ms), merged,
        (*notes, *merged.notes), counts.bad_rows, counts.without_trade, int(ts[0]), End(int(ts[-1]), rows.closed),
    )  # fmt: skip
    return _Taken(file, waiting)


def _settled(taken: _Taken, *, closed: bool, at: int) -> ImportedFile:
    """The file, after its last candle was merged or dropped."""
    file, waiting = taken
    name = printable(file.file)
    if closed and waiting is not None:
        return _with_last(file, waiting, at=at)
    if closed:
        return file
    if waiting is None:
        return _noted(file, f"{name}: nothing proves that its last candle is closed (--last-candle keep)")
    if not file.candles:
        raise DataError(f"{name}: its only candle may not be closed; --last-candle keep imports it", code="no_candles")
    return _noted(
        file,
        f"{name}: its last candle was dropped, since nothing proves that it is closed; --last-candle keep imports it",
    )


def _with_last(file: ImportedFile, waiting: Series, *, at: int) -> ImportedFile:
    """The file with its last candle, which the files that go on may have with other values: then theirs is stored."""
    place, size = file.place, len(waiting.columns.ts)
    last = _between(waiting, size - 1, size)
    stored = store.stored_candles(place, (file.end.ts, file.end.ts + place.step_ms)).series
    if stored is not None and _values(stored) != _values(last):
        return _noted(
            file,
            f"{printable(file.file)}: its last candle was dropped, since it is stored with other values and nothing "
            "proves that it was closed",
        )
    gaps = _gaps(waiting, place.step_ms) if not file.bad_rows else ()
    merged = _merge(file.file, place, last, at=at, absent=gaps)
    both = file.merged._replace(added=file.merged.added + merged.added, same=file.merged.same + merged.same)
    end = validation.count_gaps(waiting.columns.ts, place.step_ms)
    count = GapCount(file.gaps.number + end.number, file.gaps.missing + end.missing)
    return file._replace(candles=file.candles + 1, gaps=count, merged=both, notes=(*file.notes, *merged.notes))


def _merge(
    path: str, place: SeriesKey, series: Series, *, at: int, absent: Intervals, accept_restated: bool = False
) -> MergeResult:
    if not len(series.columns.ts):
        return MergeResult(0, 0, (), 0, ())
    source = printable(PurePath(path).name)
    return store.merge(
        place, series, source=source, at=at, absent=absent, accept_restated=accept_restated, imported=True
    )


def _values(series: Series) -> list[int]:
    """Prices and volume of the last candle, all with MAX_PLACES decimals."""
    places = [series.price_decimals] * 4 + [series.volume_decimals]
    return [
        int(column[-1]) * 10 ** (MAX_PLACES - decimals)
        for column, decimals in zip(series.columns[1:], places, strict=True)
    ]


def _between(series: Series, first: int, end: int) -> Series:
    return series._replace(columns=Columns(*(column[first:end] for column in series.columns)))


def _noted(file: ImportedFile, note: str) -> ImportedFile:
    return file._replace(notes=(*file.notes, note))


def join(taken: Sequence[ImportedFile]) -> None:
    """Also record the gaps between the files of one import, which hold until an exchange is asked.

    Exception: a gap where the names of the archives show that one of them is missing.
    """
    for place in dict.fromkeys(file.place for file in taken):
        files = sorted((file for file in taken if file.place == place), key=lambda file: file.first)
        gaps = [
            (before.end.ts + place.step_ms, after.first)
            for before, after in pairwise(files)
            if after.first > before.end.ts + place.step_ms and _adjoin(before.file, after.file)
        ]
        if gaps:
            store.leave_out(place, gaps)


def _adjoin(before: str, after: str) -> bool:
    periods = archive_name.period(before), archive_name.period(after)
    return periods[0] is None or periods[1] is None or periods[1][0] <= periods[0][1]


def _gaps(series: Series, step_ms: int) -> Intervals:
    """The gaps between the candles of a file. Later candles follow each, so it counts until an exchange is asked."""
    ts = series.columns.ts
    if not len(ts):
        return ()
    return intervals.minus([(int(ts[0]), int(ts[-1]) + step_ms)], intervals.of_candles(ts, step_ms))
