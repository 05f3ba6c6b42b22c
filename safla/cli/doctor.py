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
    help="The configuration; default: ./config.yaml if it exists, else the built-in defaults.",
)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set a configuration key; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with one object for each check.")
def command(*, config: Path | None, sets: tuple[str, ...], as_json: bool) -> int:
    """Check what a run needs: exchange, clock, store, logs, versions. Exit 5 or 6 if a check fails."""
    from safla.runs.doctor import examine

    checks = examine(loaded(config, sets=sets).config)
    failed = [check for check in checks if check.state == "failed"]
    if as_json:
        click.echo(json.dumps([check._asdict() for check in checks], indent=2))
    else:
        click.echo("\n".join(printable(f"{check.what:10} {check.state:8} {check.text}") for check in checks))
    return failed[0].exit_code if failed else 0
