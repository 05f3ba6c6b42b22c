"""The names of the files in a run folder, and how a journal is found and opened for reading (J6, J20)."""

import os
import stat
from io import FileIO
from pathlib import Path

from safla.errors import HostError, JournalError
from safla.fs import code_of, open_to_write, refuse_others, replace, replace_by, sync_folder

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
BESIDE = (".json", ".parquet", ".log", "head", "lock")  # suffixes or names of the other files in a run folder
CONFIGURATIONS = (".yaml", ".yml")
MAX_FILE = 2**32  # bytes (J6)


def journal_of(run: Path) -> Path:
    """The journal file of a path that a user named: a run folder, or its journal file (section 7 of docs/journal.md).

    Raises JournalError for a configuration, for another file of a run folder, and for a folder of several runs.
    """
    if run.suffix in CONFIGURATIONS and run.is_file():
        if (run.parent / JOURNAL).exists():
            raise JournalError(
                f"{run}: a configuration, not a journal; the run folder is {run.parent}", code="not_a_journal"
            )
        raise JournalError(
            f"{run}: a configuration, not a journal; `safla run {run}` runs it, and names its run folder",
            code="not_a_journal",
        )
    if (run.suffix in BESIDE or run.name in BESIDE) and (run.parent / JOURNAL).is_file() and run.is_file():
        raise JournalError(f"{run}: not a journal; the run folder is {run.parent}", code="not_a_journal")
    if "*" in run.name and not os.path.lexists(run):
        raise JournalError(
            f"{run}: no file matches this pattern; name a run folder, or its {JOURNAL}", code="journal_not_found"
        )
    if not run.is_dir():
        return run
    journal = run / JOURNAL
    runs = [] if journal.exists() else [path.parent for path in run.glob(f"*/{JOURNAL}")]
    if runs:
        newest = max(runs, key=lambda folder: (folder.stat().st_mtime_ns, folder.name))
        raise JournalError(
            f"{run}: not a run folder, but it contains {len(runs)}; name one of them, such as the newest: {newest}",
            code="not_a_journal",
        )
    return journal


def open_to_read(path: Path) -> FileIO:
    """Open a file of any owner, following links, if it is regular (J20) and not longer than a journal may be (J6).

    Raises JournalError if there is no such file, HostError if it cannot be opened or is of another kind or longer.
    """
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise JournalError(
            f"{path}: there is no such file; name a run folder, or its {JOURNAL}", code="journal_not_found"
        ) from error
    except OSError as error:
        raise HostError(f"{path}: cannot be read: {error.strerror}", code=code_of(error, "cannot_read")) from error
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise HostError(f"{path}: not a regular file; name a run folder, or its {JOURNAL}", code="not_our_file")
    if facts.st_size > MAX_FILE:
        os.close(descriptor)
        raise HostError(
            f"{path}: {facts.st_size} bytes long; a journal has at most {MAX_FILE}", code="journal_too_long"
        )
    return FileIO(descriptor, "rb")
