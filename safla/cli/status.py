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
@click.option("--watch", "watched", is_flag=True, help="Show it again every second until the run has ended.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object; with --watch one a line after a change.")
def command(*, run: Path, watched: bool, as_json: bool) -> int:
    """Show the status of a run: modes, positions, account, halts, and the process that runs it.

    RUN is a run folder or a journal. The command takes no lock and changes nothing, so the run may be running
    meanwhile. Exit 0 also for a run that has just begun, 4 if the journal is damaged.
    """
    statuses = watch_run(run, say=_say) if watched else iter([look(run, say=_say)])
    if watched and not as_json and (console := drawing_console(sys.stdout)) is not None:
        _draw(statuses, console)
        return 0
    before = None
    for status in statuses:
        if (now := status._replace(seen=0.0, monitored=None)) == before:  # only the time of the look has changed
            continue
        text = json.dumps(status_object(status), indent=None if watched else 2) if as_json else _text(status)
        click.echo(text if as_json or before is None else f"\n{text}")
        before = now
    return 0


def _say(text: str) -> None:
    click.echo(printable(text), err=True)


def _text(status: RunStatus) -> str:
    return "\n".join(map(printable, status_lines(status)))


def _draw(statuses: Iterator[RunStatus], console: Any) -> None:
    """Draw each status on the terminal in the place of the one before."""
    from rich.live import Live
    from rich.text import Text

    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        for status in statuses:
            text = "\n".join(wrapped(_text(status).splitlines(), console.width))
            live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)
