"""`safla halt`: arguments, one call, printing."""

from pathlib import Path

import click

from safla.cli.wished import carry_out, wished


@click.command("halt", epilog="Example: safla halt logs/paper-* --note 'before the upgrade'")
@wished
def command(*, run: Path, note: str | None, as_json: bool) -> int:
    """Halt a paper run: no entries until `safla resume`, and positions as risk.on_halt says.

    The process that has the run takes it within a second; without one the run is recovered, and the halt appended. Exit
    0 also where an operator's halt is open already, 2 for a backtest or a run that ended, 6 if the process does not
    answer within 5 seconds: then nothing waits for it any more.
    """
    return carry_out(run, kind="halt", note=note, as_json=as_json)
