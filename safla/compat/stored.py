"""A configuration for one symbol and another period, for the classes of the first system. No network."""

from datetime import UTC, date, datetime, timedelta
from typing import cast, get_args

from safla.config.loader import Loaded
from safla.config.python_values import native
from safla.config.types import milliseconds, symbol_text
from safla.core.timeframes import Timeframe
from safla.errors import ConfigError, DataError, Problem, UsageError
from safla.text import quoted

Moment = datetime | date | str | int | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def for_symbol(
    loaded: Loaded, symbol: str, *, timeframe: str | None = None, start: Moment = None, end: Moment = None
) -> Loaded:
    """The configuration with only one symbol, and with another timeframe or period if given (end exclusive).

    ConfigError for a symbol, DataError for a timeframe, UsageError for a period that is not possible.
    """
    config = loaded.config
    try:
        symbol = symbol_text(str(symbol))
    except ValueError as error:
        raise ConfigError([Problem("symbol", "", f"{quoted(str(symbol))} {error}", code="invalid_value")]) from error
    window = {"start": to_ms(start, "start"), "end": to_ms(end, "end")}
    data = config.data.model_copy(update={name: ms for name, ms in window.items() if ms is not None})
    if data.start is not None and data.end is not None and data.start >= data.end:
        raise UsageError(f"start {start} is not before end {end}, which is exclusive", code="invalid_argument")
    symbols = config.symbols.model_copy(update={"primary": (symbol,)})
    market_data = config.market_data
    if timeframe is not None and timeframe != market_data.timeframe:
        _check_timeframe(loaded, timeframe)
        market_data = market_data.model_copy(update={"timeframe": timeframe})
        data = data.model_copy(update={"timeframe": None})  # these candles themselves, not built from shorter ones
    changed = config.model_copy(update={"data": data, "symbols": symbols, "market_data": market_data})
    return loaded._replace(config=changed, symbols=(symbol,))


def to_ms(when: Moment, what: str) -> int | None:
    """A time as ms UTC; a naive one is UTC. UsageError for a value that is not a time."""
    if when is None:
        return None
    when = cast(Moment, native(when))  # times of numpy and pandas too
    if isinstance(when, datetime):
        return (when.replace(tzinfo=when.tzinfo or UTC) - _EPOCH) // timedelta(milliseconds=1)
    try:
        ms = milliseconds(when.isoformat() if isinstance(when, date) else when)
    except ValueError:
        ms = None
    if type(ms) is not int:
        raise UsageError(
            f"{what}: expected a datetime, 2024-01-31T13:00Z or ms UTC, got {ascii(when)[:40]}", code="invalid_argument"
        )
    return ms


def _check_timeframe(loaded: Loaded, timeframe: str) -> None:
    """Another timeframe needs an exchange, synthetic candles, or a data.path with {timeframe}: else raise DataError."""
    config = loaded.config
    if timeframe not in get_args(Timeframe):
        raise UsageError(
            f"timeframe: expected one of {' '.join(get_args(Timeframe))}, got {ascii(timeframe)[:40]}",
            code="invalid_argument",
        )
    named = any("{timeframe}" in path for path in config.data.path or ())
    if config.data.source not in ("exchange", "synthetic") and not named:
        raise DataError(
            f"the configuration names candles of {config.market_data.timeframe}, not of {timeframe}; put {{timeframe}} "
            "into data.path, or leave the timeframe out",
            code="wrong_timeframe",
        )
