"""Starting is going on: lines that are on the disk must come out again, and what is missing is appended (J39)."""

from pathlib import Path
from types import TracebackType

from safla.errors import DataError, Finding, Interrupted
from safla.journal.append import Appender
from safla.journal.compare import Parting, first_parting
from safla.journal.line import ORIGIN
from safla.journal.reader import verify_chain

_HASH = slice(-35, -3)  # where a line with its newline holds its own hash (J10)


class Continued:
    """A journal that may have been begun before: it compares as far as the file reaches, and appends behind that."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.last_hash = ORIGIN.decode("ascii")
        self._appender = Appender(path)
        self._rest = self._appender.offset  # bytes that were there before and are not compared yet
        self._there = path.open("rb")
        self._new = False  # something was appended

    def append(self, lines: bytes) -> None:
        """Take whole lines. Finding where the file says otherwise, JournalError for damage; nothing is touched."""
        if not lines:
            return
        there = self._there.read(min(len(lines), self._rest))
        self._rest -= len(there)
        if not lines.startswith(there):
            verify_chain(self.path)
            raise Finding(self._told(first_parting(there, lines[: len(there)], n=self.lines)))
        if len(there) < len(lines):
            self._new = True
            self._appender.append(lines[len(there) :])
        self.lines += lines.count(b"\n")
        self.last_hash = lines[_HASH].decode("ascii")

    def _told(self, difference: Parting | None) -> str:
        assert difference is not None, "the bytes differ"
        return (
            f"{self.path}: line {difference.n} is not what this run decides; nothing was touched\n"
            f"  there: {difference.there}\n  now:   {difference.now}"
        )

    def finish(self) -> bool:
        """Bring all to the disk. Returns whether the whole journal was there before, and nothing else."""
        if self._rest:
            verify_chain(self.path)
            raise Finding(
                f"{self.path}: goes on behind line {self.lines}, where this run has ended; nothing was touched"
            )
        if self._new:
            self._appender.sync()
        return not self._new

    def __enter__(self) -> "Continued":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._there.close()
        if kind is not None and issubclass(kind, (Interrupted, DataError)):
            self._appender.sync()  # what was folded is kept, and the same command goes on behind it
        self._appender.close()
