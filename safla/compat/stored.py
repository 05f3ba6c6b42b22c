"""One symbol of a configuration, and another window: what the faces share. No network."""

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
    """The configuration with one symbol in use, and another window where one is given (end exclusive).

    ConfigError, DataError, UsageError for what does not fit.
    """
    config = loaded.config
    try:
        symbol = symbol_text(str(symbol))
    except ValueError as error:
        raise ConfigError([Problem("symbol", "", f"{quoted(str(symbol))} {error}")]) from error
    window = {"start": to_ms(start, "start"), "end": to_ms(end, "end")}
    data = config.data.model_copy(update={name: ms for name, ms in window.items() if ms is not None})
    if data.start is not None and data.end is not None and data.start >= data.end:
        raise UsageError(f"start {start} is not before end {end}, which is exclusive")
    symbols = config.symbols.model_copy(update={"primary": (symbol,)})
    market_data = config.market_data
    if timeframe is not None and timeframe != market_data.timeframe:
        _refuse_timeframe(loaded, timeframe)
        market_data = market_data.model_copy(update={"timeframe": timeframe})
        data = data.model_copy(update={"timeframe": None})  # those candles themselves, not longer ones of shorter ones
    changed = config.model_copy(update={"data": data, "symbols": symbols, "market_data": market_data})
    return loaded._replace(config=changed, symbols=(symbol,))


def to_ms(when: Moment, what: str) -> int | None:
    """A time as ms UTC; naive ones are UTC. UsageError for what is none."""
    if when is None:
        return None
    when = cast(Moment, native(when))  # numpy's, as a sweep over windows has them
    if isinstance(when, datetime):
        return (when.replace(tzinfo=when.tzinfo or UTC) - _EPOCH) // timedelta(milliseconds=1)
    try:
        ms = milliseconds(when.isoformat() if isinstance(when, date) else when)
    except ValueError:
        ms = None
    if type(ms) is not int:
        raise UsageError(f"{what}: {ascii(when)[:40]} is no time; a datetime, 2024-01-31T13:00Z or ms UTC is due")
    return ms


def _refuse_timeframe(loaded: Loaded, timeframe: str) -> None:
    """Another timeframe can be had of an exchange, of made candles, and where a path says where those of each lie."""
    config = loaded.config
    if timeframe not in get_args(Timeframe):
        raise UsageError(f"timeframe: {ascii(timeframe)[:40]} is none of {' '.join(get_args(Timeframe))}")
    named = any("{timeframe}" in path for path in config.data.path or ())
    if config.data.source not in ("exchange", "synthetic") and not named:
        raise DataError(
            f"the configuration names candles of {config.market_data.timeframe}, not of {timeframe}; put {{timeframe}} "
            "into data.path, or leave the timeframe out"
        )
