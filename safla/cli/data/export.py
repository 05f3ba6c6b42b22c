"""`safla data export`: arguments, one call, printing."""

import json
from pathlib import Path
from typing import Any

import click

from safla.cli import UNWRAPPED
from safla.cli.arguments import PATH, loaded
from safla.cli.data.options import called, configured, parse_time, stretches, symbol_of, timed
from safla.cli.output_file import put_new
from safla.config.plan import source_timeframe
from safla.core.candles import iso
from safla.data import export_files
from safla.data.store.store import Held, SeriesKey, stored_candles
from safla.errors import DataError, UsageError
from safla.exchange.factory import store_folder
from safla.text import printable

EXAMPLE = "Example: safla data export BTC/USDT --timeframe 1h --from 2024-03-01 --to 2024-04-01 --out march.csv"
MAKERS = {"csv": lambda series: export_files.csv_text(series).encode("ascii"), "parquet": export_files.parquet_bytes}


@click.command("export", epilog=f"{UNWRAPPED}{EXAMPLE}")
@click.argument("symbol", metavar="SYMBOL")
@configured
@timed
@click.option("--from", "since", metavar="DATE", help="The first candle, UTC; else the first that is stored.")
@click.option("--to", "until", metavar="DATE", help="The end, UTC, exclusive; else behind the last that is stored.")
@click.option(
    "--format", "kind", type=click.Choice(list(MAKERS)), default="csv", show_default=True, help="Of the file."
)
@click.option("--out", type=PATH, metavar="FILE", help="A new file; else CSV goes to stdout.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as a JSON object; needs --out.")
def command(
    *, symbol: str, config: Path | None, sets: tuple[str, ...], timeframe: str | None, since: str | None,
    until: str | None, kind: str, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Write stored candles as CSV or Parquet, exactly. Exit 4 if none are held there; gaps are said on stderr."""
    if out is None and (as_json or kind != "csv"):
        raise click.UsageError("stdout is for CSV alone; give --out FILE")
    symbol = symbol_of(symbol)
    begin, end = parse_time(since, "--from"), parse_time(until, "--to")
    chosen = loaded(config, sets=sets).config
    timeframe = timeframe or source_timeframe(chosen)
    place = SeriesKey(Path(chosen.storage.cache_directory), store_folder(chosen.exchange), symbol, timeframe)
    found = _held(place, begin, end)
    if found.series is None:
        raise DataError(f"{called(place)}: no candles are stored there; `safla data list` says what there is")
    talk = [*found.notes, *(f"missing {text}" for text in stretches(found.missing, place.step_ms))]
    for line in talk:
        click.echo(printable(f"{called(place)}: {line}"), err=True)
    content = MAKERS[kind](found.series)
    if out is None:
        click.echo(content, nl=False)
        return
    _put(out, content)
    _print(place, found, out, as_json=as_json)


def _held(place: SeriesKey, begin: int | None, end: int | None) -> Held:
    """From the first to the last candle that is stored, where the user does not say otherwise."""
    if begin is None or end is None:
        ends = stored_candles(place, (0, 0))
        begin = (ends.first or 0) if begin is None else begin
        end = (ends.last or 0) + place.step_ms if end is None else end
    return stored_candles(place, (begin, end))


def _put(out: Path, content: bytes) -> None:
    try:
        put_new(out, content)
    except FileExistsError as error:
        raise UsageError(f"{printable(str(out))} exists and stays as it is; name another file") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{printable(str(out))}: its folder does not exist; make it first") from error


def _print(place: SeriesKey, found: Held, out: Path, *, as_json: bool) -> None:
    if found.series is None:
        return
    ts = found.series.columns.ts
    ends = iso(int(ts[0])), iso(int(ts[-1]))
    if as_json:
        told: dict[str, Any] = {"file": str(out), "candles": len(ts), "first": ends[0], "last": ends[1]}
        click.echo(json.dumps(told | {"missing": len(found.missing)}, indent=2))
        return
    click.echo(printable(f"{called(place)}: {len(ts):,} candles, {ends[0]} to {ends[1]}, in {out}"))
