"""Open, replace and lock files and folders that belong only to this user (J20, Z8). Their content is not known here."""

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

NOT_OURS = "not a regular file of yours without links; nothing was written"
NO_FOLDER = "not a folder of yours; move it away, or set another storage.cache_directory"
TEMPORARY = ".tmp"  # suffix of a file while it is written
LOCK_TRIES = 2000  # ten seconds
LOCK_PAUSE_SECONDS = 0.005

_CODES = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EACCES: "no_permission",
    errno.EPERM: "no_permission",
    errno.EROFS: "no_permission",
    errno.ELOOP: "not_our_file",  # a link where none is followed
    errno.ENXIO: "not_our_file",  # a FIFO without a reader
}
_SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # links are not followed, and a FIFO does not block


def code_of(error: OSError, other: str = "cannot_write") -> str:
    """Return the code of the HostError for a failed call of the disk. other: that of all other failures."""
    return _CODES.get(error.errno or 0, other)


def open_to_write(path: Path, flags: int) -> int:
    """Open a file, return its descriptor. Raise HostError unless it is regular, of this user, with one name (J20)."""
    try:
        descriptor = os.open(path, flags | _SAFELY, 0o600)
    except OSError as error:
        raise HostError(f"{path}: cannot be opened to write: {error.strerror}", code=code_of(error)) from error
    if is_own_file(os.fstat(descriptor)):
        return descriptor
    os.close(descriptor)
    raise HostError(f"{path}: {NOT_OURS}", code="not_our_file")


def refuse_others(folder: Path, names: Iterable[str]) -> None:
    """Check, before any work, that existing files of these names belong only to us (J20). Raise HostError if not."""
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError):
            if not is_own_file((folder / name).lstat()):
                raise HostError(f"{folder / name}: {NOT_OURS}", code="not_our_file")


def is_own_file(facts: os.stat_result) -> bool:
    """Return whether this is the stat of a regular file of this user with exactly one name (no hard links)."""
    return stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid() and facts.st_nlink == 1


def replace(path: Path, content: bytes) -> None:
    """Write a temporary file in the same folder, sync it, and rename it to the path (Z8)."""

    def write(file: FileIO) -> None:
        if file.write(content) != len(content):  # a short write is not retried (J25)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    replace_by(path, write)


def replace_by(path: Path, write: Callable[[FileIO], None]) -> None:
    """Replace a file that is written in parts. write: raises OSError if a part is not written completely."""
    temporary = path.with_name(path.name + TEMPORARY)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "w+b", buffering=0) as file:
            write(file)
            os.fsync(file.fileno())
        os.rename(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        if not isinstance(error, FileExistsError):  # that temporary file belongs to another process
            temporary.unlink(missing_ok=True)
        raise HostError(f"{temporary}: cannot be written: {error.strerror}", code=code_of(error)) from error


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that the names of its files survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_own(path: Path, *, most: int) -> bytes | None:
    """Return the bytes of a file, or None if it does not exist.

    most  the largest size in bytes; ValueError if the file is larger
    Raise HostError if the file does not belong only to us or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _SAFELY)
        try:
            facts = os.fstat(descriptor)
            if not is_own_file(facts):
                raise HostError(f"{path}: {NOT_OURS}", code="not_our_file")
            if facts.st_size > most:
                raise ValueError(f"it has {facts.st_size} bytes, at most {most} are read")
            with open(descriptor, "rb", buffering=0, closefd=False) as file:
                return file.readall()
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"{path}: cannot be read: {error.strerror}", code=code_of(error, "cannot_read")) from error


def make_folders(root: Path, *names: str) -> Path:
    """Return the folder root/name/name..., created with mode 0700 if missing.

    Raise HostError if a folder below the root is a link or belongs to another user.
    """
    folder = root
    try:
        _make(root)
        for name in names:
            folder = folder / name
            _make(folder)
            refuse_other_folder(folder)
    except OSError as error:
        raise HostError(f"{folder}: cannot be made: {error.strerror}", code=code_of(error)) from error
    return folder


def _make(folder: Path) -> None:
    """Create a folder and its missing parents, and sync their names to disk."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in missing:
        with suppress(PermissionError):  # we may be allowed to create a folder there, but not to open the parent
            sync_folder(path.parent)


def refuse_other_folder(folder: Path) -> None:
    """Raise HostError if the path is a link, not a folder, or a folder of another user."""
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
        raise HostError(f"{folder}: {NO_FOLDER}", code="not_our_file")


def is_ours_alone(path: Path) -> bool:
    """Return whether no other user but root can change a file or folder, or put another in its place.

    This must hold for all that is loaded as code (Z8): for the path itself and for every folder above it, before and
    after links are followed. A folder above may be writable for all if it is sticky, as /tmp is.
    """
    real = Path(os.path.realpath(path))
    above = {*Path(os.path.abspath(path)).parents, *real.parents}
    try:
        return all(_is_closed(file.lstat()) for file in (path, real)) and all(
            _is_closed(folder.stat(), or_sticky=True) for folder in above
        )
    except OSError:
        return False


def _is_closed(status: os.stat_result, *, or_sticky: bool = False) -> bool:
    """Return whether only the user and root can write there. or_sticky: or others too, if the folder is sticky."""
    harmless = stat.S_ISLNK(status.st_mode) or (or_sticky and status.st_mode & stat.S_ISVTX)
    return status.st_uid in (0, os.geteuid()) and bool(harmless or not status.st_mode & 0o022)


@contextmanager
def locked(path: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold a lock file during a `with` block, exclusively or shared with other readers. The file is kept afterwards.

    Only an exclusive lock creates the file. Raise HostError if another process holds the lock for too long.
    """
    flags = os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY
    if not exclusive and not os.path.lexists(path):
        yield  # nobody has written yet, so there is nothing to wait for
        return
    descriptor = open_to_write(path, flags)
    try:
        _wait_for(descriptor, path, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, path: Path, kind: int) -> None:
    pause = threading.Event()  # never set: its wait is a sleep
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            pause.wait(LOCK_PAUSE_SECONDS)
        except OSError as error:
            raise HostError(f"{path.parent}: cannot be locked: {error.strerror}", code=code_of(error)) from error
        else:
            return
    waited = int(LOCK_TRIES * LOCK_PAUSE_SECONDS)
    raise HostError(
        f"{path.parent}: locked by another process for {waited} seconds; try again later", code="store_locked"
    )
