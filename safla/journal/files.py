"""How the files of a run folder are called, and opened to be read: of what kind, how long (J6, J20)."""

import os
import stat
from io import FileIO
from pathlib import Path

from safla.data.owned import open_to_write, refuse_others, replace, sync_folder
from safla.errors import HostError, JournalError

__all__ = (
    "CANDLES",
    "JOURNAL",
    "MAX_FILE",
    "journal_of",
    "open_to_read",
    "open_to_write",
    "refuse_others",
    "replace",
    "sync_folder",
)

JOURNAL = "journal.jsonl"
CANDLES = "candles.parquet"
MAX_FILE = 2**32  # bytes (J6)


def journal_of(run: Path) -> Path:
    """The journal file of what a user named: a run folder or its journal file, either (JOURNAL 7)."""
    return run / JOURNAL if run.is_dir() else run


def open_to_read(path: Path) -> FileIO:
    """A file of any owner, through links, if it is regular (J20) and no longer than a journal may be (J6)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise JournalError(f"{path}: there is no such file; name a run folder, or its {JOURNAL}") from error
    except OSError as error:
        raise HostError(f"{path}: cannot be read: {error.strerror}") from error
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise HostError(f"{path}: not a regular file; name a run folder, or its {JOURNAL}")
    if facts.st_size > MAX_FILE:
        os.close(descriptor)
        raise HostError(f"{path}: {facts.st_size} bytes long; {MAX_FILE} are the most that is written or read (J6)")
    return FileIO(descriptor, "rb")
