"""`safla resume`: arguments, one call, printing."""

from pathlib import Path

import click

from safla.cli.control import options, run_command


@click.command("resume", epilog="Example: safla resume logs/paper-* --note 'looked at it, goes on'")
@options
@click.option("--halt", type=click.IntRange(1, 10**9), metavar="N", help="Lift the halt of this number alone.")
def command(*, run: Path, note: str | None, as_json: bool, halt: int | None) -> int:
    """Lift the halts of a paper run: all open ones but that of a daily loss, which goes with the UTC day.

    The command is left in the run folder and acts after the candle that is open now. A running session sees it within
    a second; without one it waits for the next start. Where there is nothing to lift, the session says so. Exit 2 for
    a backtest or a run that ended, 6 for a run that has no candle yet.
    """
    return run_command(run, kind="resume", note=note, as_json=as_json, halt=halt)
