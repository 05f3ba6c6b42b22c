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
from safla.data.store.catalog import Verified, places, verify_series
from safla.data.store.intervals import Intervals
from safla.errors import DataError
from safla.exchange.factory import store_folder
from safla.text import printable

WIDTH = 13  # of the labels


@click.command("verify", epilog=f"{UNWRAPPED}Example: safla data verify --timeframe 1h")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL...]")
@configured
@click.option("--timeframe", type=click.Choice(list(TIMEFRAMES)), help="Candles of this length alone.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, one object a series.")
def command(
    *, symbols: tuple[str, ...], config: Path | None, sets: tuple[str, ...], timeframe: str | None, as_json: bool
) -> int:
    """Look at every byte of what is stored: hashes, candles, gaps. Exit 4 if anything is damaged or unsound."""
    wanted = set(map(symbol_of, symbols))
    chosen = loaded(config, sets=sets).config
    cache = Path(chosen.storage.cache_directory)
    there = [one for one in places(cache) if not wanted or (one.symbol in wanted and _of(one.exchange, chosen))]
    there = [one for one in there if timeframe in (None, one.timeframe)]
    unknown = sorted(wanted - {one.symbol for one in there})
    if unknown:
        raise DataError(f"{', '.join(unknown)}: no candles in {cache}; `safla data list` says what there is")
    found = list(map(verify_series, there))
    if as_json:
        click.echo(json.dumps(list(map(_object, found)), indent=2))
    else:
        lines = [line for one in found for line in _lines(one)] or [f"no candles in {cache}"]
        click.echo("\n".join(map(printable, lines)))
    return DataError.exit_code if any(one.damaged for one in found) else 0


def _of(exchange: str, chosen: Any) -> bool:
    return exchange == store_folder(chosen.exchange)


def _lines(one: Verified) -> list[str]:
    step = one.place.step_ms
    span = "" if one.first is None or one.last is None else f", {iso(one.first)} to {iso(one.last)}"
    rows = [
        ("files", [f"{one.files:,}"]),
        ("candles", [f"{one.candles:,}{span}"]),
        ("gaps", stretches(one.unknown, step)),
        ("absent", stretches(_unexplained(one), step)),
        ("absent", [f"{stretch(gap[:2], step)}, believed since {iso(gap[2])}" for gap in one.believed[:SHOWN_SPANS]]),
        ("", [f"and {len(one.believed) - SHOWN_SPANS:,} more"] if len(one.believed) > SHOWN_SPANS else []),
        ("absent", [f"{text}, by an import: the exchange was not asked" for text in stretches(one.imported, step)]),
        ("delisted", [] if one.ended is None else [f"ends {iso(one.ended)}"]),
        ("restated", [f"{one.restated:,} kept apart"] if one.restated else []),
        ("damaged", one.damaged),
        ("set aside", one.aside),
        ("left over", one.strays),
    ]
    heading = f"{called(one.place)}: {'DAMAGED' if one.damaged else 'sound'}"
    return [heading, *(f"  {label:<{WIDTH}}{text}" for label, texts in rows for text in texts)]


def _object(one: Verified) -> dict[str, Any]:
    place = one.place
    told: dict[str, Any] = {"exchange": place.exchange, "symbol": place.symbol, "timeframe": place.timeframe}
    told |= {"sound": not one.damaged, "files": one.files, "candles": one.candles}
    told |= {name: None if ms is None else iso(ms) for name, ms in (("first", one.first), ("last", one.last))}
    told |= {"believed": [_span(gap[:2]) | {"since": iso(gap[2])} for gap in one.believed]}
    told |= {"imported": list(map(_span, one.imported)), "ended": None if one.ended is None else iso(one.ended)}
    told |= {"gaps": list(map(_span, one.unknown)), "absent": list(map(_span, one.absent)), "restated": one.restated}
    return told | {"damaged": list(one.damaged), "set_aside": list(one.aside), "left_over": list(one.strays)}


def _unexplained(one: Verified) -> Intervals:
    """Gaps that were believed before it was kept since when."""
    return intervals.minus(one.absent, [*(gap[:2] for gap in one.believed), *one.imported])


def _span(span: Interval) -> dict[str, str]:
    """A stretch of the grid; `to` is exclusive."""
    return {"from": iso(span[0]), "to": iso(span[1])}
