"""`safla trust`: arguments, one call, printing."""

import json
import os
import shlex
from pathlib import Path

import click

from safla.cli.arguments import PATH
from safla.text import printable


@click.command("trust", epilog="Example: safla trust")
@click.argument("folder", type=PATH, required=False, metavar="[FOLDER]")
@click.option("--remove", is_flag=True, help="Take FOLDER from the list.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def command(*, folder: Path | None, remove: bool, as_json: bool) -> int:
    """Trust FOLDER: configurations in it may name code (strategy.file), which then runs with your rights.

    Without FOLDER it lists the trusted folders. A folder in a trusted one is not trusted by that. Exit 2 for a folder
    where things of others come to lie, 6 for one that others can change.
    """
    from safla.runs.strategy_code.trust import distrust, list_path, trust, trusted_folders

    path = list_path(os.environ)
    if remove and folder is None:
        raise click.UsageError("--remove: name the folder that is to be taken from the list")
    if folder is not None and remove:
        if not distrust(folder, path):
            raise click.UsageError(f"{folder}: is not on the list; `safla trust` shows it")
        text = f"{folder}: its configurations may name no code any more"
    elif folder is not None:
        added = trust(folder, path)
        text = f"{added.path}: code that its configurations name may run from now on, whoever puts it there, downloads "
        text += f"and clones too; take that back with: safla trust {shlex.quote(added.path)} --remove"
    else:
        text = ""
    folders = trusted_folders(path)
    if as_json:
        click.echo(json.dumps([{"path": one.path, "there": one.is_there} for one in folders], indent=2))
        return 0
    gone = " (not trusted now: gone, another folder of this name, or others can change it)"
    lines = [text] if text else [f"{one.path}{'' if one.is_there else gone}" for one in folders]
    for line in lines or ["no folder is trusted"]:
        click.echo(printable(line))
    return 0
