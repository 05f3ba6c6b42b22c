"""`safla data import`: arguments, one call a file, printing."""

import json
from pathlib import Path
from typing import Any, Literal

import click

from safla.candles.normalise import FIELDS
from safla.cli import UNWRAPPED
from safla.cli.arguments import PATH, loaded
from safla.cli.data.options import called, configured, symbol_of
from safla.clock import SYSTEM
from safla.config.plan import source_timeframe
from safla.core.candles import iso
from safla.core.timeframes import TIMEFRAMES
from safla.data.import_files import ImportedFile, Wanted, join, series_of_file, take
from safla.data.source import columns_of, snap_decimals
from safla.errors import Finding
from safla.exchange.factory import store_folder
from safla.text import printable

SHOWN = 3  # restated candles of a file

EXAMPLE = "Example: safla data import configs/data/SYNTHETIC-BTCUSDT-1h-2024.zip --symbol BTC/USDT"


@click.command("import", epilog=f"{UNWRAPPED}{EXAMPLE}")
@click.argument("files", type=PATH, nargs=-1, required=True, metavar="FILE...")
@configured
@click.option("--symbol", metavar="SYMBOL", help="Whose candles they are; else told by the name of an archive.")
@click.option(
    "--timeframe", type=click.Choice(list(TIMEFRAMES)),
    help="Their length; else told by the name of an archive, or market_data.timeframe.",
)  # fmt: skip
@click.option(
    "--columns", "columns", multiple=True, metavar="FIELD=NAME",
    help="The column of ts, open, high, low, close or volume, by name or position; may be given several times. "
    "Else data.columns, and what that leaves out is told by the header.",
)  # fmt: skip
@click.option(
    "--time-zone", metavar="ZONE", help="Of dates that name none, such as UTC or Europe/Berlin; else data.time_zone."
)
@click.option(
    "--last-candle", type=click.Choice(["keep", "drop"]), default="drop", show_default=True,
    help="The last candle of a file: nothing proves that it is closed. Archives hold closed ones.",
)  # fmt: skip
@click.option(
    "--bad-rows", "bad_rows", type=click.Choice(["refuse", "drop"]),
    help="What becomes of rows that are no sound candles; drop: left out. Else data.bad_rows.",
)  # fmt: skip
@click.option("--accept-restated", is_flag=True, help="Replace stored candles that have other values.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, one object a file.")
def command(
    *, files: tuple[Path, ...], config: Path | None, sets: tuple[str, ...], symbol: str | None, timeframe: str | None,
    columns: tuple[str, ...], time_zone: str | None, last_candle: Literal["keep", "drop"],
    bad_rows: Literal["refuse", "drop"] | None, accept_restated: bool, as_json: bool,
) -> int:  # fmt: skip
    """Take candles from CSV, JSON, Parquet, Feather or Binance archives into the store.

    Exit 1 if stored ones have other values.
    """
    sets = (*sets, *(f"data.columns.{one}" for one in map(_column, columns)))
    sets = sets if time_zone is None else (*sets, f"data.time_zone={time_zone}")
    chosen = loaded(config, sets=sets).config
    grids = {one: snap_decimals(chosen, one) for one in chosen.markets}
    wanted = Wanted(
        cache=Path(chosen.storage.cache_directory), exchange=store_folder(chosen.exchange),
        symbol=None if symbol is None else symbol_of(symbol), timeframe=timeframe,
        usual_timeframe=source_timeframe(chosen),
        columns=columns_of(chosen), zone=chosen.data.time_zone,
        grids={one: places for one, places in grids.items() if places is not None},
        last_candle=last_candle, accept_restated=accept_restated, bad_rows=bad_rows or chosen.data.bad_rows,
    )  # fmt: skip
    paths = list(map(str, files))
    for path in paths:
        series_of_file(path, wanted)  # so that nothing is stored where one of the names is not clear
    found = []
    for path in paths:
        one = take(path, wanted, at=int(SYSTEM.wall() * 1000))
        for note in one.notes:
            click.echo(printable(note), err=True)
        found.append(one)
        if not as_json:
            click.echo(printable(_line(one)))
    join(found)
    if as_json:
        click.echo(json.dumps(list(map(_object, found)), indent=2))
    differing = sum(len(one.merged.restated) for one in found)
    if not differing:
        return 0
    details = [line for one in found for line in _restated(one)]
    text = f"{differing} candles differ from those that are stored, which stand; --accept-restated takes the others"
    raise Finding(text, *details)


def _column(text: str) -> str:
    field, equals, _ = text.partition("=")
    if not equals or field not in FIELDS:
        raise click.UsageError(
            f"--columns {text[:60]!a}: expected FIELD=NAME, where FIELD is one of {', '.join(FIELDS)}"
        )
    return text


def _line(one: ImportedFile) -> str:
    merged = one.merged
    replaced = f", {merged.accepted:,} replaced" if merged.accepted else ""
    gaps = f", {one.gaps.number:,} gaps ({one.gaps.missing:,} candles)" if one.gaps.number else ""
    bad = f", {one.bad_rows:,} bad row{'' if one.bad_rows == 1 else 's'} left out" if one.bad_rows else ""
    told = f"{one.candles:,} candles, {merged.added:,} new, {merged.same:,} known{replaced}{gaps}{bad}"
    return f"{called(one.place)}: {told}, from {one.file}"


def _restated(one: ImportedFile) -> list[str]:
    rows = one.merged.restated
    lines = [
        f"  {called(one.place)} {iso(row.ts)}: stored {' '.join(row.stored)}, offered {' '.join(row.offered)}"
        for row in rows[:SHOWN]
    ]
    return [*lines, f"  and {len(rows) - SHOWN:,} more"] if len(rows) > SHOWN else lines


def _object(one: ImportedFile) -> dict[str, Any]:
    place, merged = one.place, one.merged
    told = {"file": one.file, "exchange": place.exchange, "symbol": place.symbol, "timeframe": place.timeframe}
    counts = {"candles": one.candles, "added": merged.added, "same": merged.same, "accepted": merged.accepted}
    restated = [{**row._asdict(), "ts": iso(row.ts)} for row in merged.restated]
    counts |= {"bad_rows": one.bad_rows, "without_trade": one.without_trade}
    return {**told, **counts, "gaps": one.gaps.number, "missing": one.gaps.missing, "restated": restated}
