"""Append whole lines to a journal file, and sync it (J20-J28). This module neither makes lines nor reads them."""

import os
from pathlib import Path

from safla.errors import HostError
from safla.fs import code_of
from safla.journal.files import MAX_FILE, open_to_write, sync_folder

BATCH = 2**20  # bytes of one write (J21)

# fdatasync also brings the new length of the file to the disk, but not its times, which nothing depends on (J22).
_sync = getattr(os, "fdatasync", os.fsync)


class Appender:
    """A journal file that is open for appending. offset: bytes up to the end of the last whole line written.

    After an error it writes nothing more: only reading the file again shows what the disk holds (J25, J27).
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises HostError unless it is a regular file of this user with one hard link."""
        self.path = path
        self._waiting = bytearray()
        # O_APPEND: the kernel puts every write at the end of the file, so no write can overwrite an earlier line.
        self._descriptor = open_to_write(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.offset = os.fstat(self._descriptor).st_size

    def append(self, lines: bytes) -> None:
        """Take whole lines. They are written once a MiB has come together, or by `sync`."""
        self._waiting += lines
        while len(self._waiting) >= BATCH:
            # A batch ends at a newline: a process that dies between two batches leaves whole lines (J21).
            cut = self._waiting.rfind(b"\n", 0, BATCH) + 1
            self._write(bytes(self._waiting[:cut]))
            del self._waiting[:cut]

    def sync(self, *, folder: bool = True) -> None:
        """Write the lines that wait and sync the file: from then on they are acknowledged (J22, J23).

        folder  sync the folder too: once, for a new file, because its name is an entry of the folder
        """
        if self._waiting:
            self._write(bytes(self._waiting))
            self._waiting.clear()
        # No retry after a failed sync: the kernel may have dropped the unwritten pages and marked them clean, and then
        # a second sync reports success for data that is lost (J27).
        try:
            _sync(self._descriptor)
            if folder:
                sync_folder(self.path.parent)
        except OSError as error:
            self._fail(
                f"cannot be synced: {error.strerror}; nothing more is written, start again", error, code=code_of(error)
            )

    def refuse_moved(self) -> None:
        """Raise HostError unless the path still names the open file, and no other path does (J28)."""
        opened = os.fstat(self._descriptor)
        try:
            named = os.stat(self.path, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            named = None
        # A write to a deleted file succeeds, but its lines are lost; a second hard link is another program's file too.
        if named is None or not os.path.samestat(opened, named) or opened.st_nlink != 1:
            self._fail(
                "was moved, replaced or deleted while it was written; nothing more is written",
                None,
                code="journal_replaced",
            )

    @property
    def closed(self) -> bool:
        """Whether the file is closed; an error closes it too."""
        return self._descriptor < 0

    def close(self) -> None:
        """Close the file. Lines that still wait to be written are dropped."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> "Appender":
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def _write(self, batch: bytes) -> None:
        assert self._descriptor >= 0, "the file is closed, after an error or by close()"
        if self.offset + len(batch) > MAX_FILE:
            self._fail(
                f"would be longer than {MAX_FILE} bytes; split the run into shorter ones, or lower journal.detail",
                None,
                code="journal_too_long",
            )
        try:
            written = os.write(self._descriptor, batch)
        except OSError as error:
            self._cut(f"cannot be written: {error.strerror}", error)
        else:
            if written != len(batch):
                # A short write to a regular file means that there is no room left: no second attempt (J25).
                self._cut("cannot be written whole: the disk is full", None)
        self.offset += len(batch)

    def _cut(self, problem: str, cause: OSError | None) -> None:
        """Remove the part of a batch that was written, so that the file ends with a whole line, and fail (J25)."""
        code = "disk_full" if cause is None else code_of(cause)
        try:
            os.ftruncate(self._descriptor, self.offset)
        except OSError as error:
            # Not fatal for the file: the next start finds the torn line and cuts it off (J34, J36).
            self._fail(
                f"{problem}; and it cannot be cut to {self.offset} bytes: {error.strerror}", cause or error, code=code
            )
        self._fail(
            f"{problem}; it ends at its last whole line, and the same command goes on from there", cause, code=code
        )

    def _fail(self, problem: str, cause: OSError | None, *, code: str) -> None:
        self.close()
        raise HostError(f"{self.path}: {problem}", code=code) from cause
