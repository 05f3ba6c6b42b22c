"""`root`: a folder that must contain every path of a configuration, for programs that run configurations of others.

Links are resolved before a path is compared, and nothing is opened or listed before its folder is checked. A message
about a path outside the root does not reveal whether anything exists there. The check does not protect against somebody
who can change links below the root during a call.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from safla.config import paths
from safla.config.model import Config
from safla.config.patterns import Folders, TooManyNamesError
from safla.errors import ConfigError, Problem
from safla.text import quoted

BESIDE = ".CHECKSUM"  # suffix of the file that is read together with an archive of candles
STORAGE = ("cache_directory", "logs_directory")


def is_below(path: str | os.PathLike[str], root: Path) -> bool:
    """Return whether a path is the root or lies below it, after links are resolved. The path need not exist."""
    try:
        base, real = os.path.realpath(root), os.path.realpath(path)
    except (OSError, ValueError):
        return False
    return os.path.commonpath([base, real]) == base


def refusal(path: str | os.PathLike[str]) -> str:
    """Return the message for a path outside the root."""
    text = "is outside the folder that must contain all paths (root); choose a path inside it"
    return f"{quoted(os.fsdecode(path))} {text}"


def refuse_outside(path: str | os.PathLike[str], root: Path | None, *, key: str) -> None:
    """Raise ConfigError if the path of a key is outside the root. A root of None allows every path."""
    if root is not None and not is_below(path, root):
        raise ConfigError([Problem("root", key, refusal(path), code="outside_root")])


def problems(config: Config, symbols: Sequence[str], *, root: Path | None, origins: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each path outside the root: candle files and the folders for output.

    symbols  the symbols in use, which are filled into patterns
    origins  the origin of each key, by its dotted name
    """
    if root is None:
        return []
    storage = [(f"storage.{name}", getattr(config.storage, name)) for name in STORAGE]
    outside = [(key, path) for key, path in storage if not is_below(path, root)]
    outside += [("data.path", path) for path in _candles_outside(config, symbols, root)]
    return [Problem(origins.get(key, "config"), key, refusal(path), code="outside_root") for key, path in outside]


def _candles_outside(config: Config, symbols: Sequence[str], root: Path) -> Iterator[str]:
    """Yield each pattern whose folder is outside the root, else each of its files whose target or checksum file is."""
    folders, timeframe = Folders(), config.market_data.timeframe
    frames = {timeframe, config.data.timeframe or timeframe}
    for pattern in config.data.path or ():
        named = [paths.written(pattern, symbol, timeframe=frame) for symbol in symbols for frame in sorted(frames)]
        for name in dict.fromkeys(named):
            if not is_below(os.path.dirname(name) or ".", root):
                yield name
                continue
            try:
                files = folders.matching(name)
            except TooManyNamesError:
                return  # the reader of candles fails with the same error before it opens a file
            yield from (file for file in files if not (is_below(file, root) and is_below(file + BESIDE, root)))
