"""The candles of a run: `read` picks the source that the configuration names, and checks what it yields."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from safla.candles import resample, validation
from safla.candles.bad_rows import hinted
from safla.candles.decimals import MAX_PLACES
from safla.candles.normalise import MAX_ROWS, Counts, FileRows, Target, assemble, file_of_last_candle, of_columns
from safla.candles.validation import Origin
from safla.config.constraints import RECORDED
from safla.config.model import Config
from safla.config.plan import NO_RULES, OrderRules, decimals, source_timeframe
from safla.core.candles import Series
from safla.core.timeframes import TIMEFRAMES
from safla.core.values import Columns
from safla.data import agreement, paths, synthetic
from safla.data.files import csv, formats
from safla.data.files.formats import Question
from safla.data.store import month
from safla.data.tables import Tables, rows_of
from safla.errors import DataError
from safla.text import printable

if TYPE_CHECKING:
    from safla.data.backfill import DownloadListener
    from safla.data.store.store import StoredCandles


class SourceCandles(NamedTuple):
    """The candles of a run: the whole source, before it is cut to data.start and data.end, with counts and notes."""

    series: tuple[Series, ...]  # in the order of the symbols
    counts: tuple[Counts, ...]  # one per symbol
    notes: tuple[str, ...]  # what was reordered, ignored, dropped, or cannot be proven
    rules: tuple[OrderRules, ...]  # one per symbol if an exchange gave them; else empty


class _SourceRows(NamedTuple):
    """What a source yields: the rows of each symbol's files."""

    files: list[list[FileRows]]
    rules: tuple[OrderRules, ...] = ()
    notes: tuple[str, ...] = ()


def read(
    config: Config, symbols: Sequence[str], *, price_limit: int, listener: "DownloadListener | None" = None,
    tables: Tables | None = None,
) -> SourceCandles:  # fmt: skip
    """All candles of the symbols, checked. price_limit: price units, 2**62 // max(fast * slow, 1000) (D1).

    listener  the listener for the progress of a download from an exchange
    tables    candles in memory, in place of data.source
    DataError: candles that are missing, malformed or out of bounds. ExchangeError and ConfigError as in the sources.
    """
    if tables is None:
        source_rows = SOURCES[config.data.source](config, symbols, listener)
    else:
        source_rows = _SourceRows(_in_memory(config, tables))
    rules = source_rows.rules or (NO_RULES,) * len(symbols)
    targets = [
        _target(config, symbol, rules=rules_of_symbol, price_limit=price_limit, in_memory=tables is not None)
        for symbol, rules_of_symbol in zip(symbols, rules, strict=True)
    ]
    read_all = [_of_symbol(config, target, files) for target, files in zip(targets, source_rows.files, strict=True)]
    series, counts, notes = zip(*read_all, strict=True)
    all_notes = dict.fromkeys([*source_rows.notes, *(note for notes_of_symbol in notes for note in notes_of_symbol)])
    return SourceCandles(series, counts, tuple(all_notes), source_rows.rules)


def _target(config: Config, symbol: str, *, rules: OrderRules, price_limit: int, in_memory: bool) -> Target:
    price_decimals, volume_decimals = _decimals(config, symbol, in_memory=in_memory)
    least = [0 if step is None else min(MAX_PLACES, decimals(step)) for step in (rules.tick, rules.lot)]
    step_ms = TIMEFRAMES[source_timeframe(config)]
    snap = snap_decimals(config, symbol)
    return Target(
        symbol, step_ms, price_decimals, volume_decimals, price_limit, least[0], least[1], snap, config.data.bad_rows
    )


def snap_decimals(config: Config, symbol: str) -> int | None:
    """The decimals of the grid on which prices should lie: the stated price_decimals, or those of the stated tick."""
    market = config.markets.get(symbol)
    if market is None or market.price_decimals is not None:
        return None if market is None else market.price_decimals
    return None if market.tick is None else decimals(market.tick)


def columns_of(config: Config) -> csv.ColumnMap | None:
    """`data.columns`; None where the header of each file names the columns."""
    return None if config.data.columns == "auto" else config.data.columns.model_dump()


def _decimals(config: Config, symbol: str, *, in_memory: bool = False) -> tuple[int | None, int | None]:
    """The decimals of price and volume that configuration or source fix; None: the candles determine them (S3)."""
    market = config.markets.get(symbol)
    stated_decimals = (market.price_decimals, market.volume_decimals) if market else (None, None)
    made_here = config.data.source == "synthetic" and not in_memory
    defaults = synthetic.DECIMALS if made_here else (None, None)
    price, volume = (
        default if stated is None else stated for stated, default in zip(stated_decimals, defaults, strict=True)
    )
    return price, volume


def _of_symbol(config: Config, target: Target, files: list[FileRows]) -> tuple[Series, Counts, tuple[str, ...]]:
    series, counts, notes = _checked_last_candle(config, target, files)
    if source_timeframe(config) == config.market_data.timeframe:
        return series, counts, notes
    return _built(config, target, series, counts, notes)


def _built(
    config: Config, target: Target, series: Series, counts: Counts, notes: tuple[str, ...]
) -> tuple[Series, Counts, tuple[str, ...]]:
    """Build longer candles from those of the source, with the decimals that they would have in a file."""
    step_ms = TIMEFRAMES[config.market_data.timeframe]
    built = resample.resampled(series, source_ms=target.step_ms, step_ms=step_ms)
    built_notes = resample.notes(built, timeframe=config.market_data.timeframe, source=source_timeframe(config))
    least = month.least(built.series)
    price = max(least.price_decimals, target.least_price_decimals)
    volume = max(least.volume_decimals, target.least_volume_decimals)
    longer = month.scaled(
        least,
        price_decimals=price if target.price_decimals is None else target.price_decimals,
        volume_decimals=volume if target.volume_decimals is None else target.volume_decimals,
    )
    gaps = validation.count_gaps(longer.columns.ts, step_ms)
    without = int((longer.columns.volume == 0).sum())
    numbers = counts._replace(
        candles=len(longer.columns.ts), without_volume=without, gaps=gaps.number, missing=gaps.missing,
        incomplete=built.incomplete,
    )  # fmt: skip
    return longer, numbers, (*notes, *built_notes)


def _checked_last_candle(
    config: Config, target: Target, files: list[FileRows]
) -> tuple[Series, Counts, tuple[str, ...]]:
    """The candles of a symbol, without the last one if it must go, and notes."""
    with hinted("data.bad_rows: drop"):
        series, counts, notes = assemble(files, target)
    last = file_of_last_candle(files)
    if last.closed:
        return series, counts, notes
    if config.data.last_candle == "keep":
        unproven = f"{printable(last.origin.file)}: nothing proves that its last candle is closed (data.last_candle)"
        return series, counts, (*notes, unproven)
    if counts.candles == 1:
        raise DataError(
            f"{target.symbol}: data.last_candle: drop leaves no candle; give a file with more candles",
            code="no_candles",
        )
    dropped = f"{printable(last.origin.file)}: its last candle left out (data.last_candle: drop)"
    without_last = series._replace(columns=Columns(*(column[:-1] for column in series.columns)))
    return without_last, counts._replace(candles=counts.candles - 1), (*notes, dropped)


def _exchange(config: Config, symbols: Sequence[str], listener: "DownloadListener | None") -> _SourceRows:
    """Candles from the store, and from the exchange what the store lacks."""
    from safla.data import service  # slow to import (asyncio and more); a run on files does not need it

    start = config.data.start
    lookback = config.market_data.lookback_candles * TIMEFRAMES[config.market_data.timeframe]
    stored = service.stored(config, symbols, start=None if start is None else start - lookback, listener=listener)
    files = [[_stored_rows(config, symbol, held)] for symbol, held in zip(symbols, stored.held, strict=True)]
    return _SourceRows(files, tuple(held.rules or NO_RULES for held in stored.held), stored.notes)


def _stored_rows(config: Config, symbol: str, held: "StoredCandles") -> FileRows:
    name = f"{config.exchange.name} {symbol} {source_timeframe(config)}"
    series = held.series
    if series is None:
        raise DataError(
            f"{name}: no candle between data.start and data.end is stored; choose another period",
            code="no_candles_in_period",
        )
    origin = Origin(name, "candle", series.columns.ts)
    return of_columns(
        origin, series.columns, price_decimals=series.price_decimals, volume_decimals=series.volume_decimals
    )


def _files(config: Config, symbols: Sequence[str]) -> list[list[FileRows]]:
    is_vision = config.data.source == "vision"
    files = _paths(config, symbols, shared=not is_vision)
    timeframe = source_timeframe(config)
    question = Question(
        "", timeframe, columns_of(config), config.data.time_zone, bad=config.data.bad_rows, archive=is_vision
    )
    owners = Counter(path for files_of_symbol in files for path in set(files_of_symbol))
    advice = agreement.for_run(config.market_data.timeframe, config.data.timeframe)

    def agreed(path: str, symbol: str) -> FileRows:
        with hinted("data.bad_rows: drop"):
            rows = formats.read(path, question._replace(symbol=symbol, owners=owners[path]))
        return agreement.agreed(rows, symbol, timeframe=timeframe, advice=advice)

    return [
        _bounded(agreed(path, symbol) for path in files_of_symbol)
        for symbol, files_of_symbol in zip(symbols, files, strict=True)
    ]


def _in_memory(config: Config, tables: Tables) -> list[list[FileRows]]:
    timeframe = source_timeframe(config)
    advice = agreement.for_run(config.market_data.timeframe, config.data.timeframe)
    found = rows_of(tables, columns=columns_of(config), zone=config.data.time_zone, bad=config.data.bad_rows)
    return [[agreement.agreed(rows, symbol, timeframe=timeframe, advice=advice)] for symbol, rows in found]


def _bounded(read: Iterable[FileRows]) -> list[FileRows]:
    """The rows of a symbol's files. DataError as soon as they are too many, before the next file is read (Z16)."""
    files, count = [], 0
    for rows in read:
        files.append(rows)
        count += len(rows.ts)
        if count > MAX_ROWS:
            raise DataError(
                f"{printable(rows.origin.file)}: with the files before it more than {MAX_ROWS} rows of a symbol; "
                "give fewer files",
                code="file_too_large",
            )
    return files


def _synthetic(config: Config, symbols: Sequence[str]) -> list[list[FileRows]]:
    settings, files = config.data.synthetic, []
    for symbol in symbols:
        price_decimals, volume_decimals = _decimals(config, symbol)
        walk = synthetic.RandomWalk(
            seed=config.system.random_seed,
            symbol=symbol,
            step_ms=TIMEFRAMES[source_timeframe(config)],
            candles=settings.candles,
            start=settings.start,
            start_price=settings.start_price,
            annual_volatility=settings.annual_volatility,
            regimes=settings.regimes,
            holes=settings.holes,
            price_decimals=price_decimals or 0,
            volume_decimals=volume_decimals or 0,
        )
        files.append([synthetic.rows(walk)])
    return files


def _paths(config: Config, symbols: Sequence[str], *, shared: bool) -> list[list[str]]:
    assert config.data.path is not None, "config/constraints.py asks for data.path with a source of files"
    return paths.of_symbols(config.data.path, symbols, timeframe=source_timeframe(config), shared=shared)


def _alone(reader: Callable[[Config, Sequence[str]], list[list[FileRows]]]) -> "_Source":
    """A source that needs no network and has no rules of an exchange."""
    return lambda config, symbols, listener: _SourceRows(reader(config, symbols))


_Source = Callable[[Config, Sequence[str], "DownloadListener | None"], _SourceRows]
SOURCES: dict[str, _Source] = {
    "exchange": _exchange,
    **dict.fromkeys(RECORDED, _alone(_files)),
    "synthetic": _alone(_synthetic),
}
