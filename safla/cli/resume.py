"""`safla resume`: arguments, one call, printing."""

from pathlib import Path

import click

from safla.cli.wished import carry_out, wished


@click.command("resume", epilog="Example: safla resume logs/paper-* --note 'looked at it, goes on'")
@wished
@click.option("--halt", type=click.IntRange(1, 10**9), metavar="N", help="Lift the halt of this number alone.")
def command(*, run: Path, note: str | None, as_json: bool, halt: int | None) -> int:
    """Lift the halts of a paper run: all open ones but that of a daily loss, which goes with the UTC day.

    The process that has the run takes it within a second; without one the run is recovered, and the lines appended.
    Exit 0 also where there is nothing to lift, 1 if halt N is not open, 2 for a backtest or a run that ended, 6 if the
    process does not answer within 5 seconds: then nothing waits for it any more.
    """
    return carry_out(run, kind="resume", note=note, as_json=as_json, halt=halt)
