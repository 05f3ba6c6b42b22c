"""`safla resume`: arguments, one call, printing."""

from pathlib import Path

import click

from safla.cli.control import options, run_command


@click.command("resume", epilog="Example: safla resume logs/paper-* --note 'checked, may go on'")
@options
@click.option("--halt", type=click.IntRange(1, 10**9), metavar="N", help="Lift only the halt with this number.")
def command(*, run: Path, note: str | None, as_json: bool, halt: int | None) -> int:
    """Lift all open halts of a paper run except that of a daily loss, which ends with the UTC day.

    The command is written to the run folder and acts after the candle that is open now. A running session sees it
    within a second; without one it waits for the next start. Where no halt is open, the session says so. Exit 2 for a
    backtest or a run that has ended, 6 for a run that has no candle yet.
    """
    return run_command(run, kind="resume", note=note, as_json=as_json, halt=halt)
