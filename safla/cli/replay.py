"""`safla replay`: arguments, one call, printing."""

import json
import re
from pathlib import Path
from typing import Any

import click
import msgspec

from safla.cli import Session
from safla.cli.arguments import PATH
from safla.text import counted, printable


@click.command("replay", epilog="Example: safla replay logs/btc-*")
@click.argument("run", type=PATH, metavar="RUN")
@click.option("--books", "books_only", is_flag=True, help="Stop after the books: no candles are needed.")
@click.option(
    "--engine", type=click.Choice(["auto", "interpreted", "compiled"]), default="auto", show_default=True,
    help="The form of the engine; it changes speed, never a result.",
)  # fmt: skip
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="What if: another value of the plan.")
@click.option("--out", type=PATH, metavar="DIR", help="With --set: keep that run in a new folder.")
@click.option("--until", "moment", metavar="TIME", help="Show modes, positions and account at a candle.")
@click.option(
    "--watch", "pace", metavar="PACE", help="Show candle by candle: 1x is real time, 60x sixty times that, or max."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_obj
def command(
    session: Session, *, run: Path, books_only: bool, engine: str, sets: tuple[str, ...], out: Path | None,
    moment: str | None, pace: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Verify a run folder or its journal: the chain, the books, and every decision again. It writes nothing.

    Exit 0 if all of them hold, 1 if books or decisions differ, 4 if the chain or the candles are damaged. With --set it
    asks instead what the recorded candles would have come to under another plan, with --until where the run stood; with
    --watch it shows the run again.
    """
    from safla.runs.replay import replay_run

    if (moment is not None) + (pace is not None) + bool(sets) + books_only > 1:
        raise click.UsageError("--books, --set, --until and --watch are four questions: ask one at a time")
    if out is not None and not sets:
        raise click.UsageError("--out keeps the run that --set asks for: name both")
    if moment is not None:
        return _until(run, moment, engine=engine, as_json=as_json)
    if pace is not None:
        return _watch(run, pace, engine=engine, as_json=as_json)
    if sets:
        session.folder = out
        return _what_if(run, sets, engine=engine, out=out, as_json=as_json)
    found = replay_run(run, books_only=books_only, engine=engine, say=_say)
    if as_json:
        click.echo(json.dumps(_answer(found), indent=2))
    else:
        for line in _lines(found):
            click.echo(printable(line))
    return 1 if found.books.differences or (found.decisions and found.decisions.difference) else 0


def _say(text: str) -> None:
    """A note for a person."""
    click.echo(printable(text), err=True)


def _until(run: Path, moment: str, *, engine: str, as_json: bool) -> int:
    from safla.config.types import milliseconds
    from safla.report.account_state import stand, stand_lines
    from safla.runs.replay_until import until

    try:
        ms = milliseconds(moment)
    except ValueError as error:
        raise click.UsageError(f"--until {moment[:80]}: a date is due, such as 2024-01-31T13:00Z, or ms UTC") from error
    assert isinstance(ms, int), "a text becomes a time, or is refused"
    found = until(run, ms, engine=engine, say=_say)
    told = stand(found.run, found.ts, state=found.state)
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return 0
    for line in stand_lines(told):
        click.echo(printable(line))
    return 0


def _watch(run: Path, pace: str, *, engine: str, as_json: bool) -> int:
    from safla.report.account_state import stand, watched_lines
    from safla.runs.interrupt import watched
    from safla.runs.replay_watch import ReplayPace, watch_replay

    if not re.fullmatch(r"[1-9][0-9]{0,5}x|max", pace):
        raise click.UsageError(f"--watch {pace[:80]}: a pace is due, such as 1x (real time) or 60x, or max")
    times = None if pace == "max" else int(pace.removesuffix("x"))
    with watched() as flag:
        for seen in watch_replay(run, ReplayPace(times, flag=flag), engine=engine, say=_say):
            told = stand(seen.run, seen.ts, state=seen.state)
            if as_json:
                click.echo(json.dumps({**told, "events": [msgspec.to_builtins(event) for event in seen.events]}))
                continue
            for line in watched_lines(told, seen.events):
                click.echo(printable(line))
    return 0


def _what_if(run: Path, sets: tuple[str, ...], *, engine: str, out: Path | None, as_json: bool) -> int:
    from safla.report.summary import summarise, write_summary
    from safla.report.tables import beside_lines
    from safla.runs.folder import SUMMARY
    from safla.runs.what_if import what_if

    found = what_if(run, sets, engine=engine, say=_say, out=out)
    before, after = (summarise(one, risk_free_rate=0.0) for one in (found.before, found.after))
    if out is not None:
        write_summary(out / SUMMARY, after)
    if as_json:
        first = {"was": json.loads(found.was or "null"), "would_be": json.loads(found.would_be or "null")}
        click.echo(json.dumps({"before": before, "after": after, "first_difference": first}, indent=2))
        return 0
    for line in beside_lines(before, after, changed=" ".join(sets)):
        click.echo(printable(line))
    click.echo("first difference" if found.was != found.would_be else "no difference")
    for label, event in (("was", found.was), ("would be", found.would_be)):
        if found.was != found.would_be:
            click.echo(f"  {label + ':':<10}{printable(event) or 'nothing'}")
    return 0


def _lines(found: Any) -> list[str]:
    """The three steps, a line each, and what differs."""
    tail, books, decisions = found.tail, found.books, found.decisions
    torn = f"; {counted(tail.torn, 'byte')} of a torn line after them" if tail.torn else ""
    torn += "; the last of them lacks its newline" if tail.unended else ""
    lines = [f"chain      {counted(tail.lines, 'line')}, last hash {tail.h}{torn}"]
    left_out = f"; not told at this detail: {', '.join(books.left_out)}" if books.left_out else ""
    lines.append(
        f"books      {counted(sum(books.counts.values()), 'event')}, {counted(books.differing, 'difference')}{left_out}"
    )
    lines += [
        f"  line {one.n}: {one.rule}: {one.what}: told {one.told}, found {one.found}" for one in books.differences
    ]
    if decisions is None:
        return lines
    again = f"{counted(decisions.candles, 'candle')} again, {counted(decisions.lines, 'line')}"
    lines.append(f"decisions  {again}: {counted(int(decisions.difference is not None), 'difference')}")
    if decisions.difference:
        lines += _difference_lines(decisions.difference)
    if not found.anchored:
        lines.append("without anchor: there is no head that says how long it was")
    if not books.ended:
        lines.append("the run has not ended: the same `safla run` goes on")
    return lines


def _difference_lines(difference: Any) -> list[str]:
    from safla.core.candles import iso

    time = f" at {iso(difference.ts)}" if difference.ts is not None else ""
    fields = f": {', '.join(difference.fields)}" if difference.fields else ""
    return [
        f"  first difference in line {difference.n}{time}{fields}",
        f"  there: {difference.there or 'nothing'}",
        f"  now:   {difference.now or 'nothing'}",
    ]


def _answer(found: Any) -> dict[str, Any]:
    decisions = found.decisions
    return {
        "chain": {"lines": found.tail.lines, "last_hash": found.tail.h, "torn_bytes": found.tail.torn},
        "books": {
            "events": found.books.counts,
            "differences": [one._asdict() for one in found.books.differences],
            "differing": found.books.differing,
            "left_out": list(found.books.left_out),
        },
        "decisions": decisions
        and {
            "candles": decisions.candles,
            "lines": decisions.lines,
            "difference": decisions.difference and decisions.difference._asdict(),
        },
        "ended": found.books.ended,
    }
