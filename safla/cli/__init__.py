"""The command line: the table of commands, and the one place where an error becomes an exit code."""

import contextlib
import gc
import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from safla.cli import host
from safla.cli.completion import completed
from safla.cli.hints import hints
from safla.config.paths import UTF8
from safla.data.files import panics
from safla.errors import Bug, ConfigError, HostError, SaflaError, problem_lines
from safla.runs import interrupt
from safla.text import printable

# Each command with the module that is imported only when the command is called, and its line in `safla --help`.
COMMANDS = {
    "run": ("safla.cli.run", "Run what a configuration describes, and write its journal."),
    "replay": ("safla.cli.replay", "Verify a journal: chain, books, and every decision again."),
    "status": ("safla.cli.status", "Show the status of a run, also while it is running."),
    "halt": ("safla.cli.halt", "Halt a paper run: no entries until it is resumed."),
    "resume": ("safla.cli.resume", "Lift the halts of a paper run."),
    "stop": ("safla.cli.stop", "End a paper run for good."),
    "validate": ("safla.cli.validate", "Check configurations: all problems at once."),
    "init": ("safla.cli.init", "Write a commented configuration to start from."),
    "trust": ("safla.cli.trust", "Trust a folder: its configurations may name code."),
    "data": ("safla.cli.data", "Candles: fetch, list, verify, import, export."),
    "engine": ("safla.cli.engine", "The engine library: show whether runs are compiled, build it."),
    "doctor": ("safla.cli.doctor", "Check what a run needs: exchange, clock, store, versions."),
    "schema": ("safla.cli.schema", "Print the JSON Schemas of configuration, journal and summary."),
}
EXAMPLE = "safla init config.yaml && safla validate config.yaml"
CYCLES = 1_000_000  # objects between two garbage collections: safla makes hardly any cycles, and collecting is slow
UNWRAPPED = "\b\n"  # click does not wrap a paragraph that begins so: an example can be copied
HINT = "safla --help lists the commands"


class Session:
    """What a command reports to the command line: the folder of its run, where the details of a bug are written."""

    folder: Path | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code (README.md). The result goes to stdout, notes and errors to stderr.

    Without arguments it is the program itself: it takes the arguments of its process and handles its signals.
    """
    session = Session()
    if arguments is None:
        interrupt.answered()
        gc.set_threshold(CYCLES)
        panics.silence()
    _fill_closed_streams()
    if arguments is None and (code := completed(lambda words: program(words, checked=False))) is not None:
        return code
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return _invoke(words, session)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        _say(_usage(error, words))
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    except SaflaError as error:
        if isinstance(error, Bug):
            return _bug(error, session.folder)
        _say(problem_lines(error.problems) if isinstance(error, ConfigError) else [f"safla: {error}", *error.details])
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python reports it again when it ends
        return 0
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        _say([f"safla: {error.strerror or type(error).__name__}{place}"])
        return 6
    except UnicodeEncodeError as error:
        if error.encoding == "utf-8":
            return _bug(error, session.folder)
        _say([f"safla: {error.object} cannot be written in {error.encoding}; {UTF8}"])
        return 6
    except MemoryError:
        _say(["safla: not enough memory; give this process more, or use fewer candles or symbols"])
        return 6
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "safla":
            return _bug(error, session.folder)
        _say([f"safla: {host.unloadable(error)}"])
        return HostError.exit_code
    except BaseException as error:
        if isinstance(error, SystemExit | GeneratorExit):
            raise
        return _bug(error, session.folder)  # a panic of polars is not an Exception


def program(arguments: Sequence[str], *, checked: bool = True) -> click.Group:
    """The group of all commands; only the module of the command in `arguments` is imported.

    checked  check first whether this machine has room for its libraries: not for shell completion
    """
    called = next((word for word in arguments if not word.startswith("-")), "")
    commands = {
        name: _loaded(module, checked=checked) if name == called else click.Command(name, short_help=meaning)
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


def _loaded(module: str, *, checked: bool) -> click.Command:
    if checked:
        host.refuse_too_little()
    command: click.Command = importlib.import_module(module).command
    command.epilog = f"{UNWRAPPED}{(command.epilog or '').removeprefix(UNWRAPPED)}"
    return command


def _invoke(arguments: list[str], session: Session) -> int:
    if sys.flags.optimize:
        raise click.UsageError("python -O removes checks that safla needs; run it without -O and PYTHONOPTIMIZE")
    if sys.stdout is None:
        raise HostError(
            "stdout is closed, so the result cannot be printed; open it, or redirect it to a file", code="stdout_closed"
        )
    for argument in arguments:
        _reject_bad_characters(argument)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a stream that a caller has set may have no encoding
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    os.umask(0o077)  # Z8: only the user can read what safla writes
    group = program(arguments)
    with group.make_context("safla", arguments, obj=session) as context:
        code = group.invoke(context)
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _fill_closed_streams() -> None:
    """Open /dev/null for closed streams; else a journal could become descriptor 2 and get a library's error text."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        os.set_inheritable(descriptor, True)
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _reject_bad_characters(argument: str) -> None:
    """UsageError for characters that no path can have. No shell passes them, but a caller of `main` can."""
    try:
        if b"\0" not in os.fsencode(argument):
            return
    except UnicodeEncodeError:
        pass
    raise click.UsageError(f"{argument[:80]}: has NUL or another character that no file name can have; leave it out")


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import PackageNotFoundError, version  # slow to import, and only needed here

        try:
            click.echo(f"safla {version('safla-trading')}")
        except PackageNotFoundError:
            click.echo("safla, not installed: from its source folder")
        context.exit()


def _usage(error: click.ClickException, words: Sequence[str]) -> list[str]:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message().splitlines()
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.UsageError) and (meant := hints(error, words)):
        return [f"safla: {meant[0]}", *meant[1:], HINT]
    example = (context.command.epilog or "").removeprefix(UNWRAPPED) if context else ""
    return [f"safla: {error.format_message()}", example or f"Example: {EXAMPLE}", HINT]


def _bug(error: BaseException, folder: Path | None) -> int:
    """Print one line, and write the traceback, without local variables (Z12), into the run's folder or a new one."""
    name = str(error) if isinstance(error, Bug) else type(error).__name__
    try:
        place = folder if folder and folder.is_dir() else tempfile.mkdtemp(prefix="safla-")
        handle, path = tempfile.mkstemp(prefix="bug-", suffix=".txt", dir=place)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except OSError as full:
        path = f"nowhere: {full.strerror}"
    _say([f"safla: a bug in safla: {name}; please report it with the details in {path}"])
    return 70


def _say(lines: Sequence[str]) -> None:
    """Print lines on stderr, control characters escaped (Z13); they are lost where stderr is closed."""
    with contextlib.suppress(OSError):
        for line in lines:
            click.echo(printable(line), err=True)
