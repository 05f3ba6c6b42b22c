"""Arguments that several commands share: paths, whose ~ no shell expanded (`--out=~/runs`), and ./config.yaml."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from safla.config.paths import home

if TYPE_CHECKING:
    from safla.config.loader import Loaded

DEFAULT = "config.yaml"

ClickFunction = Callable[..., Any]  # a command, or what decorates one


class PathName(click.Path):
    """A path of the user's, ~ expanded; whether it is there is looked at by whoever opens it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. BadParameter for an empty one, and where its ~name has no home directory."""
        if not str(value):
            self.fail("an empty name; an unset variable of the shell leaves one", param, ctx)
        try:
            return super().convert(home(str(value)), param, ctx)
        except ValueError as error:
            self.fail(f"{value}: {error}", param, ctx)


PATH = PathName(path_type=Path)


def configuration(named: Path | None) -> Path:
    """The configuration that is named, else ./config.yaml. UsageError where there is neither."""
    if named is None and not Path(DEFAULT).exists():
        raise click.UsageError(
            f"no configuration is named, and there is no {DEFAULT} here; name one, or make it with `safla init`"
        )
    return named or Path(DEFAULT)


def loaded(named: Path | None, *, sets: Sequence[str]) -> "Loaded":
    """The configuration that is named, else ./config.yaml if it exists, else the defaults. Errors as in load.

    What a strategy or an exchange deserves to hear is not said: only which variables were meant for us and are not.
    """
    from safla.config.loader import load
    from safla.config.variables import ignored_variables

    for line in ignored_variables(os.environ):
        click.echo(f"warning: {line}", err=True)
    default = Path(DEFAULT)
    return load(named or (default if default.exists() else None), sets=sets, environment=os.environ)
