"""The names of the exchanges that ccxt supports, read from its file names, because importing ccxt is slow."""

import importlib.util
from difflib import get_close_matches
from functools import cache
from pathlib import Path

ALWAYS = frozenset(["binance"])  # the default needs no look at the folder of ccxt


def known(name: str) -> bool:
    """Return whether ccxt has an exchange of that name; True also if ccxt is not installed."""
    return name in ALWAYS or not names() or name in names()


def nearest(name: str) -> list[str]:
    """Return up to three names with a similar spelling."""
    return get_close_matches(name, names(), n=3)


@cache
def names() -> tuple[str, ...]:
    """Return the names of all exchanges, sorted; none if ccxt is not installed."""
    package = importlib.util.find_spec("ccxt")
    folders = (package.submodule_search_locations or ()) if package else ()
    return tuple(sorted(file.stem for folder in folders for file in Path(folder).glob("[a-z]*.py")))
