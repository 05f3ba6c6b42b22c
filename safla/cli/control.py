"""What `safla halt`, `resume` and `stop` share: their options, and how an answer is printed."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from safla.cli.arguments import PATH, ClickFunction
from safla.errors import UsageError
from safla.text import printable

if TYPE_CHECKING:
    from safla.paper.control import CommandKind

NOTE = re.compile(r"[ -~]{0,200}")  # J14


def options(function: ClickFunction) -> ClickFunction:
    """What all three take: the run, a note, and the form of the answer."""
    why = "Why: printable ASCII, at most 200 characters; it stands in the journal."
    function = click.option("--json", "as_json", is_flag=True, help="Print what becomes of it as JSON.")(function)
    function = click.option("--note", callback=_note, metavar="TEXT", help=why)(function)
    return click.argument("run", type=PATH, metavar="RUN")(function)


def run_command(run: Path, *, kind: "CommandKind", note: str | None, as_json: bool, halt: int | None = None) -> int:
    """Leave a command for a run, and print what becomes of it."""
    from safla.paper import command

    try:
        answer = command.give_command(run, kind, halt=halt, note=note, say=_say)
    except UsageError as error:
        raise click.UsageError(str(error), ctx=click.get_current_context()) from error
    if as_json:
        told = {
            "id": answer.command.id, "command": kind, "halt": halt, "note": note, "given": answer.command.given,
            "acts_at": answer.acts_at, "running": answer.running, "done": answer.done, "text": answer.text,
        }  # fmt: skip
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(printable(answer.text))
    return 0


def _note(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is None or NOTE.fullmatch(value):
        return value
    raise click.BadParameter("expected printable ASCII, at most 200 characters")


def _say(text: str) -> None:
    click.echo(printable(text), err=True)
