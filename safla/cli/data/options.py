"""What the commands of `safla data` share: configuration, times, how a series is called. Nothing is printed here."""

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
    """The options from which the configuration comes."""
    text = "Else ./config.yaml if it exists, or the defaults."
    more = "Overlay a value; may be given several times."
    function = click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help=more)(function)
    return click.option("--config", type=PATH, metavar="FILE", help=text)(function)


def timed(function: ClickFunction) -> ClickFunction:
    """The option for a timeframe; None where it is not given."""
    text = "The length of the candles; else data.timeframe, or market_data.timeframe."
    return click.option("--timeframe", type=click.Choice(list(TIMEFRAMES)), help=text)(function)


def symbol_of(text: str) -> str:
    """A symbol as an argument, in capitals. UsageError for what is none."""
    try:
        return symbol_text(text)
    except ValueError as error:
        raise click.UsageError(f"{quoted(text)} {error}") from error


def parse_time(text: str | None, option: str) -> int | None:
    """A time as ms UTC."""
    if text is None:
        return None
    try:
        ms = milliseconds(text)
    except ValueError:
        ms = None
    if not isinstance(ms, int) or not 0 <= ms <= LAST_MS:
        raise click.UsageError(f"{option}: {text[:40]!a} is no date such as 2024-01-31, or ms UTC")
    return ms


def called(place: SeriesKey) -> str:
    """How a series is called."""
    return f"{place.exchange} {place.symbol} {place.timeframe}"


def stretch(span: Interval, step_ms: int) -> str:
    """A stretch of the grid by its first and last candle, and how many there would be."""
    since, to = span
    return f"{iso(since)} to {iso(to - step_ms)} ({(to - since) // step_ms:,})"


def stretches(spans: Sequence[Interval], step_ms: int) -> list[str]:
    """Of many stretches the first, and how many more there are."""
    shown = [stretch(span, step_ms) for span in spans[:SHOWN_SPANS]]
    return [*shown, f"and {len(spans) - SHOWN_SPANS:,} more"] if len(spans) > SHOWN_SPANS else shown
