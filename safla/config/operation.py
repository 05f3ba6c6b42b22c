"""The keys that cannot change a trading decision: candle sources, logs, monitoring and folders."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from safla.config.types import (
    Address,
    Amount,
    Calls,
    Date,
    ExchangeName,
    FilePath,
    Fraction,
    Header,
    HostNames,
    HttpUrl,
    LogFileName,
    Number,
    Paths,
    Percent,
    Seconds,
    Speed,
    StreamUrl,
    TimeZone,
    WebhookUrl,
)
from safla.core.timeframes import Timeframe
from safla.section import Section, key, section


class CircuitBreakerSection(Section):
    """When calls to the exchange are suspended for a while (K1-K10)."""

    failure_threshold: Calls = key(5, "consecutive failures that open the circuit breaker")
    recovery_timeout: Seconds = key(Decimal(30), "seconds until a probe request is allowed")
    success_threshold: Calls = key(3, "successful probes that close the circuit breaker")


class ExchangeSection(Section):
    """The exchange that serves the candles, and the limits of requests to it."""

    name: ExchangeName = key("binance", "any exchange that ccxt knows")
    sandbox: bool = key(False, "use the test network of the exchange, which is wiped monthly")
    rate_limit_per_minute: Annotated[int, Field(ge=1, le=6000)] = key(1200, "requests per minute, over all symbols")
    timeout_seconds: Annotated[Number, Field(ge=Decimal("0.1"), le=300, decimal_places=6)] = key(
        Decimal(30), "limit of one request, from connect to last byte"
    )
    retry_attempts: Annotated[int, Field(ge=0, le=20)] = key(3, "retries of a failed request")
    retry_delay_seconds: Annotated[Number, Field(ge=0, le=60, decimal_places=6)] = key(
        Decimal(1), "base of the exponential backoff"
    )
    circuit_breaker: CircuitBreakerSection = section(CircuitBreakerSection, "suspends calls after repeated failures")
    rest_url: HttpUrl | None = key(None, "another base URL for requests (tests, mirrors)")
    stream_url: StreamUrl | None = key(None, "another base URL for the stream (tests, mirrors)")


class ColumnNamesSection(Section):
    """Which column of a file holds what: the name in its header, or its position, counted from 0.

    Other columns are recognised by the header.
    """

    ts: Header | None = key(None, "opening time; null: recognised by the header")
    open: Header | None = key(None, "first price; null: recognised by the header")
    high: Header | None = key(None, "highest price; null: recognised by the header")
    low: Header | None = key(None, "lowest price; null: recognised by the header")
    close: Header | None = key(None, "last price; null: recognised by the header")
    volume: Header | None = key(None, "volume in base currency; null: recognised by the header")


class SyntheticSection(Section):
    """Random candles, made from `system.random_seed`."""

    candles: Annotated[int, Field(ge=1, le=10_000_000)] = key(8760, "number of candles")
    start: Date = key(1_704_067_200_000, "opening time of the first candle")
    start_price: Amount = key(Decimal(30000), "the first open, in quote currency")
    annual_volatility: Annotated[Number, Field(ge=0, le=10, decimal_places=6)] = key(
        Decimal("0.6"), "standard deviation of the yearly log return"
    )
    regimes: bool = key(True, "alternate between calm and volatile periods")
    holes: Annotated[int, Field(ge=0)] = key(0, "number of missing candles")


class DataSection(Section):
    """The source of the candles."""

    source: Literal["exchange", "file", "csv", "parquet", "vision", "synthetic"] = key(
        "exchange",
        "file: CSV, JSON, Parquet, Feather or a Binance archive, recognised by content; csv, parquet: the same; "
        "vision: only Binance archives",
    )
    path: Annotated[Paths, Field(min_length=1)] | None = key(
        None,
        "file, list of files, or pattern with * and {symbol} (base and quote) {base} {quote} {timeframe}; relative to "
        "the configuration file (from the environment or --set: to the current folder); several files are merged in "
        "time order, and equal candles count once",
    )
    columns: Literal["auto"] | ColumnNamesSection = key("auto", "which column of a file holds what")
    time_zone: TimeZone | None = key(None, "time zone of dates in files that name none; null: such dates are an error")
    start: Date | None = key(None, "first candle that is traded, UTC")
    end: Date | None = key(None, "end, exclusive, UTC")
    timeframe: Timeframe | None = key(
        None, "length of the candles in the source, from which market_data.timeframe is built; null: the same"
    )
    bad_rows: Literal["refuse", "drop"] = key(
        "refuse", "invalid candles in a file; refuse: an error, drop: each becomes a gap"
    )
    last_candle: Literal["keep", "drop"] = key("keep", "the last candle of a symbol's files, which may be open")
    synthetic: SyntheticSection = section(SyntheticSection, "random candles, for `source: synthetic`")


class PaperSection(Section):
    """How paper trading gets its candles."""

    source: Literal["stream", "replay"] = key("stream", "stream: live candles; replay: the candles of `data`")
    speed: Speed = key("1x", "speed of `source: replay`")
    max_wait_candles: Annotated[int, Field(ge=0, le=1_000)] = key(
        2, "how many candles the other symbols wait for a symbol whose candle the exchange does not deliver"
    )


class ReportSection(Section):
    """Assumptions of the reports."""

    risk_free_rate: Fraction = key(Decimal(0), "yearly rate, as a fraction")


class LogFilesSection(Section):
    """Names of the log files in the run folder."""

    trades: LogFileName = key("trades.log", "fills and closed trades")
    market_data: LogFileName = key("market_data.log", "received candles, gaps, late candles")
    decisions: LogFileName = key("decisions.log", "signals, orders, rejections")
    performance: LogFileName = key("performance.log", "CPU, memory, requests")
    errors: LogFileName = key("errors.log", "warnings and errors")


class LoggingSection(Section):
    """Log files for people; programs read the journal."""

    files: LogFilesSection = section(LogFilesSection, "file names, in the run folder")
    max_file_size_mb: Annotated[int, Field(ge=1)] = key(10, "size at which a file is rotated")
    backup_count: Annotated[int, Field(ge=0)] = key(5, "rotated files kept")
    in_backtest: bool = key(False, "write log files in backtests too")


class PrometheusSection(Section):
    """The address at which Prometheus scrapes metrics (Z19)."""

    bind: Address = key("127.0.0.1", "address to listen on")
    port: Annotated[int, Field(ge=1, le=65535)] = key(9464, "port to listen on")
    hosts: HostNames = key(
        (),
        "host names allowed in requests, such as a name in a container network, besides localhost, the name of this "
        "machine and addresses; requests for other hosts get 421",
    )


class MonitoringSection(Section):
    """Alerts and metrics during a run."""

    interval_seconds: Seconds = key(Decimal(5), "time between two checks")
    cpu_pct: Percent = key(80, "alert at this CPU load, in per cent")
    memory_pct: Percent = key(90, "alert at this memory use, in per cent")
    stale_candles: Annotated[int, Field(ge=1)] = key(3, "alert after this many missing candles")
    alert_cooldown_seconds: Annotated[Number, Field(ge=0, decimal_places=6)] = key(
        Decimal(300), "least time between two alerts of one kind"
    )
    webhook_url: WebhookUrl | None = key(
        None, "URL to which alerts are posted; set it in the environment if it holds a secret"
    )
    prometheus: PrometheusSection | None = key(
        None, "metrics for Prometheus; null: none; {}: on the default address 127.0.0.1:9464"
    )


class StorageSection(Section):
    """Folders for downloads and runs, relative to the current folder."""

    cache_directory: FilePath = key("data/cache", "downloaded candles")
    logs_directory: FilePath = key("logs", "run folders")
