"""`safla stop`: arguments, one call, printing."""

from pathlib import Path

import click

from safla.cli.wished import carry_out, wished


@click.command("stop", epilog="Example: safla stop logs/paper-* --note 'the month is over'")
@wished
def command(*, run: Path, note: str | None, as_json: bool) -> int:
    """End a paper run for good: its closing lines are written, and it takes nothing more.

    The process that has the run takes it within a second, and ends with 0; without one the run is recovered, and ended.
    An open position stays open, valued at the last close. To go on later, interrupt the run instead (SIGINT or SIGTERM)
    and start it again. Exit 2 for a backtest or a run that ended, 6 if the process does not answer within 5 seconds:
    then nothing waits for it any more.
    """
    return carry_out(run, kind="stop", note=note, as_json=as_json)
