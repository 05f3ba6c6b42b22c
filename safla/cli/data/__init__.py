"""The commands of `safla data`. Each has a file of its own: arguments, one call, printing."""

import importlib

import click

# Each command with the module that is imported only when the command is called, and its line in `safla data --help`.
COMMANDS = {
    "fetch": ("safla.cli.data.fetch", "Download candles from the exchange into the store."),
    "list": ("safla.cli.data.list_series", "Show what the store holds, and what is missing."),
    "verify": ("safla.cli.data.verify", "Check every stored byte."),
    "import": ("safla.cli.data.import_files", "Import candles from files into the store."),
    "export": ("safla.cli.data.export", "Write stored candles as CSV or Parquet."),
}


class _Data(click.Group):
    """A group that imports only the command that is called."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The name, the command that is called, and the remaining arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            command = importlib.import_module(COMMANDS[name][0]).command
        return name, command, rest


command = _Data(
    "data",
    commands={name: click.Command(name, short_help=meaning) for name, (_, meaning) in COMMANDS.items()},
    help="Candles: what the store holds, whether it is sound, and how to add or export candles.",
    epilog="Example: safla data list",
)
