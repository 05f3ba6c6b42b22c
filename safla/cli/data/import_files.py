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
from safla.data.import_files import ImportedFile, Wanted, imported, join, series_of_file
from safla.data.source import columns_of, snap_decimals
from safla.errors import Finding
from safla.exchange.factory import store_folder
from safla.text import printable

SHOWN = 3  # restated candles that are listed for each file

EXAMPLE = "Example: safla data import configs/data/SYNTHETIC-BTCUSDT-1h-2024.zip --symbol BTC/USDT"


@click.command("import", epilog=f"{UNWRAPPED}{EXAMPLE}")
@click.argument("files", type=PATH, nargs=-1, required=True, metavar="FILE...")
@configured
@click.option("--symbol", metavar="SYMBOL", help="The symbol of the candles; default: from the name of an archive.")
@click.option(
    "--timeframe", type=click.Choice(list(TIMEFRAMES)),
    help="The length of the candles; default: from the name of an archive, else market_data.timeframe.",
)  # fmt: skip
@click.option(
    "--columns", "columns", multiple=True, metavar="FIELD=NAME",
    help="The column of ts, open, high, low, close or volume, by name or position; may be repeated. "
    "Default: data.columns; what that leaves out is found by the header.",
)  # fmt: skip
@click.option(
    "--time-zone",
    metavar="ZONE",
    help="For dates without a zone, such as UTC or Europe/Berlin; default: data.time_zone.",
)
@click.option(
    "--last-candle", type=click.Choice(["keep", "drop"]), default="drop", show_default=True,
    help="The last candle of a series, which may not be closed. Archives only have closed ones.",
)  # fmt: skip
@click.option(
    "--bad-rows", "bad_rows", type=click.Choice(["refuse", "drop"]),
    help="Stop at rows that are not valid candles, or leave them out. Default: data.bad_rows.",
)  # fmt: skip
@click.option("--accept-restated", is_flag=True, help="Replace stored candles where the file has other values.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with one object for each file.")
def command(
    *, files: tuple[Path, ...], config: Path | None, sets: tuple[str, ...], symbol: str | None, timeframe: str | None,
    columns: tuple[str, ...], time_zone: str | None, last_candle: Literal["keep", "drop"],
    bad_rows: Literal["refuse", "drop"] | None, accept_restated: bool, as_json: bool,
) -> int:  # fmt: skip
    """Import candles from CSV, JSON, Parquet, Feather or Binance archives into the store.

    Exit 1 if stored candles have other values.
    """
    sets = (*sets, *(f"data.columns.{column}" for column in map(_column, columns)))
    sets = sets if time_zone is None else (*sets, f"data.time_zone={time_zone}")
    chosen = loaded(config, sets=sets).config
    grids = {name: snap_decimals(chosen, name) for name in chosen.markets}
    wanted = Wanted(
        cache=Path(chosen.storage.cache_directory), exchange=store_folder(chosen.exchange),
        symbol=None if symbol is None else symbol_of(symbol), timeframe=timeframe,
        usual_timeframe=source_timeframe(chosen),
        columns=columns_of(chosen), zone=chosen.data.time_zone,
        grids={name: places for name, places in grids.items() if places is not None},
        last_candle=last_candle, accept_restated=accept_restated, bad_rows=bad_rows or chosen.data.bad_rows,
    )  # fmt: skip
    paths = list(map(str, files))
    for path in paths:
        series_of_file(path, wanted)  # raises for an unclear name before anything is stored
    taken = []
    for file in imported(paths, wanted, now=lambda: int(SYSTEM.wall() * 1000)):
        for note in file.notes:
            click.echo(printable(note), err=True)
        taken.append(file)
        if not as_json:
            click.echo(printable(_line(file)))
    join(taken)
    if as_json:
        click.echo(json.dumps(list(map(_object, taken)), indent=2))
    differing = sum(len(file.merged.restated) for file in taken)
    if not differing:
        return 0
    details = [line for file in taken for line in _restated(file)]
    text = f"{differing} candles differ from stored ones, which were kept; --accept-restated replaces the stored ones"
    raise Finding(text, *details, code="candles_restated")


def _column(text: str) -> str:
    field, equals, _ = text.partition("=")
    if not equals or field not in FIELDS:
        raise click.UsageError(
            f"--columns {text[:60]!a}: expected FIELD=NAME, where FIELD is one of {', '.join(FIELDS)}"
        )
    return text


def _line(file: ImportedFile) -> str:
    merged = file.merged
    replaced = f", {merged.accepted:,} replaced" if merged.accepted else ""
    gaps = f", {file.gaps.number:,} gaps ({file.gaps.missing:,} candles)" if file.gaps.number else ""
    bad = f", {file.bad_rows:,} bad row{'' if file.bad_rows == 1 else 's'} left out" if file.bad_rows else ""
    counts = f"{file.candles:,} candles, {merged.added:,} new, {merged.same:,} known{replaced}{gaps}{bad}"
    return f"{called(file.place)}: {counts}, from {file.file}"


def _restated(file: ImportedFile) -> list[str]:
    rows = file.merged.restated
    lines = [
        f"  {called(file.place)} {iso(row.ts)}: stored {' '.join(row.stored)}, offered {' '.join(row.offered)}"
        for row in rows[:SHOWN]
    ]
    return [*lines, f"  and {len(rows) - SHOWN:,} more"] if len(rows) > SHOWN else lines


def _object(file: ImportedFile) -> dict[str, Any]:
    place, merged = file.place, file.merged
    series = {"file": file.file, "exchange": place.exchange, "symbol": place.symbol, "timeframe": place.timeframe}
    counts = {"candles": file.candles, "added": merged.added, "same": merged.same, "accepted": merged.accepted}
    restated = [{**row._asdict(), "ts": iso(row.ts)} for row in merged.restated]
    counts |= {"bad_rows": file.bad_rows, "without_trade": file.without_trade}
    return {**series, **counts, "gaps": file.gaps.number, "missing": file.gaps.missing, "restated": restated}
