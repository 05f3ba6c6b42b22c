"""What a command line that does not fit was probably meant to be: the option for a key, and one run out of several."""

import os
import shlex
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

import click

from safla.text import printable

MOST = 3  # keys that one option is taken for
OVERLAY = "--set"
ALIKE = 0.85  # an option that is spelled so much like one of ours is that one, misspelled


def hints(error: click.UsageError, arguments: Sequence[str]) -> list[str]:
    """What to say in place of the error, none where nothing is known. arguments: the words of the command line."""
    if isinstance(error, click.NoSuchOption):
        return list(_as_overlay(error))
    if error.ctx is not None and error.message.startswith("Got unexpected extra argument"):
        return list(_one_of_several(error.ctx, arguments))
    return []


def _as_overlay(error: click.NoSuchOption) -> Iterator[str]:
    """An option that is called like a key of the configuration: such values come by --set."""
    command = error.ctx.command if error.ctx else None
    takes = {name for parameter in (command.params if command else ()) for name in parameter.opts}
    if OVERLAY not in takes or get_close_matches(error.option_name, takes, n=1, cutoff=ALIKE):
        return
    found = keys_like(error.option_name)
    if found:
        yield f"{error.option_name} is no option"
    yield from (f"a value of the configuration is set by {OVERLAY} {key}=VALUE" for key in found)


def keys_like(option: str) -> list[str]:
    """The keys that an option's name is taken for: dotted or by the last name, whole, or its beginning, or alike."""
    from safla.config.reference import OPEN_MAPS, keys  # it loads pydantic, which only a mistake has to wait for

    asked = option.lstrip("-").replace("-", "_").lower()
    values = [key for key in keys().values() if not key.is_section and key.path[:1] not in OPEN_MAPS]
    by_name = {name: key.name for key in values for name in (key.name, key.name.replace(".", "_"))}
    last: dict[str, list[str]] = {}
    for key in values:
        last.setdefault(key.path[-1], []).append(key.name)
    if asked in by_name:
        return [by_name[asked]]
    alike = [name for name in last if f"_{asked}_" in f"_{name}_"]
    names = [asked] if asked in last else alike or get_close_matches(asked, last, n=1, cutoff=0.75)
    found = [name for one in names for name in last[one]]
    return found[:MOST] or [by_name[name] for name in get_close_matches(asked, by_name, n=1, cutoff=0.8)]


def _one_of_several(context: click.Context, arguments: Sequence[str]) -> Iterator[str]:
    """A pattern of the shell matched several runs, and the command takes one: which, and the newest of them."""
    taken = [one for one in context.command.params if isinstance(one, click.Argument)]
    if len(taken) != 1 or taken[0].nargs != 1:
        return
    words = list(arguments)
    while words and words.pop(0) != context.info_name:
        pass
    values, rest, _ = context.command.make_parser(context).parse_args(args=list(words))
    given = [str(one) for one in (values.get(taken[0].name or ""), *rest) if one is not None]
    there = [one for one in given if os.path.lexists(one)]
    if len(there) < 2:
        return
    what = taken[0].make_metavar(context).strip("[]")
    newest = max(there, key=lambda one: Path(one).lstat().st_mtime_ns)
    names = ", ".join(map(printable, there))
    yield f"{context.command_path} takes one {what}, and {len(there)} are named: {names}"
    others = [word for word in words if word not in given]
    yield f"name one, such as the newest: {shlex.join([*context.command_path.split(), newest, *others])}"
