"""Paths as people write them: ~, and the words in the patterns of `data.path`. No file is opened or looked for here."""

import os
import re
import sys

from safla.text import printable

PLACEHOLDERS = ("symbol", "base", "quote", "timeframe")

UTF8 = "set LC_ALL=C.UTF-8 or PYTHONUTF8=1"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def expanded(path: str) -> str:
    """A path in a configuration, ~ expanded. Raises ValueError for what cannot be the name of a file here."""
    if why := unsayable(path):
        raise ValueError(why)
    return home(path)


def home(path: str) -> str:
    """The path with ~ and ~name made a home directory. Raises ValueError where nobody's is known."""
    if not path.startswith("~"):
        return path
    whole = os.path.expanduser(path)
    if whole.startswith("~"):
        raise ValueError(f"{path.partition('/')[0]} is no home directory here; write the whole path")
    return whole


def unsayable(path: str) -> str:
    """Why a path is no text, or text that cannot be the name of a file here, and what to do; "" where all is well."""
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError:
        return f"{printable(path)} cannot be written in {sys.getfilesystemencoding()}; {UTF8}"
    if not any("\ud800" <= letter <= "\udfff" for letter in path):
        return ""
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return f"{printable(path)} is no UTF-8; rename it"
    return f"{printable(path)} cannot be read in {sys.getfilesystemencoding()}; {UTF8}"


def written(pattern: str, symbol: str, *, timeframe: str) -> str:
    """The pattern for one symbol: BTC/USDT:USDT is base BTC, quote USDT, symbol BTCUSDT. Its * are left."""
    base, _, quote = symbol.partition(":")[0].partition("/")
    words = dict(zip(PLACEHOLDERS, (base + quote, base, quote, timeframe), strict=True))
    return _PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), pattern)


def unknown_placeholders(pattern: str) -> list[str]:
    """The words in braces that stand for nothing."""
    return [word for word in _PLACEHOLDER.findall(pattern) if word not in PLACEHOLDERS]


def star_only(pattern: str) -> str:
    """The pattern for the glob module: of its signs the star alone is ours."""
    return re.sub(r"[?\[]", lambda found: f"[{found[0]}]", pattern)
