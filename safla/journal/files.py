"""How the files of a run folder are opened, and replaced as a whole: whose, of what kind, how long (J20, Z8)."""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from io import FileIO
from pathlib import Path

from safla.errors import HostError, JournalError

JOURNAL = "journal.jsonl"
CANDLES = "candles.parquet"
MAX_FILE = 2**32  # bytes (J6)
NOT_OURS = "not a regular file of yours under one name; nothing was written"

_SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # no link is followed, and a FIFO does not hang


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


def open_to_write(path: Path, flags: int) -> int:
    """The descriptor of a file that is ours alone: regular, of this user, under one name (J20). Raises HostError."""
    try:
        descriptor = os.open(path, flags | _SAFELY, 0o600)
    except OSError as error:
        raise HostError(f"{path}: cannot be opened to write: {error.strerror}") from error
    if is_ours(os.fstat(descriptor)):
        return descriptor
    os.close(descriptor)
    raise HostError(f"{path}: {NOT_OURS}")


def refuse_others(folder: Path, names: Iterable[str]) -> None:
    """Before any work: whatever stands under one of the names in a folder is ours alone (J20). Raises HostError."""
    for name in names:
        with suppress(FileNotFoundError):
            if not is_ours((folder / name).lstat()):
                raise HostError(f"{folder / name}: {NOT_OURS}")


def is_ours(facts: os.stat_result) -> bool:
    """Whether these are the facts of a regular file of this user, under one name."""
    return stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid() and facts.st_nlink == 1


def replace(path: Path, content: bytes | memoryview) -> None:
    """Write a file under another name in the same folder, sync it, and give it its name (Z8)."""
    temporary = path.with_name(path.name + ".tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb", buffering=0) as file:
            if file.write(content) != len(content):  # no second attempt (J25)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
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
