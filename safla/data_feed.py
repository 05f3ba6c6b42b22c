"""BinanceDataFeed: the candles of a configuration, as a list or as a stream at a chosen pace."""

import asyncio
import math
from collections.abc import AsyncIterator

from safla.api.configuration import ConfigSource, load_config
from safla.candles import resample
from safla.compat.closing import Closing
from safla.compat.stored import Moment, for_symbol
from safla.config.model import Config
from safla.config.plan import price_limit, source_timeframe
from safla.core.candles import Series, between, iso
from safla.core.timeframes import LAST_MS, TIMEFRAMES
from safla.core.values import Columns
from safla.data import source
from safla.errors import DataError, UsageError
from safla.paper.pace import Pace

CandleList = list[float]  # [ms, open, high, low, close, volume]; ms is an int


class BinanceDataFeed(Closing):
    """Candles for a loop of your own, from the `data` section of the configuration.

    config  a path, a dict, what load_config gives; None for ./config.yaml if it exists, else the defaults

    A candle is [ms, open, high, low, close, volume]: its open time in ms UTC, prices in the quote currency, volume in
    the base currency; it is closed. Times are datetimes (naive ones are UTC), ISO dates or ms. Without a `data` section
    candles come from the exchange and are kept in the store: stored candles are not downloaded again, and are used
    alone where the exchange cannot be reached. With a `data` section only `data.start` to `data.end` is returned.
    ExchangeError where neither exchange nor store have the candles; ConfigError for an invalid configuration; DataError
    for invalid candles; UsageError when the feed is closed.

        async with BinanceDataFeed("config.yaml") as feed:
            candles = await feed.fetch_historical_ohlcv("BTC/USDT", "1h", since="2024-01-01", limit=500)
    """

    _called = "feed"

    def __init__(self, config: ConfigSource = None) -> None:
        self._loaded = load_config(config)

    async def fetch_historical_ohlcv(
        self, symbol: str = "BTC/USDT", timeframe: str | None = None, since: Moment = None, limit: int | None = None
    ) -> list[CandleList]:
        """The candles that open at `since` or later, at most `limit`; None: from the first one, without a limit.

        From an exchange and without `since`: the newest, `limit` or market_data.fetch_limit of them.
        """
        self._refuse_closed()
        if limit is not None and (type(limit) is not int or limit < 1):
            raise UsageError(f"limit: expected an integer >= 1, got {limit!r}", code="invalid_argument")
        series = await asyncio.to_thread(self._read, symbol, timeframe, since, limit)
        return list(_candles(series))[:limit]

    async def stream_historical_as_live(
        self,
        symbol: str = "BTC/USDT",
        timeframe: str | None = None,
        since: Moment = None,
        speed_multiplier: float = math.inf,
    ) -> AsyncIterator[CandleList]:
        """The same candles one by one: the first at once, each other after the time between them over speed_multiplier.

        speed_multiplier  1.0 is real time, 60.0 a minute a second, infinity as fast as the caller takes them
        """
        self._refuse_closed()
        pace = Pace(speed_multiplier)
        series = await asyncio.to_thread(self._read, symbol, timeframe, since, None)
        for candle in _candles(series):
            await pace.wait(int(candle[0]))
            if self._closed:
                return
            yield candle

    def _read(self, symbol: str, timeframe: str | None, since: Moment, limit: int | None) -> Series:
        loaded = for_symbol(self._loaded, symbol, timeframe=timeframe, start=since)
        config = loaded.config
        if config.data.source == "exchange" and (limit is not None or config.data.start is None):
            return _count_of(config, symbol, limit or config.market_data.fetch_limit)
        series = source.read(config, loaded.symbols, price_limit=price_limit(config)).series[0]
        start, end = config.data.start, config.data.end
        return series._replace(
            columns=between(series.columns, 0 if start is None else start, LAST_MS + 1 if end is None else end)
        )


def _count_of(config: Config, symbol: str, count: int) -> Series:
    """At most `count` candles of an exchange, from data.start on or else the newest."""
    from safla.data import service  # slow to import, and not needed for files

    step, source_step = (TIMEFRAMES[name] for name in (config.market_data.timeframe, source_timeframe(config)))
    parts = step // source_step
    series = service.some(config, symbol, count=count if parts == 1 else (count + 1) * parts)
    if series is None:
        raise DataError(
            f"{config.exchange.name} {symbol}: no candle since {iso(config.data.start or 0)}",
            code="no_candles_in_period",
        )
    if parts == 1:
        return series
    longer = resample.resampled(series, source_ms=source_step, step_ms=step).series
    part = slice(count) if config.data.start is not None else slice(-count, None)
    return longer._replace(columns=Columns(*(column[part] for column in longer.columns)))


def _candles(series: Series) -> list[CandleList]:
    """A series as rows, with prices and volumes as the nearest floats."""
    columns = series.columns
    prices = [(column / 10.0**series.price_decimals).tolist() for column in columns[1:5]]
    volumes = (columns.volume / 10.0**series.volume_decimals).tolist()
    return [list(row) for row in zip(columns.ts.tolist(), *prices, volumes, strict=True)]
