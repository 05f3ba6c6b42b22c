"""`data.path`: which files hold the candles of which symbol. No file is opened here."""

import glob
import os
import re
from collections.abc import Sequence

from safla.data.files import shown
from safla.errors import ConfigError, DataError, Problem

MAX_FILES = 10_000

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def of_symbols(patterns: Sequence[str], symbols: Sequence[str], *, timeframe: str, shared: bool) -> list[list[str]]:
    """The files of each symbol, in order. `shared`: one file may hold several symbols.

    ConfigError: an unknown placeholder, or symbols that share a file which holds but one. DataError: no file matches.
    """
    written = [[_filled(pattern, symbol, timeframe=timeframe) for pattern in patterns] for symbol in symbols]
    if not shared:
        _refuse_sharing(written, symbols)
    return [_files(names) for names in written]


def _filled(pattern: str, symbol: str, *, timeframe: str) -> str:
    base, _, quote = symbol.partition(":")[0].partition("/")
    words = {"symbol": base + quote, "base": base, "quote": quote, "timeframe": timeframe}
    unknown = [word for word in _PLACEHOLDER.findall(pattern) if word not in words]
    if unknown:
        known = ", ".join(f"{{{word}}}" for word in words)
        raise _problem(f"unknown placeholder {{{unknown[0][:40]}}} in {shown(pattern)}; there are {known}")
    return _PLACEHOLDER.sub(lambda found: words[found[1]], pattern)


def _refuse_sharing(written: list[list[str]], symbols: Sequence[str]) -> None:
    owners: dict[str, str] = {}
    for names, symbol in zip(written, symbols, strict=True):
        for name in names:
            if owners.setdefault(name, symbol) != symbol:
                raise _problem(
                    f"{shown(name)} would serve {owners[name]} and {symbol}; a file holds one symbol, so put "
                    "{symbol} (such as BTCUSDT) or {base} into the path"
                )


def _files(names: list[str]) -> list[str]:
    files: list[str] = []
    for name in names:
        files.extend(_matching(name) if "*" in name else [name])
        if len(files) > MAX_FILES:
            raise DataError(f"{shown(name)}: more than {MAX_FILES} files")
    return list(dict.fromkeys(files))


def _matching(pattern: str) -> list[str]:
    escaped = re.sub(r"[?\[]", lambda found: f"[{found[0]}]", pattern)  # of glob's signs the star alone is ours
    found = sorted(name for name in glob.glob(escaped) if os.path.isfile(name) and not name.endswith(".CHECKSUM"))
    if not found:
        raise DataError(f"{shown(pattern)}: no file matches (data.path)")
    return found


def _problem(text: str) -> ConfigError:
    return ConfigError([Problem(where="", key="data.path", text=text)])
