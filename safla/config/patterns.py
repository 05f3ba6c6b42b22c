"""Which files the patterns of `data.path` match. Folders are listed here, under bounds, and no file is opened.

A `*` stands in the last part of a path alone, so that a pattern lists one folder and never a tree.
"""

import fnmatch
import os
import re
from bisect import bisect_left

from safla.config.paths import star_only
from safla.text import quoted

MAX_ENTRIES = 100_000  # of all folders that are listed to answer one question
MAX_COMPARED = 1_000_000  # names that are held against patterns

_CHECKSUM = ".CHECKSUM"  # how a file beside an archive ends that holds no candles


class TooManyNamesError(ValueError):
    """A folder holds more than is looked at. The text says which bound, and what to do."""


def misplaced(pattern: str) -> str:
    """What is wrong with a star in a folder's name, and what to write instead; "" where all is well."""
    part = next((part for part in pattern.split("/")[:-1] if "*" in part), None)
    if part is None:
        return ""
    return (
        f"* stands in the folder {quoted(part)}; it stands in the name of the file alone, such as klines/BTC-*.csv: "
        "write the folder out, with {symbol} {base} {quote} {timeframe} where they fit, or list a pattern a folder"
    )


class Folders:
    """The folders that the patterns of one configuration are about: each is listed once, all under common bounds."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] = {}
        self._entries = 0
        self._compared = 0

    def matching(self, pattern: str) -> list[str]:
        """The files that a pattern matches, sorted; without a star the name itself. TooManyNamesError at a bound."""
        if "*" not in pattern:
            return [pattern]
        above, slash, last = pattern.rpartition("/")
        if "*" in above:
            return []
        begin = last.partition("*")[0]
        names = self._of(above + slash)
        first = bisect_left(names, begin)
        fits = re.compile(fnmatch.translate(star_only(last))).match
        found = []
        for name in names[first:]:
            if not name.startswith(begin):
                break
            self._count_compared(pattern)
            if (begin or not name.startswith(".")) and fits(name):
                found.append(f"{above}{slash}{name}")
        return found

    def _count_compared(self, pattern: str) -> None:
        self._compared += 1
        if self._compared > MAX_COMPARED:
            text = f"more than {MAX_COMPARED:,} names are held against patterns such as {quoted(pattern)}"
            raise TooManyNamesError(f"{text}; write more of the names before the *")

    def _of(self, folder: str) -> tuple[str, ...]:
        """The names of the files in a folder, and of links to some, sorted; none where it cannot be listed."""
        if folder not in self._names:
            self._names[folder] = tuple(sorted(self._listed(folder)))
        return self._names[folder]

    def _listed(self, folder: str) -> list[str]:
        try:
            with os.scandir(folder or ".") as entries:
                counted = (self._counted(entry, folder) for entry in entries)
                return [one.name for one in counted if not one.name.endswith(_CHECKSUM) and one.is_file()]
        except (OSError, UnicodeError):
            return []

    def _counted(self, entry: "os.DirEntry[str]", folder: str) -> "os.DirEntry[str]":
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            text = f"{quoted(folder or '.')} and the folders before it hold more than {MAX_ENTRIES:,} names"
            raise TooManyNamesError(f"{text}; put the files into a folder of their own")
        return entry
