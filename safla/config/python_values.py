"""Values from Python to the nodes that YAML would give, under the limits of YAML: depth, values, characters, numbers.

A dict of a program that serves others was written by them. So nothing is converted before it is known to be small, and
what is no plain value is an error of its key.
"""

import datetime
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import islice

from safla.config.yaml_reader import MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_NUMBER, Node, NoValue, SourceLocation, scalar
from safla.errors import ConfigError, Problem
from safla.text import printable, quoted

MOST = 10**12  # digits before the point that a number has at most (Z5)
MAX_BITS = 212  # of an integer of 64 digits: one of millions would be written for seconds
MAX_KEY = 1_024  # characters, as in YAML


class Float(Decimal):
    """A number that came as a float of Python: it may have more digits than its key takes, and is rounded then."""


class ValueBudget:
    """How much all values of one call may hold together: as many values and characters as one file of YAML."""

    def __init__(self) -> None:
        self._nodes = 0
        self._letters = 0

    def node(self, where: "ValuePlace") -> None:
        """Count a value or a key. ConfigError where they are too many."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise where.refused(f"with what comes before it these are more than {MAX_NODES} values")

    def letters(self, text: str, where: "ValuePlace") -> str:
        """Count the characters of a text, which is returned. ConfigError where they are too many."""
        self._letters += len(text)
        if self._letters > MAX_BYTES:
            raise where.refused(f"with what comes before it these are more than {MAX_BYTES} characters")
        return text


class ValuePlace:
    """The place of a value: which argument it came in, and the keys above it."""

    def __init__(self, place: SourceLocation, path: tuple[str, ...] = ()) -> None:
        self.place = place
        self.path = path

    def below(self, name: str) -> "ValuePlace":
        """The place of a member."""
        return ValuePlace(self.place, (*self.path, name))

    def refused(self, text: str) -> ConfigError:
        """The error of the value here."""
        key = ".".join(self.path)
        shown = printable(key[:MAX_NUMBER]) + ("..." if len(key) > MAX_NUMBER else "")
        return ConfigError([Problem(str(self.place), shown, text)])


def read_python(value: object, place: SourceLocation, *, budget: ValueBudget | None = None) -> Node:
    """A value from Python, taken as though it had been written: numbers become text first, so the same rules hold.

    budget  of all values of a call; None: this one has its own
    ConfigError: nested too deep or in itself, too much of it, or an object that is no value of a configuration.
    """
    return _read(value, ValuePlace(place), budget or ValueBudget(), depth=1)


def _read(value: object, where: ValuePlace, budget: ValueBudget, *, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise where.refused(f"is nested deeper than {MAX_DEPTH}")
    budget.node(where)
    if getattr(value, "size", 1) > MAX_NODES and type(value).__module__ == "numpy":
        raise where.refused(f"holds more than {MAX_NODES} values")
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
            raise inner.refused("stands here twice, as text and as another value; keep one")
        members[name] = _read(value, inner, budget, depth=depth + 1)
    return members


def key_text(key: object, where: ValuePlace) -> str:
    """A key as text: one that is a number is taken as it would be written. ConfigError for what is no key."""
    if isinstance(key, str):
        text = str.__str__(key)
        if len(text) > MAX_KEY:
            raise where.refused(f"a key of {len(text):,} characters, at most {MAX_KEY}")
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise where.refused(f"the key {quoted(text)} is no text that can be written in UTF-8")
        return text
    if isinstance(key, int) and not isinstance(key, bool) and int.bit_length(key) <= MAX_BITS:
        return int.__repr__(key)
    raise where.refused(f"{_kind(key)} stands where a key is due; a key is text")


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
    """A value of numpy as the one of Python that it stands for, by its shortest text; others as they are."""
    if type(value).__module__ != "numpy":
        return value
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind == "M":
        return str(value.astype("M8[ms]"))  # type: ignore[attr-defined]
    if kind == "f" and getattr(value, "ndim", 1) == 0:
        return float(str(value))  # of a float32 0.03 too, and not 0.029999999329447746
    return value.tolist() if hasattr(value, "tolist") else value


def _of_float(value: float, place: SourceLocation) -> Node:
    """A float by its shortest text, with all its digits: what a key can hold of them is decided where it is known."""
    number = Decimal(repr(value))
    small = number.is_finite() and -64 < number.adjusted() < 64
    text = format(number, "f") if small else str(number)
    if not small or number < 0 or abs(number) >= MOST:
        return Node(text, text[:MAX_NUMBER], place, place)
    whole = number == number.to_integral_value()
    return Node(int(number) if whole else Float(number), text[:MAX_NUMBER], place, place)


def _written(value: object, where: ValuePlace) -> str:
    """A number or a date as it would be written. ConfigError for a number of many digits, and for any other object."""
    if isinstance(value, int):
        if int.bit_length(value) > MAX_BITS:
            raise where.refused(f"an integer of more than {MAX_NUMBER} digits; at most 12 are read")
        return int.__repr__(value)
    if isinstance(value, Decimal):
        if not value.is_finite() or not -MAX_NUMBER < value.adjusted() < MAX_NUMBER:
            return Decimal.__str__(value)[:MAX_BYTES]
        return Decimal.__format__(value, "f")
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    raise where.refused(
        f"{_kind(value)} is no value of a configuration; expected text, a number, a date, a list or a map"
    )


def _kind(value: object) -> str:
    return f"an object of the type {printable(type(value).__name__)[:MAX_NUMBER]}"
