"""Where a paper run gets its candles from: recorded history at a chosen pace, or an exchange as candles close.

Both give one timestamp after another, first what the journal already has of the last one; what the session does with
them is the same. So a run on history is a rehearsal of a run on the exchange.
"""

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
from safla.config.replay_time import speed_of
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
from safla.paper.session import LastTimestamp
from safla.runs.backtest import uncovered, windowed
from safla.runs.progress import Notify
from safla.runs.recording import symbol_scales

STREAM = "stream"  # the kind of a trouble with the websocket: candles then come by polling, only later


class ExchangeLink:
    """What monitoring may ask about the connection to the exchange. Everything is None as long as there is none."""

    def __init__(self) -> None:
        self.feed: Feed | None = None
        self.closing: LiveSource | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    def figures(self) -> tuple[int | None, int | None, str | None]:
        """Requests of the last minute, request weight used in this minute, and the state of the circuit breaker."""
        feed = self.feed
        return (None, None, None) if feed is None else (feed.spent(), feed.weight, feed.breaker)

    def tasks(self) -> int | None:
        """How many asyncio tasks are running."""
        return None if self.loop is None else len(asyncio.all_tasks(self.loop))

    def now(self) -> float | None:
        """The time by the exchange's clock, seconds since 1970; None before that clock was read."""
        feed = self.feed
        return None if self.closing is None or feed is None or not feed.time.known else feed.time.latest() / 1000

    def waiting(self) -> tuple[str, ...]:
        """The symbols whose next candle is the earliest one missing: all others wait for it (S6)."""
        expected = () if self.closing is None else self.closing.waits_for
        first = min((ts for _, ts in expected), default=0)
        return tuple(symbol for symbol, ts in expected if ts == first)


class CandleSource(NamedTuple):
    """What a source knows of its candles before the first one is folded, and the candles themselves."""

    scales: tuple[Scale, ...]
    start: int  # the first candle after the lookback, ms (S16)
    first_ts: int  # the first candle of the lookback, ms
    # Candles from the last recorded timestamp on. The listener hears of troubles; one that may pass never ends it (R8).
    arrivals: Callable[[RunPlan, LastTimestamp | None, TroubleListener], Arrivals]
    line: ExchangeLink


def source_of(loaded: Loaded, there: RunStarted | None, *, say: Notify, clock: Clock = SYSTEM) -> CandleSource:
    """The source that paper.source names. there: the first line of the journal of a run that is continued."""
    return SOURCES[loaded.config.paper.source](loaded, there, say, clock)


def _history(loaded: Loaded, there: RunStarted | None, say: Notify, clock: Clock) -> CandleSource:
    """History from any source of candles, at the pace of paper.speed."""
    config = loaded.config
    sourced = source.read(config, loaded.symbols, price_limit=price_limit(config))
    for note in sourced.notes:
        say(note)
    series, start = windowed(loaded, sourced.series)
    period, step = RequestedPeriod(config.data.start, config.data.end), TIMEFRAMES[config.market_data.timeframe]
    for line in uncovered(series, period, start=start, step=step):
        say(line)
    own_scales = scales(config, sourced.series, rules=sourced.rules)
    first = min(int(candles.columns.ts[0]) for candles in series if len(candles.columns.ts))
    if there is not None:  # the first line fixed the decimals, and the history may have others by now
        series = [_rescaled(candles, scale) for candles, scale in zip(series, symbol_scales(there), strict=True)]

    def arrivals(run: RunPlan, last: LastTimestamp | None, _trouble: TroubleListener) -> Arrivals:
        pace = Pace(speed_of(config.paper.speed), clock=clock.monotonic, sleep=clock.sleep)
        since = first if last is None else last.ts
        return _known_first(recorded_candles(series, since=since, live_from=run.plan.rules.start_ts, pace=pace), last)

    return CandleSource(own_scales, start, first, arrivals, ExchangeLink())


class _Beginning(NamedTuple):
    """What a run on an exchange begins with."""

    scales: tuple[Scale, ...]
    start: int
    first: int
    lookback: tuple[Series, ...]  # empty for a run that is continued: its journal has it


def _exchange(loaded: Loaded, there: RunStarted | None, say: Notify, clock: Clock) -> CandleSource:
    """An exchange: its history up to now as the lookback, then candles as they close (X13)."""
    line = ExchangeLink()
    if there is None:
        beginning = _beginning(loaded, say, clock)
    else:
        beginning = _Beginning(symbol_scales(there), there.start, there.ts, ())

    async def arrivals(run: RunPlan, last: LastTimestamp | None, trouble: TroubleListener) -> Arrivals:
        since = _next_candles(run, beginning, last)
        closing = _closing(loaded.config, run, since, line=line, trouble=trouble, clock=clock)
        try:
            async with aclosing(_known_first(_with_lookback(beginning, closing), last)) as batches:
                async for batch in batches:
                    yield batch
        except ConfigError as error:  # fault row 48: the symbol existed when the run began: not a wrong key
            if there is None:
                raise
            raise ExchangeError(
                f"{error.problems[0].text}; it was there when this run began", code="symbol_ended"
            ) from error

    return CandleSource(beginning.scales, beginning.start, beginning.first, arrivals, line)


def _beginning(loaded: Loaded, say: Notify, clock: Clock) -> _Beginning:
    """Read the lookback: the candles up to the last one that is closed by the exchange's clock."""
    config, symbols = loaded.config, loaded.symbols
    step = TIMEFRAMES[config.market_data.timeframe]
    start = service.finished(_now(config, clock)) // step * step
    sourced = source.read(_until(config, start, step=step), symbols, price_limit=price_limit(config))
    for note in sourced.notes:
        say(note)
    first = min(int(series.columns.ts[0]) for series in sourced.series)
    return _Beginning(scales(config, sourced.series, rules=sourced.rules), start, first, sourced.series)


def _next_candles(run: RunPlan, beginning: _Beginning, last: LastTimestamp | None) -> dict[str, int]:
    """The next candle of each symbol, ms: the first after the lookback, or after the recorded ones (S6a)."""
    if last is None:
        return dict.fromkeys(run.symbols, beginning.start if beginning.lookback else beginning.first)
    step = run.plan.rules.step_ms
    # A symbol with a line at the last timestamp is one step further, even if that line says that the candle is missing.
    return {symbol: last.ts + step * (number < last.known) for number, symbol in enumerate(run.symbols)}


async def _with_lookback(beginning: _Beginning, closing: Arrivals) -> Arrivals:
    """The lookback, then the candles as they close."""
    async with aclosing(closing):
        if beginning.lookback:
            lookback = recorded_candles(
                beginning.lookback, since=beginning.first, live_from=beginning.start, pace=Pace(math.inf)
            )
            async for batch in lookback:
                yield batch
        async for batch in closing:
            yield batch


async def _now(config: Config, clock: Clock) -> int:
    async with feed_of(config.exchange, clock=clock) as feed:
        return (await feed.time.now()).least


def _until(config: Config, start: int, *, step: int) -> Config:
    """The configuration for reading only the lookback: the candles before start (S16)."""
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
    """Candles as they close, to data.end where that is set, else without end."""
    async with AsyncExitStack() as stack:
        line.feed = feed = await stack.enter_async_context(feed_of(config.exchange, clock=clock))
        if not feed.assume(run.symbols):
            await feed.rules(run.symbols)
        await feed.learn_limits(run.symbols)

        def on_trouble(text: str) -> None:
            trouble(STREAM, "", text)

        candle_stream = await stack.enter_async_context(
            CandleStream(feed, run.symbols, run.timeframe, notify=on_trouble)
        )
        line.closing = closing = LiveSource(
            feed, run.symbols, run.timeframe, scales=run.scales, since=since, price_limit=price_limit(config),
            fetch_limit=config.market_data.fetch_limit, clock=feed.clock, candle_stream=candle_stream,
            end=config.data.end, listener=trouble, max_wait=config.paper.max_wait_candles,
        )  # fmt: skip
        line.loop = asyncio.get_running_loop()
        async for batch in await stack.enter_async_context(aclosing(aiter(closing))):
            yield batch


async def _known_first(arrivals: Arrivals, last: LastTimestamp | None) -> Arrivals:
    """The last recorded timestamp, then the candles of the source.

    Recorded candles win over those that the source serves again (J39). Where the last timestamp is half recorded, it
    waits for the source to serve the rest of it; if the source goes on without, the rest is missing for good.
    """
    half = last if last is not None and not last.whole else None
    if last is not None and half is None:
        yield CandleBatch(last.ts, last.rows, time.monotonic())
    async with aclosing(arrivals):
        async for batch in arrivals:
            if last is not None and (batch.ts < last.ts or (batch.ts == last.ts and half is None)):
                continue
            if half is not None and batch.ts == half.ts:
                batch = batch._replace(rows=half.with_later(batch.rows))
            elif half is not None:  # a later candle was served: one that is missing until then stays missing (S6)
                yield CandleBatch(half.ts, half.rows, batch.came)
            half = None
            yield batch
    if half is not None:
        yield CandleBatch(half.ts, half.rows, time.monotonic())


def _rescaled(series: Series, scale: Scale) -> Series:
    """A series in the decimals of the plan. DataError for a price that needs more of them (S3)."""
    if not len(series.columns.ts):
        return series
    origin = Origin(series.symbol, "candle", series.columns.ts)
    rows = of_columns(
        origin, series.columns, price_decimals=series.price_decimals, volume_decimals=series.volume_decimals
    )
    target = Target(series.symbol, 1, scale.price_decimals, scale.volume_decimals, LIMIT)
    return assemble([rows], target)[0]


async def recorded_candles(
    series: Sequence[Series], *, since: int, live_from: int, pace: Pace, clock: Callable[[], float] = time.monotonic
) -> Arrivals:
    """Candles of history that open at `since` or later, all symbols of a timestamp in one batch.

    since, live_from  ms; candles before live_from are the lookback and come at once, those from it on at the pace
    """
    grid = align([candles.columns for candles in series])
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
