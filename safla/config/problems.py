"""What is wrong, in words: where, which key, the value unless it may be a secret, what is allowed, the nearest key."""

import difflib
import re
from decimal import Decimal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from safla.config.read import Node, Place
from safla.config.reference import find, keys, siblings
from safla.config.rules import Broken
from safla.config.shown import printable
from safla.errors import Problem

PREFIX = "SAFLA__"
Path = tuple[str, ...]

_SECRET = re.compile(r"api[_-]?key|secret|passw|passphrase|token|private|credential|mnemonic", re.IGNORECASE)

_TELLING_URL = re.compile(r"//([^/]*@|.*[?#])")  # a URL that may hold a password or a key: user, query, fragment

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


def of_validation(error: ValidationError, root: Node, *, left_out: set[Path]) -> list[tuple[Path, Problem]]:
    """The problems that a model has with a tree, each with the path to leave out; none of keys that are left out."""
    found: dict[Path, Problem] = {}
    errors = error.errors(include_url=False, include_input=False)
    for one in sorted(errors, key=lambda one: one["type"] != "missing"):
        if one["type"] == "rules":
            return [(broken.keys, of_rule(broken, root)) for broken in one["ctx"]["broken"] if fresh(broken, left_out)]
        path, node = _reached(root, one["loc"])
        found.setdefault(path, _of_value(one, path, node))
    # Where a map might also be a word, the word is missed too; what is wrong inside of the map says more.
    return [(path, told) for path, told in found.items() if not any(_inside(other, path) for other in found)]


def of_rule(broken: Broken, root: Node) -> Problem:
    """A rule between keys that does not hold, placed at the first of them that is written down."""
    places = [node.place for name in broken.keys for node in (at(root, split(name)),) if node is not None]
    return Problem(str(places[0] if places else root.place), broken.keys[0], broken.text)


def fresh(broken: Broken, left_out: set[Path]) -> bool:
    """Whether a rule is about keys that were all looked at."""
    return not any(split(name)[: len(path)] == path for name in broken.keys for path in left_out)


def unknown(path: Path, place: Place) -> Problem:
    """A key that is none of ours, with the nearest one. Its value is never shown: it may be a secret (Z4, Z9)."""
    dotted = printable(".".join(path))
    if key_like("_".join(path)):  # joined, for SAFLA__API__KEY is meant as one too
        text = "keys are not needed, backtest and paper use public data; remove it, and change the key if it was shared"
        return Problem(str(place), dotted, text)
    near = _nearest(path)
    if near and place.file.startswith(PREFIX):
        near = PREFIX + "__".join((*path[:-1], near) if "." not in near else split(near)).upper()
    return Problem(str(place), dotted, f"unknown key; {f'did you mean {printable(near)}?' if near else _known(path)}")


def key_like(name: str) -> bool:
    """Whether a name looks like that of a key or password."""
    return _SECRET.search(name) is not None


def split(dotted: str) -> Path:
    """A dotted key as a path. No key and no symbol contains a dot."""
    return tuple(dotted.split("."))


def at(root: Node, path: Path) -> Node | None:
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


def _inside(path: Path, above: Path) -> bool:
    return len(path) > len(above) and path[: len(above)] == above


def _reached(root: Node, loc: tuple[int | str, ...]) -> tuple[Path, Node]:
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


def _of_value(error: ErrorDetails, path: Path, node: Node) -> Problem:
    kind = error["type"]
    if kind == "extra_forbidden":
        return unknown(path, node.key_place)
    if kind == "missing":
        return Problem(str(node.place), printable(".".join(path)), f"{error['loc'][-1]} is missing")
    known = find(path)
    allowed = known.allowed if known else "a map of keys"
    if error["loc"][-1] == "[key]":
        text = "is no symbol such as BTC/USDT" if path[0] == "markets" else "is no name such as slow_period"
        return Problem(str(node.key_place), printable(".".join(path)), text)
    secret = known is not None and known.secret
    hidden = secret or (isinstance(node.value, str) and _TELLING_URL.search(node.value))
    text = f"{'a value that is not shown' if hidden else node.text}{VERDICTS.get(kind, '')}; due is {allowed}"
    return Problem(str(node.place), printable(".".join(path)), text + _hint(node, allowed))


def _hint(node: Node, allowed: str) -> str:
    if allowed.startswith("1m, 3m") and TIMEFRAMES.fullmatch(str(node.value)[:20]):
        return f"; {LONG}"
    if not isinstance(node.value, str):
        quote = isinstance(node.value, (int, Decimal, bool)) and allowed.startswith(("text", "a word"))
        return "; put it in quotes" if quote else ""
    numeric = "number" in allowed or "true" in allowed
    hints = (hint for pattern, hint in HINTS if pattern.fullmatch(node.value[:80])) if numeric else iter(())
    hint = next(hints, "")
    return f"; {hint}" if hint and hint not in allowed else ""


def _nearest(path: Path) -> str:
    close = difflib.get_close_matches(path[-1].lower()[:80], siblings(path), n=1, cutoff=0.7)
    if close:
        return close[0]
    elsewhere = [key.name for key in keys().values() if key.path[-1] == path[-1]]
    return elsewhere[0] if len(elsewhere) == 1 else ""


def _known(path: Path) -> str:
    return f"known here: {', '.join(siblings(path))}" if siblings(path) else "no keys stand here"
