"""Where a paper run gets its candles from: history as though it came live, or an exchange. One timestamp at a time."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import NamedTuple

from safla.candles.normalise import Target, assemble, of_columns
from safla.candles.validation import Origin
from safla.clock import SYSTEM, Clock
from safla.config.loader import Loaded
from safla.config.model import Config
from safla.config.plan import RunPlan, price_limit, scales
from safla.core.candles import Scale, Series, align
from safla.core.scale import LIMIT
from safla.core.timeframes import TIMEFRAMES
from safla.data import service, source
from safla.data.coverage import RequestedPeriod
from safla.errors import ConfigError, ExchangeError
from safla.exchange.candle_stream import CandleStream
from safla.exchange.client import Feed, feed_of
from safla.exchange.live_candles import Arrivals, CandleBatch, LiveSource
from safla.exchange.outages import TroubleListener
from safla.journal.events import RunStarted
from safla.paper.pace import Pace
from safla.paper.session import Last
from safla.runs.backtest import uncovered, windowed
from safla.runs.progress import Notify
from safla.runs.recording import symbol_scales

STREAM = "stream"  # a trouble that costs latency alone


class ExchangeLink:
    """The way to the exchange, while there is one: what monitoring may ask about it."""

    def __init__(self) -> None:
        self.feed: Feed | None = None
        self.closing: LiveSource | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    def figures(self) -> tuple[int | None, int | None, str | None]:
        """Requests within the last minute, weight used within this one, and the state of the breaker."""
        feed = self.feed
        return (None, None, None) if feed is None else (feed.spent(), feed.weight, feed.breaker)

    def tasks(self) -> int | None:
        """How many tasks are under way."""
        return None if self.loop is None else len(asyncio.all_tasks(self.loop))

    def now(self) -> float | None:
        """The exchange's clock, seconds since 1970, once it was read for candles as they close."""
        feed = self.feed
        return None if self.closing is None or feed is None or not feed.time.known else feed.time.latest() / 1000

    def waiting(self) -> tuple[str, ...]:
        """The symbols for whose candle all others wait (S6)."""
        wants = () if self.closing is None else self.closing.waits_for
        first = min((want for _, want in wants), default=0)
        return tuple(symbol for symbol, want in wants if want == first)


class CandleSource(NamedTuple):
    """What is known of the candles before the first is folded, and how they come."""

    scales: tuple[Scale, ...]
    start: int  # the first candle behind the lookback, ms (S16)
    first_ts: int  # the first candle of all
    # From the last recorded timestamp on; troubles are told, and never end it where they can be waited out (R8).
    arrivals: Callable[[RunPlan, Last | None, TroubleListener], Arrivals]
    line: ExchangeLink


def source_of(loaded: Loaded, there: RunStarted | None, *, say: Notify, clock: Clock = SYSTEM) -> CandleSource:
    """The source that paper.source names. there: the first line of a journal that is gone on with."""
    return SOURCES[loaded.config.paper.source](loaded, there, say, clock)


def _history(loaded: Loaded, there: RunStarted | None, say: Notify, clock: Clock) -> CandleSource:
    """History from any source of candles, as though it came live (paper.speed)."""
    config = loaded.config
    sourced = source.read(config, loaded.symbols, price_limit=price_limit(config))
    for note in sourced.notes:
        say(note)
    series, start = windowed(loaded, sourced.series)
    asked, step = RequestedPeriod(config.data.start, config.data.end), TIMEFRAMES[config.market_data.timeframe]
    for line in uncovered(series, asked, start=start, step=step):
        say(line)
    grids = scales(config, sourced.series, rules=sourced.rules)
    first = min(int(one.columns.ts[0]) for one in series if len(one.columns.ts))
    if there is not None:
        series = [_rescaled(one, scale) for one, scale in zip(series, symbol_scales(there), strict=True)]

    def arrivals(run: RunPlan, last: Last | None, _trouble: TroubleListener) -> Arrivals:
        pace = Pace(speed_of(config.paper.speed), clock=clock.monotonic, sleep=clock.sleep)
        since = first if last is None else last.ts
        return _known_first(recorded_candles(series, since=since, live_from=run.plan.rules.start_ts, pace=pace), last)

    return CandleSource(grids, start, first, arrivals, ExchangeLink())


class _Begun(NamedTuple):
    """What a run on an exchange begins with."""

    scales: tuple[Scale, ...]
    start: int
    first: int
    lookback: tuple[Series, ...]  # none where a journal is gone on with


def _exchange(loaded: Loaded, there: RunStarted | None, say: Notify, clock: Clock) -> CandleSource:
    """The exchange: its history up to now for the lookback, then candles as they close (X13)."""
    line = ExchangeLink()
    begun = _begun(loaded, say, clock) if there is None else _Begun(symbol_scales(there), there.start, there.ts, ())

    async def arrivals(run: RunPlan, last: Last | None, trouble: TroubleListener) -> Arrivals:
        closing = _closing(loaded.config, run, _wanted(run, begun, last), line=line, trouble=trouble, clock=clock)
        try:
            async with aclosing(_known_first(_behind(begun, closing), last)) as all_of_them:
                async for one in all_of_them:
                    yield one
        except ConfigError as error:  # FAULTS 48: what was known once is no mistake of the configuration
            if there is None:
                raise
            raise ExchangeError(f"{error.problems[0].text}; it was there when this run began") from error

    return CandleSource(begun.scales, begun.start, begun.first, arrivals, line)


def _begun(loaded: Loaded, say: Notify, clock: Clock) -> _Begun:
    config, symbols = loaded.config, loaded.symbols
    step = TIMEFRAMES[config.market_data.timeframe]
    start = service.finished(_now(config, clock)) // step * step
    sourced = source.read(_until(config, start, step=step), symbols, price_limit=price_limit(config))
    for note in sourced.notes:
        say(note)
    first = min(int(one.columns.ts[0]) for one in sourced.series)
    return _Begun(scales(config, sourced.series, rules=sourced.rules), start, first, sourced.series)


def _wanted(run: RunPlan, begun: _Begun, last: Last | None) -> dict[str, int]:
    """The next candle of each symbol: after the lookback, or after what is recorded, a missing candle too (S6a)."""
    if last is None:
        return dict.fromkeys(run.symbols, begun.start if begun.lookback else begun.first)
    step = run.plan.rules.step_ms
    return {symbol: last.ts + step * (number < last.known) for number, symbol in enumerate(run.symbols)}


async def _behind(begun: _Begun, closing: Arrivals) -> Arrivals:
    """The lookback, then what closes."""
    async with aclosing(closing):
        if begun.lookback:
            pace = Pace(math.inf)
            async for one in recorded_candles(begun.lookback, since=begun.first, live_from=begun.start, pace=pace):
                yield one
        async for one in closing:
            yield one


async def _now(config: Config, clock: Clock) -> int:
    async with feed_of(config.exchange, clock=clock) as feed:
        return (await feed.time.now()).least


def _until(config: Config, start: int, *, step: int) -> Config:
    """The configuration that asks for the lookback alone: the candles before start (S16)."""
    begin = start - config.market_data.lookback_candles * step
    data = config.data.model_copy(update={"source": "exchange", "start": begin, "end": start})
    market_data = config.market_data.model_copy(update={"lookback_candles": 0})
    return config.model_copy(update={"data": data, "market_data": market_data})


async def _closing(
    config: Config,
    run: RunPlan,
    since: Mapping[str, int],
    *,
    line: ExchangeLink,
    trouble: TroubleListener,
    clock: Clock,
) -> Arrivals:
    """Candles as they close, for ever or to data.end."""
    async with AsyncExitStack() as stack:
        line.feed = feed = await stack.enter_async_context(feed_of(config.exchange, clock=clock))
        if not feed.assume(run.symbols):
            await feed.rules(run.symbols)
        await feed.learn_limits(run.symbols)

        def broken(text: str) -> None:
            trouble(STREAM, "", text)

        candle_stream = await stack.enter_async_context(CandleStream(feed, run.symbols, run.timeframe, told=broken))
        line.closing = closing = LiveSource(
            feed, run.symbols, run.timeframe, scales=run.scales, since=since, price_limit=price_limit(config),
            fetch_limit=config.market_data.fetch_limit, clock=feed.clock, candle_stream=candle_stream,
            end=config.data.end, told=trouble, max_wait=config.paper.max_wait_candles,
        )  # fmt: skip
        line.loop = asyncio.get_running_loop()
        async for one in await stack.enter_async_context(aclosing(aiter(closing))):
            yield one


async def _known_first(arrivals: Arrivals, last: Last | None) -> Arrivals:
    """The last recorded timestamp, then what comes. Candles that are recorded win over those that come again (J39)."""
    half = last if last is not None and not last.whole else None
    if last is not None and half is None:
        yield CandleBatch(last.ts, last.rows, time.monotonic())
    async with aclosing(arrivals):
        async for one in arrivals:
            if last is not None and (one.ts < last.ts or (one.ts == last.ts and half is None)):
                continue
            if half is not None and one.ts == half.ts:
                one = one._replace(rows=half.with_later(one.rows))
            elif half is not None:  # a later one was served: what is not there by now was never there (S6)
                yield CandleBatch(half.ts, half.rows, one.came)
            half = None
            yield one
    if half is not None:
        yield CandleBatch(half.ts, half.rows, time.monotonic())


def _rescaled(series: Series, scale: Scale) -> Series:
    """In the decimals of the plan. DataError for a price that needs more of them (S3)."""
    if not len(series.columns.ts):
        return series
    origin = Origin(series.symbol, "candle", series.columns.ts)
    rows = of_columns(
        origin, series.columns, price_decimals=series.price_decimals, volume_decimals=series.volume_decimals
    )
    target = Target(series.symbol, 1, scale.price_decimals, scale.volume_decimals, LIMIT)
    return assemble([rows], target)[0]


def speed_of(text: str) -> float:
    """How many times faster than they came: of `1x`, `60x` or `max`."""
    return math.inf if text == "max" else float(text.removesuffix("x"))


async def recorded_candles(
    series: Sequence[Series], *, since: int, live_from: int, pace: Pace, clock: Callable[[], float] = time.monotonic
) -> Arrivals:
    """The candles of history from a timestamp on; those from live_from on at a pace, the lookback before it at once."""
    grid = align([one.columns for one in series])
    times, cells = grid.ts.tolist(), [column.T.tolist() for column in grid[1:]]
    for ts, *fields in zip(times, *cells, strict=True):
        if ts < since:
            continue
        if ts >= live_from:
            await pace.wait(ts)
        rows = tuple(None if numbers[0] == 0 else numbers for numbers in zip(*fields, strict=True))
        yield CandleBatch(ts, rows, clock())


SOURCES: dict[str, Callable[[Loaded, RunStarted | None, Notify, Clock], CandleSource]] = {
    "replay": _history,
    "stream": _exchange,
}
