"""`safla data verify`: arguments, one call a series, printing."""

import json
from pathlib import Path
from typing import Any

import click

from safla.cli import UNWRAPPED
from safla.cli.arguments import loaded
from safla.cli.data.options import SHOWN_SPANS, called, configured, stretch, stretches, symbol_of
from safla.core.candles import iso
from safla.core.timeframes import TIMEFRAMES, Interval
from safla.data.store import intervals
from safla.data.store.catalog import SeriesCheck, places, verify_series
from safla.data.store.intervals import Intervals
from safla.errors import DataError
from safla.exchange.factory import store_folder
from safla.text import printable

WIDTH = 13  # of the labels


@click.command("verify", epilog=f"{UNWRAPPED}Example: safla data verify --timeframe 1h")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL...]")
@configured
@click.option("--timeframe", type=click.Choice(list(TIMEFRAMES)), help="Only candles of this length.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with one object for each series.")
def command(
    *, symbols: tuple[str, ...], config: Path | None, sets: tuple[str, ...], timeframe: str | None, as_json: bool
) -> int:
    """Check every stored byte: hashes, candles, gaps. Exit 4 if anything is damaged or invalid."""
    wanted = set(map(symbol_of, symbols))
    chosen = loaded(config, sets=sets).config
    cache = Path(chosen.storage.cache_directory)
    exchange = store_folder(chosen.exchange)
    stored = [key for key in places(cache) if not wanted or (key.symbol in wanted and key.exchange == exchange)]
    stored = [key for key in stored if timeframe in (None, key.timeframe)]
    unknown = sorted(wanted - {key.symbol for key in stored})
    if unknown:
        raise DataError(
            f"{', '.join(unknown)}: no candles in {cache}; `safla data list` shows what is stored", code="no_candles"
        )
    results = list(map(verify_series, stored))
    if as_json:
        click.echo(json.dumps(list(map(_object, results)), indent=2))
    else:
        lines = [line for result in results for line in _lines(result)] or [f"no candles in {cache}"]
        click.echo("\n".join(map(printable, lines)))
    return DataError.exit_code if any(result.damaged for result in results) else 0


def _lines(result: SeriesCheck) -> list[str]:
    step = result.place.step_ms
    span = "" if result.first is None or result.last is None else f", {iso(result.first)} to {iso(result.last)}"
    rows = [
        ("files", [f"{result.files:,}"]),
        ("candles", [f"{result.candles:,}{span}"]),
        ("gaps", stretches(result.unknown, step)),
        ("absent", stretches(_unexplained(result), step)),
        (
            "absent",
            [f"{stretch(gap[:2], step)}, believed since {iso(gap[2])}" for gap in result.believed[:SHOWN_SPANS]],
        ),
        ("", [f"and {len(result.believed) - SHOWN_SPANS:,} more"] if len(result.believed) > SHOWN_SPANS else []),
        (
            "absent",
            [f"{text}, by an import: not checked with the exchange" for text in stretches(result.imported, step)],
        ),
        ("delisted", [] if result.ended is None else [f"ends {iso(result.ended)}"]),
        ("restated", [f"{result.restated:,} kept apart"] if result.restated else []),
        ("damaged", result.damaged),
        ("set aside", result.aside),
        ("left over", result.strays),
    ]
    heading = f"{called(result.place)}: {'DAMAGED' if result.damaged else 'sound'}"
    return [heading, *(f"  {label:<{WIDTH}}{text}" for label, texts in rows for text in texts)]


def _object(result: SeriesCheck) -> dict[str, Any]:
    place = result.place
    values: dict[str, Any] = {"exchange": place.exchange, "symbol": place.symbol, "timeframe": place.timeframe}
    values |= {"sound": not result.damaged, "files": result.files, "candles": result.candles}
    values |= {name: None if ms is None else iso(ms) for name, ms in (("first", result.first), ("last", result.last))}
    values |= {"believed": [_span(gap[:2]) | {"since": iso(gap[2])} for gap in result.believed]}
    values |= {
        "imported": list(map(_span, result.imported)),
        "ended": None if result.ended is None else iso(result.ended),
    }
    values |= {
        "gaps": list(map(_span, result.unknown)),
        "absent": list(map(_span, result.absent)),
        "restated": result.restated,
    }
    return values | {"damaged": list(result.damaged), "set_aside": list(result.aside), "left_over": list(result.strays)}


def _unexplained(result: SeriesCheck) -> Intervals:
    """Absent candles without a date: stores of earlier versions did not keep since when a gap was believed."""
    return intervals.minus(result.absent, [*(gap[:2] for gap in result.believed), *result.imported])


def _span(span: Interval) -> dict[str, str]:
    """An interval; `to` is exclusive."""
    return {"from": iso(span[0]), "to": iso(span[1])}
