"""The folder of one series: its lock, its manifest, one file per month. What a merge means is not known here.

A change writes month files under new names, then replaces the manifest by one that names them, then removes files that
the manifest names no more. So a crash at any point leaves the old state or the new one.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from safla.core.candles import Series
from safla.data.store import manifest, month
from safla.data.store.manifest import Manifest, Month
from safla.errors import HostError
from safla.fs import TEMPORARY, code_of, locked, make_folders, read_own, refuse_other_folder, refuse_others, replace

LOCK = "lock"
DAMAGED = ".damaged"  # suffix of damaged files that were renamed

MONTH_FILE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9a-f]{16}\.parquet", re.ASCII)


class Known(NamedTuple):
    """The manifest of a series, empty where there is none or where it is damaged, and notes."""

    manifest: Manifest
    notes: tuple[str, ...]


@contextmanager
def reading(root: Path, expected: Manifest, *, names: tuple[str, ...]) -> Iterator[Known]:
    """Read a series within a `with` block, under a shared lock. Nothing is created or repaired."""
    folder = root.joinpath(*names)
    for depth in range(1, len(names) + 1):
        above = root.joinpath(*names[:depth])
        if not os.path.lexists(above):
            yield Known(expected, ())
            return
        refuse_other_folder(above)
    with locked(folder / LOCK, exclusive=False):
        yield _read(folder, expected)[0]


@contextmanager
def writing(root: Path, expected: Manifest, *, names: tuple[str, ...]) -> Iterator[Known]:
    """Change a series within a `with` block, under an exclusive lock.

    Creates the folder of a new series, removes what a crash left, and renames damaged files.
    """
    folder = make_folders(root, *names)
    with locked(folder / LOCK, exclusive=True):
        known, whole = _read(folder, expected)
        try:
            yield known._replace(notes=(*known.notes, *_swept(folder, known.manifest, whole=whole)))
        except OSError as error:
            raise HostError(f"{folder}: cannot be written: {error.strerror}", code=code_of(error)) from error


def candles(folder: Path, entry: Month, *, symbol: str) -> Series:
    """The candles of a month. ValueError says what is wrong with its file. The hash is checked before decoding."""
    content = read_own(folder / entry.file, most=month.MAX_BYTES)
    if content is None:
        raise ValueError("it is missing")
    if month.hash_of(content) != entry.hash:
        raise ValueError("its bytes are not those that were written")
    columns = month.unpack(content, candles=entry.candles)
    if (int(columns.ts[0]), int(columns.ts[-1])) != (entry.first, entry.last):
        raise ValueError("it holds other candles than the manifest says")
    return Series(symbol, entry.price_decimals, entry.volume_decimals, columns)


def set_aside(folder: Path, name: str) -> None:
    """Rename a damaged file, so that it is not read any more."""
    with suppress(FileNotFoundError):
        os.replace(folder / name, folder / f"{name}{DAMAGED}")


def commit(folder: Path, after: Manifest, *, before: Manifest, files: Mapping[str, bytes]) -> None:
    """Write the new files, then replace the manifest, then remove the files that it names no more."""
    content = manifest.encode_manifest(after)
    for name, packed in files.items():
        replace(folder / name, packed)
    replace(folder / manifest.NAME, content)
    named_files = {entry.file for entry in after.months}
    for entry in before.months:
        if entry.file not in named_files:
            with suppress(OSError):  # the change is complete; the next change removes the file
                (folder / entry.file).unlink()


def strays(folder: Path, known: Manifest) -> list[str]:
    """The files of a folder that the manifest does not name: a crash interrupted a merge."""
    named = {entry.file for entry in known.months}
    names = sorted(os.listdir(folder))
    return [name for name in names if _is_temporary(name) or (MONTH_FILE.fullmatch(name) and name not in named)]


def set_aside_before(folder: Path) -> list[str]:
    """The damaged files that were renamed before."""
    return sorted(name for name in os.listdir(folder) if name.endswith(DAMAGED))


def _read(folder: Path, expected: Manifest) -> tuple[Known, bool]:
    try:
        stored = manifest.read(folder, expected=expected)
    except ValueError as error:
        note = f"{folder / manifest.NAME}: damaged ({error}); the series counts as empty"
        return Known(expected, (note,)), False
    return Known(stored or expected, ()), True


def _swept(folder: Path, known: Manifest, *, whole: bool) -> list[str]:
    left = strays(folder, known)
    refuse_others(folder, left)
    if not whole:  # without a manifest the months cannot be trusted, but they are kept under other names
        for name in filter(MONTH_FILE.fullmatch, left):
            set_aside(folder, name)
        set_aside(folder, manifest.NAME)
        left = [name for name in left if _is_temporary(name)]
    for name in left:
        (folder / name).unlink()
    gone = [name for name in left if not _is_temporary(name)]
    return [f"{folder}: {len(gone)} files that no manifest names were removed"] if gone else []


def _is_temporary(name: str) -> bool:
    kept = name.removesuffix(TEMPORARY)
    return kept != name and (kept == manifest.NAME or MONTH_FILE.fullmatch(kept) is not None)
