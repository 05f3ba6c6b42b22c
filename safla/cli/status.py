"""`safla status`: arguments, one call, printing."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from safla.cli.arguments import PATH
from safla.observe.live_view import drawing_console, wrapped
from safla.paper.status import RunStatus, look, watch_run
from safla.report.status import status_lines, status_object
from safla.text import printable


@click.command("status", epilog="Example: safla status logs/btc-*")
@click.argument("run", type=PATH, metavar="RUN")
@click.option("--watch", "watched", is_flag=True, help="Show it again, every second, until the run has ended.")
@click.option("--json", "as_json", is_flag=True, help="Print an object; with --watch one a line, where it changed.")
def command(*, run: Path, watched: bool, as_json: bool) -> int:
    """Say where a run stands: modes, positions, account, halts, and the process that holds it.

    It reads the whole lines of a run folder or its journal, needs no lock, and touches nothing; the run may be going on
    meanwhile. Exit 0 also for a run that has just begun, 4 if the journal is damaged.
    """
    looks = watch_run(run, say=_say) if watched else iter([look(run, say=_say)])
    if watched and not as_json and (console := drawing_console(sys.stdout)) is not None:
        _in_place(looks, console)
        return 0
    before = None
    for found in looks:
        if (now := found._replace(seen=0.0, monitored=None)) == before:
            continue
        text = json.dumps(status_object(found), indent=None if watched else 2) if as_json else _text(found)
        click.echo(text if as_json or before is None else f"\n{text}")
        before = now
    return 0


def _say(text: str) -> None:
    click.echo(printable(text), err=True)


def _text(found: RunStatus) -> str:
    return "\n".join(map(printable, status_lines(found)))


def _in_place(looks: Iterator[RunStatus], console: Any) -> None:
    """On a terminal each look takes the place of the one before."""
    from rich.live import Live
    from rich.text import Text

    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        for found in looks:
            text = "\n".join(wrapped(_text(found).splitlines(), console.width))
            live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)
