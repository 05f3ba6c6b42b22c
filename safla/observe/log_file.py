"""One log file: lines are appended, and it is rotated by size (Z8). It never raises: a log must not end a run."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

from safla.errors import HostError
from safla.fs import make_folders, open_to_write

CLOSING_SECONDS = 0.1  # how long close() waits for a write in progress
APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class LogFile:
    """A file that is opened with its first line. A line that cannot be written is lost and counted.

    most_bytes    a line that would make the file longer goes into a new file
    backups       number of old files to keep: NAME~1.log is the youngest
    say           called once, with a line for a person, when the first line is lost
    makes_folder  True: create a missing folder (0700); False: a missing folder is an error
    """

    def __init__(
        self, path: Path, *, most_bytes: int, backups: int, say: Callable[[str], None], makes_folder: bool = False
    ) -> None:
        self.lost = 0  # lines
        self._path, self._most_bytes, self._backups, self._say = path, most_bytes, backups, say
        self._makes_folder = makes_folder
        self._descriptor: int | None = None
        self._closed = False
        self._lock = threading.Lock()  # close() must not close the descriptor during a write of another thread

    def write(self, line: str) -> None:
        """Append a line that ends with a newline. After close() nothing is written."""
        with self._lock:
            if self._closed:
                return
            try:
                self._append(line.encode())
            except (OSError, HostError) as error:
                self._fail(error)

    def close(self) -> None:
        """Close the file for good. If a write hangs, it is left open."""
        if self._lock.acquire(timeout=CLOSING_SECONDS):
            self._closed = True
            self._close_descriptor()
            self._lock.release()

    def backup(self, number: int) -> Path:
        """The path of an old file; 1 is the youngest."""
        # The configuration allows no tilde in a file name, so a backup never has the name of another log file.
        return self._path.with_name(f"{self._path.stem}~{number}{self._path.suffix}")

    def _append(self, content: bytes) -> None:
        descriptor = self._opened()
        size = os.fstat(descriptor).st_size
        if size > 0 and size + len(content) > self._most_bytes:
            self._rotate()
            descriptor = self._opened()
            size = os.fstat(descriptor).st_size
        if os.write(descriptor, content) != len(content):
            os.ftruncate(descriptor, size)  # otherwise the next line would begin in the middle of this one
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _opened(self) -> int:
        """The descriptor of the file at the path; opened again if a process or a person moved the old file away."""
        if self._descriptor is not None and self._is_at_path(self._descriptor):
            return self._descriptor
        self._close_descriptor()
        if self._makes_folder:
            make_folders(self._path.parent)
        self._descriptor = open_to_write(self._path, APPENDING)
        return self._descriptor

    def _is_at_path(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.stat(self._path, follow_symlinks=False), os.fstat(descriptor))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _rotate(self) -> None:
        self._close_descriptor()
        if self._backups == 0:
            self._path.unlink()
            return
        for number in range(self._backups - 1, 0, -1):
            if os.path.lexists(self.backup(number)):
                self.backup(number).replace(self.backup(number + 1))
        self._path.replace(self.backup(1))

    def _close_descriptor(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _fail(self, error: Exception) -> None:
        self.lost += 1
        if self.lost == 1:
            reason = getattr(error, "strerror", None) or str(error).partition(": ")[2] or type(error).__name__
            self._say(f"{self._path}: a line was lost, the run goes on: {reason}")
