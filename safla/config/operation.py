"""The keys that change no decision: where candles come from, what is written, watched and kept where."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from safla.config.section import Section, key, section
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


class CircuitBreakerSection(Section):
    """When calls to the exchange are given up for a while (K1-K10)."""

    failure_threshold: Calls = key(5, "consecutive failures that open it")
    recovery_timeout: Seconds = key(Decimal(30), "seconds until one probe is let through")
    success_threshold: Calls = key(3, "successful probes that close it")


class ExchangeSection(Section):
    """Where candles come from, and how patiently it is asked."""

    name: ExchangeName = key("binance", "any exchange that ccxt knows")
    sandbox: bool = key(False, "the exchange's test network; it is wiped monthly")
    rate_limit_per_minute: Annotated[int, Field(ge=1, le=6000)] = key(1200, "requests, ours, over all symbols")
    timeout_seconds: Annotated[Number, Field(ge=Decimal("0.1"), le=300, decimal_places=6)] = key(
        Decimal(30), "one request, connect to last byte"
    )
    retry_attempts: Annotated[int, Field(ge=0, le=20)] = key(3, "further tries of a failed request")
    retry_delay_seconds: Annotated[Number, Field(ge=0, le=60, decimal_places=6)] = key(
        Decimal(1), "base of the exponential backoff"
    )
    circuit_breaker: CircuitBreakerSection = section(CircuitBreakerSection, "gives up calls for a while")
    rest_url: HttpUrl | None = key(None, "another base for requests (tests, mirrors)")
    stream_url: StreamUrl | None = key(None, "another base for the stream (tests, mirrors)")


class ColumnNamesSection(Section):
    """Which column of a file holds what: the name in its header, or its position, counted from 0.

    Columns that are not named are told by the header.
    """

    ts: Header | None = key(None, "opening time; null: told by the header")
    open: Header | None = key(None, "first price; null: told by the header")
    high: Header | None = key(None, "highest price; null: told by the header")
    low: Header | None = key(None, "lowest price; null: told by the header")
    close: Header | None = key(None, "last price; null: told by the header")
    volume: Header | None = key(None, "volume in base currency; null: told by the header")


class SyntheticSection(Section):
    """Candles made from `system.random_seed`."""

    candles: Annotated[int, Field(ge=1, le=10_000_000)] = key(8760, "how many")
    start: Date = key(1_704_067_200_000, "opening time of the first")
    start_price: Amount = key(Decimal(30000), "the first open, in quote currency")
    annual_volatility: Annotated[Number, Field(ge=0, le=10, decimal_places=6)] = key(
        Decimal("0.6"), "standard deviation of a year's log return"
    )
    regimes: bool = key(True, "calm and wild stretches take turns")
    holes: Annotated[int, Field(ge=0)] = key(0, "how many candles are missing")


class DataSection(Section):
    """Where the candles of a run lie."""

    source: Literal["exchange", "file", "csv", "parquet", "vision", "synthetic"] = key(
        "exchange",
        "what kind of source; file: CSV, JSON, Parquet, Feather or a Binance archive, told by its bytes, and csv and "
        "parquet mean the same; vision: Binance archives alone",
    )
    path: Annotated[Paths, Field(min_length=1)] | None = key(
        None,
        "file, list of files, or pattern with * and {symbol} (base and quote) {base} {quote} {timeframe}; relative to "
        "the file that says so (from the environment or --set: to the current folder); several are put in "
        "order, and a candle that two of them have alike counts once",
    )
    columns: Literal["auto"] | ColumnNamesSection = key("auto", "which column of a file holds what")
    time_zone: TimeZone | None = key(None, "of dates in files that name none; null: such dates are refused")
    start: Date | None = key(None, "first candle that is traded, UTC")
    end: Date | None = key(None, "end, exclusive, UTC")
    timeframe: Timeframe | None = key(
        None, "length of the candles that the source holds; market_data.timeframe is built of them; null: the same"
    )
    bad_rows: Literal["refuse", "drop"] = key(
        "refuse", "rows of a file that are no sound candles; drop: left out, each is a gap"
    )
    last_candle: Literal["keep", "drop"] = key("keep", "the last row of a file: nothing proves that it is closed")
    synthetic: SyntheticSection = section(SyntheticSection, "candles made up, for `source: synthetic`")


class PaperSection(Section):
    """How paper trading gets its candles."""

    source: Literal["stream", "replay"] = key("stream", "live, or `data` at a pace")
    speed: Speed = key("1x", "pace of `source: replay`")
    max_wait_candles: Annotated[int, Field(ge=0, le=1_000)] = key(
        2, "a symbol that the exchange answers for without its candle holds up the others for so many candles"
    )


class ReportSection(Section):
    """What reports assume."""

    risk_free_rate: Fraction = key(Decimal(0), "a year, as a fraction")


class LogFilesSection(Section):
    """Names of the log files in the run folder."""

    trades: LogFileName = key("trades.log", "fills and closed trades")
    market_data: LogFileName = key("market_data.log", "arrivals, gaps, late candles")
    decisions: LogFileName = key("decisions.log", "signals, orders, refusals")
    performance: LogFileName = key("performance.log", "processor, memory, requests")
    errors: LogFileName = key("errors.log", "warnings and errors")


class LoggingSection(Section):
    """Logs for people; the journal is for programs."""

    files: LogFilesSection = section(LogFilesSection, "file names, in the run folder")
    max_file_size_mb: Annotated[int, Field(ge=1)] = key(10, "then a file is rotated")
    backup_count: Annotated[int, Field(ge=0)] = key(5, "rotated files kept")
    in_backtest: bool = key(False, "log files in backtests too")


class PrometheusSection(Section):
    """Where metrics can be scraped (Z19)."""

    bind: Address = key("127.0.0.1", "address to listen on")
    port: Annotated[int, Field(ge=1, le=65535)] = key(9464, "port to listen on")
    hosts: HostNames = key(
        (),
        "names by which it is asked for, such as one of a container network; localhost, the name of this machine "
        "and addresses need not be named, and any other is refused (421)",
    )


class MonitoringSection(Section):
    """What is watched while a run is up."""

    interval_seconds: Seconds = key(Decimal(5), "between two looks")
    cpu_pct: Percent = key(80, "alert at this load of the processor, in per cent")
    memory_pct: Percent = key(90, "alert at this use of memory, in per cent")
    stale_candles: Annotated[int, Field(ge=1)] = key(3, "alert after so many candles did not come")
    alert_cooldown_seconds: Annotated[Number, Field(ge=0, decimal_places=6)] = key(
        Decimal(300), "between two alerts of one kind"
    )
    webhook_url: WebhookUrl | None = key(None, "where alerts are posted; from the environment if it holds a secret")
    prometheus: PrometheusSection | None = key(None, "metrics for scraping; null: none; {}: on 127.0.0.1:9464")


class StorageSection(Section):
    """Folders, relative to the current one."""

    cache_directory: FilePath = key("data/cache", "downloaded candles")
    logs_directory: FilePath = key("logs", "run folders")
