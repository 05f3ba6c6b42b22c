"""The store of candles: what is held of a series, and how more comes in. Nothing held is ever changed in silence (S2).

<cache>/<exchange>/<BTC-USDT>/<1h>/ holds a manifest, a lock, and one Parquet file a month. No network is known here.
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
from safla.data.store.merge import Met, Restated, meet, of_texts
from safla.errors import DataError
from safla.text import printable

SOURCE_LETTERS = 200

__all__ = (
    "Held",
    "Merged",
    "Restated",
    "SeriesKey",
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
    """Which series: the cache, and the names of its folders in it."""

    cache: Path
    exchange: str
    symbol: str
    timeframe: str

    @property
    def names(self) -> tuple[str, str, str]:
        """Of the folders, one in the other."""
        return self.exchange, slug(self.symbol), self.timeframe

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.cache.joinpath(*self.names)

    @property
    def step_ms(self) -> int:
        """From one candle to the next."""
        return TIMEFRAMES[self.timeframe]

    @property
    def nothing(self) -> Manifest:
        """What is known of it before anything is."""
        return manifest.empty(self.exchange, self.symbol, timeframe=self.timeframe)


class Held(NamedTuple):
    """What the store has for a span."""

    series: Series | None  # its candles at one scale, the finest of their months; None where there are none
    missing: Intervals  # stretches of the grid that are neither held nor known to have no candles
    rules: OrderRules | None  # None: the exchange was never asked for them
    notes: tuple[str, ...]
    first: int | None  # of all candles of the series
    last: int | None
    ended: int | None = None  # ms: the market is over, no candle opens there or later


class Merged(NamedTuple):
    """What became of candles that came."""

    added: int
    same: int
    restated: tuple[Restated, ...]  # those that differ from what is held, and were not taken
    accepted: int  # those that were
    notes: tuple[str, ...]


class _Change(NamedTuple):
    """A series after a merge: what the manifest shall say, and the new files."""

    manifest: Manifest
    files: dict[str, bytes]
    merged: Merged
    gaps: Intervals  # that are believed with it
    came: Intervals  # what candles came, or came with other values


def slug(symbol: str) -> str:
    """The folder of a symbol: BTC/USDT:USDT is BTC-USDT-USDT (no two symbols have the same)."""
    return symbol.replace("/", "-").replace(":", "-")


def stored_candles(place: SeriesKey, span: Interval) -> Held:
    """What the store has of the candles that open within a span, [from, to) in ms. What is damaged is not held."""
    start, end = -(-span[0] // place.step_ms) * place.step_ms, span[1]
    with shelf.reading(place.cache, place.nothing, names=place.names) as (known, notes):
        series, damaged = _series(place, known, start, end)
    whole = [one for one in known.months if one.month not in damaged]
    have = () if series is None else intervals.of_candles(series.columns.ts, place.step_ms)
    asked = start, -(-end // place.step_ms) * place.step_ms
    over = () if known.ended is None else ((known.ended[0], max(asked[1], known.ended[0])),)
    missing = intervals.minus(intervals.minus([asked], have), (*intervals.within(known.absent, asked), *over))
    first, last = (whole[0].first, whole[-1].last) if whole else (None, None)
    ended = None if known.ended is None else known.ended[0]
    return Held(series, missing, manifest.rules_of(known), (*notes, *damaged.values()), first, last, ended)


def doubtful(place: SeriesKey, span: Interval, *, now: int) -> Intervals:
    """The gaps within a span that an exchange should be asked for again. now: ms UTC.

    Those that it has been believed for a short time alone, those of young candles, and those that a file left out.
    """
    with shelf.reading(place.cache, place.nothing, names=place.names) as (known, _):
        young = beliefs.doubtful(known.believed, known.absent, now=now)
        return intervals.within(intervals.union(young, known.imported), span)


def confirm(place: SeriesKey, gaps: Intervals, *, at: int) -> None:
    """The exchange has no candle in gaps that a file left out: from now on it is believed. at: ms UTC."""
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, _):
        after = msgspec.structs.replace(
            known,
            believed=beliefs.revised(known.believed, added=gaps, at=at, taken=()),
            imported=intervals.revised(known.imported, added=(), taken=gaps),
        )
        if after != known:
            shelf.commit(place.folder, after, before=known, files={})


def leave_out(place: SeriesKey, gaps: Sequence[Interval]) -> None:
    """Files left these out, between candles that are held: what counts until an exchange is asked."""
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, notes):
        hull = gaps[0][0], gaps[-1][1]
        found = [one for _, one in _whole(place, known, *hull) if isinstance(one, Series)]
        have = [span for one in found for span in intervals.of_candles(one.columns.ts, place.step_ms)]
        new = intervals.minus(gaps, [*have, *intervals.within(known.absent, hull)])
        if not new or notes:
            return
        absent, files = (intervals.revised(one, added=new, taken=()) for one in (known.absent, known.imported))
        after = msgspec.structs.replace(known, absent=absent, imported=files)
        shelf.commit(place.folder, after, before=known, files={})


def end(place: SeriesKey, moment: int | None, *, at: int) -> None:
    """Keep from when on a market has no candles, or (None) that it goes on. moment, at: ms UTC."""
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, _):
        if moment == (None if known.ended is None else known.ended[0]):
            return
        after = msgspec.structs.replace(known, ended=None if moment is None else (moment, at))
        shelf.commit(place.folder, after, before=known, files={})


def ended_since(place: SeriesKey) -> int | None:
    """Since when, ms UTC, it is known that a market is over; None: it is not."""
    with shelf.reading(place.cache, place.nothing, names=place.names) as (known, _):
        return None if known.ended is None else known.ended[1]


def merge(
    place: SeriesKey, series: Series, *, source: str, at: int, absent: Sequence[Interval] = (),
    accept_restated: bool = False, imported: bool = False,
) -> Merged:  # fmt: skip
    """Add closed candles, all of them or none. What is held with other values stays, and the others are kept apart.

    source  where they came from, for people
    at      when, ms UTC
    absent  stretches of the grid for which it is a fact that there is no candle
    accept_restated  candles with other values replace what is held
    imported  they come out of a file: the exchange is asked for their gaps once it is asked for anything
    DataError for unsound candles (S1-S3, D1), HostError where they cannot be written: nothing is changed then.
    """
    source = printable(source)[:SOURCE_LETTERS]
    series = _sound(place, series, source=source)
    if any(since % place.step_ms or to % place.step_ms for since, to in absent):
        raise DataError(f"{source} {place.symbol}: a stretch without candles is not on the grid of {place.timeframe}")
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, notes):
        change = _merged(place, known, series, source=source, at=iso(at), absent=absent, accepts=accept_restated)
        change = change._replace(manifest=_believed(known, change, at=at, imported=imported))
        if change.manifest != known or change.files:
            shelf.commit(place.folder, change.manifest, before=known, files=change.files)
    return change.merged._replace(notes=(*notes, *change.merged.notes))


def keep_rules(place: SeriesKey, rules: OrderRules, *, at: int) -> tuple[str, ...]:
    """Keep the exchange's rules with the candles (S3), and when they were read (ms UTC). Returns notes."""
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, notes):
        after = msgspec.structs.replace(known, rules=manifest.rules_from(rules, at=iso(at)))
        if after != known:
            shelf.commit(place.folder, after, before=known, files={})
    return notes


def accept(place: SeriesKey, span: Interval) -> int:
    """Take the restated candles that were kept apart within a span, of each the last. Returns how many."""
    with shelf.writing(place.cache, place.nothing, names=place.names) as (known, _):
        offers = {one.ts: one for one in known.restated if span[0] <= one.ts < span[1]}
        if not offers:
            return 0
        series = of_texts(place.symbol, {ts: one.offered for ts, one in offers.items()})
        *_, last = offers.values()
        change = _merged(place, known, series, source=last.source, at=last.at, absent=(), accepts=True)
        shelf.commit(place.folder, change.manifest, before=known, files=change.files)
        return len(offers)


def _sound(place: SeriesKey, series: Series, *, source: str) -> Series:
    """The candles at the scale that they need. DataError for those that break a rule, or are of another series."""
    origin = f"{source} {place.symbol} {place.timeframe}"
    if series.symbol != place.symbol:
        raise DataError(f"{origin}: candles of {series.symbol} do not belong there")
    series = month.least(series)
    if max(series.price_decimals, series.volume_decimals) > MAX_PLACES:
        raise DataError(f"{origin}: more than {MAX_PLACES} decimals")
    month.refuse_unsound(series, step_ms=place.step_ms, origin=origin)
    return series


def _whole(place: SeriesKey, known: Manifest, start: int, end: int) -> Iterator[tuple[Month, Series | str]]:
    """The months that a span reaches into, one after the other; of a damaged one, what is wrong."""
    for entry in _within(known, start, end):
        try:
            yield entry, shelf.candles(place.folder, entry, symbol=place.symbol)
        except ValueError as error:
            yield entry, f"{place.folder / entry.file}: {error}; its candles do not count as held"


def _within(known: Manifest, start: int, end: int) -> list[Month]:
    bounds = [month.bounds_of(one.month) for one in known.months]
    return [one for one, (since, to) in zip(known.months, bounds, strict=True) if since < end and start < to]


def _series(place: SeriesKey, known: Manifest, start: int, end: int) -> tuple[Series | None, dict[str, str]]:
    """The candles of a span at one scale, and of the damaged months, what is wrong.

    Each month goes straight into its place: ten years of minutes are 250 MB, and are not held twice.
    """
    months = _within(known, start, end)
    if not months:
        return None, {}
    price, volume = max(one.price_decimals for one in months), max(one.volume_decimals for one in months)
    most = sum(one.candles for one in months)
    columns = Columns(*(np.empty(most, np.int64) for _ in Columns._fields))
    damaged: dict[str, str] = {}
    count = 0
    for entry, found in _whole(place, known, start, end):
        if isinstance(found, str):
            damaged[entry.month] = found
            continue
        part = between(month.scaled(found, price_decimals=price, volume_decimals=volume).columns, start, end)
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
    entries = {one.month: one for one in known.months}
    coming = dict(month.split_months(series))
    files: dict[str, bytes] = {}
    notes: list[str] = []
    met: list[Met] = []
    for name in sorted(coming.keys() | _reached(known, absent)):
        stored = _stored(place, entries, name, notes=notes)
        if name not in coming:
            met.extend([] if stored is None else [Met(stored, stored.columns.ts[:0], 0, 0, ())])
            continue
        one = meet(stored, coming[name], accept=accepts)
        met.append(one)
        if one.series is not stored:
            packed = month.pack(one.series)
            entry = _entry(place, name, packed, source=source, at=at)
            before = next((old for old in known.months if old.month == name), None)
            entries[name] = before if before is not None and before.hash == packed.hash else entry
            files[entry.file] = packed.content
    came = tuple(span for one in met for span in intervals.of_candles(one.changed, place.step_ms))
    gaps = _empty(place, met, absent)
    after = msgspec.structs.replace(
        known,
        months=tuple(entries[name] for name in sorted(entries)),
        absent=intervals.revised(known.absent, added=gaps, taken=came),
        restated=_kept_apart(known, met, source=source, at=at, accepts=accepts),
    )
    restated = tuple(offer for one in met for offer in one.restated)
    counts = sum(one.added for one in met), sum(one.same for one in met)
    merged = Merged(*counts, () if accepts else restated, len(restated) if accepts else 0, tuple(notes))
    return _Change(after, files, merged, gaps, came)


def _empty(place: SeriesKey, met: Sequence[Met], absent: Sequence[Interval]) -> Intervals:
    """Of the gaps that are told what is one: a candle that came or is held is not absent, whatever is said of it."""
    more = intervals.union(absent, ())
    if not more:
        return ()
    have = (between(one.series.columns, more[0][0], more[-1][1]).ts for one in met)
    return intervals.minus(more, [span for ts in have for span in intervals.of_candles(ts, place.step_ms)])


def _believed(known: Manifest, change: _Change, *, at: int, imported: bool) -> Manifest:
    """The manifest of a change with what is believed from now on: gaps, and that a market is over."""
    gaps, came = change.gaps, change.came
    if imported:
        hull = (gaps[0][0], gaps[-1][1]) if gaps else (0, 0)
        new = intervals.minus(gaps, intervals.within(known.absent, hull))
        believed = beliefs.revised(known.believed, added=(), at=at, taken=came)
        files = intervals.revised(known.imported, added=new, taken=came)
    else:
        believed = beliefs.revised(known.believed, added=gaps, at=at, taken=came)
        files = intervals.revised(known.imported, added=(), taken=(*came, *gaps))
    over = known.ended if known.ended is None or not any(to > known.ended[0] for _, to in came) else None
    return msgspec.structs.replace(change.manifest, believed=believed, imported=files, ended=over)


def _reached(known: Manifest, absent: Sequence[Interval]) -> set[str]:
    """The months that we hold and a stretch without candles reaches into."""
    return {
        one.month for one in known.months if any(since <= one.last and one.first < to for since, to in absent)
    }  # fmt: skip


def _stored(place: SeriesKey, entries: dict[str, Month], name: str, *, notes: list[str]) -> Series | None:
    """What is held of a month. A damaged file is set aside, and its entry taken out."""
    entry = entries.get(name)
    if entry is None:
        return None
    try:
        return shelf.candles(place.folder, entry, symbol=place.symbol)
    except ValueError as error:
        shelf.set_aside(place.folder, entry.file)
        notes.append(f"{place.folder / entry.file}: {error}; set aside, its candles did not count as held")
        del entries[name]
        return None


def _entry(place: SeriesKey, name: str, packed: month.Packed, *, source: str, at: str) -> Month:
    series, ts = packed.series, packed.series.columns.ts
    return Month(
        month=name, file=f"{name}-{packed.hash[:16]}.parquet", hash=packed.hash, candles=len(ts),
        gaps=len(intervals.of_candles(ts, place.step_ms)) - 1, first=int(ts[0]), last=int(ts[-1]),
        price_decimals=series.price_decimals, volume_decimals=series.volume_decimals, source=source, at=at,
    )  # fmt: skip


def _kept_apart(known: Manifest, met: Sequence[Met], *, source: str, at: str, accepts: bool) -> tuple[Offer, ...]:
    """The restated candles that nobody took: an offer lives as long as the stored candle that it differs from."""
    changed = {int(ts) for one in met for ts in one.changed} if known.restated else set()
    kept = [one for one in known.restated if one.ts not in changed]
    if not accepts:
        there = {(one.ts, one.offered) for one in kept}
        new = [offer for one in met for offer in one.restated if (offer.ts, offer.offered) not in there]
        kept.extend(Offer(*offer, source=source, at=at) for offer in new)
    return tuple(sorted(kept, key=lambda one: one.ts))
