"""The table of all configuration keys, read from the models: allowed values, default, plan flag and meaning."""

import re
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, Literal, NamedTuple, Union

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from safla.config.model import Config
from safla.config.types import INDICATOR_KEY, PARAMETER, Allowed, plain
from safla.section import number_range

# Maps whose keys the user chooses.
OPEN_MAPS = {
    ("markets",): "<SYMBOL>",
    ("strategy", "parameters"): "<NAME>",
    ("strategy", "indicators"): "<NAME>",
    ("strategy", "indicators", "<NAME>"): "<KEY>",
}


MOST_DECIMALS = 12  # of any number (Z5), such as a parameter of a strategy
_DECIMALS = re.compile(r"at most (\d+) decimals")

# Parts of `ConfigKey.allowed` by which other code recognises a kind of value.
FRACTION = " (a fraction: 0.02 is 2 %)"  # last words for a share
DATE = "a date"  # first words for a time
LIST = "a list in which each item is "  # first words for a list


class ConfigKey(NamedTuple):
    """One key of the configuration."""

    path: tuple[str, ...]
    allowed: str  # the values that it takes, in the words that follow "expected"
    default: str
    plan: bool  # whether it is part of the plan (J15)
    meaning: str
    text: bool  # whether its value is text even if it looks like a number
    secret: bool = False  # whether its value may be a secret, which is never shown
    nullable: bool = False  # whether it may be null

    @property
    def is_section(self) -> bool:
        """Whether it only groups other keys and has no value of its own."""
        return self.allowed == "a map of keys" and self.default == "-"

    @property
    def name(self) -> str:
        """The dotted name, such as risk.stop_loss_pct."""
        return ".".join(self.path)


@cache
def keys() -> dict[tuple[str, ...], ConfigKey]:
    """Return every key and section by its path, in the order of the models."""
    return {key.path: key for key in _keys(Config, ())}


def parameter_keys(section: type[BaseModel]) -> list[ConfigKey]:
    """Return the parameters of a strategy of ours as keys."""
    return list(_keys(section, ("strategy", "parameters")))


def find(path: tuple[str | int, ...]) -> ConfigKey | None:
    """Return the key at a path, or None.

    Symbols and parameter names are looked up as <SYMBOL> and <NAME>, list items as their list.
    """
    names = tuple(name for name in path if isinstance(name, str))
    for prefix, stand_in in OPEN_MAPS.items():
        if names[: len(prefix)] == prefix and len(names) > len(prefix):
            names = (*prefix, stand_in, *names[len(prefix) + 1 :])
    return keys().get(names)


def shown_decimals(path: tuple[str | int, ...]) -> int | None:
    """Return how many decimals the value of a key may have, or None if it is not a number with decimals."""
    known = find(path)
    match = _DECIMALS.search(known.allowed) if known else None
    return int(match[1]) if match else MOST_DECIMALS if known and known.path[-1] == "<NAME>" else None


def siblings(path: tuple[str, ...]) -> list[str]:
    """Return the names of all keys in the section that holds the last name of the path."""
    parent = find(path[:-1])
    above = parent.path if parent else ()
    return [key.path[-1] for key in keys().values() if key.path[:-1] == above and not key.path[-1].startswith("<")]


def is_date(path: tuple[str, ...]) -> bool:
    """Return whether a key holds a time; the model stores it in ms."""
    known = find(path)
    return known is not None and known.allowed.startswith(DATE)


def leaves(section: BaseModel, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every value of a configuration with its path: numbers, words, lists, null and empty maps."""
    for name in type(section).model_fields:
        yield from _leaves(getattr(section, name), (*path, name))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, BaseModel):
        yield from leaves(value, path)
    elif isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _leaves(member, (*path, name))
    else:
        yield path, value


def _keys(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[ConfigKey]:
    for name, field in model.model_fields.items():
        here = (*path, name)
        yield _key(here, field)
        for inner in _models(field.annotation):
            below = (*here, OPEN_MAPS[here]) if here in OPEN_MAPS else here
            if below != here:
                yield ConfigKey(below, "a map of keys", "-", False, f"one entry of {name}", False)
            yield from _keys(inner, below)
        if here == ("strategy", "parameters"):
            yield ConfigKey((*here, "<NAME>"), PARAMETER, "-", True, "one parameter", False)
        if here == ("strategy", "indicators"):
            yield ConfigKey((*here, "<NAME>"), "a map of keys", "-", False, "one indicator", False)
            yield ConfigKey(
                (*here, "<NAME>", "<KEY>"),
                INDICATOR_KEY,
                "-",
                True,
                "see docs/indicators.md; the kind is `type`",
                False,
            )


def _key(path: tuple[str, ...], field: FieldInfo) -> ConfigKey:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    allowed = _field_allowed(path, field)
    default = (
        "-"
        if field.is_required() or field.default_factory
        else value_text(field.default, date=allowed.startswith(DATE))
    )
    text = field.annotation is str
    plan, secret = bool(extra.get("plan")), _holds_secret(field.annotation)
    nullable = type(None) in typing.get_args(field.annotation)
    return ConfigKey(path, allowed, default, plan, field.description or "", text, secret, nullable)


def _holds_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_holds_secret, typing.get_args(annotation)))


def value_text(value: Any, *, date: bool = False) -> str:
    """Format a value as text: decimals without exponent, dates as dates, lists and maps in YAML flow style."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, int) and date:
        from safla.core.candles import iso  # imports numpy, which is slow and rarely needed here

        return iso(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, BaseModel):
        members = (f"{name}: {value_text(getattr(value, name))}" for name in type(value).model_fields)
        return f"{{{', '.join(members)}}}"
    return "{}" if value == {} else str(value)


def _field_allowed(path: tuple[str, ...], field: FieldInfo) -> str:
    text = _allowed(field.annotation, field.metadata)
    return f"{text}{FRACTION}" if path and path[-1].endswith(("_pct", "_rate")) and "decimals" in text else text


def _allowed(annotation: Any, metadata: list[Any]) -> str:
    for mark in metadata:
        if isinstance(mark, Allowed):
            return mark.text
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        inner, *marks = typing.get_args(annotation)
        return _allowed(inner, [*marks, *metadata])
    if origin in (Union, types.UnionType):
        *others, last = (_allowed(member, []) for member in typing.get_args(annotation))
        return f"{', '.join(others)}, or {last}" if others else last
    if origin is Literal:
        *others, last = map(str, typing.get_args(annotation))
        return f"{', '.join(others)} or {last}" if others else last
    if origin is tuple:
        return f"{LIST}{_allowed(typing.get_args(annotation)[0], [])}"
    if annotation in (int, float, Decimal):
        return number_range(annotation, metadata)
    return _NAMES.get(annotation, "a map of keys")


_NAMES: dict[Any, str] = {bool: "true or false", str: "text", type(None): "null"}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)
