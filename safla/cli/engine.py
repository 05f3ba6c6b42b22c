"""`safla engine`: the engine library: arguments, one call, printing."""

import json
from pathlib import Path

import click

from safla.cli.arguments import PATH
from safla.compiled.library import library


@click.group("engine", epilog="Example: safla engine show")
def command() -> None:
    """The engine library: whether runs are compiled, and how to build it for this machine."""


@command.command("show", epilog="Example: safla engine show --json")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def show(*, as_json: bool) -> None:
    """Say whether runs are compiled, and if not, why."""
    found = library()
    if as_json:
        path = None if found.library is None else str(found.library.path)
        click.echo(json.dumps({"compiled": found.library is not None, "library": path, "reason": found.reason or None}))
    elif found.library is not None:
        click.echo(f"compiled     {found.library.path}")
    else:
        click.echo(f"interpreted  {found.reason}; safla engine build makes it")


@command.command("build", epilog="Example: safla engine build")
@click.option("--to", "folder", type=PATH, metavar="DIR", help="Another folder, such as the package's own.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def build(*, folder: Path | None, as_json: bool) -> None:
    """Compile the engine for this machine, into the user's cache folder. It downloads about 60 MB, for this once."""
    from safla.compiled.environment import build_for_user

    path = build_for_user(folder, lambda text: click.echo(text, err=True))
    click.echo(json.dumps({"compiled": True, "library": str(path), "reason": None}) if as_json else str(path))
