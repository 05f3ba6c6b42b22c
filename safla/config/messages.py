"""What is wrong, in words: where, which key, the value unless it may be a secret, what is allowed, the nearest key."""

import difflib
import re
from decimal import Decimal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from safla.config import paths
from safla.config.constraints import Violation, hundredth
from safla.config.reference import FRACTION, find, keys, siblings
from safla.config.types import FOREIGN_SYMBOL, NO_SYMBOL, plain
from safla.config.yaml_reader import Node, SourceLocation
from safla.errors import Problem
from safla.text import SHORT, printable

PREFIX = "SAFLA__"
WITHOUT = {PREFIX: "unset the variable", "--set": "leave the option out"}  # what is above a file leaves it its value
PYTHON = ("set", "config")  # places of values that came from Python
KeyPath = tuple[str, ...]

_SECRET = re.compile(r"api[_-]?key|secret|passw|passphrase|token|private|credential|mnemonic", re.IGNORECASE)

URL = "://"
_TELLING = "@?#"  # behind the // of a URL they may begin or end a password or a key: user, query, fragment

# How people write what is no number or word here, and what to write instead; the first that fits is said.
HINTS = tuple(
    (re.compile(pattern, re.ASCII | re.IGNORECASE), hint)
    for pattern, hint in (
        (r"yes|no|on|off|y|n|true|false", "a boolean is true or false, in small letters and without quotes"),
        (r"(0|[1-9]\d{0,11})(\.\d{1,12})?", "in quotes a number is text; leave them out"),
        (r"0\d+", "a number has no zeros in front"),
        (r"\+.*", "a number has no plus sign"),
        (r"-\d.*", "negative numbers are not used here"),
        (r"[\d.]+(e[+-]?\d+)", "write it without an exponent"),
        (r"[\d_]+(\.[\d_]+)?", "a number has no underscores, and at most 12 digits before and after its point"),
        (r"\d[\d.,]*,[\d.,]*", "a number has no comma; its point is ."),
        (r"[\d.]+ ?%", "a fraction: 0.02 is 2 %"),
        (r"0[xob][\da-f]+", "a number is decimal"),
        (r"[+-]?\.?(nan|inf|infinity)", "a number is finite"),
        (r"\d+(:\d+)+", "a number has no colons"),
    )
)

TIMEFRAMES = re.compile(r"([1-9]\d?)(w|M|mo|week|month|y|Y|W)", re.ASCII)
LONG = "weeks, months and years do not begin on one grid of UTC days; run on 1d, and let the strategy look further back"

VERDICTS = {
    "greater_than": " is out of range",
    "greater_than_equal": " is out of range",
    "less_than": " is out of range",
    "less_than_equal": " is out of range",
    "decimal_max_places": " has too many decimals",
    "too_long": " is too long",
    "too_short": " is too short",
}


def of_validation(error: ValidationError, root: Node, *, left_out: set[KeyPath]) -> list[tuple[KeyPath, Problem]]:
    """The problems that a model has with a tree, each with the path to leave out; none of keys that are left out."""
    found: dict[KeyPath, Problem] = {}
    errors = error.errors(include_url=False, include_input=False)
    for one in sorted(errors, key=lambda one: one["type"] != "missing"):
        if one["type"] == "rules":
            return [(broken.keys, of_rule(broken, root)) for broken in one["ctx"]["broken"] if fresh(broken, left_out)]
        path, node = _reached(root, one["loc"])
        found.setdefault(path, _of_value(one, path, node))
    # Where a map might also be a word, the word is missed too; what is wrong inside of the map says more.
    return [(path, told) for path, told in found.items() if not any(_inside(other, path) for other in found)]


def of_rule(broken: Violation, root: Node) -> Problem:
    """A rule between keys that does not hold, placed at the first of them that is written down."""
    places = [node.place for name in broken.keys for node in (at(root, key_path(name)),) if node is not None]
    return Problem(str(places[0] if places else root.place), broken.keys[0], broken.text)


def fresh(broken: Violation, left_out: set[KeyPath]) -> bool:
    """Whether a rule is about keys that were all looked at."""
    return not any(key_path(name)[: len(path)] == path for name in broken.keys for path in left_out)


def unknown_key(path: KeyPath, place: SourceLocation) -> Problem:
    """A key that is none of ours, with the nearest one. Its value is never shown: it may be a secret (Z4, Z9)."""
    dotted = printable(".".join("a name that is not shown" if URL in name else name for name in path))
    if key_like("_".join(path)):  # joined, for SAFLA__API__KEY is meant as one too
        text = "keys are not needed, backtest and paper use public data; remove it, and change the key if it was shared"
        return Problem(str(place), dotted, text)
    near = _nearest(path)
    if near and place.file.startswith(PREFIX):
        near = PREFIX + "__".join((*path[:-1], near) if "." not in near else key_path(near)).upper()
    return Problem(str(place), dotted, f"unknown key; {f'did you mean {printable(near)}?' if near else _known(path)}")


def no_value(path: KeyPath, place: SourceLocation, *, root: Node | None = None) -> Problem:
    """A key that was written without a value: an empty variable or option must never switch a limit off.

    root  the tree that it stands in, where it may be an item of a list
    """
    whole = at(root, path) if root is not None else None
    if whole is not None and isinstance(whole.value, list):
        return Problem(str(place), printable(".".join(path)), "an item has no value; remove it, or write one")
    known = find(path)
    if known is None:
        return unknown_key(path, place)
    default = f" for the default {known.default}" if known.default not in ("-", "[]", "{}", "null") else ""
    without = WITHOUT.get(place.file[: len(PREFIX)], f"leave the key out{default}")
    null = "None" if place.file in PYTHON else "null"
    if known.is_section:
        text = f"write its keys below it, indented, or {without}"
    elif not known.nullable:
        text = f"expected {known.allowed}; or {without}"
    elif path[0] == "risk":
        text = f"write {null} to switch it off, or {without}"
    else:
        text = f"write {null} if none is meant, or {without}"
    return Problem(str(place), printable(".".join(path)), f"has no value; {text}")


def key_like(name: str) -> bool:
    """Whether a name looks like that of a key or password."""
    return _SECRET.search(name) is not None


def key_path(dotted: str) -> KeyPath:
    """A dotted key as a path. No key and no symbol contains a dot."""
    return tuple(dotted.split("."))


def at(root: Node, path: KeyPath) -> Node | None:
    """The node at a path, if it is written down."""
    node: Node | None = root
    for name in path:
        node = node.value.get(name) if node is not None and isinstance(node.value, dict) else None
    return node


def order(problem: Problem) -> tuple[bool, str, int, int]:
    """By file and line; variables and options behind them."""
    file, line, column = parts(problem.where)
    return (line is None, file, line or 0, column or 0)


def parts(where: str) -> tuple[str, int | None, int | None]:
    """The file of a problem, its line and column; the name of a variable or option has neither."""
    file, *numbers = where.rsplit(":", 2)
    if len(numbers) == 2 and all(number.isdecimal() for number in numbers):
        return file, int(numbers[0]), int(numbers[1])
    return where, None, None


def _inside(path: KeyPath, above: KeyPath) -> bool:
    return len(path) > len(above) and path[: len(above)] == above


def _reached(root: Node, loc: tuple[int | str, ...]) -> tuple[KeyPath, Node]:
    """How far a location of pydantic leads in the tree: it may go on with a member of a union, or a missing key."""
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
        return Problem(str(node.place), printable(".".join(path)), f"{error['loc'][-1]} is missing")
    known = find(path)
    allowed = known.allowed if known else "a map of keys"
    if error["loc"][-1] == "[key]":
        text = "is no name such as slow_period"
        if path[0] == "markets":
            text = NO_SYMBOL if path[-1].isascii() else FOREIGN_SYMBOL
        return Problem(str(node.key_place), printable(".".join(path)), text)
    shown = "a value that is not shown" if _is_hidden(path, node.value) else node.text
    text = f"{shown}{VERDICTS.get(kind, '')}; due is {allowed}"
    return Problem(
        str(node.place),
        printable(".".join(path)),
        text + _hint(node, allowed, path, kind),
    )


def _hint(node: Node, allowed: str, path: KeyPath, kind: str) -> str:
    if allowed.startswith("1m, 3m") and TIMEFRAMES.fullmatch(str(node.value)[:20]):
        return f"; {LONG}"
    if kind.startswith("less_than") and allowed.endswith(FRACTION):
        told = f"{hundredth(Decimal(node.value))} is {node.text} %"
        return "" if told in allowed else f"; {told}"
    if path[:1] == ("monitoring",) and isinstance(node.value, Decimal) and node.value < 1 and path[-1].endswith("_pct"):
        return f"; it is per cent: {plain(node.value * 100)}"
    if not isinstance(node.value, str):
        quote = isinstance(node.value, (int, Decimal, bool)) and allowed.startswith(("text", "a word"))
        return "; put it in quotes" if quote else ""
    numeric = "number" in allowed or "true" in allowed
    if allowed.startswith("a path"):
        return _no_path(node.value)
    foreign = not node.value.isascii() and allowed.startswith(("a symbol", "a list of which each is a symbol"))
    if foreign:
        return f"; it {FOREIGN_SYMBOL}"
    if kind == "tuple_type" and allowed.startswith("a list"):
        return _as_list(node.value)
    hints = (hint for pattern, hint in HINTS if pattern.fullmatch(node.value[:80])) if numeric else iter(())
    hint = next(hints, "")
    return f"; {hint}" if hint and hint not in allowed else ""


def _is_hidden(path: KeyPath, value: object) -> bool:
    """Whether a value may be a secret: of a key that takes one, or where a section with such a key should stand.

    A URL is one wherever none is due, for it may be that of a webhook in the wrong place.
    """
    if any(key.secret and key.path[: len(path)] == path for key in keys().values()):
        return True
    rest = value.partition("//")[2] if isinstance(value, str) else ""
    return any(sign in rest for sign in _TELLING) or (
        isinstance(value, str) and URL in value and not path[-1].endswith("_url")
    )


def _as_list(text: str) -> str:
    """How a list is written that somebody wrote without its brackets."""
    items = [one.strip() for one in text.split(",")]
    return f"; write [{', '.join(items)}]" if len(text) <= SHORT and text.isascii() and text.isprintable() else ""


def _no_path(path: str) -> str:
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
    return f"known here: {', '.join(siblings(path))}" if siblings(path) else "no keys stand here"
