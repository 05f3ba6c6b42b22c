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
from safla.data.store.store import SeriesKey, StoredCandles, stored_candles
from safla.errors import DataError, UsageError
from safla.exchange.factory import store_folder
from safla.text import printable

EXAMPLE = "Example: safla data export BTC/USDT --timeframe 1h --from 2024-03-01 --to 2024-04-01 --out march.csv"
MAKERS = {"csv": lambda series: export_files.csv_text(series).encode("ascii"), "parquet": export_files.parquet_bytes}


@click.command("export", epilog=f"{UNWRAPPED}{EXAMPLE}")
@click.argument("symbol", metavar="SYMBOL")
@configured
@timed
@click.option("--from", "since", metavar="DATE", help="The first candle, UTC; default: the first stored one.")
@click.option("--to", "until", metavar="DATE", help="The end, UTC, exclusive; default: after the last stored candle.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(list(MAKERS)),
    default="csv",
    show_default=True,
    help="The format of the file.",
)
@click.option("--out", type=PATH, metavar="FILE", help="A new file; default: CSV goes to stdout.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as a JSON object; needs --out.")
def command(
    *, symbol: str, config: Path | None, sets: tuple[str, ...], timeframe: str | None, since: str | None,
    until: str | None, kind: str, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Write stored candles as CSV or Parquet, exactly. Exit 4 if none are stored; gaps are listed on stderr."""
    if out is None and (as_json or kind != "csv"):
        raise click.UsageError("stdout takes only CSV; name a file with --out FILE")
    symbol = symbol_of(symbol)
    begin, end = parse_time(since, "--from"), parse_time(until, "--to")
    chosen = loaded(config, sets=sets).config
    timeframe = timeframe or source_timeframe(chosen)
    place = SeriesKey(Path(chosen.storage.cache_directory), store_folder(chosen.exchange), symbol, timeframe)
    held = _stored(place, begin, end)
    if held.series is None:
        raise DataError(
            f"{called(place)}: no candles are stored in this period; `safla data list` shows what is stored",
            code="no_candles_in_period",
        )
    notes = [*held.notes, *(f"missing {text}" for text in stretches(held.missing, place.step_ms))]
    for note in notes:
        click.echo(printable(f"{called(place)}: {note}"), err=True)
    content = MAKERS[kind](held.series)
    if out is None:
        click.echo(content, nl=False)
        return
    _put(out, content)
    _print(place, held, out, as_json=as_json)


def _stored(place: SeriesKey, begin: int | None, end: int | None) -> StoredCandles:
    """The stored candles from begin to end; None: from the first or to the last one."""
    if begin is None or end is None:
        ends = stored_candles(place, (0, 0))
        begin = (ends.first or 0) if begin is None else begin
        end = (ends.last or 0) + place.step_ms if end is None else end
    return stored_candles(place, (begin, end))


def _put(out: Path, content: bytes) -> None:
    try:
        put_new(out, content)
    except FileExistsError as error:
        raise UsageError(
            f"{printable(str(out))}: exists and is not overwritten; name another file", code="exists_already"
        ) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(
            f"{printable(str(out))}: its folder does not exist; make it first", code="invalid_argument"
        ) from error


def _print(place: SeriesKey, held: StoredCandles, out: Path, *, as_json: bool) -> None:
    if held.series is None:
        return
    ts = held.series.columns.ts
    ends = iso(int(ts[0])), iso(int(ts[-1]))
    if as_json:
        row: dict[str, Any] = {"file": str(out), "candles": len(ts), "first": ends[0], "last": ends[1]}
        click.echo(json.dumps(row | {"missing": len(held.missing)}, indent=2))
        return
    click.echo(printable(f"{called(place)}: {len(ts):,} candles, {ends[0]} to {ends[1]}, in {out}"))
