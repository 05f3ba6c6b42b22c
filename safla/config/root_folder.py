"""`root`: the folder below which every path must lie that a configuration names, for programs that serve others.

Links are resolved before a path is compared, and nothing is opened or listed before its folder was. A text says no more
of a path outside than that it is outside: not whether something is there. Who can change links below the root while a
call goes on is not kept out by it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from safla.config import paths
from safla.config.model import Config
from safla.config.patterns import Folders, TooManyNamesError
from safla.errors import ConfigError, Problem
from safla.text import quoted

BESIDE = ".CHECKSUM"  # a file that is read with an archive of candles
STORAGE = ("cache_directory", "logs_directory")


def is_below(path: str | os.PathLike[str], root: Path) -> bool:
    """Whether a path lies in a folder or is that folder, after links are resolved; what need not exist yet."""
    try:
        base, real = os.path.realpath(root), os.path.realpath(path)
    except (OSError, ValueError):
        return False
    return os.path.commonpath([base, real]) == base


def refusal(path: str | os.PathLike[str]) -> str:
    """What is wrong with a path outside, and what to do."""
    return (
        f"{quoted(os.fsdecode(path))} leads out of the folder that everything must lie below (root); name one below it"
    )


def refuse_outside(path: str | os.PathLike[str], root: Path | None, *, key: str) -> None:
    """ConfigError of a key where its path leads out of the root; None: every path may be named."""
    if root is not None and not is_below(path, root):
        raise ConfigError([Problem("root", key, refusal(path))])


def problems(config: Config, symbols: Sequence[str], *, root: Path | None, origins: Mapping[str, str]) -> list[Problem]:
    """The paths of a configuration that lead out of the root: of candles, and of the folders that are written to.

    symbols  in use, which stand in the names of files
    origins  where each key came from, by its dotted name
    """
    if root is None:
        return []
    storage = [(f"storage.{name}", getattr(config.storage, name)) for name in STORAGE]
    outside = [(key, path) for key, path in storage if not is_below(path, root)]
    outside += [("data.path", path) for path in _candles_outside(config, symbols, root)]
    return [Problem(origins.get(key, "config"), key, refusal(path)) for key, path in outside]


def _candles_outside(config: Config, symbols: Sequence[str], root: Path) -> Iterator[str]:
    """Each pattern whose folder leads out, else each of its files that does, itself or by what is read beside it."""
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
                return  # reading them ends with the same, before a file is opened
            yield from (file for file in files if not (is_below(file, root) and is_below(file + BESIDE, root)))
