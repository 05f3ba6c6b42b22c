"""How much a JSON text may hold: counted on the text, before it becomes values that take a hundred times its room."""

import re

MAX_CONTAINERS = 2**18  # lists and maps
MAX_VALUES = 2**21  # names count too: room for 3 000 markets of 600 values each
MAX_DEPTH = 64

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def refuse(text: str) -> None:
    """ValueError for a text of too many values, or nested too deep. Whether it is JSON at all is not looked at."""
    if _is_within(text):
        return
    if not _is_within(_STRING.sub('""', text)):  # brackets and commas in strings are text
        raise ValueError(
            f"JSON of more than {MAX_VALUES} values or {MAX_CONTAINERS} lists, or nested deeper than {MAX_DEPTH}"
        )


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
