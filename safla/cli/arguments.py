"""Arguments that several commands share: paths with ~, as in `--out=~/runs`, and the default ./config.yaml."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from safla.config.paths import home

if TYPE_CHECKING:
    from safla.config.loader import Loaded

DEFAULT = "config.yaml"

ClickFunction = Callable[..., Any]  # a command, or a decorator of one


class PathName(click.Path):
    """A path with ~ expanded. It need not exist: opening it raises the right error."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. BadParameter for an empty one, and for ~name where that user has no home directory."""
        if not str(value):
            self.fail("expected a path, got an empty text; is a variable of the shell unset?", param, ctx)
        try:
            return super().convert(home(str(value)), param, ctx)
        except ValueError as error:
            self.fail(f"{value}: {error}", param, ctx)


PATH = PathName(path_type=Path)
STRATEGY = click.option(
    "--strategy", "codes", multiple=True, metavar="NAME=WHERE",
    help="Code of a strategy, which is executed: FILE.py[:OBJECT] or PACKAGE.MODULE:OBJECT; may be repeated.",
)  # fmt: skip


def configuration(named: Path | None) -> Path:
    """The path of the configuration: the named one, else ./config.yaml. UsageError where there is neither."""
    if named is None and not Path(DEFAULT).exists():
        raise click.UsageError(
            f"no configuration is named, and there is no {DEFAULT} here; name one, or write one with `safla init`"
        )
    return named or Path(DEFAULT)


def loaded(named: Path | None, *, sets: Sequence[str]) -> "Loaded":
    """The named configuration, else ./config.yaml if it exists, else the defaults. Errors as in load.

    It warns of SAFLA_ variables that are ignored. The configuration's own warnings are left to the caller.
    """
    from safla.config.loader import load
    from safla.config.variables import ignored_variables

    for line in ignored_variables(os.environ):
        click.echo(f"warning: {line}", err=True)
    default = Path(DEFAULT)
    return load(named or (default if default.exists() else None), sets=sets, environment=os.environ)
