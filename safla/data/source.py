"""Where the candles of a run come from: the one function that knows the configuration, and a table of sources."""

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
from safla.errors import DataError
from safla.text import printable

if TYPE_CHECKING:
    from safla.data.backfill import DownloadListener
    from safla.data.store.store import Held


class Sourced(NamedTuple):
    """The candles of a run: the whole source, before data.start and data.end cut it, and what there is to say of it."""

    series: tuple[Series, ...]  # in the order of the symbols
    counts: tuple[Counts, ...]  # one a symbol
    notes: tuple[str, ...]  # what was turned round, ignored, cut or cannot be proven
    rules: tuple[OrderRules, ...]  # one a symbol, where an exchange gave them; else none


class _Given(NamedTuple):
    """What a source gave: the rows of each symbol's files."""

    files: list[list[FileRows]]
    rules: tuple[OrderRules, ...] = ()
    notes: tuple[str, ...] = ()


def read(
    config: Config, symbols: Sequence[str], *, price_limit: int, told: "DownloadListener | None" = None
) -> Sourced:
    """All candles of the symbols, checked. price_limit: price units, 2**62 // max(fast * slow, 1000) (D1).

    told  hears how far a download is, where the candles come from an exchange
    DataError: candles that are missing, malformed or out of bounds. ExchangeError, ConfigError.
    """
    given = SOURCES[config.data.source](config, symbols, told)
    rules = given.rules or (NO_RULES,) * len(symbols)
    targets = [
        _target(config, symbol, rules=own, price_limit=price_limit) for symbol, own in zip(symbols, rules, strict=True)
    ]
    read_all = [_of_symbol(config, *one) for one in zip(targets, given.files, strict=True)]
    series, counts, notes = zip(*read_all, strict=True)
    said = dict.fromkeys([*given.notes, *(note for some in notes for note in some)])
    return Sourced(series, counts, tuple(said), given.rules)


def _target(config: Config, symbol: str, *, rules: OrderRules, price_limit: int) -> Target:
    price_decimals, volume_decimals = _decimals(config, symbol)
    least = [0 if step is None else min(MAX_PLACES, decimals(step)) for step in (rules.tick, rules.lot)]
    step_ms = TIMEFRAMES[source_timeframe(config)]
    snap = snap_decimals(config, symbol)
    return Target(
        symbol, step_ms, price_decimals, volume_decimals, price_limit, least[0], least[1], snap, config.data.bad_rows
    )


def snap_decimals(config: Config, symbol: str) -> int | None:
    """The grid on which prices are meant to be: of the stated price_decimals, or of the stated tick."""
    market = config.markets.get(symbol)
    if market is None or market.price_decimals is not None:
        return None if market is None else market.price_decimals
    return None if market.tick is None else decimals(market.tick)


def columns_of(config: Config) -> csv.ColumnMap | None:
    """`data.columns`; None where the header of each file tells them."""
    return None if config.data.columns == "auto" else config.data.columns.model_dump()


def _decimals(config: Config, symbol: str) -> tuple[int | None, int | None]:
    """Of price and volume, as the configuration or the source fixes them; None: they are read off the candles (S3)."""
    market = config.markets.get(symbol)
    given = (market.price_decimals, market.volume_decimals) if market else (None, None)
    fixed = synthetic.DECIMALS if config.data.source == "synthetic" else (None, None)
    price, volume = (other if own is None else own for own, other in zip(given, fixed, strict=True))
    return price, volume


def _of_symbol(config: Config, target: Target, files: list[FileRows]) -> tuple[Series, Counts, tuple[str, ...]]:
    series, counts, notes = _proven(config, target, files)
    if source_timeframe(config) == config.market_data.timeframe:
        return series, counts, notes
    return _built(config, target, series, counts, notes)


def _built(
    config: Config, target: Target, series: Series, counts: Counts, notes: tuple[str, ...]
) -> tuple[Series, Counts, tuple[str, ...]]:
    """Longer candles out of those of the source, with the decimals that these need, as if they stood in a file."""
    step_ms = TIMEFRAMES[config.market_data.timeframe]
    found = resample.resampled(series, source_ms=target.step_ms, step_ms=step_ms)
    said = resample.told(found, timeframe=config.market_data.timeframe, source=source_timeframe(config))
    least = month.least(found.series)
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
        incomplete=found.incomplete,
    )  # fmt: skip
    return longer, numbers, (*notes, *said)


def _proven(config: Config, target: Target, files: list[FileRows]) -> tuple[Series, Counts, tuple[str, ...]]:
    """The candles of a symbol, and what there is to say of the last one."""
    with hinted("data.bad_rows: drop"):
        series, counts, notes = assemble(files, target)
    last = file_of_last_candle(files)
    if last.closed:
        return series, counts, notes
    if config.data.last_candle == "keep":
        unproven = f"{printable(last.origin.file)}: nothing proves that its last candle is closed (data.last_candle)"
        return series, counts, (*notes, unproven)
    if counts.candles == 1:
        raise DataError(f"{target.symbol}: data.last_candle: drop leaves no candle")
    dropped = f"{printable(last.origin.file)}: its last candle left out (data.last_candle: drop)"
    rest = series._replace(columns=Columns(*(column[:-1] for column in series.columns)))
    return rest, counts._replace(candles=counts.candles - 1), (*notes, dropped)


def _exchange(config: Config, symbols: Sequence[str], told: "DownloadListener | None") -> _Given:
    """Out of the store, and from the exchange what it lacks."""
    from safla.data import service  # it brings asyncio and more, which a run on files should not wait for

    start = config.data.start
    lookback = config.market_data.lookback_candles * TIMEFRAMES[config.market_data.timeframe]
    found = service.stored(config, symbols, start=None if start is None else start - lookback, told=told)
    files = [[_kept(config, symbol, one)] for symbol, one in zip(symbols, found.held, strict=True)]
    return _Given(files, tuple(one.rules or NO_RULES for one in found.held), found.notes)


def _kept(config: Config, symbol: str, held: "Held") -> FileRows:
    name = f"{config.exchange.name} {symbol} {source_timeframe(config)}"
    series = held.series
    if series is None:
        raise DataError(f"{name}: no candle is stored of the time between data.start and data.end")
    origin = Origin(name, "candle", series.columns.ts)
    return of_columns(
        origin, series.columns, price_decimals=series.price_decimals, volume_decimals=series.volume_decimals
    )


def _files(config: Config, symbols: Sequence[str]) -> list[list[FileRows]]:
    promised = config.data.source == "vision"
    files = _paths(config, symbols, shared=not promised)
    asked = Question("", columns_of(config), config.data.time_zone, bad=config.data.bad_rows, archive=promised)
    owners = Counter(path for own in files for path in set(own))
    timeframe = source_timeframe(config)
    advice = agreement.for_run(config.market_data.timeframe, config.data.timeframe)

    def agreed(path: str, symbol: str) -> FileRows:
        with hinted("data.bad_rows: drop"):
            found = formats.read(path, asked._replace(symbol=symbol, owners=owners[path]))
        return agreement.agreed(found, symbol, timeframe=timeframe, advice=advice)

    return [_bounded(agreed(path, symbol) for path in own) for symbol, own in zip(symbols, files, strict=True)]


def _bounded(read: Iterable[FileRows]) -> list[FileRows]:
    """The rows of the files of a symbol, read one after the other until there are too many (Z16)."""
    files, count = [], 0
    for one in read:
        files.append(one)
        count += len(one.ts)
        if count > MAX_ROWS:
            raise DataError(
                f"{printable(one.origin.file)}: with the files before it more than {MAX_ROWS} rows of a symbol"
            )
    return files


def _synthetic(config: Config, symbols: Sequence[str]) -> list[list[FileRows]]:
    asked, found = config.data.synthetic, []
    for symbol in symbols:
        price_decimals, volume_decimals = _decimals(config, symbol)
        walk = synthetic.RandomWalk(
            seed=config.system.random_seed,
            symbol=symbol,
            step_ms=TIMEFRAMES[source_timeframe(config)],
            candles=asked.candles,
            start=asked.start,
            start_price=asked.start_price,
            annual_volatility=asked.annual_volatility,
            regimes=asked.regimes,
            holes=asked.holes,
            price_decimals=price_decimals or 0,
            volume_decimals=volume_decimals or 0,
        )
        found.append([synthetic.rows(walk)])
    return found


def _paths(config: Config, symbols: Sequence[str], *, shared: bool) -> list[list[str]]:
    assert config.data.path is not None, "config/constraints.py asks for data.path with a source of files"
    return paths.of_symbols(config.data.path, symbols, timeframe=source_timeframe(config), shared=shared)


def _alone(reader: Callable[[Config, Sequence[str]], list[list[FileRows]]]) -> "_Source":
    """A source that needs no network, and knows no rules of an exchange."""
    return lambda config, symbols, told: _Given(reader(config, symbols))


_Source = Callable[[Config, Sequence[str], "DownloadListener | None"], _Given]
SOURCES: dict[str, _Source] = {
    "exchange": _exchange,
    **dict.fromkeys(RECORDED, _alone(_files)),
    "synthetic": _alone(_synthetic),
}
