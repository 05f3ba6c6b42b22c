"""The store of candles: read a series, and merge new candles into it. No stored candle changes silently (S2).

<cache>/<exchange>/<BTC-USDT>/<1h>/ holds a manifest, a lock, and one Parquet file per month. No network is known here.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from safla.candles.decimals import MAX_PLACES
from safla.config.plan import OrderRules
from safla.core.candles import Series, between, iso
from safla.core.timeframes import TIMEFRAMES, Interval
from safla.core.values import Columns
from safla.data.store import beliefs, intervals, manifest, month, shelf
from safla.data.store.intervals import Intervals
from safla.data.store.manifest import Manifest, Month, Offer
from safla.data.store.merge import MergedSeries, RestatedCandle, merge_series, of_texts
from safla.errors import DataError
from safla.text import printable

SOURCE_LETTERS = 200

__all__ = (
    "MergeResult",
    "RestatedCandle",
    "SeriesKey",
    "StoredCandles",
    "accept",
    "confirm",
    "doubtful",
    "end",
    "ended_since",
    "keep_rules",
    "leave_out",
    "merge",
    "stored_candles",
)  # fmt: skip


class SeriesKey(NamedTuple):
    """Identifies a series: the cache, and the names of its folders in it."""

    cache: Path
    exchange: str
    symbol: str
    timeframe: str

    @property
    def names(self) -> tuple[str, str, str]:
        """The names of its folders, outermost first."""
        return self.exchange, slug(self.symbol), self.timeframe

    @property
    def folder(self) -> Path:
        """The folder with its files."""
        return self.cache.joinpath(*self.names)

    @property
    def step_ms(self) -> int:
        """The length of a candle, ms."""
        return TIMEFRAMES[self.timeframe]

    @property
    def nothing(self) -> Manifest:
        """The manifest of the series before anything is stored."""
        return manifest.empty(self.exchange, self.symbol, timeframe=self.timeframe)


class StoredCandles(NamedTuple):
    """What the store has within a span."""

    series: Series | None  # its candles, with the most decimals of their months; None if there are none
    missing: Intervals  # neither stored nor known to have no candles
    rules: OrderRules | None  # None: they were never fetched
    notes: tuple[str, ...]
    first: int | None  # ms, of all stored candles of the series
    last: int | None
    ended: int | None = None  # ms: the market ended, no candle opens at that time or later


class MergeResult(NamedTuple):
    """The result of a merge."""

    added: int
    same: int
    restated: tuple[RestatedCandle, ...]  # candles that differ from the stored ones and were not accepted
    accepted: int  # candles that replaced stored ones
    notes: tuple[str, ...]


class _Change(NamedTuple):
    """A merge that is not yet written: the new manifest and the new files."""

    manifest: Manifest
    files: dict[str, bytes]
    merged: MergeResult
    gaps: Intervals  # gaps that it reports
    came: Intervals  # intervals of candles that it adds or replaces


def slug(symbol: str) -> str:
    """The folder name of a symbol: BTC/USDT:USDT gives BTC-USDT-USDT. No two symbols share a name."""
    return symbol.replace("/", "-").replace(":", "-")


def stored_candles(place: SeriesKey, span: Interval) -> StoredCandles:
    """The stored candles that open within a span, [from, to) in ms. Damaged months count as missing."""
    start, end = -(-span[0] // place.step_ms) * place.step_ms, span[1]
    with shelf.reading(place.cache, place.nothing, names=place.names) as (known, notes):
        series, damaged = _series(place, known, start, end)
    sound_months = [entry for entry in known.months if entry.month not in damaged]
    covered = () if series is None else intervals.of_candles(series.columns.ts, place.step_ms)
    grid_span = start, -(-end // place.step_ms) * place.step_ms
    after_end = () if known.ended is None else ((known.ended[0], max(grid_span[1], known.ended[0])),)
    missing = intervals.minus(
        intervals.minus([grid_span], covered), (*intervals.within(known.absent, grid_span), *after_end)
    )
    first, last = (sound_months[0].first, sound_months[-1].last) if sound_months else (None, None)
    ended = None if known.ended is None else known.ended[0]
    return StoredCandles(series, missing, manifest.rules_of(known), (*notes, *damaged.values()), first, last, ended)


def doubtful(place: SeriesKey, span: Interval, *, now: int) -> Intervals:
    """The gaps within a span that should be requested again. now: ms UTC.

    These are gaps that were confirmed recently, gaps of recent candles, and gaps that only a file claims.
    """
    with shelf.reading(place.cache, place.nothing, names=place.names) as (known, _):
        young = beliefs.doubtful(known.believed, known.absent, now=now)
        return intervals.within(intervals.union(young, known.imported), span)


def confirm(place: SeriesKey, gaps: Intervals, *, at: int) -> None:
    """Record that the exchange confirmed gaps, such as those of an imported file. at: ms UTC."""
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, _):
        after = msgspec.structs.replace(
            known,
            believed=beliefs.revised(known.believed, added=gaps, at=at, taken=()),
            imported=intervals.revised(known.imported, added=(), taken=gaps),
        )
        if after != known:
            shelf.commit(place.folder, after, before=known, files={})


def leave_out(place: SeriesKey, gaps: Sequence[Interval]) -> None:
    """Record gaps between imported files. They count until an exchange is asked."""
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, notes):
        hull = gaps[0][0], gaps[-1][1]
        months = [part for _, part in _whole(place, known, *hull) if isinstance(part, Series)]
        covered = [span for part in months for span in intervals.of_candles(part.columns.ts, place.step_ms)]
        new = intervals.minus(gaps, [*covered, *intervals.within(known.absent, hull)])
        if not new or notes:
            return
        absent, imported = (intervals.revised(part, added=new, taken=()) for part in (known.absent, known.imported))
        after = msgspec.structs.replace(known, absent=absent, imported=imported)
        shelf.commit(place.folder, after, before=known, files={})


def end(place: SeriesKey, moment: int | None, *, at: int) -> None:
    """Store from when on a market has no candles, or (None) that it is open. moment, at: ms UTC."""
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, _):
        if moment == (None if known.ended is None else known.ended[0]):
            return
        after = msgspec.structs.replace(known, ended=None if moment is None else (moment, at))
        shelf.commit(place.folder, after, before=known, files={})


def ended_since(place: SeriesKey) -> int | None:
    """Since when, ms UTC, it is known that the market ended; None for an open market."""
    with shelf.reading(place.cache, place.nothing, names=place.names) as (known, _):
        return None if known.ended is None else known.ended[1]


def merge(
    place: SeriesKey, series: Series, *, source: str, at: int, absent: Sequence[Interval] = (),
    accept_restated: bool = False, imported: bool = False,
) -> MergeResult:  # fmt: skip
    """Add closed candles, all of them or none. Stored candles with other values stay; the new values are kept apart.

    source  where the candles came from, for people
    at      when, ms UTC
    absent  intervals on the grid that are known to have no candles
    accept_restated  candles with other values replace the stored ones
    imported  the candles come from a file: its gaps are requested from the exchange on the next fetch
    DataError for invalid candles (S1-S3, D1), HostError where files cannot be written. Nothing is changed then.
    """
    source = printable(source)[:SOURCE_LETTERS]
    series = _sound(place, series, source=source)
    if any(since % place.step_ms or to % place.step_ms for since, to in absent):
        raise DataError(
            f"{source} {place.symbol}: an interval without candles is not on the grid of {place.timeframe}",
            code="invalid_time",
        )
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, notes):
        change = _merged(place, known, series, source=source, at=iso(at), absent=absent, accepts=accept_restated)
        change = change._replace(manifest=_with_gaps(known, change, at=at, imported=imported))
        if change.manifest != known or change.files:
            shelf.commit(place.folder, change.manifest, before=known, files=change.files)
    return change.merged._replace(notes=(*notes, *change.merged.notes))


def keep_rules(place: SeriesKey, rules: OrderRules, *, at: int) -> tuple[str, ...]:
    """Store the exchange's rules with the candles (S3), and when they were fetched (ms UTC). Returns notes."""
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, notes):
        after = msgspec.structs.replace(known, rules=manifest.rules_from(rules, at=iso(at)))
        if after != known:
            shelf.commit(place.folder, after, before=known, files={})
    return notes


def accept(place: SeriesKey, span: Interval) -> int:
    """Accept the restated candles within a span, the latest values of each. Returns how many."""
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, _):
        offers = {offer.ts: offer for offer in known.restated if span[0] <= offer.ts < span[1]}
        if not offers:
            return 0
        series = of_texts(place.symbol, {ts: offer.offered for ts, offer in offers.items()})
        *_, last = offers.values()
        change = _merged(place, known, series, source=last.source, at=last.at, absent=(), accepts=True)
        shelf.commit(place.folder, change.manifest, before=known, files=change.files)
        return len(offers)


def _sound(place: SeriesKey, series: Series, *, source: str) -> Series:
    """The candles with the fewest decimals they need. DataError if they break a rule or belong to another series."""
    origin = f"{source} {place.symbol} {place.timeframe}"
    if series.symbol != place.symbol:
        raise DataError(f"{origin}: candles of {series.symbol} belong to another series", code="wrong_market")
    series = month.least(series)
    if max(series.price_decimals, series.volume_decimals) > MAX_PLACES:
        raise DataError(f"{origin}: more than {MAX_PLACES} decimals", code="too_many_decimals")
    month.refuse_unsound(series, step_ms=place.step_ms, origin=origin)
    return series


def _whole(place: SeriesKey, known: Manifest, start: int, end: int) -> Iterator[tuple[Month, Series | str]]:
    """The months that overlap a span, one at a time, each with its candles or with what is wrong with its file."""
    for entry in _within(known, start, end):
        try:
            yield entry, shelf.candles(place.folder, entry, symbol=place.symbol)
        except ValueError as error:
            yield entry, f"{place.folder / entry.file}: {error}; its candles count as missing"


def _within(known: Manifest, start: int, end: int) -> list[Month]:
    bounds = [month.bounds_of(entry.month) for entry in known.months]
    return [entry for entry, (since, to) in zip(known.months, bounds, strict=True) if since < end and start < to]


def _series(place: SeriesKey, known: Manifest, start: int, end: int) -> tuple[Series | None, dict[str, str]]:
    """The candles of a span with common decimals; and for each damaged month, what is wrong.

    Each month is copied into one array at once, so that ten years of minutes (250 MB) are not in memory twice.
    """
    months = _within(known, start, end)
    if not months:
        return None, {}
    price, volume = max(entry.price_decimals for entry in months), max(entry.volume_decimals for entry in months)
    capacity = sum(entry.candles for entry in months)
    columns = Columns(*(np.empty(capacity, np.int64) for _ in Columns._fields))
    damaged: dict[str, str] = {}
    count = 0
    for entry, content in _whole(place, known, start, end):
        if isinstance(content, str):
            damaged[entry.month] = content
            continue
        part = between(month.scaled(content, price_decimals=price, volume_decimals=volume).columns, start, end)
        for column, cells in zip(columns, part, strict=True):
            column[count : count + len(cells)] = cells
        count += len(part.ts)
    held = Columns(*(column[:count] for column in columns))
    return Series(place.symbol, price, volume, held) if count else None, damaged


def _merged(
    place: SeriesKey,
    known: Manifest,
    series: Series,
    *,
    source: str,
    at: str,
    absent: Sequence[Interval],
    accepts: bool,
) -> _Change:
    entries = {entry.month: entry for entry in known.months}
    coming = dict(month.split_months(series))
    files: dict[str, bytes] = {}
    notes: list[str] = []
    met: list[MergedSeries] = []
    for name in sorted(coming.keys() | _months_with_gaps(known, absent)):
        stored = _stored(place, entries, name, notes=notes)
        if name not in coming:
            met.extend([] if stored is None else [MergedSeries(stored, stored.columns.ts[:0], 0, 0, ())])
            continue
        result = merge_series(stored, coming[name], accept=accepts)
        met.append(result)
        if result.series is not stored:
            packed = month.pack(result.series)
            entry = _entry(place, name, packed, source=source, at=at)
            before = next((old for old in known.months if old.month == name), None)
            entries[name] = before if before is not None and before.hash == packed.hash else entry
            files[entry.file] = packed.content
    came = tuple(span for result in met for span in intervals.of_candles(result.changed, place.step_ms))
    gaps = _still_absent(place, met, absent)
    after = msgspec.structs.replace(
        known,
        months=tuple(entries[name] for name in sorted(entries)),
        absent=intervals.revised(known.absent, added=gaps, taken=came),
        restated=_offers(known, met, source=source, at=at, accepts=accepts),
    )
    restated = tuple(offer for result in met for offer in result.restated)
    counts = sum(result.added for result in met), sum(result.same for result in met)
    merged = MergeResult(*counts, () if accepts else restated, len(restated) if accepts else 0, tuple(notes))
    return _Change(after, files, merged, gaps, came)


def _still_absent(place: SeriesKey, met: Sequence[MergedSeries], absent: Sequence[Interval]) -> Intervals:
    """The reported gaps without the candles that came or are stored, which cannot be absent."""
    reported = intervals.union(absent, ())
    if not reported:
        return ()
    stored_times = (between(result.series.columns, reported[0][0], reported[-1][1]).ts for result in met)
    return intervals.minus(reported, [span for ts in stored_times for span in intervals.of_candles(ts, place.step_ms)])


def _with_gaps(known: Manifest, change: _Change, *, at: int, imported: bool) -> Manifest:
    """The manifest of a change with its new gaps: those that a file or an exchange reports. Reopens an ended market."""
    gaps, came = change.gaps, change.came
    if imported:
        hull = (gaps[0][0], gaps[-1][1]) if gaps else (0, 0)
        new = intervals.minus(gaps, intervals.within(known.absent, hull))
        believed = beliefs.revised(known.believed, added=(), at=at, taken=came)
        imported_gaps = intervals.revised(known.imported, added=new, taken=came)
    else:
        believed = beliefs.revised(known.believed, added=gaps, at=at, taken=came)
        imported_gaps = intervals.revised(known.imported, added=(), taken=(*came, *gaps))
    ended = known.ended if known.ended is None or not any(to > known.ended[0] for _, to in came) else None
    return msgspec.structs.replace(change.manifest, believed=believed, imported=imported_gaps, ended=ended)


def _months_with_gaps(known: Manifest, absent: Sequence[Interval]) -> set[str]:
    """The stored months that overlap a reported gap."""
    return {
        entry.month for entry in known.months if any(since <= entry.last and entry.first < to for since, to in absent)
    }  # fmt: skip


def _stored(place: SeriesKey, entries: dict[str, Month], name: str, *, notes: list[str]) -> Series | None:
    """The stored candles of a month. A damaged file is renamed, and its entry removed."""
    entry = entries.get(name)
    if entry is None:
        return None
    try:
        return shelf.candles(place.folder, entry, symbol=place.symbol)
    except ValueError as error:
        shelf.set_aside(place.folder, entry.file)
        notes.append(f"{place.folder / entry.file}: {error}; set aside, its candles count as missing")
        del entries[name]
        return None


def _entry(place: SeriesKey, name: str, packed: month.Packed, *, source: str, at: str) -> Month:
    series, ts = packed.series, packed.series.columns.ts
    return Month(
        month=name, file=f"{name}-{packed.hash[:16]}.parquet", hash=packed.hash, candles=len(ts),
        gaps=len(intervals.of_candles(ts, place.step_ms)) - 1, first=int(ts[0]), last=int(ts[-1]),
        price_decimals=series.price_decimals, volume_decimals=series.volume_decimals, source=source, at=at,
    )  # fmt: skip


def _offers(known: Manifest, met: Sequence[MergedSeries], *, source: str, at: str, accepts: bool) -> tuple[Offer, ...]:
    """The restated candles that were not accepted. Each is kept until the stored candle changes."""
    changed = {int(ts) for result in met for ts in result.changed} if known.restated else set()
    kept = [offer for offer in known.restated if offer.ts not in changed]
    if not accepts:
        already_kept = {(offer.ts, offer.offered) for offer in kept}
        new = [offer for result in met for offer in result.restated if (offer.ts, offer.offered) not in already_kept]
        kept.extend(Offer(*offer, source=source, at=at) for offer in new)
    return tuple(sorted(kept, key=lambda offer: offer.ts))
