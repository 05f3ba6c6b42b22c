"""Which exchanges ccxt has, by the names of its files: to import it would take longer than all else that checks."""

import importlib.util
from difflib import get_close_matches
from functools import cache
from pathlib import Path

ALWAYS = frozenset(["binance"])  # so that the default costs nothing


def known(name: str) -> bool:
    """Whether ccxt has an exchange of that name; yes too where ccxt is not installed, and nothing can be said."""
    return name in ALWAYS or not names() or name in names()


def nearest(name: str) -> list[str]:
    """Up to three names that are spelled like it."""
    return get_close_matches(name, names(), n=3)


@cache
def names() -> tuple[str, ...]:
    """Every exchange, sorted; none where ccxt is not installed."""
    found = importlib.util.find_spec("ccxt")
    folders = (found.submodule_search_locations or ()) if found else ()
    return tuple(sorted(file.stem for folder in folders for file in Path(folder).glob("[a-z]*.py")))
