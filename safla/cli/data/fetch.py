"""`safla data fetch`: arguments, one call, printing."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from safla.cli import UNWRAPPED
from safla.cli.arguments import loaded
from safla.cli.data.options import called, configured, parse_time, symbol_of, timed
from safla.core.candles import iso
from safla.text import counted, printable

if TYPE_CHECKING:
    from safla.core.timeframes import Interval
    from safla.data.backfill import DownloadResult
    from safla.data.service import FetchResult

EXAMPLE = "Example: safla data fetch BTC/USDT --timeframe 1h --from 2024-01-01 --to 2024-02-01"
MOST_STRETCHES = 3  # intervals of one kind that are printed; --json has all


@click.command("fetch", epilog=f"{UNWRAPPED}{EXAMPLE}")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@timed
@click.option(
    "--from", "start", metavar="TIME", help="The first candle, UTC; default: data.start, else the first stored."
)
@click.option("--to", "end", metavar="TIME", help="The end, UTC, exclusive; default: data.end, else now.")
@click.option("--again", is_flag=True, help="Download stored candles too, and compare them.")
@click.option("--accept-restated", is_flag=True, help="Replace stored candles where the exchange now has other values.")
@configured
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    *, symbols: tuple[str, ...], timeframe: str | None, start: str | None, end: str | None, again: bool,
    accept_restated: bool, config: Path | None, sets: tuple[str, ...], quiet: bool, as_json: bool,
) -> int:  # fmt: skip
    """Download candles from the exchange into the store; stored candles are not downloaded again.

    The same command continues where it stopped. Without a SYMBOL it takes those of the configuration. Exit 5 if the
    exchange cannot be reached or rejects a request, 4 for invalid candles, 1 if stored candles were restated.
    """
    from safla.data.service import FetchRequest
    from safla.exchange.server_time import SKEW_SECONDS
    from safla.runs import download

    sets = (*sets, f"market_data.timeframe={timeframe}", f"data.timeframe={timeframe}") if timeframe else sets
    configuration = loaded(config, sets=sets)
    for warning in () if quiet else configuration.warnings:
        if "exchange." in warning:  # warnings about the strategy do not matter here
            click.echo(printable(f"warning: {warning}"), err=True)
    data = configuration.config.data
    since, to = parse_time(start, "--from"), parse_time(end, "--to")
    request = FetchRequest(
        symbols=tuple(dict.fromkeys(map(symbol_of, symbols))) or configuration.symbols,
        start=data.start if since is None else since,
        end=data.end if to is None else to,
        again=again,
        accept_restated=accept_restated,
        fresh_rules=True,
    )
    if request.start is not None and request.end is not None and request.start >= request.end:
        first, end_text = iso(request.start), iso(request.end)
        raise click.UsageError(f"--from {first} is not before --to {end_text}, which is exclusive")
    fetched = download.fetch(configuration.config, request, quiet=quiet)
    click.echo(json.dumps(_object(fetched), indent=2) if as_json else "\n".join(map(printable, _lines(fetched))))
    for note in fetched.notes:
        click.echo(printable(note), err=True)
    skew = fetched.skew_seconds
    if skew is not None and abs(skew) > SKEW_SECONDS and not quiet:
        way = "ahead of" if skew > 0 else "behind"
        click.echo(f"this machine's clock is {abs(skew):.0f} s {way} the exchange's, which is used", err=True)
    errors = [got.error for got in fetched.got if got.error is not None]
    for error in errors:
        click.echo(printable(f"safla: {error}"), err=True)
    if errors:
        return errors[0].exit_code
    return 1 if any(got.restated for got in fetched.got) and not accept_restated else 0


def _lines(fetched: "FetchResult") -> list[str]:
    facts = [
        counted(fetched.counts["requests"], "request"),
        f"{fetched.counts['retries']} of them retries" if fetched.counts["retries"] else "",
        "" if fetched.weight is None else f"request weight {fetched.weight} used in this minute",
    ]
    return [*(line for got in fetched.got for line in _of_symbol(got)), ", ".join(filter(None, facts))]


def _of_symbol(got: "DownloadResult") -> list[str]:
    place, (since, to) = got.order.place, got.order.span
    window = f"{iso(since)} to {iso(to)}" if since < to else "nothing to download"
    facts = [
        f"{counted(got.added, 'candle')} added",
        f"{got.same:,} unchanged" if got.same else "",
        f"{counted(got.reasked, 'page')} requested again" if got.reasked else "",
    ]
    lists = (
        ("gaps of the exchange", tuple(gap for gap in got.absent if got.first is None or gap[1] > got.first)),
        ("still missing", got.missing),
        ("restated, and kept apart (--accept-restated replaces the stored ones)", () if got.accepted else _times(got)),
        ("restated, and replaced", _times(got) if got.accepted else ()),
    )
    late = got.first is not None and since < got.first and not any(gap[0] < got.first for gap in got.missing)
    listed = [f"  not listed yet: candles begin {iso(got.first)}"] if got.first is not None and late else []
    over = [f"  delisted: ends {iso(got.ended)}"] if got.ended is not None else []
    return [
        f"{called(place)}: {window}: {', '.join(filter(None, facts))}",
        *listed,
        *over,
        *(f"  {what}: {_stretches(spans)}" for what, spans in lists if spans),
        *(f"  {note}" for note in got.notes),
    ]


def _times(got: "DownloadResult") -> "tuple[Interval, ...]":
    return tuple((candle.ts, candle.ts) for candle in got.restated)


def _stretches(spans: "tuple[Interval, ...]") -> str:
    shown = [iso(since) if since == to else f"{iso(since)} to {iso(to)}" for since, to in spans[:MOST_STRETCHES]]
    more = f" and {len(spans) - MOST_STRETCHES} more" if len(spans) > MOST_STRETCHES else ""
    return f"{', '.join(shown)}{more}"


def _object(fetched: "FetchResult") -> dict[str, Any]:
    return {
        "symbols": [_row(got) for got in fetched.got],
        "counts": dict(sorted(fetched.counts.items())),
        "weight": fetched.weight,
        "clock_skew_seconds": fetched.skew_seconds,
    }


def _row(got: "DownloadResult") -> dict[str, Any]:
    return {
        "exchange": got.order.place.exchange,
        "symbol": got.order.place.symbol,
        "timeframe": got.order.place.timeframe,
        "asked": list(got.order.span),
        "added": got.added,
        "same": got.same,
        "pages": got.pages,
        "reasked": got.reasked,
        "absent": [list(span) for span in got.absent],
        "restated": [candle._asdict() for candle in got.restated],
        "accepted": got.accepted,
        "missing": [list(span) for span in got.missing],
        "first": got.first,
        "ended": got.ended,
        "notes": list(got.notes),
        "error": None if got.error is None else {"exit_code": got.error.exit_code, "text": str(got.error)},
    }
