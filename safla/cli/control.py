"""What `safla halt`, `resume` and `stop` share: their options, and how the outcome is printed."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from safla.cli.arguments import PATH, ClickFunction
from safla.cli.strategy_option import off_stdout, register_of
from safla.errors import UsageError
from safla.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safla.paper.control import CommandKind
    from safla.strategies.register import Strategy

NOTE = re.compile(r"[ -~]{0,200}")  # J14


def options(function: ClickFunction) -> ClickFunction:
    """Add what all three take: RUN, --note and --json."""
    why = "Why, in printable ASCII of at most 200 characters; the journal keeps it for halt and resume, not for stop."
    function = click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")(function)
    function = click.option("--note", callback=_note, metavar="TEXT", help=why)(function)
    return click.argument("run", type=PATH, metavar="RUN")(function)


def run_command(
    run: Path,
    *,
    kind: "CommandKind",
    note: str | None,
    as_json: bool,
    halt: int | None = None,
    codes: tuple[str, ...] = (),
) -> int:
    """Give a command to a run, and print the outcome."""
    from safla.paper import command
    from safla.runs.strategy_code.place import places_of

    given = places_of(codes)

    def register(name: str) -> "Mapping[str, Strategy]":
        return register_of(name, given, say=_say)

    try:
        with off_stdout():
            outcome = command.give_command(run, kind, halt=halt, note=note, say=_say, register_of=register)
    except UsageError as error:
        raise click.UsageError(str(error), ctx=click.get_current_context()) from error
    if as_json:
        values = {
            "id": outcome.command.id, "command": kind, "halt": halt, "note": note, "given": outcome.command.given,
            "acts_at": outcome.acts_at, "running": outcome.running, "done": outcome.done, "text": outcome.text,
        }  # fmt: skip
        click.echo(json.dumps(values, indent=2))
    else:
        click.echo(printable(outcome.text))
    return 0


def _note(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is None or NOTE.fullmatch(value):
        return value
    raise click.BadParameter("expected printable ASCII, at most 200 characters")


def _say(text: str) -> None:
    click.echo(printable(text), err=True)
