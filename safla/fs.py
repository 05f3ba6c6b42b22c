"""Files and folders that are ours alone: how they are opened, replaced as a whole, and locked (J20, Z8).

What stands in them is not known here.
"""

import errno
import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from safla.errors import HostError

NOT_OURS = "not a regular file of yours under one name; nothing was written"
NO_FOLDER = "not a folder of yours; move it away, or name another with storage.cache_directory"
TEMPORARY = ".tmp"  # behind the name of a file that is being written
LOCK_TRIES = 2000  # ten seconds
LOCK_PAUSE_SECONDS = 0.005

_SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # no link is followed, and a FIFO does not hang


def open_to_write(path: Path, flags: int) -> int:
    """The descriptor of a file that is ours alone: regular, of this user, under one name (J20). Raises HostError."""
    try:
        descriptor = os.open(path, flags | _SAFELY, 0o600)
    except OSError as error:
        raise HostError(f"{path}: cannot be opened to write: {error.strerror}") from error
    if is_own_file(os.fstat(descriptor)):
        return descriptor
    os.close(descriptor)
    raise HostError(f"{path}: {NOT_OURS}")


def refuse_others(folder: Path, names: Iterable[str]) -> None:
    """Before any work: whatever stands under one of the names in a folder is ours alone (J20). Raises HostError."""
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError):
            if not is_own_file((folder / name).lstat()):
                raise HostError(f"{folder / name}: {NOT_OURS}")


def is_own_file(facts: os.stat_result) -> bool:
    """Whether these are the facts of a regular file of this user, under one name."""
    return stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid() and facts.st_nlink == 1


def replace(path: Path, content: bytes) -> None:
    """Write a file under another name in the same folder, sync it, and give it its name (Z8)."""

    def write(file: FileIO) -> None:
        if file.write(content) != len(content):  # no second attempt (J25)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    replace_by(path, write)


def replace_by(path: Path, write: Callable[[FileIO], None]) -> None:
    """The same for a file that is written in parts. write: raises OSError where one of them is not taken whole."""
    temporary = path.with_name(path.name + TEMPORARY)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "w+b", buffering=0) as file:
            write(file)
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


def read_own(path: Path, *, most: int) -> bytes | None:
    """The bytes of a file that is ours alone, or None. HostError for what is not, ValueError above `most` bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _SAFELY)
        try:
            facts = os.fstat(descriptor)
            if not is_own_file(facts):
                raise HostError(f"{path}: {NOT_OURS}")
            if facts.st_size > most:
                raise ValueError(f"it has {facts.st_size} bytes, at most {most} are read")
            with open(descriptor, "rb", buffering=0, closefd=False) as file:
                return file.readall()
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"{path}: cannot be read: {error.strerror}") from error


def make_folders(root: Path, *names: str) -> Path:
    """The folder root/name/name..., made where it is missing (0700); nothing below the root is a link or another's."""
    folder = root
    try:
        _make(root)
        for name in names:
            folder = folder / name
            _make(folder)
            refuse_other_folder(folder)
    except OSError as error:
        raise HostError(f"{folder}: cannot be made: {error.strerror}") from error
    return folder


def _make(folder: Path) -> None:
    """Make a folder and those above it, and make their names last."""
    above = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in above:
        with suppress(PermissionError):  # where we may put a folder without being allowed to look
            sync_folder(one.parent)


def refuse_other_folder(folder: Path) -> None:
    """Raise HostError for a link, for what is no folder, and for a folder of another user."""
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
        raise HostError(f"{folder}: {NO_FOLDER}")


@contextmanager
def locked(path: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold a lock file for the length of a `with`: alone, or with others that only read. The file stays.

    It is made where it is missing and somebody would write. HostError when others hold it for too long.
    """
    flags = os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY
    if not exclusive and not os.path.lexists(path):
        yield  # nobody has written there yet
        return
    descriptor = open_to_write(path, flags)
    try:
        _wait_for(descriptor, path, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, path: Path, kind: int) -> None:
    pause = threading.Event()  # never set: its wait is a pause
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            pause.wait(LOCK_PAUSE_SECONDS)
        except OSError as error:
            raise HostError(f"{path.parent}: a lock cannot be held there: {error.strerror}") from error
        else:
            return
    waited = int(LOCK_TRIES * LOCK_PAUSE_SECONDS)
    raise HostError(f"{path.parent}: another process held it for {waited} seconds; try again")
