"""`data.path`: which files hold the candles of which symbol. No file is opened here."""

from collections.abc import Sequence

from safla.config.paths import written
from safla.config.patterns import Folders, TooManyNamesError, misplaced
from safla.errors import ConfigError, DataError, Problem
from safla.text import printable

MAX_FILES = 10_000


def of_symbols(patterns: Sequence[str], symbols: Sequence[str], *, timeframe: str, shared: bool) -> list[list[str]]:
    """The files of each symbol, in order. `shared`: one file may hold several symbols.

    ConfigError: two symbols share a file that can hold only one, or a folder name has a star in the wrong place.
    DataError: no file matches a pattern, or there are too many files or names in a folder.
    """
    names = [[written(pattern, symbol, timeframe=timeframe) for pattern in patterns] for symbol in symbols]
    for pattern in patterns:
        if why := misplaced(pattern):
            raise _problem(why, code="invalid_value")
    if not shared:
        _reject_shared_files(names, symbols)
    folders = Folders()
    return [_files(names_of_symbol, folders) for names_of_symbol in names]


def _reject_shared_files(written: list[list[str]], symbols: Sequence[str]) -> None:
    owners: dict[str, str] = {}
    for names, symbol in zip(written, symbols, strict=True):
        for name in names:
            if owners.setdefault(name, symbol) != symbol:
                raise _problem(
                    f"{printable(name)} would serve {owners[name]} and {symbol}; a file holds one symbol, so put "
                    "{symbol} (such as BTCUSDT) or {base} into the path",
                    code="file_shared",
                )


def _files(names: list[str], folders: Folders) -> list[str]:
    files: list[str] = []
    for name in names:
        files.extend(_matching(name, folders) if "*" in name else [name])
        if len(files) > MAX_FILES:
            raise DataError(f"{printable(name)}: more than {MAX_FILES} files", code="file_too_large")
    return list(dict.fromkeys(files))


def _matching(pattern: str, folders: Folders) -> list[str]:
    try:
        files = folders.matching(pattern)
    except TooManyNamesError as error:
        raise DataError(f"{error} (data.path)", code="file_too_large") from error
    if not files:
        raise DataError(f"{printable(pattern)}: no file matches (data.path)", code="file_not_found")
    return files


def _problem(text: str, *, code: str) -> ConfigError:
    return ConfigError([Problem(where="", key="data.path", text=text, code=code)])
