"""`safla stop`: arguments, one call, printing."""

from pathlib import Path

import click

from safla.cli.arguments import STRATEGY
from safla.cli.control import options, run_command


@click.command("stop", epilog="Example: safla stop logs/paper-* --note 'the month is over'")
@options
@STRATEGY
def command(*, run: Path, note: str | None, as_json: bool, codes: tuple[str, ...]) -> int:
    """End a paper run for good: its closing lines are written, and it cannot be continued.

    A running session first processes the candle that is open now, then ends with exit 0. Without a session the run is
    recovered and ended at once. An open position stays open, valued at the last close. To continue later, interrupt
    the run instead (SIGINT or SIGTERM) and start it again. Exit 2 for a backtest or a run that has ended, 6 for a run
    that has no candle yet.

    The code of a strategy from Python is needed only where no process runs the run.
    """
    return run_command(run, kind="stop", note=note, as_json=as_json, codes=codes)
