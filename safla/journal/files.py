"""How the files of a run folder are called, and opened to be read: of what kind, how long (J6, J20)."""

import os
import stat
from io import FileIO
from pathlib import Path

from safla.errors import HostError, JournalError
from safla.fs import open_to_write, refuse_others, replace, replace_by, sync_folder

__all__ = (
    "CANDLES",
    "JOURNAL",
    "MAX_FILE",
    "journal_of",
    "open_to_read",
    "open_to_write",
    "refuse_others",
    "replace",
    "replace_by",
    "sync_folder",
)

JOURNAL = "journal.jsonl"
CANDLES = "candles.parquet"
BESIDE = (".json", ".parquet", ".log", "head", "lock")  # how what stands beside a journal is called
CONFIGURATIONS = (".yaml", ".yml")
MAX_FILE = 2**32  # bytes (J6)


def journal_of(run: Path) -> Path:
    """The journal file of what a user named: a run folder or its journal file, either (JOURNAL 7).

    JournalError for a configuration, another file of a run folder, and a folder of several runs.
    """
    if run.suffix in CONFIGURATIONS and run.is_file():
        if (run.parent / JOURNAL).exists():
            raise JournalError(f"{run}: a configuration, not a journal; the run folder is {run.parent}")
        raise JournalError(
            f"{run}: a configuration, not a journal; `safla run {run}` runs it, and names its run folder"
        )
    if (run.suffix in BESIDE or run.name in BESIDE) and (run.parent / JOURNAL).is_file() and run.is_file():
        raise JournalError(f"{run}: not a journal; the run folder is {run.parent}")
    if "*" in run.name and not os.path.lexists(run):
        raise JournalError(f"{run}: nothing is called like this pattern; name a run folder, or its {JOURNAL}")
    if not run.is_dir():
        return run
    journal = run / JOURNAL
    below = [] if journal.exists() else [one.parent for one in run.glob(f"*/{JOURNAL}")]
    if below:
        newest = max(below, key=lambda one: (one.stat().st_mtime_ns, one.name))
        raise JournalError(f"{run}: no run folder, but it holds {len(below)}; name one, such as the newest: {newest}")
    return journal


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
        raise HostError(f"{path}: {facts.st_size} bytes long; {MAX_FILE} are the most that is written or read")
    return FileIO(descriptor, "rb")
