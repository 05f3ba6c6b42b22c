"""List the series of the store, and verify every byte of a series. Nothing is written or repaired here."""

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from safla.config.types import SYMBOL
from safla.core.timeframes import TIMEFRAMES, Interval
from safla.data.store import intervals, manifest, month, shelf
from safla.data.store.beliefs import Beliefs
from safla.data.store.intervals import Intervals
from safla.data.store.manifest import Manifest, Month
from safla.data.store.shelf import MONTH_FILE
from safla.data.store.store import SeriesKey, slug
from safla.errors import DataError

_EXCHANGE = re.compile(r"[a-z0-9_]{1,40}(-sandbox)?", re.ASCII)


class Listed(NamedTuple):
    """One series, as its manifest describes it."""

    place: SeriesKey
    candles: int
    first: int | None  # ms
    last: int | None
    gaps: int
    missing: int  # candles in those gaps
    absent: int  # of these, candles that are known not to exist
    believed: int  # gaps that the known ones form
    restated: int  # candles that came again with other values, which are not accepted
    bytes: int  # of its files
    damage: str  # what is wrong with its manifest; empty if nothing is


class SeriesCheck(NamedTuple):
    """One series, after a check of every byte."""

    place: SeriesKey
    files: int
    candles: int
    first: int | None
    last: int | None
    absent: Intervals  # between the first and the last candle, known to have no candles
    believed: Beliefs  # of those: confirmed by the exchange, and since when
    imported: Intervals  # of those: missing in an imported file, not confirmed by an exchange
    ended: int | None  # ms: the market ended, no candle opens at that time or later
    unknown: Intervals  # between the first and the last candle, neither stored nor known to be absent
    restated: int
    damaged: tuple[str, ...]  # what is wrong, one line each; empty if nothing is
    aside: tuple[str, ...]  # damaged files that were renamed before
    strays: tuple[str, ...]  # files that a crash left; the next merge removes them


def listing(cache: Path) -> list[Listed]:
    """Every series of a cache, in the order of its folders. Other folders are skipped."""
    return [_listed(place) for place in places(cache)]


def places(cache: Path) -> Iterator[SeriesKey]:
    """The series that a cache has folders for."""
    for exchange in _folders(cache):
        for name in _folders(cache / exchange) if _EXCHANGE.fullmatch(exchange) else ():
            symbol = name.replace("-", "/", 1).replace("-", ":", 1)
            if SYMBOL.fullmatch(symbol) and slug(symbol) == name:
                timeframes = [timeframe for timeframe in TIMEFRAMES if timeframe in _folders(cache / exchange / name)]
                yield from (SeriesKey(cache, exchange, symbol, timeframe) for timeframe in timeframes)


def verify_series(place: SeriesKey) -> SeriesCheck:
    """Check every byte of a series: hashes, S1-S3, gaps, renamed and stray files."""
    damaged: list[str] = []
    have: list[Interval] = []
    candles = 0
    with shelf.reading(place.cache, place.nothing, names=place.names) as (known, notes):
        for entry in known.months:
            try:
                series = shelf.candles(place.folder, entry, symbol=place.symbol)
                month.refuse_unsound(series, step_ms=place.step_ms, origin=str(place.folder / entry.file))
            except ValueError as error:
                damaged.append(f"{place.folder / entry.file}: {error}")
            except DataError as error:
                damaged.append(str(error))
            else:
                candles += len(series.columns.ts)
                have.extend(intervals.of_candles(series.columns.ts, place.step_ms))
        there = os.path.isdir(place.folder)
        aside = shelf.set_aside_before(place.folder) if there else []
        strays = shelf.strays(place.folder, known) if there and not notes else []
    first, last = _ends(known)
    span = (0, 0) if first is None or last is None else (first, last + place.step_ms)
    gaps = intervals.minus([span], have)
    absent = intervals.minus(gaps, intervals.minus(gaps, known.absent))
    return SeriesCheck(
        place, len(known.months), candles, first, last,
        absent=absent, believed=tuple(belief for belief in known.believed if span[0] <= belief[0] < span[1]),
        imported=intervals.within(known.imported, span), ended=None if known.ended is None else known.ended[0],
        unknown=intervals.minus(gaps, known.absent),
        restated=len(known.restated), damaged=(*notes, *damaged), aside=tuple(aside), strays=tuple(strays),
    )  # fmt: skip


def _listed(place: SeriesKey) -> Listed:
    with shelf.reading(place.cache, place.nothing, names=place.names) as (known, notes):
        names = [name for name in os.listdir(place.folder) if name == manifest.NAME or MONTH_FILE.fullmatch(name)]
        size = sum((place.folder / name).lstat().st_size for name in names)
    first, last = _ends(known)
    candles = sum(entry.candles for entry in known.months)
    grid = 0 if first is None or last is None else (last - first) // place.step_ms + 1
    span = (0, 0) if first is None or last is None else (first, last)
    gaps = intervals.within(known.absent, span)
    absent = intervals.length(gaps, place.step_ms)
    return Listed(
        place, candles, first, last, _gaps(known.months, place.step_ms), grid - candles, absent, len(gaps),
        len(known.restated),
        size, "".join(notes),
    )  # fmt: skip


def _ends(known: Manifest) -> tuple[int | None, int | None]:
    return (known.months[0].first, known.months[-1].last) if known.months else (None, None)


def _gaps(months: tuple[Month, ...], step_ms: int) -> int:
    """How many gaps there are, within the months and between them."""
    between = sum(after.first - before.last > step_ms for before, after in pairwise(months))
    return sum(entry.gaps for entry in months) + between


def _folders(above: Path) -> list[str]:
    """The folders in a folder, sorted; links do not count."""
    try:
        with os.scandir(above) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
