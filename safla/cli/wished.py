"""What `safla halt`, `resume` and `stop` share: their words, and how an answer is printed. Nothing is decided here."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from safla.config.shown import printable
from safla.errors import UsageError

if TYPE_CHECKING:
    from safla.runtime.wishes import Kind

NOTE = re.compile(r"[ -~]{0,200}")  # J14

Command = Callable[..., Any]


def wished(function: Command) -> Command:
    """The words that all three take: the run, a note, and the form of the answer."""
    why = "Why: printable ASCII, at most 200 characters; it is kept."
    function = click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")(function)
    function = click.option("--note", callback=_note, metavar="TEXT", help=why)(function)
    return click.argument("run", type=click.Path(path_type=Path), metavar="RUN")(function)


def carry_out(run: Path, *, kind: "Kind", note: str | None, as_json: bool, halt: int | None = None) -> int:
    """Bring a wish to a run, and print what came of it."""
    from safla.runtime.asking import ask
    from safla.runtime.wishes import Wish

    try:
        answer = ask(run, Wish(kind, halt, note), say=_say)
    except UsageError as error:
        raise click.UsageError(str(error), ctx=click.get_current_context()) from error
    if as_json:
        told = {"wish": kind, "note": note, "changed": answer.changed, "halts": answer.halts, "text": answer.text}
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(printable(answer.text))
    return 0


def _note(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is None or NOTE.fullmatch(value):
        return value
    raise click.BadParameter("printable ASCII is due, at most 200 characters")


def _say(text: str) -> None:
    click.echo(printable(text), err=True)
