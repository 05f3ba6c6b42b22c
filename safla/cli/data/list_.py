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
NUMBERS = frozenset(["candles", "gaps", "missing", "believed", "restated", "size"])  # stand to the right
NOTHING = "-"


@click.command("list", epilog=f"{UNWRAPPED}Example: safla data list --json")
@configured
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, one object a series.")
def command(*, config: Path | None, sets: tuple[str, ...], as_json: bool) -> None:
    """List what the store holds: a line a series. Believed are gaps for which the exchange, or a file, has none."""
    cache = Path(loaded(config, sets=sets).config.storage.cache_directory)
    found = listing(cache)
    if as_json:
        click.echo(json.dumps([_object(one) for one in found], indent=2))
        return
    for one in found:
        if one.damage:
            click.echo(printable(f"{called(one.place)}: {one.damage}"), err=True)
    lines = _table([HEADER, *map(_row, found)]) if found else [f"no candles in {cache}"]
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


def _row(one: Listed) -> tuple[str, ...]:
    place = one.place
    ends = [NOTHING if ms is None else iso(ms) for ms in (one.first, one.last)]
    counts = [f"{count:,}" for count in (one.gaps, one.missing, one.believed, one.restated)]
    size = f"{one.bytes / 1_000_000:,.1f} MB"
    return place.exchange, place.symbol, place.timeframe, f"{one.candles:,}", *ends, *counts, size


def _object(one: Listed) -> dict[str, Any]:
    place = one.place
    first, last = (None if ms is None else iso(ms) for ms in (one.first, one.last))
    told = {"exchange": place.exchange, "symbol": place.symbol, "timeframe": place.timeframe}
    counts = {
        name: getattr(one, name) for name in ("candles", "gaps", "missing", "absent", "believed", "restated", "bytes")
    }
    return {**told, "first": first, "last": last, **counts, "damage": one.damage or None, "folder": str(place.folder)}
