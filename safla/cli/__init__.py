"""The command line: the table of commands, and the one place where an error becomes an exit code."""

import contextlib
import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from safla.config.shown import printable
from safla.errors import Bug, ConfigError, HostError, SaflaError

# Each name with the module whose `command` is imported only when it is called for, and what `safla --help` says of it.
COMMANDS = {
    "run": ("safla.cli.run", "Run what a configuration describes, and write its journal."),
    "replay": ("safla.cli.replay", "Verify a journal: chain, books, and every decision again."),
    "validate": ("safla.cli.validate", "Check configurations: all problems at once."),
    "init": ("safla.cli.init", "Write a commented configuration to start from."),
    "schema": ("safla.cli.schema", "Print the JSON Schema of what we read and write."),
}
EXAMPLE = "safla init config.yaml && safla validate config.yaml"
UNWRAPPED = "\b\n"  # click leaves the lines of such a paragraph alone, so an example can be copied
HINT = "safla --help lists the commands"


class Session:
    """What a command tells the command line while it works: the folder of its run, for the details of a bug."""

    folder: Path | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code (DESIGN 5). The answer goes to stdout, the talk to stderr."""
    session = Session()
    try:
        return _answered(sys.argv[1:] if arguments is None else list(arguments), session)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        _say(_usage(error))
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    except SaflaError as error:
        _say([str(error)] if isinstance(error, ConfigError) else [f"safla: {error}"])
        return _bug(error, session.folder) if isinstance(error, Bug) else error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain when it ends
        return 0
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        _say([f"safla: {error.strerror or type(error).__name__}{place}"])
        return 6
    except Exception as error:  # noqa: BLE001  the one place: whatever was not foreseen is a bug of ours (STYLE 32)
        return _bug(error, session.folder)


def program(arguments: Sequence[str]) -> click.Group:
    """All commands, of which only the one that is called for is imported."""
    called = next((word for word in arguments if not word.startswith("-")), "")
    commands = {
        name: _loaded(module) if name == called else click.Command(name, short_help=meaning)
        for name, (module, meaning) in COMMANDS.items()
    }
    version = click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
    )
    return click.Group(
        "safla",
        commands=commands,
        params=[version],
        help="A declarative trading system: a YAML file describes a run, a journal proves what happened and why.",
        epilog=f"Example: {EXAMPLE}",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _loaded(module: str) -> click.Command:
    command: click.Command = importlib.import_module(module).command
    command.epilog = f"{UNWRAPPED}{(command.epilog or '').removeprefix(UNWRAPPED)}"
    return command


def _answered(arguments: list[str], session: Session) -> int:
    if sys.flags.optimize:
        raise click.UsageError("python -O removes checks that must stay; run without -O and PYTHONOPTIMIZE")
    if sys.stdout is None:
        raise HostError("stdout is closed: there is no place for the answer")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a stream that a caller put there may have no encoding to set
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    os.umask(0o077)  # Z8: what we write is the user's alone
    group = program(arguments)
    with group.make_context("safla", arguments, obj=session) as context:
        code = group.invoke(context)
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import PackageNotFoundError, version  # slow, and needed here alone

        try:
            click.echo(f"safla {version('safla')}")
        except PackageNotFoundError:
            click.echo("safla, from a folder that is not installed")
        context.exit()


def _usage(error: click.ClickException) -> list[str]:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message().splitlines()
    context = error.ctx if isinstance(error, click.UsageError) else None
    example = (context.command.epilog or "").removeprefix(UNWRAPPED) if context else ""
    return [f"safla: {error.format_message()}", example or f"Example: {EXAMPLE}", HINT]


def _bug(error: BaseException, folder: Path | None) -> int:
    """One line, and the details in a file of the run's folder or of a new one, without local variables (Z12)."""
    name = str(error) if isinstance(error, Bug) else type(error).__name__
    try:
        handle, path = tempfile.mkstemp(prefix="bug-", suffix=".txt", dir=folder or tempfile.mkdtemp(prefix="safla-"))
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except OSError as full:
        path = f"nowhere, for {full.strerror}"
    _say([f"safla: a bug of ours: {name}; please report it with the details, which are in {path}"])
    return 70


def _say(texts: Sequence[str]) -> None:
    """Text for people, on stderr, escaped line by line (Z13). Where nobody listens any more, nothing is said."""
    with contextlib.suppress(OSError):
        for text in texts:
            for line in text.splitlines():
                click.echo(printable(line), err=True)
