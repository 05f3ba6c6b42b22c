"""One log file: lines appended, rotated by size, ours alone (Z8). It never raises, for nobody waits for a log."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

from safla.errors import HostError
from safla.fs import make_folders, open_to_write

CLOSING_SECONDS = 0.1  # that a write under way may take at the end
APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class LogFile:
    """A file that is opened with its first line. What cannot be written is lost and counted; the first time is said.

    most_bytes    a line that would make it longer goes into a new file
    backups       old files that are kept: NAME~1.log is the youngest
    say           told once, in one line, that something was lost
    makes_folder  whether a missing folder is made (0700); else it is a failure
    """

    def __init__(
        self, path: Path, *, most_bytes: int, backups: int, say: Callable[[str], None], makes_folder: bool = False
    ) -> None:
        self.lost = 0  # lines
        self._path, self._most_bytes, self._backups, self._say = path, most_bytes, backups, say
        self._makes_folder = makes_folder
        self._descriptor: int | None = None
        self._closed = False
        self._lock = threading.Lock()  # whoever closes it must not take the descriptor from under a write

    def write(self, line: str) -> None:
        """Append a line, its newline included. Behind close() nothing is written any more."""
        with self._lock:
            if self._closed:
                return
            try:
                self._append(line.encode())
            except (OSError, HostError) as error:
                self._fail(error)

    def close(self) -> None:
        """Close it for good; one that a write hangs in is left as it is."""
        if self._lock.acquire(timeout=CLOSING_SECONDS):
            self._closed = True
            self._leave()
            self._lock.release()

    def backup(self, number: int) -> Path:
        """Where the number-th youngest old file lies. No name of the configuration can hold a tilde."""
        return self._path.with_name(f"{self._path.stem}~{number}{self._path.suffix}")

    def _append(self, content: bytes) -> None:
        descriptor = self._opened()
        size = os.fstat(descriptor).st_size
        if size > 0 and size + len(content) > self._most_bytes:
            self._rotate()
            descriptor = self._opened()
            size = os.fstat(descriptor).st_size
        if os.write(descriptor, content) != len(content):
            os.ftruncate(descriptor, size)  # no line begins in the middle of another
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _opened(self) -> int:
        """The descriptor of what has the name now: another process, or a person, may have moved the old one away."""
        if self._descriptor is not None and self._named(self._descriptor):
            return self._descriptor
        self._leave()
        if self._makes_folder:
            make_folders(self._path.parent)
        self._descriptor = open_to_write(self._path, APPENDING)
        return self._descriptor

    def _named(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.stat(self._path, follow_symlinks=False), os.fstat(descriptor))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _rotate(self) -> None:
        self._leave()
        if self._backups == 0:
            self._path.unlink()
            return
        for number in range(self._backups - 1, 0, -1):
            if os.path.lexists(self.backup(number)):
                self.backup(number).replace(self.backup(number + 1))
        self._path.replace(self.backup(1))

    def _leave(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _fail(self, error: Exception) -> None:
        self.lost += 1
        if self.lost == 1:
            reason = getattr(error, "strerror", None) or str(error).partition(": ")[2] or type(error).__name__
            self._say(f"{self._path}: a line was lost, the run goes on: {reason}")
