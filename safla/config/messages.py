"""The texts of configuration problems.

A wrong value is reported as "where: key: expected what the key takes, got the value; hint", an unknown key with the
nearest known one. A value that may be a secret is never shown.
"""

import difflib
import re
from decimal import Decimal
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from safla.config import paths
from safla.config.constraints import Violation, hundredth
from safla.config.reference import FRACTION, LIST, find, keys, siblings
from safla.config.types import FOREIGN_SYMBOL, NO_SYMBOL, plain
from safla.config.yaml_reader import Node, SourceLocation
from safla.errors import Problem
from safla.text import SHORT, counted, printable

PREFIX = "SAFLA__"
WITHOUT = {PREFIX: "unset the variable", "--set": "leave the option out"}  # so that the value of the file holds
PYTHON = ("set", "config")  # places of values that came from Python
KeyPath = tuple[str, ...]

_SECRET = re.compile(r"api[_-]?key|secret|passw|passphrase|token|private|credential|mnemonic", re.IGNORECASE)

URL = "://"
_URL_PARTS = "@?#"  # in a URL they separate user, query and fragment, any of which may hold a password or a key

BOOLEANS = re.compile(r"yes|no|on|off|y|n|true|false", re.ASCII | re.IGNORECASE)
BOOLEAN_HINT = "write it in lower case and without quotes"

# Spellings that people use for numbers and that are not accepted, and what to write instead. The first match counts.
NUMBER_HINTS = tuple(
    (re.compile(pattern, re.ASCII | re.IGNORECASE), hint)
    for pattern, hint in (
        (r"(0|[1-9]\d{0,11})(\.\d{1,12})?", "remove the quotes, they make it text"),
        (r"0\d+", "remove the leading zeros"),
        (r"\+.*", "remove the plus sign"),
        (r"-\d.*", "negative numbers are not allowed"),
        (r"[\d.]+(e[+-]?\d+)", "write it without an exponent"),
        (r"[\d_]+(\.[\d_]+)?", "write it without underscores, with at most 12 digits before and after the point"),
        (r"\d[\d.,]*,[\d.,]*", "write it without commas and with a decimal point"),
        (r"[\d.]+ ?%", "a fraction: 0.02 is 2 %"),
        (r"0[xob][\da-f]+", "write it in decimal digits"),
        (r"[+-]?\.?(nan|inf|infinity)", "write a finite number"),
        (r"\d+(:\d+)+", "write it without colons"),
    )
)

TIMEFRAMES = re.compile(r"([1-9]\d?)(w|M|mo|week|month|y|Y|W)", re.ASCII)
LONG = "weeks, months and years are not supported; use 1d and longer periods in the strategy"


def of_validation(error: ValidationError, root: Node, *, left_out: set[KeyPath]) -> list[tuple[KeyPath, Problem]]:
    """Translate the errors of a model, each with the path to leave out of the next attempt.

    Rules that involve keys in `left_out` are skipped.
    """
    problems: dict[KeyPath, Problem] = {}
    sentences: list[tuple[KeyPath, Problem]] = []  # of which one may have several
    errors = error.errors(include_url=False, include_input=False)
    for detail in sorted(errors, key=lambda detail: detail["type"] != "missing"):
        if detail["type"] == "rules":
            violations = detail["ctx"]["broken"]
            return [(rule.keys, of_rule(rule, root)) for rule in violations if fresh(rule, left_out)]
        path, node = _reached(root, detail["loc"])
        if detail["type"] == "sentence":
            places = [(mistake.place, mistake.text) for mistake in detail["ctx"]["mistakes"]]
            sentences += [
                (path, of_mistake(path, node, inner=place.path, offset=place.offset, text=text))
                for place, text in places
            ]
            continue
        problems.setdefault(path, _of_value(detail, path, node))
    # A key that takes a word or a map reports an error for each; the one inside the map is the more precise.
    return [*sentences, *(one for one in problems.items() if not any(_inside(other, one[0]) for other in problems))]


def of_rule(broken: Violation, root: Node) -> Problem:
    """Return the problem of a broken rule between keys, placed at the first of its keys that is written down."""
    if broken.place is not None:
        first = key_path(broken.keys[0])
        node = at(root, first)
        if node is not None:
            inner, offset = broken.place
            return of_mistake(first, node, inner=inner, offset=offset, text=broken.text)
    places = [node.place for name in broken.keys for node in (at(root, key_path(name)),) if node is not None]
    code = "keys_do_not_fit" if len(broken.keys) > 1 else "invalid_value"
    return Problem(str(places[0] if places else root.place), broken.keys[0], broken.text, code=code)


def of_mistake(path: KeyPath, node: Node, *, inner: tuple[str | int, ...], offset: int, text: str) -> Problem:
    """Return the problem of a word in a sentence.

    path, node     of the key whose value is the sentence, or a map of sentences
    inner, offset  which sentence of the map, and which character of it
    """
    for step in inner:
        value: Any = node.value
        is_there = step in value if isinstance(value, dict) else isinstance(step, int) and step < len(value)
        node = value[step] if is_there else node
    place = node.place
    if place.line and node.text_column:
        place = place._replace(column=node.text_column + offset)
    dotted = ".".join([*path, *(str(step + 1) if isinstance(step, int) else step for step in inner)])
    return Problem(str(place), printable(dotted), text, code="invalid_sentence")


def fresh(broken: Violation, left_out: set[KeyPath]) -> bool:
    """Return whether none of the rule's keys was left out."""
    return not any(key_path(name)[: len(path)] == path for name in broken.keys for path in left_out)


def unknown_key(path: KeyPath, place: SourceLocation) -> Problem:
    """Return the problem of an unknown key, with the nearest known one. Its value is never shown (Z4, Z9)."""
    dotted = printable(".".join("a name that is not shown" if URL in name else name for name in path))
    if key_like("_".join(path)):  # joined, so that SAFLA__API__KEY counts too
        text = (
            "secrets are not needed, backtest and paper use public data; remove it, and replace the secret "
            "if others may have seen it"
        )
        return Problem(str(place), dotted, text, code="secret_not_needed")
    near = _nearest(path)
    if near and place.file.startswith(PREFIX):
        near = PREFIX + "__".join((*path[:-1], near) if "." not in near else key_path(near)).upper()
    return Problem(
        str(place),
        dotted,
        f"unknown key; {f'did you mean {printable(near)}?' if near else _known(path)}",
        code="unknown_key",
    )


def no_value(path: KeyPath, place: SourceLocation, *, root: Node | None = None) -> Problem:
    """Return the problem of a key without a value: an empty variable or option must never switch a limit off.

    root  the tree that holds the key; needed to recognise an item of a list
    """
    whole = at(root, path) if root is not None else None
    if whole is not None and isinstance(whole.value, list):
        return Problem(
            str(place), printable(".".join(path)), "an item has no value; remove it, or write one", code="missing_value"
        )
    known = find(path)
    if known is None:
        return unknown_key(path, place)
    default = f" for the default {known.default}" if known.default not in ("-", "[]", "{}", "null") else ""
    without = WITHOUT.get(place.file[: len(PREFIX)], f"leave the key out{default}")
    null = "None" if place.file in PYTHON else "null"
    if known.is_section:
        text = f"write its keys below it, indented, or {without}"
    elif not known.nullable:
        text = f"write {known.allowed}, or {without}"
    elif path[0] == "risk":
        text = f"write {null} to switch it off, or {without}"
    else:
        text = f"write {null} for none, or {without}"
    return Problem(str(place), printable(".".join(path)), f"has no value; {text}", code="missing_value")


def key_like(name: str) -> bool:
    """Return whether a name looks like that of an API key or a password."""
    return _SECRET.search(name) is not None


def key_path(dotted: str) -> KeyPath:
    """Split a dotted key into a path. No key and no symbol contains a dot."""
    return tuple(dotted.split("."))


def at(root: Node, path: KeyPath) -> Node | None:
    """Return the node at a path, or None if nothing is written there."""
    node: Node | None = root
    for name in path:
        node = node.value.get(name) if node is not None and isinstance(node.value, dict) else None
    return node


def order(problem: Problem) -> tuple[bool, str, int, int]:
    """Return the sort key of a problem: files by line, then variables and options."""
    file, line, column = parts(problem.where)
    return (line is None, file, line or 0, column or 0)


def parts(where: str) -> tuple[str, int | None, int | None]:
    """Split the place of a problem into file, line and column; a variable or an option has no line and column."""
    file, *numbers = where.rsplit(":", 2)
    if len(numbers) == 2 and all(number.isdecimal() for number in numbers):
        return file, int(numbers[0]), int(numbers[1])
    return where, None, None


def _inside(path: KeyPath, above: KeyPath) -> bool:
    return len(path) > len(above) and path[: len(above)] == above


def _reached(root: Node, loc: tuple[int | str, ...]) -> tuple[KeyPath, Node]:
    """Follow a location of pydantic as far as the tree goes: it may end in a union member or a missing key."""
    path: list[str] = []
    node = root
    for name in loc:
        if isinstance(node.value, dict) and name in node.value:
            node = node.value[name]
            path.append(str(name))
        elif isinstance(node.value, list) and isinstance(name, int):
            node = node.value[name]
    return tuple(path), node


def _of_value(error: ErrorDetails, path: KeyPath, node: Node) -> Problem:
    kind = error["type"]
    if kind == "extra_forbidden":
        return unknown_key(path, node.key_place)
    if kind == "missing":
        return Problem(str(node.place), printable(".".join(path)), f"{error['loc'][-1]} is missing", code="missing_key")
    known = find(path)
    allowed = known.allowed if known else "a map of keys"
    if error["loc"][-1] == "[key]":
        text = "is not a parameter name; use lower-case letters, digits and _, such as slow_period"
        if path[0] == "markets":
            text = NO_SYMBOL if path[-1].isascii() else FOREIGN_SYMBOL
        return Problem(str(node.key_place), printable(".".join(path)), text, code="invalid_value")
    if any(isinstance(step, int) for step in error["loc"]):  # an item of a list
        allowed = allowed.removeprefix(LIST)
    got = "a value that is not shown" if _is_hidden(path, node.value) else node.text
    text = f"expected {allowed}, got {got}"
    return Problem(
        str(node.place), printable(".".join(path)), text + _hint(node, allowed, path, error), code="invalid_value"
    )


def _hint(node: Node, allowed: str, path: KeyPath, error: ErrorDetails) -> str:
    """Say what to write instead, or what "expected" does not tell, if anything is known."""
    kind = error["type"]
    if allowed.startswith("1m, 3m") and TIMEFRAMES.fullmatch(str(node.value)[:20]):
        return f"; {LONG}"
    if kind.startswith("less_than") and allowed.endswith(FRACTION):
        return f"; for {node.text} % write {hundredth(Decimal(node.value))}"
    if kind in ("too_long", "too_short"):
        return f"; it has {counted(len(node.value), 'item')}, {_size(error)}"
    if path[:1] == ("monitoring",) and isinstance(node.value, Decimal) and node.value < 1 and path[-1].endswith("_pct"):
        return f"; the value is in per cent: write {plain(node.value * 100)}"
    if not isinstance(node.value, str):
        quote = isinstance(node.value, (int, Decimal, bool)) and allowed.startswith(("text", "a word"))
        return "; put it in quotes" if quote else ""
    if allowed.startswith("a path"):
        return _path_error(node.value)
    if not node.value.isascii() and allowed.removeprefix(LIST).startswith("a symbol"):
        return f"; it {FOREIGN_SYMBOL}"
    if kind == "tuple_type" and allowed.startswith(LIST):
        return _as_list(node.value)
    return _spelling(node.value, allowed)


def _size(error: ErrorDetails) -> str:
    limits = error["ctx"]
    return f"at most {limits['max_length']}" if "max_length" in limits else f"at least {limits['min_length']}"


def _spelling(text: str, allowed: str) -> str:
    """Say how to spell a boolean or a number that was written in another way."""
    if allowed.startswith("true or false"):
        return f"; {BOOLEAN_HINT}" if BOOLEANS.fullmatch(text) else ""
    if "integer" not in allowed and "number" not in allowed:
        return ""
    if "from -" in allowed and text.startswith("-"):
        return ""
    hint = next((hint for pattern, hint in NUMBER_HINTS if pattern.fullmatch(text[:80])), "")
    return f"; {hint}" if hint and hint not in allowed else ""


def _is_hidden(path: KeyPath, value: object) -> bool:
    """Whether a value may be a secret: of a key that holds one, or of a section that contains such a key.

    A URL under any other key counts too, because it may be that of a webhook in the wrong place.
    """
    if any(key.secret and key.path[: len(path)] == path for key in keys().values()):
        return True
    rest = value.partition("//")[2] if isinstance(value, str) else ""
    return any(sign in rest for sign in _URL_PARTS) or (
        isinstance(value, str) and URL in value and not path[-1].endswith("_url")
    )


def _as_list(text: str) -> str:
    """Show how to write a list that came without its brackets."""
    items = [item.strip() for item in text.split(",")]
    return f"; write [{', '.join(items)}]" if len(text) <= SHORT and text.isascii() and text.isprintable() else ""


def _path_error(path: str) -> str:
    try:
        paths.expanded(path)
    except ValueError as error:
        return f"; {error}"
    return ""


def _nearest(path: KeyPath) -> str:
    close = difflib.get_close_matches(path[-1].lower()[:80], siblings(path), n=1, cutoff=0.7)
    if close:
        return close[0]
    elsewhere = [key.name for key in keys().values() if key.path[-1] == path[-1].lower()]
    return elsewhere[0] if len(elsewhere) == 1 else ""


def _known(path: KeyPath) -> str:
    return f"allowed here: {', '.join(siblings(path))}" if siblings(path) else "no keys are allowed here"
