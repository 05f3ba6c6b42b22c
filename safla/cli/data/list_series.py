"""`safla data list`: arguments, one call, printing."""

import json
from pathlib import Path
from typing import Any

import click

from safla.cli import UNWRAPPED
from safla.cli.arguments import loaded
from safla.cli.data.options import called, configured
from safla.core.candles import iso
from safla.data.store.catalog import Listed, listing
from safla.text import printable

HEADER = (
    "exchange",
    "symbol",
    "timeframe",
    "candles",
    "from",
    "to",
    "gaps",
    "missing",
    "believed",
    "restated",
    "size",
)
NUMBERS = frozenset(["candles", "gaps", "missing", "believed", "restated", "size"])  # right-aligned
NOTHING = "-"


@click.command("list", epilog=f"{UNWRAPPED}Example: safla data list --json")
@configured
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with one object for each series.")
def command(*, config: Path | None, sets: tuple[str, ...], as_json: bool) -> None:
    """List the stored series, one a line. Believed are missing candles that the exchange, or a file, does not have."""
    cache = Path(loaded(config, sets=sets).config.storage.cache_directory)
    stored = listing(cache)
    if as_json:
        click.echo(json.dumps([_object(series) for series in stored], indent=2))
        return
    for series in stored:
        if series.damage:
            click.echo(printable(f"{called(series.place)}: {series.damage}"), err=True)
    lines = _table([HEADER, *map(_row, stored)]) if stored else [f"no candles in {cache}"]
    click.echo("\n".join(map(printable, lines)))


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [name in NUMBERS for name in HEADER]
    return [
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _row(series: Listed) -> tuple[str, ...]:
    place = series.place
    ends = [NOTHING if ms is None else iso(ms) for ms in (series.first, series.last)]
    counts = [f"{count:,}" for count in (series.gaps, series.missing, series.believed, series.restated)]
    size = f"{series.bytes / 1_000_000:,.1f} MB"
    return place.exchange, place.symbol, place.timeframe, f"{series.candles:,}", *ends, *counts, size


def _object(series: Listed) -> dict[str, Any]:
    place = series.place
    first, last = (None if ms is None else iso(ms) for ms in (series.first, series.last))
    names = ("candles", "gaps", "missing", "absent", "believed", "restated", "bytes")
    return {
        "exchange": place.exchange,
        "symbol": place.symbol,
        "timeframe": place.timeframe,
        "first": first,
        "last": last,
        **{name: getattr(series, name) for name in names},
        "damage": series.damage or None,
        "folder": str(place.folder),
    }
