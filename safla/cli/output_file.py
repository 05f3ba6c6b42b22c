"""Files that a command writes where its user says: the whole file or none of it (Z8)."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safla.journal.files import sync_folder


def put_new(path: Path, text: str | bytes) -> None:
    """Write a file that is not there yet. Raises FileExistsError where something has its name."""
    if os.path.lexists(path):
        raise FileExistsError(path)
    with _beside(path, text) as name:
        os.link(name, path)


def write_output(path: Path, text: str) -> None:
    """Write a file, in place of one that may be there."""
    with _beside(path, text) as name:
        os.replace(name, path)


@contextmanager
def _beside(path: Path, text: str | bytes) -> Iterator[str]:
    """A synced file in the same folder, to be given its name within the `with`; none is left behind."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8") if isinstance(text, str) else text)
            file.flush()
            os.fsync(handle)
        yield name
    finally:
        with suppress(FileNotFoundError):  # it may have got its own name
            os.unlink(name)
    sync_folder(path.parent)
