"""`data.path`: which files hold the candles of which symbol. No file is opened here."""

import glob
import os
from collections.abc import Sequence

from safla.config.paths import star_only, written
from safla.data.files.bounded import shown
from safla.errors import ConfigError, DataError, Problem

MAX_FILES = 10_000


def of_symbols(patterns: Sequence[str], symbols: Sequence[str], *, timeframe: str, shared: bool) -> list[list[str]]:
    """The files of each symbol, in order. `shared`: one file may hold several symbols.

    ConfigError: symbols that share a file which holds but one. DataError: no file matches.
    """
    names = [[written(pattern, symbol, timeframe=timeframe) for pattern in patterns] for symbol in symbols]
    if not shared:
        _refuse_sharing(names, symbols)
    return [_files(own) for own in names]


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
    found = sorted(
        name for name in glob.glob(star_only(pattern)) if os.path.isfile(name) and not name.endswith(".CHECKSUM")
    )
    if not found:
        raise DataError(f"{shown(pattern)}: no file matches (data.path)")
    return found


def _problem(text: str) -> ConfigError:
    return ConfigError([Problem(where="", key="data.path", text=text)])
