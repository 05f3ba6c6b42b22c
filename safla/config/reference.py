"""What the models say about each key, as a table: what it allows, its default, plan, meaning. Nothing stands twice."""

import re
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, Literal, NamedTuple, Union

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from safla.config.model import Config
from safla.config.types import Allowed, plain

OPEN_MAPS = {("markets",): "<SYMBOL>", ("strategy", "parameters"): "<NAME>"}  # their keys are the user's


MOST_DECIMALS = 12  # of any number (Z5), such as a parameter of a strategy
_DECIMALS = re.compile(r"at most (\d+) decimals")

FRACTION = " (a fraction: 0.02 is 2 %)"  # how the text of a share ends
DATE = "a date"  # how the text of a type that holds a time begins


class ConfigKey(NamedTuple):
    """One key of the configuration."""

    path: tuple[str, ...]
    allowed: str
    default: str
    plan: bool
    meaning: str
    text: bool  # whether its value is text, also where it looks like a number
    secret: bool = False  # whether its value may be one, and is never shown
    nullable: bool = False  # whether null is one of its values

    @property
    def is_section(self) -> bool:
        """Whether keys of its own stand below it, and it is nothing by itself."""
        return self.allowed == "a map of keys" and self.default == "-"

    @property
    def name(self) -> str:
        """Dotted."""
        return ".".join(self.path)


@cache
def keys() -> dict[tuple[str, ...], ConfigKey]:
    """Every key and section by its path, in the order of the models."""
    return {key.path: key for key in _keys(Config, ())}


def find(path: tuple[str | int, ...]) -> ConfigKey | None:
    """The key of a path; symbols and parameter names count as <SYMBOL> and <NAME>, items as their list."""
    names = tuple(name for name in path if isinstance(name, str))
    for prefix, stand_in in OPEN_MAPS.items():
        if names[: len(prefix)] == prefix and len(names) > len(prefix):
            names = (*prefix, stand_in, *names[len(prefix) + 1 :])
    return keys().get(names)


def shown_decimals(path: tuple[str | int, ...]) -> int | None:
    """How many decimals the value of a key may have; None where it is no number with decimals."""
    known = find(path)
    found = _DECIMALS.search(known.allowed) if known else None
    return int(found[1]) if found else MOST_DECIMALS if known and known.path[-1] == "<NAME>" else None


def siblings(path: tuple[str, ...]) -> list[str]:
    """The names that may stand where the last one of a path stands."""
    parent = find(path[:-1])
    above = parent.path if parent else ()
    return [key.path[-1] for key in keys().values() if key.path[:-1] == above and not key.path[-1].startswith("<")]


def is_date(path: tuple[str, ...]) -> bool:
    """Whether a key holds a time, which the model has in ms."""
    known = find(path)
    return known is not None and known.allowed.startswith(DATE)


def leaves(section: BaseModel, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value of a configuration with its path: numbers, words, lists, null and empty maps."""
    for name in type(section).model_fields:
        yield from _leaves(getattr(section, name), (*path, name))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, BaseModel):
        yield from leaves(value, path)
    elif isinstance(value, dict) and value:
        for name, one in value.items():
            yield from _leaves(one, (*path, name))
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
            yield ConfigKey((*here, "<NAME>"), "a whole number, a decimal or a word", "-", True, "one parameter", False)


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
    """A value as text: decimals plain, dates as dates, lists and maps as YAML flow."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, int) and date:
        from safla.core.candles import iso  # it brings numpy, which a file that is no YAML should not wait for

        return iso(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
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
        return ", or ".join(_allowed(one, []) for one in typing.get_args(annotation))
    if origin is Literal:
        *others, last = map(str, typing.get_args(annotation))
        return f"{', '.join(others)} or {last}" if others else last
    if origin is tuple:
        return f"a list of which each is {_allowed(typing.get_args(annotation)[0], [])}"
    if annotation in (int, Decimal):
        return _range(annotation, metadata)
    return _NAMES.get(annotation, "a map of keys")


_NAMES: dict[Any, str] = {bool: "true or false", str: "text", type(None): "null"}

_LIMITS: tuple[tuple[type, str], ...] = (
    (annotated_types.Ge, "at least"),
    (annotated_types.Gt, "above"),
    (annotated_types.Le, "at most"),
    (annotated_types.Lt, "below"),
)


def _range(kind: type, metadata: list[Any]) -> str:
    marks = [one for mark in metadata for one in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    limits = [
        f"{words} {value_text(getattr(mark, limit.__name__.lower()))}"
        for mark in marks
        for limit, words in _LIMITS
        if isinstance(mark, limit)
    ]
    places = [mark.decimal_places for mark in marks if getattr(mark, "decimal_places", None) is not None]
    name = "a whole number" if kind is int else "a number"
    return ", ".join([name, *limits, *[f"at most {most} decimals" for most in places]])


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)
