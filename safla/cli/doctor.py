"""`safla doctor`: arguments, one call, printing."""

import json
from pathlib import Path

import click

from safla.cli.arguments import PATH, loaded
from safla.text import printable


@click.command("doctor", epilog="Example: safla doctor --json")
@click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="Else ./config.yaml if it exists, or the defaults.",
)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Overlay a value; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, one object a look.")
def command(*, config: Path | None, sets: tuple[str, ...], as_json: bool) -> int:
    """Look at what a run needs: exchange, clock, store, logs, versions. Exit 5 or 6 if something fails."""
    from safla.runs.doctor import examine

    looks = examine(loaded(config, sets=sets).config)
    failed = [look for look in looks if look.state == "failed"]
    if as_json:
        click.echo(json.dumps([look._asdict() for look in looks], indent=2))
    else:
        click.echo("\n".join(printable(f"{look.what:10} {look.state:8} {look.text}") for look in looks))
    return failed[0].exit_code if failed else 0
