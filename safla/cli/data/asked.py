"""What the commands of `safla data` share: configuration, times, how a series is called. Nothing is printed here."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from safla.config.load import Loaded, load
from safla.config.types import LAST_MS, SYMBOL, milliseconds
from safla.core.candles import TIMEFRAMES, iso
from safla.data.store.spans import Span
from safla.data.store.store import Place

DEFAULT = Path("config.yaml")
SHOWN_SPANS = 20

Command = Callable[..., Any]


def configured(function: Command) -> Command:
    """The options from which the configuration comes."""
    path = click.Path(path_type=Path)
    text = "Else ./config.yaml if it exists, or the defaults."
    more = "Overlay a value; may be given several times."
    function = click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help=more)(function)
    return click.option("--config", type=path, metavar="FILE", help=text)(function)


def timed(function: Command) -> Command:
    """The option for a timeframe; None where it is not given."""
    text = "The length of the candles; else data.timeframe, or market_data.timeframe."
    return click.option("--timeframe", type=click.Choice(list(TIMEFRAMES)), help=text)(function)


def loaded(config: Path | None, *, sets: Sequence[str]) -> Loaded:
    """The configuration that counts."""
    return load(config or (DEFAULT if DEFAULT.exists() else None), sets=sets, environment=os.environ)


def symbol_of(text: str) -> str:
    """A symbol as an argument. UsageError for what is none."""
    if not SYMBOL.fullmatch(text):
        raise click.UsageError(f"{text[:40]!a} is no symbol such as BTC/USDT")
    return text


def moment(text: str | None, option: str) -> int | None:
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


def called(place: Place) -> str:
    """How a series is called."""
    return f"{place.exchange} {place.symbol} {place.timeframe}"


def stretch(span: Span, step_ms: int) -> str:
    """A stretch of the grid by its first and last candle, and how many there would be."""
    since, to = span
    return f"{iso(since)} to {iso(to - step_ms)} ({(to - since) // step_ms:,})"


def stretches(spans: Sequence[Span], step_ms: int) -> list[str]:
    """Of many stretches the first, and how many more there are."""
    shown = [stretch(span, step_ms) for span in spans[:SHOWN_SPANS]]
    return [*shown, f"and {len(spans) - SHOWN_SPANS:,} more"] if len(spans) > SHOWN_SPANS else shown
