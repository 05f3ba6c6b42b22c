"""Whole lines onto the end of a journal file, and synced (J20-J27). It neither makes lines nor reads them."""

import os
from pathlib import Path

from safla.errors import HostError
from safla.journal.files import MAX_FILE, open_to_write, sync_folder

BATCH = 2**20  # bytes of one write (J21)

_sync = getattr(os, "fdatasync", os.fsync)


class Appender:
    """A journal file open for appending. offset: its length up to the last whole line written.

    After an error nothing more is written: what the disk holds then is found out by reading it (J25, J27).
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises HostError for one that is not regular, ours and under one name."""
        self.path = path
        self._waiting = bytearray()
        self._descriptor = open_to_write(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.offset = os.fstat(self._descriptor).st_size

    def append(self, lines: bytes) -> None:
        """Take whole lines; they are written when about a MiB is together, or by `sync`."""
        self._waiting += lines
        while len(self._waiting) >= BATCH:
            cut = self._waiting.rfind(b"\n", 0, BATCH) + 1
            self._write(bytes(self._waiting[:cut]))
            del self._waiting[:cut]

    def sync(self, *, folder: bool = True) -> None:
        """Write what waits and bring it to the disk: from now on it is acknowledged (J22, J23).

        folder  its name too: needed once, for a file that is new
        """
        if self._waiting:
            self._write(bytes(self._waiting))
            self._waiting.clear()
        try:
            _sync(self._descriptor)
            if folder:
                sync_folder(self.path.parent)
        except OSError as error:
            self._fail(f"cannot be synced: {error.strerror}; nothing more is written, start again", error)

    def refuse_moved(self) -> None:
        """Raise HostError unless path and descriptor are one file under one name still (J28)."""
        here = os.fstat(self._descriptor)
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            there = None
        if there is None or not os.path.samestat(here, there) or here.st_nlink != 1:
            self._fail("was moved, replaced or deleted while it was written; nothing more is written", None)

    @property
    def closed(self) -> bool:
        """Whether it takes nothing more: after an error, too."""
        return self._descriptor < 0

    def close(self) -> None:
        """Close the file; lines that were not synced are dropped."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> "Appender":
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def _write(self, batch: bytes) -> None:
        assert self._descriptor >= 0, "nothing is written after an error"
        if self.offset + len(batch) > MAX_FILE:
            self._fail(f"would pass {MAX_FILE} bytes; split the run, or ask for less detail", None)
        try:
            written = os.write(self._descriptor, batch)
        except OSError as error:
            self._cut(f"cannot be written: {error.strerror}", error)
        else:
            if written != len(batch):
                self._cut("cannot be written whole: the disk is full", None)
        self.offset += len(batch)

    def _cut(self, what: str, cause: OSError | None) -> None:
        """Take half a batch away again (J25)."""
        try:
            os.ftruncate(self._descriptor, self.offset)
        except OSError as error:
            self._fail(f"{what}; and it cannot be cut to {self.offset} bytes: {error.strerror}", cause or error)
        self._fail(f"{what}; it ends at its last whole line, and the same command goes on from there", cause)

    def _fail(self, what: str, cause: OSError | None) -> None:
        self.close()
        raise HostError(f"{self.path}: {what}") from cause
