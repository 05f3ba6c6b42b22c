"""What the commands of `safla data` share: options, times, the label of a series. Nothing is printed here."""

from collections.abc import Sequence

import click

from safla.cli.arguments import PATH, ClickFunction
from safla.config.types import milliseconds, symbol_text
from safla.core.candles import iso
from safla.core.timeframes import LAST_MS, TIMEFRAMES, Interval
from safla.data.store.store import SeriesKey
from safla.text import quoted

SHOWN_SPANS = 20


def configured(function: ClickFunction) -> ClickFunction:
    """Add --config and --set."""
    text = "The configuration; default: ./config.yaml if it exists, else the built-in defaults."
    more = "Set a configuration key; may be repeated."
    function = click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help=more)(function)
    return click.option("--config", type=PATH, metavar="FILE", help=text)(function)


def timed(function: ClickFunction) -> ClickFunction:
    """Add --timeframe, None where it is not given."""
    text = "The length of the candles; default: data.timeframe, else market_data.timeframe."
    return click.option("--timeframe", type=click.Choice(list(TIMEFRAMES)), help=text)(function)


def symbol_of(text: str) -> str:
    """A symbol in capitals. UsageError for a text that is not a symbol."""
    try:
        return symbol_text(text)
    except ValueError as error:
        raise click.UsageError(f"{quoted(text)} {error}") from error


def parse_time(text: str | None, option: str) -> int | None:
    """A time in ms UTC, None for None. UsageError, which names the option, for a text that is not a time."""
    if text is None:
        return None
    try:
        ms = milliseconds(text)
    except ValueError:
        ms = None
    if not isinstance(ms, int) or not 0 <= ms <= LAST_MS:
        raise click.UsageError(f"{option}: expected a date such as 2024-01-31, or ms UTC, got {text[:40]!a}")
    return ms


def called(place: SeriesKey) -> str:
    """The label of a series in messages."""
    return f"{place.exchange} {place.symbol} {place.timeframe}"


def stretch(span: Interval, step_ms: int) -> str:
    """An interval as text: its first and last candle, and how many candles it has room for."""
    since, to = span
    return f"{iso(since)} to {iso(to - step_ms)} ({(to - since) // step_ms:,})"


def stretches(spans: Sequence[Interval], step_ms: int) -> list[str]:
    """The first SHOWN_SPANS intervals as texts, and how many more there are."""
    shown = [stretch(span, step_ms) for span in spans[:SHOWN_SPANS]]
    return [*shown, f"and {len(spans) - SHOWN_SPANS:,} more"] if len(spans) > SHOWN_SPANS else shown
