"""Where the candles of a run come from: the one function that knows the configuration, and a table of sources."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from safla.config.model import Config
from safla.core.candles import TIMEFRAMES, Series
from safla.core.values import Columns
from safla.data import csv, parquet, paths, synthetic, vision
from safla.data.files import shown
from safla.data.rows import MAX_ROWS, Counts, Rows, Target, assemble
from safla.errors import ConfigError, DataError, Problem


class Sourced(NamedTuple):
    """The candles of a run: the whole source, before data.start and data.end cut it, and what there is to say of it."""

    series: tuple[Series, ...]  # in the order of the symbols
    counts: tuple[Counts, ...]  # one a symbol
    notes: tuple[str, ...]  # what was turned round, ignored, cut or cannot be proven


def read(config: Config, symbols: Sequence[str], *, price_limit: int) -> Sourced:
    """All candles of the symbols, checked. price_limit: price units, 2**62 // max(fast * slow, 1000) (D1).

    ConfigError: a source that is not read here. DataError: candles that are missing, malformed or out of bounds.
    """
    source = config.data.source
    if source not in SOURCES:
        others = ", ".join(SOURCES)
        text = f"{source} is not read by a backtest; give candles as one of {others} (and data.path)"
        raise ConfigError([Problem(where="", key="data.source", text=text)])
    targets = [_target(config, symbol, price_limit=price_limit) for symbol in symbols]
    read_all = [_of_symbol(config, *one) for one in zip(targets, SOURCES[source](config, symbols), strict=True)]
    series, counts, notes = zip(*read_all, strict=True)
    return Sourced(series, counts, tuple(dict.fromkeys(note for some in notes for note in some)))


def _target(config: Config, symbol: str, *, price_limit: int) -> Target:
    price_decimals, volume_decimals = _decimals(config, symbol)
    step_ms = TIMEFRAMES[config.market_data.timeframe]
    return Target(symbol, step_ms, price_decimals, volume_decimals, price_limit)


def _decimals(config: Config, symbol: str) -> tuple[int | None, int | None]:
    """Of price and volume, as the configuration or the source fixes them; None: they are read off the candles (S3)."""
    market = config.markets.get(symbol)
    given = (market.price_decimals, market.volume_decimals) if market else (None, None)
    fixed = synthetic.DECIMALS if config.data.source == "synthetic" else (None, None)
    price, volume = (other if own is None else own for own, other in zip(given, fixed, strict=True))
    return price, volume


def _of_symbol(config: Config, target: Target, files: list[Rows]) -> tuple[Series, Counts, tuple[str, ...]]:
    series, counts, notes = assemble(files, target)
    last = files[-1]
    if last.closed:
        return series, counts, notes
    if config.data.last_candle == "keep":
        unproven = f"{shown(last.origin.file)}: nothing proves that its last candle is closed (data.last_candle)"
        return series, counts, (*notes, unproven)
    if counts.candles == 1:
        raise DataError(f"{target.symbol}: data.last_candle: drop leaves no candle")
    dropped = f"{shown(last.origin.file)}: its last candle left out (data.last_candle: drop)"
    rest = series._replace(columns=Columns(*(column[:-1] for column in series.columns)))
    return rest, counts._replace(candles=counts.candles - 1), (*notes, dropped)


def _csv(config: Config, symbols: Sequence[str]) -> list[list[Rows]]:
    columns = None if config.data.columns == "auto" else config.data.columns.model_dump()
    return [_bounded(csv.read(path, columns) for path in files) for files in _paths(config, symbols, shared=False)]


def _vision(config: Config, symbols: Sequence[str]) -> list[list[Rows]]:
    return [_bounded(vision.read(path) for path in files) for files in _paths(config, symbols, shared=False)]


def _parquet(config: Config, symbols: Sequence[str]) -> list[list[Rows]]:
    columns = None if config.data.columns == "auto" else config.data.columns.model_dump()
    files = _paths(config, symbols, shared=True)
    return [
        _bounded(
            parquet.read(path, columns, symbol=symbol, owners=sum(path in other for other in files)) for path in own
        )
        for symbol, own in zip(symbols, files, strict=True)
    ]


def _bounded(read: Iterable[Rows]) -> list[Rows]:
    """The rows of the files of a symbol, read one after the other until there are too many (Z16)."""
    files, count = [], 0
    for one in read:
        files.append(one)
        count += len(one.ts)
        if count > MAX_ROWS:
            raise DataError(f"{shown(one.origin.file)}: with the files before it more than {MAX_ROWS} rows of a symbol")
    return files


def _synthetic(config: Config, symbols: Sequence[str]) -> list[list[Rows]]:
    asked, found = config.data.synthetic, []
    for symbol in symbols:
        price_decimals, volume_decimals = _decimals(config, symbol)
        walk = synthetic.Walk(
            seed=config.system.random_seed,
            symbol=symbol,
            step_ms=TIMEFRAMES[config.market_data.timeframe],
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
    assert config.data.path is not None, "config/rules.py asks for data.path with a source of files"
    return paths.of_symbols(config.data.path, symbols, timeframe=config.market_data.timeframe, shared=shared)


SOURCES: dict[str, Callable[[Config, Sequence[str]], list[list[Rows]]]] = {
    "csv": _csv,
    "parquet": _parquet,
    "vision": _vision,
    "synthetic": _synthetic,
}
