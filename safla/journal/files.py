"""How the files of a run folder are opened to be read, and replaced as a whole. Appending is in append.py."""

import os
import stat
from io import FileIO
from pathlib import Path

from safla.errors import HostError, JournalError

JOURNAL = "journal.jsonl"
CANDLES = "candles.parquet"


def journal_of(run: Path) -> Path:
    """The journal file of what a user named: a run folder or its journal file, either (JOURNAL 7)."""
    return run / JOURNAL if run.is_dir() else run


def open_to_read(path: Path) -> FileIO:
    """A file of any owner, through links, if it is regular (J20). A FIFO is refused, and does not hang."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise JournalError(f"{path}: there is no such file; name a run folder, or its {JOURNAL}") from error
    except OSError as error:
        raise HostError(f"{path}: cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise HostError(f"{path}: not a regular file; name a run folder, or its {JOURNAL}")
    return FileIO(descriptor, "rb")


def replace(path: Path, content: bytes) -> None:
    """Write a file under another name in the same folder, sync it, and give it its name (Z8)."""
    temporary = path.with_name(path.name + ".tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        if not isinstance(error, FileExistsError):  # a file that another made is not ours to remove
            temporary.unlink(missing_ok=True)
        raise HostError(f"{temporary}: cannot be written: {error.strerror}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder as lasting as the files behind them."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
