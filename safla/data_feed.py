"""BinanceDataFeed: the candles that a configuration names, as lists or as though they came live."""

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
    """Candles for a loop of your own: those that the `data` section of the configuration names.

    config  a path, a dict, what load_config gives; None for ./config.yaml if it exists, else the defaults

    A candle is [ms, open, high, low, close, volume]: its open time in ms UTC, prices in the quote currency, volume in
    the base currency; it is closed. Times are datetimes (naive ones are UTC), ISO dates or ms. Without a `data` section
    candles come from the exchange and are kept in the store: what is there is not asked for again, and where the
    exchange cannot be reached the store serves alone. With one, only its `data.start` to `data.end` is given.
    ExchangeError where neither exchange nor store have the candles; ConfigError and DataError for a section or for
    candles that do not hold; UsageError once the feed is closed.

        async with BinanceDataFeed("config.yaml") as feed:
            candles = await feed.fetch_historical_ohlcv("BTC/USDT", "1h", since="2024-01-01", limit=500)
    """

    _called = "feed"

    def __init__(self, config: ConfigSource = None) -> None:
        self._loaded = load_config(config)

    async def fetch_historical_ohlcv(
        self, symbol: str = "BTC/USDT", timeframe: str | None = None, since: Moment = None, limit: int | None = None
    ) -> list[CandleList]:
        """The candles that open at `since` or later, `limit` of them at most; None: from the first, to the last.

        Of an exchange, without `since`: the newest, market_data.fetch_limit of them or `limit`.
        """
        self._refuse_closed()
        if limit is not None and (type(limit) is not int or limit < 1):
            raise UsageError(f"limit: {limit!r} is no whole number above 0")
        series = await asyncio.to_thread(self._read, symbol, timeframe, since, limit)
        return list(_candles(series))[:limit]

    async def stream_historical_as_live(
        self,
        symbol: str = "BTC/USDT",
        timeframe: str | None = None,
        since: Moment = None,
        speed_multiplier: float = math.inf,
    ) -> AsyncIterator[CandleList]:
        """The same candles one by one: the first at once, the next after the time between them over speed_multiplier.

        speed_multiplier  1.0 is real time, 60.0 a minute a second, infinity as fast as they are taken
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
            return _some(config, symbol, limit or config.market_data.fetch_limit)
        series = source.read(config, loaded.symbols, price_limit=price_limit(config)).series[0]
        start, end = config.data.start, config.data.end
        return series._replace(
            columns=between(series.columns, 0 if start is None else start, LAST_MS + 1 if end is None else end)
        )


def _some(config: Config, symbol: str, count: int) -> Series:
    """So many candles from data.start on, or the newest; of an exchange, and fewer where there are no more."""
    from safla.data import service  # it brings much that a feed of files does without

    step, source_step = (TIMEFRAMES[one] for one in (config.market_data.timeframe, source_timeframe(config)))
    parts = step // source_step
    series = service.some(config, symbol, count=count if parts == 1 else (count + 1) * parts)
    if series is None:
        raise DataError(f"{config.exchange.name} {symbol}: no candle since {iso(config.data.start or 0)}")
    if parts == 1:
        return series
    longer = resample.resampled(series, source_ms=source_step, step_ms=step).series
    part = slice(count) if config.data.start is not None else slice(-count, None)
    return longer._replace(columns=Columns(*(column[part] for column in longer.columns)))


def _candles(series: Series) -> list[CandleList]:
    """The rows of columns, prices and volumes as the nearest floats."""
    columns = series.columns
    prices = [(column / 10.0**series.price_decimals).tolist() for column in columns[1:5]]
    volumes = (columns.volume / 10.0**series.volume_decimals).tolist()
    return [list(row) for row in zip(columns.ts.tolist(), *prices, volumes, strict=True)]
