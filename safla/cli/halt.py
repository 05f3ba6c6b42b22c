"""`safla halt`: arguments, one call, printing."""

from pathlib import Path

import click

from safla.cli.control import options, run_command


@click.command("halt", epilog="Example: safla halt logs/paper-* --note 'before the upgrade'")
@options
def command(*, run: Path, note: str | None, as_json: bool) -> int:
    """Halt a paper run: no entries until `safla resume`; risk.on_halt says what becomes of open positions.

    The command is written to the run folder and acts after the candle that is open now, so that its orders fill at the
    next open and never at one from before the command. A running session sees it within a second; without one it
    waits for the next start. `safla status` lists pending commands. Exit 2 for a backtest or a run that has ended, 6
    for a run that has no candle yet.
    """
    return run_command(run, kind="halt", note=note, as_json=as_json)
