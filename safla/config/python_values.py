"""Convert values from Python into the nodes that YAML would give, under the same limits of depth, size and numbers.

A program that serves others may pass on a dict that they wrote. So no value is converted before its size is checked,
and an object that is not a plain value is an error of its key.
"""

import datetime
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import islice

from safla.config.yaml_reader import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    MAX_NUMBER,
    TOO_DEEP,
    TOO_MANY,
    Node,
    NoValue,
    SourceLocation,
    scalar,
)
from safla.errors import ConfigError, Problem
from safla.text import printable, quoted

MOST = 10**12  # numbers stay below this (Z5)
MAX_BITS = 212  # of an integer of 64 digits; converting millions of digits to text would take seconds
MAX_KEY = 1_024  # characters, as in YAML


class Float(Decimal):
    """A number that came as a float of Python. It may have more digits than its key takes and is then rounded."""


class ValueBudget:
    """The size of all values of one call together: at most as many values and characters as in one YAML file."""

    def __init__(self) -> None:
        self._nodes = 0
        self._letters = 0

    def node(self, where: "ValuePlace") -> None:
        """Count a value or a key. Raise ConfigError if there are too many."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise where.refused(
                f"the values up to here are more than {MAX_NODES} values; shorten them", code="configuration_too_large"
            )

    def letters(self, text: str, where: "ValuePlace") -> str:
        """Count the characters of a text and return it. Raise ConfigError if there are too many."""
        self._letters += len(text)
        if self._letters > MAX_BYTES:
            raise where.refused(
                f"the values up to here are more than {MAX_BYTES} characters; shorten them",
                code="configuration_too_large",
            )
        return text


class ValuePlace:
    """The place of a value: the argument that holds it and the keys above it."""

    def __init__(self, place: SourceLocation, path: tuple[str, ...] = ()) -> None:
        self.place = place
        self.path = path

    def below(self, name: str) -> "ValuePlace":
        """Return the place of a member."""
        return ValuePlace(self.place, (*self.path, name))

    def refused(self, text: str, *, code: str = "invalid_value") -> ConfigError:
        """Return a ConfigError for the value at this place."""
        key = ".".join(self.path)
        shown = printable(key[:MAX_NUMBER]) + ("..." if len(key) > MAX_NUMBER else "")
        return ConfigError([Problem(str(self.place), shown, text, code)])


def read_python(value: object, place: SourceLocation, *, budget: ValueBudget | None = None) -> Node:
    """Read a value from Python as if it were written in YAML: numbers become text first, so that the same rules apply.

    budget  shared by all values of a call; None: this value has its own
    Raise ConfigError for values that are too deep, recursive or too large, and for objects that are not plain values.
    """
    return _read(value, ValuePlace(place), budget or ValueBudget(), depth=1)


def _read(value: object, where: ValuePlace, budget: ValueBudget, *, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise where.refused(TOO_DEEP, code="configuration_too_large")
    budget.node(where)
    if getattr(value, "size", 1) > MAX_NODES and type(value).__module__ == "numpy":
        raise where.refused(TOO_MANY, code="configuration_too_large")
    value = native(value)
    if isinstance(value, Mapping):
        return Node(_members(value, where, budget, depth=depth), "a map", where.place, where.place)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        items = [_read(item, where, budget, depth=depth + 1) for item in islice(value, MAX_NODES + 1)]
        return Node(items, "a list", where.place, where.place)
    return _plain(value, where, budget)


def _members(
    mapping: Mapping[object, object], where: ValuePlace, budget: ValueBudget, *, depth: int
) -> dict[str, Node]:
    members: dict[str, Node] = {}
    for key, value in mapping.items():
        budget.node(where)
        name = budget.letters(key_text(key, where), where)
        inner = where.below(name)
        if name in members:
            raise inner.refused("duplicate key, once as text and once as a number; keep one", code="duplicate_key")
        members[name] = _read(value, inner, budget, depth=depth + 1)
    return members


def key_text(key: object, where: ValuePlace) -> str:
    """Convert a key to text, also an integer. Raise ConfigError for any other object and for a key that is too long."""
    if isinstance(key, str):
        text = str.__str__(key)
        if len(text) > MAX_KEY:
            raise where.refused(f"expected a key of at most {MAX_KEY} characters, got {len(text):,}")
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise where.refused(f"the key {quoted(text)} cannot be written in UTF-8; rename it")
        return text
    if isinstance(key, int) and not isinstance(key, bool) and int.bit_length(key) <= MAX_BITS:
        return int.__repr__(key)
    raise where.refused(f"expected text as a key, got {_kind(key)}")


def _plain(value: object, where: ValuePlace, budget: ValueBudget) -> Node:
    place = where.place
    if value is None or isinstance(value, bool):
        return Node(value, str(value), place, place)
    if isinstance(value, float):
        return _of_float(float.__float__(value), place)
    if isinstance(value, (str, os.PathLike)):
        text = str.__str__(value) if isinstance(value, str) else os.fsdecode(value)
        budget.letters(text, where)
        if isinstance(value, str) and not text.strip(" "):
            return Node(NoValue.HERE, NoValue.HERE.value, place, place)
        return Node(text, quoted(text), place, place)
    written = budget.letters(_written(value, where), where)
    return Node(scalar(written), written[:MAX_NUMBER], place, place)


def native(value: object) -> object:
    """Convert a value of numpy to the equal value of Python, by its shortest text; return other values unchanged."""
    if type(value).__module__ != "numpy":
        return value
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind == "M":
        return str(value.astype("M8[ms]"))  # type: ignore[attr-defined]
    if kind == "f" and getattr(value, "ndim", 1) == 0:
        return float(str(value))  # so that float32 0.03 becomes 0.03, not 0.029999999329447746
    return value.tolist() if hasattr(value, "tolist") else value


def _of_float(value: float, place: SourceLocation) -> Node:
    """Convert a float by its shortest text, with all digits; it is rounded later, when the key is known."""
    number = Decimal(repr(value))
    small = number.is_finite() and -64 < number.adjusted() < 64
    text = format(number, "f") if small else str(number)
    if not small or number < 0 or abs(number) >= MOST:
        return Node(text, text[:MAX_NUMBER], place, place)
    whole = number == number.to_integral_value()
    return Node(int(number) if whole else Float(number), text[:MAX_NUMBER], place, place)


def _written(value: object, where: ValuePlace) -> str:
    """Format a number or a date as in YAML. Raise ConfigError for too many digits and for any other object."""
    if isinstance(value, int):
        if int.bit_length(value) > MAX_BITS:
            raise where.refused(f"expected a number of at most 12 digits, got more than {MAX_NUMBER}")
        return int.__repr__(value)
    if isinstance(value, Decimal):
        if not value.is_finite() or not -MAX_NUMBER < value.adjusted() < MAX_NUMBER:
            return Decimal.__str__(value)[:MAX_BYTES]
        return Decimal.__format__(value, "f")
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    raise where.refused(f"expected text, a number, a date, a list or a map, got {_kind(value)}")


def _kind(value: object) -> str:
    return f"an object of the type {printable(type(value).__name__)[:MAX_NUMBER]}"
