"""Files that a command writes where the user wants them: the whole file or nothing (Z8)."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safla.journal.files import sync_folder


def put_new(path: Path, text: str | bytes) -> None:
    """Write a new file. Raises FileExistsError where something has its name already."""
    if os.path.lexists(path):
        raise FileExistsError(path)
    with _temporary(path, text) as name:
        os.link(name, path)  # unlike a rename, a link never replaces a file that appeared meanwhile


def write_output(path: Path, text: str) -> None:
    """Write a file; it replaces one of the same name."""
    with _temporary(path, text) as name:
        os.replace(name, path)


@contextmanager
def _temporary(path: Path, text: str | bytes) -> Iterator[str]:
    """A synced temporary file in the same folder, to be renamed or linked within the `with`; it never stays."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8") if isinstance(text, str) else text)
            file.flush()
            os.fsync(handle)
        yield name
    finally:
        with suppress(FileNotFoundError):  # it may have been renamed
            os.unlink(name)
    sync_folder(path.parent)
