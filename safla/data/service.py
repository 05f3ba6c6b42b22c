"""Candles of a period: from the store, and from the exchange what the store lacks. All other code goes through here."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from loguru import logger

from safla.clock import SYSTEM, Clock
from safla.config.model import Config
from safla.config.plan import OrderRules, source_timeframe
from safla.core.candles import Series, iso
from safla.core.timeframes import LAST_MS, TIMEFRAMES
from safla.data import backfill
from safla.data.backfill import DownloadListener, DownloadProgress, DownloadResult, Order
from safla.data.store import store
from safla.data.store.beliefs import DOUBT_MS
from safla.data.store.store import SeriesKey, StoredCandles
from safla.errors import ConfigError, ExchangeError, Problem
from safla.exchange import factory
from safla.exchange.client import Feed, feed_of

Given = TypeVar("Given")


class FetchRequest(NamedTuple):
    """Which candles to fetch, and how."""

    symbols: tuple[str, ...]
    start: int | None  # ms; None: from the first stored candle
    end: int | None  # ms, exclusive; None: the current time of the exchange
    again: bool = False  # stored candles are fetched again too, to compare them
    accept_restated: bool = False
    fresh_rules: bool = False  # request the exchange's rules even if rules are stored


class FetchResult(NamedTuple):
    """The result of a fetch."""

    got: tuple[DownloadResult, ...]  # one per symbol, in order
    counts: Counter[str]  # requests, retries, breaker moves
    weight: int | None
    skew_seconds: float | None
    notes: tuple[str, ...]  # of the store, from before the download


class Stored(NamedTuple):
    """The candles of a run, as the store holds them after a fetch."""

    held: tuple[StoredCandles, ...]  # one per symbol
    notes: tuple[str, ...]


def series_key(config: Config, symbol: str) -> SeriesKey:
    """Where the store keeps the candles of a symbol."""
    cache = Path(config.storage.cache_directory)
    return SeriesKey(cache, factory.store_folder(config.exchange), symbol, source_timeframe(config))


async def fetch(
    config: Config, ask: FetchRequest, *, listener: DownloadListener | None = None, clock: Clock = SYSTEM
) -> FetchResult:
    """Download candles from the exchange into the store. The error of one symbol is in its Got; the others go on.

    ConfigError: the exchange does not have a symbol. ExchangeError: not even the clock of the exchange can be read.
    """
    step = TIMEFRAMES[source_timeframe(config)]
    places = {symbol: series_key(config, symbol) for symbol in ask.symbols}
    begin = _begin(list(places.values()), ask.start)
    async with feed_of(config.exchange, clock=clock) as feed:
        now = (await feed.time.now()).least // step * step
        at = int(clock.wall() * 1000)
        fresh = ask.fresh_rules or any(_is_doubtful(place, at) for place in places.values())
        notes = await _learn_rules(feed, places, fresh=fresh, clock=clock)
        ends = {symbol: _end(feed, place, at) for symbol, place in places.items()}
        end = now if ask.end is None else min(-(-ask.end // step) * step, now)
        orders = [
            Order(
                place,
                _span(-(-begin[symbol] // step) * step, end, ends[symbol]),
                ask.end is None,
                ask.again,
                ask.accept_restated,
                recheck=True,
            )
            for symbol, place in places.items()
        ]
        got = await backfill.download(
            feed,
            orders,
            limit=config.market_data.fetch_limit,
            at=lambda: int(clock.wall() * 1000),
            listener=listener or _ignore_progress,
        )
        return FetchResult(tuple(got), feed.counts, feed.weight, feed.time.skew_seconds, notes)


def stored(
    config: Config,
    symbols: Sequence[str],
    *,
    start: int | None,
    listener: DownloadListener | None = None,
    clock: Clock = SYSTEM,
) -> Stored:
    """The candles of a run from start to data.end: first from the store, then from the exchange what is missing.

    start  ms, lookback included; None: from the first stored candle
    ExchangeError: the exchange cannot be reached and the store is incomplete; it names what is missing.
    """
    places = [series_key(config, symbol) for symbol in symbols]
    begin = _begin(places, start)
    end = config.data.end
    if end is not None:
        held = [store.stored_candles(place, (begin[place.symbol], end)) for place in places]
        if not any(series.missing for series in held):
            note = f"candles from the store; {config.exchange.name} was not contacted"
            return Stored(tuple(held), (*_notes(held), *_delisted(places, held), note))
    ask = FetchRequest(tuple(symbols), start, end)
    try:
        fetched = finished(fetch(config, ask, listener=listener, clock=clock))
    except ExchangeError as error:
        return _without_exchange(places, begin, end, error)
    for failed in (got.error for got in fetched.got if got.error is not None):
        if not isinstance(failed, ExchangeError):
            raise failed
        return _without_exchange(places, begin, end, failed)
    held = [store.stored_candles(got.order.place, got.order.span) for got in fetched.got]
    notes = (*fetched.notes, *_notes(fetched.got), *_notes(held), *_delisted(places, held), *_restated(fetched))
    return Stored(tuple(held), notes)


def some(config: Config, symbol: str, *, count: int, clock: Clock = SYSTEM) -> Series | None:
    """`count` candles of one symbol: from data.start on, or without it the newest ones (up to data.end)."""
    step = TIMEFRAMES[source_timeframe(config)]
    data = config.data
    if data.start is None:
        end = data.end if data.end is not None else _now_or_last(config, symbol, clock=clock)
        return _between(config, symbol, end - count * step, end, clock=clock)
    most = LAST_MS if data.end is None else data.end
    series, end = None, data.start + count * step
    while True:
        before, series = _count(series), _between(config, symbol, data.start, min(end, most), clock=clock)
        lacking = count - _count(series)
        if lacking <= 0 or end >= most or _count(series) == before:
            return series
        end += lacking * step  # so many candles were missing


def finished(work: Coroutine[Any, Any, Given]) -> Given:
    """Run a coroutine and return its result, whether or not an event loop is running in this thread."""
    loop = None
    with suppress(RuntimeError):  # its block ends before the work, or each error of the work would carry it as context
        loop = asyncio.get_running_loop()
    if loop is None:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


def _between(config: Config, symbol: str, start: int, end: int, *, clock: Clock) -> Series | None:
    window = config.model_copy(update={"data": config.data.model_copy(update={"end": end})})
    return stored(window, [symbol], start=start, clock=clock).held[0].series


def _count(series: Series | None) -> int:
    return 0 if series is None else len(series.columns.ts)


def _now_or_last(config: Config, symbol: str, *, clock: Clock) -> int:
    """Where the newest candles end, ms: by the exchange's clock, or else after the last stored candle."""

    async def now() -> int:
        async with feed_of(config.exchange, clock=clock) as feed:
            return (await feed.time.now()).least

    step = TIMEFRAMES[source_timeframe(config)]
    try:
        return finished(now()) // step * step
    except ExchangeError:
        last = store.stored_candles(series_key(config, symbol), (0, 0)).last
        if last is None:
            raise
        return last + step


def _span(begin: int, end: int, ended: int | None) -> tuple[int, int]:
    """The span to download: it ends where the market ended."""
    end = end if ended is None else min(end, ended)
    return min(begin, end), end


def _is_doubtful(place: SeriesKey, now: int) -> bool:
    """Whether the end of a market is known for so short a time that the exchange should confirm it again."""
    since = store.ended_since(place)
    return since is not None and since > now - DOUBT_MS


def _end(feed: Feed, place: SeriesKey, at: int) -> int | None:
    """From when on a market has no candles, ms; None for a market that is open, by what the exchange says or said."""
    ended = store.stored_candles(place, (0, 0)).ended
    if ended is not None and feed.over(place.symbol) is False:
        store.end(place, None, at=at)
        return None
    return ended


def _ignore_progress(_progress: DownloadProgress) -> None:
    """The listener of a caller who needs no progress."""


async def _learn_rules(feed: Feed, places: Mapping[str, SeriesKey], *, fresh: bool, clock: Clock) -> tuple[str, ...]:
    """S3: the exchange's rules are stored with the candles, and stay unchanged until a user fetches again."""
    known = {symbol: store.stored_candles(place, (0, 0)).rules for symbol, place in places.items()}
    if None not in known.values() and not fresh and feed.assume(tuple(places)):
        await feed.learn_limits(tuple(places))
        return ()
    rules = await feed.rules(tuple(places))
    at = int(clock.wall() * 1000)
    notes = [note for symbol, new in rules.items() for note in store.keep_rules(places[symbol], new, at=at)]
    return (*notes, *(note for symbol, new in rules.items() for note in _changed(symbol, known[symbol], new)))


def _changed(symbol: str, before: OrderRules | None, now: OrderRules) -> list[str]:
    """The changes for which an earlier run will not continue (J32), unless `markets` names the old values."""
    if before is None:
        return []
    pairs = zip(OrderRules._fields, before, now, strict=True)
    return [
        f"{symbol}: the exchange changed its {name} from {was} to {is_now}"
        for name, was, is_now in pairs
        if was != is_now
    ]


def _begin(places: Sequence[SeriesKey], start: int | None) -> dict[str, int]:
    if start is not None:
        return {place.symbol: max(start, 0) for place in places}
    firsts = {place.symbol: store.stored_candles(place, (0, 0)).first for place in places}
    unknown = [symbol for symbol, first in firsts.items() if first is None]
    if unknown:
        text = f"no candles of {', '.join(unknown)} are stored; set from when on to fetch them, such as 2024-01-01"
        raise ConfigError([Problem("", "data.start", text, code="missing_value")])
    return {symbol: first for symbol, first in firsts.items() if first is not None}


def _without_exchange(
    places: Sequence[SeriesKey], begin: Mapping[str, int], end: int | None, error: ExchangeError
) -> Stored:
    """Go on with the stored candles if they are complete and reach the end that the user set; else raise the error."""
    lasts = [store.stored_candles(place, (0, 0)).last for place in places]
    ends = [
        end if end is not None else begin[place.symbol] if last is None else last + TIMEFRAMES[place.timeframe]
        for place, last in zip(places, lasts, strict=True)
    ]
    spans = [(begin[place.symbol], stop) for place, stop in zip(places, ends, strict=True)]
    held = [store.stored_candles(place, span) for place, span in zip(places, spans, strict=True)]
    missing = [
        f"  {place.symbol} {place.timeframe}: missing {iso(since)} to {iso(stop)}"
        for place, kept in zip(places, held, strict=True)
        for since, stop in kept.missing
    ]
    if missing or any(kept.series is None or not len(kept.series.columns.ts) for kept in held):
        error.details = tuple(missing[:3]) + ((f"  and {len(missing) - 3} more periods",) if len(missing) > 3 else ())
        raise error
    reached = [f"{place.symbol} to {iso(stop)}" for place, stop in zip(places, ends, strict=True)]
    note = f"{error}; going on with the stored candles: {', '.join(reached)}"
    logger.warning("{}", note)
    return Stored(tuple(held), (*_notes(held), *_delisted(places, held), note))


def _notes(results: Sequence[StoredCandles] | Sequence[DownloadResult]) -> list[str]:
    return [note for result in results for note in result.notes]


def _delisted(places: Sequence[SeriesKey], held: Sequence[StoredCandles]) -> list[str]:
    return [
        f"{place.exchange} {place.symbol} {place.timeframe}: delisted: ends {iso(series.ended)}"
        for place, series in zip(places, held, strict=True)
        if series.ended is not None
    ]


def _restated(fetched: FetchResult) -> list[str]:
    return [
        f"{got.order.place.symbol}: {len(got.restated)} candles were restated by the exchange; the stored ones are kept"
        for got in fetched.got
        if got.restated
    ]
