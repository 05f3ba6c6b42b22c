"""`safla init`: writes a commented configuration to start from, or a strategy, and never overwrites a file."""

import os
import shlex
from pathlib import Path

import click

from safla.cli.arguments import DEFAULT, PATH
from safla.cli.output_file import put_new
from safla.cli.starter import PRESET_HEAD, STARTER, strategy_files
from safla.errors import UsageError
from safla.text import printable


@click.command("init", epilog="Example: safla init config.yaml")
@click.argument("file", type=PATH, required=False, metavar="[FILE]")
@click.option(
    "--strategy", "name", metavar="NAME", help="Write a strategy of your own: NAME.yaml, NAME.py, test_NAME.py."
)
@click.option("--preset", metavar="NAME", help="Write a configuration with a preset, to be changed; see safla schema.")
def command(*, file: Path | None, name: str | None, preset: str | None) -> None:
    """Write a commented configuration to start from, to FILE or else config.yaml.

    With --strategy it writes a strategy in Python too, into the current folder. With --preset the strategy is one of
    those that come with safla, written out. An existing file is never changed: exit 2, unless it has exactly this
    content.
    """
    if preset is not None:
        if name is not None:
            raise click.UsageError("--preset is a strategy itself; leave --strategy out")
        _configuration(file or Path(DEFAULT), text=preset_file(preset))
        return
    if name is None:
        _configuration(file or Path(DEFAULT))
        return
    if file is not None:
        raise click.UsageError("--strategy names the files itself; leave FILE out")
    _strategy(name)


def preset_file(preset: str) -> str:
    """A configuration with the strategy of a preset. UsageError for one that is not there."""
    from safla.config.presets import preset_names, preset_text

    if preset not in preset_names():
        raise click.UsageError(f"--preset {preset[:80]}: there are {', '.join(preset_names())}")
    return f"{PRESET_HEAD}{preset_text(preset)}"


def _configuration(file: Path, *, text: str = STARTER) -> None:
    shown = printable(str(file))
    if not _put({file: text}):
        click.echo(f"{shown}: exists already with this content; nothing was written")
        return
    click.echo(
        f"{shown}: written; `safla validate {shown}` checks it, `safla run {shown}` runs it on synthetic candles"
    )


def _strategy(name: str) -> None:
    """Write the three files of a strategy, and say how its code may run: this command trusts nothing itself."""
    from safla.runs.strategy_code.place import NAME
    from safla.strategies.register import STRATEGIES

    if not NAME.fullmatch(name) or name in STRATEGIES:
        why = "is the name of a built-in strategy" if name in STRATEGIES else "is no name of a strategy"
        raise click.UsageError(f"--strategy {name[:80]}: {why}; use a letter and up to 39 letters, digits or _")
    files = strategy_files(name)
    if not _put({Path(file): text for file, text in files.items()}):
        click.echo(f"{', '.join(files)}: exist already with this content; nothing was written")
    else:
        click.echo(f"{', '.join(files)}: written")
    folder = printable(os.path.realpath("."))
    click.echo(f"its code may run when you trust this folder: safla trust {shlex.quote(folder)}")
    click.echo(
        f"then `safla run {name}.yaml` runs it on synthetic candles, and `python -m pytest test_{name}.py` tests it"
    )


def _put(files: dict[Path, str]) -> bool:
    """Write new files. Returns False where all exist with this content; UsageError where one has another."""
    missing = {}
    for file, text in files.items():
        if not os.path.lexists(file):
            missing[file] = text
        elif file.is_symlink() or not file.is_file() or file.read_bytes() != text.encode():
            raise _exists(file)
    for file, text in missing.items():
        try:
            put_new(file, text)
        except FileExistsError as error:
            raise _exists(file) from error
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UsageError(
                f"{printable(str(file))}: its folder does not exist; make it, or name another file",
                code="invalid_argument",
            ) from error
        except ValueError as error:
            raise UsageError(f"{printable(str(file))}: not a path; name a file", code="invalid_argument") from error
    return bool(missing)


def _exists(file: Path) -> UsageError:
    return UsageError(
        f"{printable(str(file))}: exists and is not overwritten; name another file", code="exists_already"
    )
