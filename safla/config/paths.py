"""Expand paths: ~, and the placeholders in the patterns of `data.path`. This module opens and lists no files."""

import os
import re
import sys

from safla.text import printable

PLACEHOLDERS = ("symbol", "base", "quote", "timeframe")

UTF8 = "set LC_ALL=C.UTF-8 or PYTHONUTF8=1"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def expanded(path: str) -> str:
    """Return a path with ~ expanded. Raise ValueError if it cannot be a file name on this system."""
    if why := unsayable(path):
        raise ValueError(why)
    return home(path)


def home(path: str) -> str:
    """Return the path with ~ or ~name replaced by a home directory. Raise ValueError if there is no such user."""
    if not path.startswith("~"):
        return path
    expanded_path = os.path.expanduser(path)
    if expanded_path.startswith("~"):
        raise ValueError(f"{path.partition('/')[0]} has no home directory here; write the full path")
    return expanded_path


def unsayable(path: str) -> str:
    """Return why a path cannot be shown as text or cannot be a file name here, and what to do; "" if it is valid."""
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError:
        return f"{printable(path)} cannot be written in {sys.getfilesystemencoding()}; {UTF8}"
    if not any("\ud800" <= letter <= "\udfff" for letter in path):
        return ""
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return f"{printable(path)} is not valid UTF-8; rename it"
    return f"{printable(path)} cannot be read in {sys.getfilesystemencoding()}; {UTF8}"


def written(pattern: str, symbol: str, *, timeframe: str) -> str:
    """Fill in the placeholders of a pattern: BTC/USDT:USDT has base BTC, quote USDT, symbol BTCUSDT. Each * remains."""
    base, _, quote = symbol.partition(":")[0].partition("/")
    words = dict(zip(PLACEHOLDERS, (base + quote, base, quote, timeframe), strict=True))
    return _PLACEHOLDER.sub(lambda match: words.get(match[1], match[0]), pattern)


def unknown_placeholders(pattern: str) -> list[str]:
    """Return the words in braces that are not placeholders."""
    return [word for word in _PLACEHOLDER.findall(pattern) if word not in PLACEHOLDERS]


def star_only(pattern: str) -> str:
    """Escape ? and [ for the glob module, so that * is the only wildcard."""
    return re.sub(r"[?\[]", lambda match: f"[{match[0]}]", pattern)
