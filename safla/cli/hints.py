"""Guesses for a wrong command line: a key was meant that `--set` takes, or one run out of several."""

import os
import shlex
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

import click

from safla.text import printable

MOST = 3  # keys that are suggested for an option
OVERLAY = "--set"
ALIKE = 0.85  # an option so similar to one of the command is a misspelling of that


def hints(error: click.UsageError, arguments: Sequence[str]) -> list[str]:
    """Better messages than the error; empty where there is none. arguments: the words of the command line."""
    if isinstance(error, click.NoSuchOption):
        return list(_as_overlay(error))
    if error.ctx is not None and error.message.startswith("Got unexpected extra argument"):
        return list(_one_of_several(error.ctx, arguments))
    return []


def _as_overlay(error: click.NoSuchOption) -> Iterator[str]:
    """For an option that is named like a key of the configuration: such values are given by --set."""
    command = error.ctx.command if error.ctx else None
    options = {name for parameter in (command.params if command else ()) for name in parameter.opts}
    if OVERLAY not in options or get_close_matches(error.option_name, options, n=1, cutoff=ALIKE):
        return
    similar = keys_like(error.option_name)
    if similar:
        yield f"{error.option_name}: no such option"
    yield from (f"to set a value of the configuration, use {OVERLAY} {key}=VALUE" for key in similar)


def keys_like(option: str) -> list[str]:
    """The keys that an option may mean: by the whole key, by its last name or a part of that, or by similarity."""
    from safla.config.reference import OPEN_MAPS, keys  # it loads pydantic, which is slow

    name = option.lstrip("-").replace("-", "_").lower()
    values = [key for key in keys().values() if not key.is_section and key.path[:1] not in OPEN_MAPS]
    by_name = {spelling: key.name for key in values for spelling in (key.name, key.name.replace(".", "_"))}
    last: dict[str, list[str]] = {}
    for key in values:
        last.setdefault(key.path[-1], []).append(key.name)
    if name in by_name:
        return [by_name[name]]
    with_part = [last_name for last_name in last if f"_{name}_" in f"_{last_name}_"]
    last_names = [name] if name in last else with_part or get_close_matches(name, last, n=1, cutoff=0.75)
    similar = [key for last_name in last_names for key in last[last_name]]
    return similar[:MOST] or [by_name[match] for match in get_close_matches(name, by_name, n=1, cutoff=0.8)]


def _one_of_several(context: click.Context, arguments: Sequence[str]) -> Iterator[str]:
    """For a shell pattern that matched several runs where the command takes one: list them, and suggest the newest."""
    positional = [parameter for parameter in context.command.params if isinstance(parameter, click.Argument)]
    if len(positional) != 1 or positional[0].nargs != 1:
        return
    words = list(arguments)
    while words and words.pop(0) != context.info_name:
        pass
    values, rest, _ = context.command.make_parser(context).parse_args(args=list(words))
    paths = [str(value) for value in (values.get(positional[0].name or ""), *rest) if value is not None]
    existing = [path for path in paths if os.path.lexists(path)]
    if len(existing) < 2:
        return
    what = positional[0].make_metavar(context).strip("[]")
    newest = max(existing, key=lambda path: Path(path).lstat().st_mtime_ns)
    names = ", ".join(map(printable, existing))
    yield f"{context.command_path} takes one {what}, got {len(existing)}: {names}"
    others = [word for word in words if word not in paths]
    yield f"name one, such as the newest: {shlex.join([*context.command_path.split(), newest, *others])}"
