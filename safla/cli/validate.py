"""`safla validate`: arguments, one call a file, printing."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from safla.cli.arguments import PATH, STRATEGY, configuration
from safla.errors import MAX_SHOWN_PROBLEMS, ConfigError, Problem
from safla.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safla.config.loader import Loaded
    from safla.runs.strategy_code.place import CodePlace


@click.command("validate", epilog="Example: safla validate configs/btc.yaml --set risk.stop_loss_pct=0.03")
@click.argument("files", type=PATH, nargs=-1, metavar="[FILE]...")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set a configuration key; may be repeated.")
@STRATEGY
@click.option(
    "--symbols", type=click.Choice(["primary", "test"]), default="primary", show_default=True, help="Symbol list."
)
@click.option("--resolved", is_flag=True, help="Print every key with its value and where it came from.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with one object for each file.")
def command(
    *, files: tuple[Path, ...], sets: tuple[str, ...], codes: tuple[str, ...], symbols: Any, resolved: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Check configurations: list every problem with its place, its key and what is allowed. Exit 3 if there is one.

    Without FILE it checks ./config.yaml; exit 2 if that does not exist. Code of a strategy is parsed, never executed.
    """
    if resolved and (as_json or len(files) > 1):
        raise click.UsageError("--resolved prints one file as YAML: name one FILE, without --json")
    from safla.runs.strategy_code.place import places_of

    given = places_of(codes)
    files = files or (configuration(None),)
    results = {str(file): _check(file, given, sets=sets, symbols=symbols) for file in files}
    errors = [result for result in results.values() if isinstance(result, ConfigError)]
    problems = [problem for error in errors for problem in error.problems]
    if as_json:
        click.echo(json.dumps([_row(file, result) for file, result in results.items()], indent=2))
        return 3 if problems else 0
    for file, result in results.items():
        if not isinstance(result, ConfigError):
            _show(file, result, resolved=resolved)
    if problems:
        raise ConfigError(problems)
    return 0


def _check(
    file: Path, given: "Mapping[str, CodePlace]", *, sets: tuple[str, ...], symbols: Any
) -> "Loaded | ConfigError":
    from safla.config.loader import load
    from safla.runs.strategy_code.entry_points import KnownNames

    try:
        loaded = load(file, sets=sets, environment=os.environ, symbols=symbols, strategies=KnownNames(given))
    except ConfigError as error:
        return error
    return ConfigError(problems) if (problems := _of_code(loaded, given)) else loaded


def _of_code(loaded: "Loaded", given: "Mapping[str, CodePlace]") -> list[Problem]:
    """What is wrong with the code that it names. Nothing of it is executed."""
    if loaded.code is None and not given:
        return []
    from safla.runs.strategy_code.consent import code_problems

    return code_problems(loaded, given, environment=os.environ)


def _show(file: str, loaded: "Loaded", *, resolved: bool) -> None:
    from safla.config.plan_text import resolved_yaml

    for warning in loaded.warnings:
        click.echo(f"warning: {printable(warning)}", err=True)
    for notice in loaded.notices:
        click.echo(f"note: {printable(notice)}", err=True)
    click.echo(resolved_yaml(loaded) if resolved else f"{printable(file)}: valid", nl=not resolved)


def _row(file: str, result: "Loaded | ConfigError") -> dict[str, Any]:
    problems = result.problems if isinstance(result, ConfigError) else []
    return {
        "file": file,
        "valid": not problems,
        "problems": [_problem(problem) for problem in problems[:MAX_SHOWN_PROBLEMS]],
        "problem_count": len(problems),
        "warnings": [] if isinstance(result, ConfigError) else list(result.warnings),
        "notices": [] if isinstance(result, ConfigError) else list(result.notices),
    }


def _problem(problem: Problem) -> dict[str, Any]:
    from safla.config.messages import parts

    file, line, column = parts(problem.where)
    place = {"file": file, "line": line, "column": column}
    return {**place, "key": problem.key, "text": problem.text, "code": problem.code}
