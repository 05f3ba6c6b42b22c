"""`safla replay`: arguments, one call, printing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from safla.cli import Session
from safla.cli.arguments import PATH, STRATEGY
from safla.cli.strategy_option import off_stdout, register_of
from safla.text import counted, printable

PACE = re.compile(r"[1-9][0-9]{0,5}x|max")


@click.command("replay", epilog="Example: safla replay logs/btc-*")
@click.argument("run", type=PATH, metavar="RUN")
@click.option("--books", "books_only", is_flag=True, help="Check only chain and books, which need no candles.")
@click.option(
    "--engine", type=click.Choice(["auto", "interpreted", "compiled"]), default="auto", show_default=True,
    help="How the engine runs; it changes the speed, never a result.",
)  # fmt: skip
@STRATEGY
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="What if: simulate with another plan.")
@click.option("--other-code", is_flag=True, help="What if: simulate with the code of --strategy, not the run's.")
@click.option("--out", type=PATH, metavar="DIR", help="With --set or --other-code: write that run to a new folder.")
@click.option("--until", "moment", metavar="TIME", help="Show modes, positions and account at a candle.")
@click.option(
    "--watch",
    "pace",
    metavar="PACE",
    help="Show candle by candle: 1x is real time, 60x sixty times as fast, max at once.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(
    session: Session, *, run: Path, books_only: bool, engine: str, codes: tuple[str, ...], sets: tuple[str, ...],
    other_code: bool, out: Path | None, moment: str | None, pace: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Verify a run folder or its journal: the chain, the books, and every decision again. It writes nothing.

    Exit 0 if nothing differs, 1 if books or decisions differ, 4 if the chain or the candles are damaged. With --set it
    instead simulates the recorded candles under another plan, with --until it shows the account at a time, and with
    --watch it shows the run again.
    """
    from safla.runs.recording import strategy_name
    from safla.runs.replay import replay_run
    from safla.runs.strategy_code.place import places_of
    from safla.strategies.register import STRATEGIES

    changed = bool(sets) or other_code
    if (moment is not None) + (pace is not None) + changed + books_only > 1:
        raise click.UsageError("--books, --set (--other-code), --until and --watch exclude each other; use one of them")
    if out is not None and not changed:
        raise click.UsageError("--out is where the run of --set (--other-code) is written; use it together with --set")
    ms, given = None if moment is None else _milliseconds(moment), places_of(codes)
    if pace is not None and not PACE.fullmatch(pace):
        raise click.UsageError(f"--watch {pace[:80]}: expected a pace such as 1x (real time) or 60x, or max")
    with off_stdout():
        register = STRATEGIES if books_only else register_of(strategy_name(run), given, say=_say)
    if ms is not None:
        return _until(run, ms, engine=engine, register=register, as_json=as_json)
    if pace is not None:
        return _watch(run, pace, engine=engine, register=register, as_json=as_json)
    if changed:
        session.folder = out
        return _what_if(run, sets, engine=engine, register=register, other_code=other_code, out=out, as_json=as_json)
    with off_stdout():
        result = replay_run(run, books_only=books_only, engine=engine, say=_say, register=register)
    if not books_only:
        _note_uncompared(run, register)
    if as_json:
        click.echo(json.dumps(_object(result), indent=2))
    else:
        for line in _lines(result):
            click.echo(printable(line))
    return 1 if result.books.differences or (result.decisions and result.decisions.difference) else 0


def _next(steps: Iterator[Any]) -> Any:
    """The next step of a replay; None after the last."""
    with off_stdout():
        return next(steps, None)


def _note_uncompared(run: Path, register: Any) -> None:
    """Say so where the code of a strategy cannot be compared with that of the run."""
    from safla.config.plan_text import CODE
    from safla.journal import reader
    from safla.strategies.register import NO_FILE

    plan = reader.read(run).started.plan
    if plan.get(CODE) == NO_FILE and plan["strategy.name"] in register:
        _say("note: the code was not compared: that of the run was in no file, as in a notebook")


def _say(text: str) -> None:
    """Print a note on stderr."""
    click.echo(printable(text), err=True)


def _milliseconds(moment: str) -> int:
    """The time of --until, ms."""
    from safla.config.types import milliseconds

    try:
        ms = milliseconds(moment)
    except ValueError as error:
        raise click.UsageError(f"--until {moment[:80]}: expected a time like 2024-01-31T13:00Z or ms UTC") from error
    assert isinstance(ms, int), "a text is parsed to a time, or is an error"
    return ms


def _until(run: Path, ms: int, *, engine: str, register: Any, as_json: bool) -> int:
    from safla.report.account_state import stand, stand_lines
    from safla.runs.replay_until import until

    with off_stdout():
        reached = until(run, ms, engine=engine, say=_say, register=register)
    account = stand(reached.run, reached.ts, state=reached.state)
    if as_json:
        click.echo(json.dumps(account, indent=2))
        return 0
    for line in stand_lines(account):
        click.echo(printable(line))
    return 0


def _watch(run: Path, pace: str, *, engine: str, register: Any, as_json: bool) -> int:
    from safla.report.account_state import stand, watched_lines
    from safla.runs.interrupt import watched
    from safla.runs.replay_watch import ReplayPace, watch_replay

    times = None if pace == "max" else int(pace.removesuffix("x"))
    with watched() as flag:
        steps = watch_replay(run, ReplayPace(times, flag=flag), engine=engine, say=_say, register=register)
        while (step := _next(steps)) is not None:
            account = stand(step.run, step.ts, state=step.state)
            if as_json:
                click.echo(json.dumps({**account, "events": [msgspec.to_builtins(event) for event in step.events]}))
                continue
            for line in watched_lines(account, step.events):
                click.echo(printable(line))
    return 0


def _what_if(
    run: Path, sets: tuple[str, ...], *, engine: str, register: Any, other_code: bool, out: Path | None, as_json: bool
) -> int:
    from safla.report.summary import read_summary, summarise, write_summary
    from safla.report.tables import beside_lines, summary_lines
    from safla.runs.folder import SUMMARY
    from safla.runs.what_if import what_if

    with off_stdout():
        answer = what_if(run, sets, engine=engine, say=_say, out=out, register=register, other_code=other_code)
    after = summarise(answer.after, risk_free_rate=0.0)
    before = read_summary(run) if answer.before is None else summarise(answer.before, risk_free_rate=0.0)
    if out is not None:
        write_summary(out / SUMMARY, after)
    if as_json:
        first = {"was": json.loads(answer.was or "null"), "would_be": json.loads(answer.would_be or "null")}
        click.echo(json.dumps({"before": before, "after": after, "first_difference": first}, indent=2))
        return 0
    changed = " ".join((*sets, *(["other code"] if other_code else [])))
    for line in summary_lines(after) if before is None else beside_lines(before, after, changed=changed):
        click.echo(printable(line))
    click.echo("first difference" if answer.was != answer.would_be else "no difference")
    for label, event in (("was", answer.was), ("would be", answer.would_be)):
        if answer.was != answer.would_be:
            click.echo(f"  {label + ':':<10}{printable(event) or 'nothing'}")
    return 0


def _lines(result: Any) -> list[str]:
    """A line for each of the three checks, and lines for what differs."""
    tail, books, decisions = result.tail, result.books, result.decisions
    torn = f"; {counted(tail.torn, 'byte')} of a torn line after them" if tail.torn else ""
    torn += "; the last of them has no newline" if tail.unended else ""
    lines = [f"chain      {counted(tail.lines, 'line')}, last hash {tail.h}{torn}"]
    left_out = f"; not recorded at this detail: {', '.join(books.left_out)}" if books.left_out else ""
    lines.append(
        f"books      {counted(sum(books.counts.values()), 'event')}, {counted(books.differing, 'difference')}{left_out}"
    )
    lines += [
        f"  line {entry.n}: {entry.rule}: {entry.what}: the journal says {entry.recorded}, computed {entry.found}"
        for entry in books.differences
    ]
    if decisions is None:
        return lines
    again = f"{counted(decisions.candles, 'candle')} again, {counted(decisions.lines, 'line')}"
    lines.append(f"decisions  {again}: {counted(int(decisions.difference is not None), 'difference')}")
    if decisions.difference:
        lines += _difference_lines(decisions.difference)
    if not result.anchored:
        lines.append("without anchor: there is no file `head`, so that a missing end would not be noticed")
    if not books.ended:
        lines.append("the run has not ended: the same `safla run` continues it")
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


def _object(result: Any) -> dict[str, Any]:
    decisions = result.decisions
    return {
        "chain": {"lines": result.tail.lines, "last_hash": result.tail.h, "torn_bytes": result.tail.torn},
        "books": {
            "events": result.books.counts,
            "differences": [difference._asdict() for difference in result.books.differences],
            "differing": result.books.differing,
            "left_out": list(result.books.left_out),
        },
        "decisions": decisions
        and {
            "candles": decisions.candles,
            "lines": decisions.lines,
            "difference": decisions.difference and decisions.difference._asdict(),
        },
        "ended": result.books.ended,
    }
