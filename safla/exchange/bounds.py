"""Bounds on an answer: on its JSON before it is parsed, and on its markets before ccxt parses them (Z5, Z17).

ccxt writes a precision of n digits with a loop of n turns, and pads a number with as many zeros as its exponent says:
10**12 of either would block the event loop for hours. An answer outside these bounds is a bad answer.
"""

import re
from typing import Any

from safla.exchange.failures import BAD_ANSWER, RequestFailed, said

MAX_CONTAINERS = 2**18  # lists and maps
MAX_VALUES = 2**21  # keys count too: room for 3 000 markets of 600 values each
MAX_DEPTH = 64

MOST_PLACES = 64  # digits of a precision; tokens have 30 at most
MOST_LETTERS = 100  # characters of a number: 2**256 - 1 has 78 digits
MOST_ENTRIES = 10_000  # in one list or object: no exchange has half as many markets
MOST_VALUES = 2_000_000  # in all; 3 000 symbols of Binance have 500 000

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_PLACES = re.compile(r"[+-]?[0-9]{1,3}", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?", re.ASCII)
_EXPONENT = re.compile(r"[0-9.][eE][+-]?[0-9]{3,}$(?!\n)", re.ASCII)
_NAMES = ("id", "hash", "address", "name", "symbol")  # keys that end like this hold names: 64e1234 may be an id


def refuse_long_json(text: str) -> None:
    """Raise ValueError for a text with too many values or too deep nesting. It need not be valid JSON.

    Brackets, commas and colons are counted first as they are. Only a text that fails is counted again without its
    strings: that is slower, and hardly ever needed.
    """
    if _is_within(text):
        return
    if not _is_within(_STRING.sub('""', text)):
        raise ValueError(
            f"JSON of more than {MAX_VALUES} values or {MAX_CONTAINERS} lists, or nested deeper than {MAX_DEPTH}"
        )


def refuse_long_markets(answer: Any) -> None:
    """Raise RequestFailed if the answer is too large, or has a number with too many digits or too high an exponent.

    Every value is checked once: 3 000 symbols take 0.15 s.
    """
    waiting: list[tuple[str, Any]] = [("", answer)]
    values = 0
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict | list):
            values += len(value)
            if len(value) > MOST_ENTRIES or values > MOST_VALUES:
                text = f"the answer has more than {MOST_ENTRIES} markets, or more than {MOST_VALUES} values"
                raise RequestFailed(text, BAD_ANSWER)
            waiting += value.items() if isinstance(value, dict) else [(name, item) for item in value]
        elif _is_unbounded(value) and not name.lower().endswith(_NAMES):
            raise RequestFailed(f"{said(name[:40])} {said(ascii(value)[:40])} is not a plain number", BAD_ANSWER)


def checked_places(stated: Any) -> Any:
    """Return the stated precision (in digits) unchanged. RequestFailed if no market can have it."""
    text = str(stated)
    if stated is not None and not (_PLACES.fullmatch(text) and abs(int(text)) <= MOST_PLACES):
        shown = said(ascii(text)[:40])
        raise RequestFailed(f"a precision of {shown} digits; expected {MOST_PLACES} digits at most", BAD_ANSWER)
    return stated


def _is_unbounded(value: Any) -> bool:
    """Whether a value is a number, as int or as text, that ccxt would take hours to convert."""
    if isinstance(value, int):
        return bool(abs(value) >= 10**MOST_LETTERS)
    if not isinstance(value, str) or not value or value[0] not in "+-.0123456789":
        return False
    if len(value) > MOST_LETTERS:
        return _NUMBER.fullmatch(value) is not None
    return _EXPONENT.search(value) is not None and _NUMBER.fullmatch(value) is not None


def _is_within(text: str) -> bool:
    containers = text.count("[") + text.count("{")
    if containers > MAX_CONTAINERS or containers + text.count(",") + text.count(":") > MAX_VALUES:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            return False
    return True
