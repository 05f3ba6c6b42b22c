"""Find the files that the patterns of `data.path` match. Folders are listed, within limits; no file is opened.

A `*` is allowed only in the last part of a path, so that a pattern lists one folder and never a tree.
"""

import fnmatch
import os
import re
from bisect import bisect_left

from safla.config.paths import star_only
from safla.text import quoted

MAX_ENTRIES = 100_000  # in all folders of one configuration
MAX_COMPARED = 1_000_000  # comparisons of a name with a pattern

_CHECKSUM = ".CHECKSUM"  # suffix of a file beside an archive; it holds no candles


class TooManyNamesError(ValueError):
    """There are more files than the limits allow. The text names the limit and what to do."""


def misplaced(pattern: str) -> str:
    """Return what is wrong with a * in a folder name and what to write instead; "" if there is none."""
    part = next((part for part in pattern.split("/")[:-1] if "*" in part), None)
    if part is None:
        return ""
    return (
        f"* is not allowed in a folder name ({quoted(part)}), only in the file name, as in klines/BTC-*.csv; "
        "write the folder without *, with {symbol} {base} {quote} {timeframe} if needed, or list one pattern per folder"
    )


class Folders:
    """The folders of the patterns of one configuration. Each is listed once, and the limits apply to all together."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] = {}
        self._entries = 0
        self._compared = 0

    def matching(self, pattern: str) -> list[str]:
        """Return the files that a pattern matches, sorted; without * the name itself. Raise TooManyNamesError."""
        if "*" not in pattern:
            return [pattern]
        above, slash, last = pattern.rpartition("/")
        if "*" in above:
            return []
        prefix = last.partition("*")[0]
        names = self._files(above + slash)
        first = bisect_left(names, prefix)  # names are sorted, so those with the prefix are adjacent
        fits = re.compile(fnmatch.translate(star_only(last))).match
        matches = []
        for name in names[first:]:
            if not name.startswith(prefix):
                break
            self._count_compared(pattern)
            if (prefix or not name.startswith(".")) and fits(name):
                matches.append(f"{above}{slash}{name}")
        return matches

    def _count_compared(self, pattern: str) -> None:
        self._compared += 1
        if self._compared > MAX_COMPARED:
            text = f"more than {MAX_COMPARED:,} names must be compared with patterns such as {quoted(pattern)}"
            raise TooManyNamesError(f"{text}; write more of the names before the *")

    def _files(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files (or links to files) in a folder, sorted; none if it cannot be listed."""
        if folder not in self._names:
            self._names[folder] = tuple(sorted(self._listed(folder)))
        return self._names[folder]

    def _listed(self, folder: str) -> list[str]:
        try:
            with os.scandir(folder or ".") as entries:
                counted = (self._counted(entry, folder) for entry in entries)
                return [entry.name for entry in counted if not entry.name.endswith(_CHECKSUM) and entry.is_file()]
        except (OSError, UnicodeError):
            return []

    def _counted(self, entry: "os.DirEntry[str]", folder: str) -> "os.DirEntry[str]":
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            text = f"{quoted(folder or '.')} and the folders listed before it hold more than {MAX_ENTRIES:,} names"
            raise TooManyNamesError(f"{text}; put the files into a folder of their own")
        return entry
