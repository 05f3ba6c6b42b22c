"""`safla doctor`: arguments, one call, printing."""

import json
import os
from pathlib import Path

import click

from safla.config.load import load
from safla.config.shown import printable
from safla.runtime.doctor import examine


@click.command("doctor", epilog="Example: safla doctor --json")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Else ./config.yaml if it exists, or the defaults.",
)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Overlay a value; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, one object a look.")
def command(*, config: Path | None, sets: tuple[str, ...], as_json: bool) -> int:
    """Look at what a run needs: exchange, clock, store, logs, versions. Exit 5 or 6 if something fails."""
    default = Path("config.yaml")
    loaded = load(config or (default if default.exists() else None), sets=sets, environment=os.environ)
    looks = examine(loaded.config)
    failed = [look for look in looks if look.state == "failed"]
    if as_json:
        click.echo(json.dumps([look._asdict() for look in looks], indent=2))
    else:
        click.echo("\n".join(printable(f"{look.what:10} {look.state:8} {look.text}") for look in looks))
    return failed[0].exit_code if failed else 0
