"""The table of the commands of `safla data`. Each has a file of its own: arguments, one call, printing."""

import importlib

import click

# Each name with the module whose `command` is imported only when it is called for, and what `safla data` says of it.
COMMANDS = {
    "fetch": ("safla.cli.data.fetch", "Bring candles from the exchange into the store."),
    "list": ("safla.cli.data.list_", "Show what the store holds, and what is missing."),
    "verify": ("safla.cli.data.verify", "Check every stored byte."),
    "import": ("safla.cli.data.import_", "Take candles from files into the store."),
    "export": ("safla.cli.data.export", "Write stored candles as CSV or Parquet."),
}


class _Data(click.Group):
    """A group that loads a command when it is called, and knows the others by their names."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called for, and what is left of the arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            command = importlib.import_module(COMMANDS[name][0]).command
        return name, command, rest


command = _Data(
    "data",
    commands={name: click.Command(name, short_help=meaning) for name, (_, meaning) in COMMANDS.items()},
    help="Candles: what the store holds, whether it is sound, and how more gets in or out.",
    epilog="Example: safla data list",
)
