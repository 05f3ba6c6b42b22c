"""`safla data`: the table of its commands. Each has a file of its own: arguments, one call, printing."""

import click

from safla.cli.data import export, fetch, import_, list_, verify

COMMANDS = (fetch.command, list_.command, verify.command, import_.command, export.command)

command = click.Group(
    "data",
    commands={one.name or "": one for one in COMMANDS},
    help="Candles: what the store holds, whether it is sound, and how more gets in or out.",
    epilog="Example: safla data list",
)
