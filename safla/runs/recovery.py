"""Recovery: every start checks an existing journal, repairs its end where that is safe, and continues it (J30-J39).

`recover` classifies what the file holds and leaves a journal of whole lines, or raises and changes nothing. Then the
run is computed from its first candle, and `Continued` compares every line with the file until the file ends. From
there on it appends. So a restart needs no saved state, and a file that this run would not have written is noticed.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType

from safla.config.plan_text import CODE
from safla.config.trading import MarketSection
from safla.errors import ConfigError, DataError, Finding, HostError, Interrupted, JournalError, Problem
from safla.journal import reader
from safla.journal.append import Appender
from safla.journal.chain import ORIGIN
from safla.journal.checkpoint import HEAD, Checkpoint, read_checkpoint, write_checkpoint
from safla.journal.diff import FirstDifference, first_difference
from safla.journal.events import RunStarted
from safla.journal.files import MAX_FILE, open_to_read, open_to_write, sync_folder
from safla.journal.reader import Tail
from safla.journal.verify import Survey, survey

Markets = Mapping[str, MarketSection]

LINES_BETWEEN_ANCHORS = 1_000  # (J24)
LARGE = 2**30  # bytes; a note is shown when a journal grows beyond them (J6)

OTHER_CODE = (
    "; the files of the run are kept in its folder under strategy/: go on with such code, or begin another run (--out, "
    "--force); `safla replay` with --strategy and --other-code shows what this code would have done"
)

_HASH = slice(-35, -3)  # the hash of a line, in the bytes of the line with its newline (J10)


def recover(journal: Path, *, started: RunStarted, say: Callable[[str], None]) -> None:
    """Repair a journal so that it ends with a whole line.

    JournalError for damage, ConfigError for a journal of another plan; the file is not changed then.

    started  the first line of this run (J31-J38)
    """
    head = read_checkpoint(journal.with_name(HEAD))
    if not journal.exists():  # nor is it a broken link: folder.lock_run rejects links
        if head is not None:
            raise JournalError(
                f"{journal}: is missing, but the file head says that it existed; {_recovery_hint(journal)}",
                code="journal_not_found",
            )
        return
    result = survey(journal, head)
    if result.kind == "corrupt":
        place = f"line {result.lines + 1}, byte {result.offset}"
        raise JournalError(
            f"{journal}: {place}: corrupt: {result.what}; {_recovery_hint(journal)}", code="chain_broken"
        )
    if result.lines > 0:
        _check_same_plan(journal, started)
    if result.kind == "complete":
        _append_newline(journal)
        say(f"{journal}: the newline of the last line was missing and was added")
    if result.kind == "torn":
        _cut_torn_tail(journal, result, say=say)
    if head is None and result.lines > 0:
        say(f"{journal}: without anchor: there is no file head, so that a missing end would not be noticed")


def _check_same_plan(journal: Path, started: RunStarted) -> None:
    """Raise ConfigError with each key that differs from the first line of the journal, and both values (J32)."""
    recorded, current = _identity(reader.read(journal).started), _identity(started)
    problems = [
        _differing(journal, key, recorded.get(key, "nothing"), current.get(key, "nothing"))
        for key in sorted({**recorded, **current})
        if recorded.get(key) != current.get(key)
    ]
    if problems:
        raise ConfigError(problems)


def _differing(journal: Path, key: str, recorded: str, current: str) -> Problem:
    text = _both_values(recorded, current)
    if key == CODE:
        return Problem(str(journal), key, text + OTHER_CODE, code="code_differs")
    return Problem(str(journal), key, text, code="plan_differs")


def refuse_another_question(journal: Path, there: RunStarted, *, symbols: Sequence[str], markets: Markets) -> None:
    """Raise ConfigError if the symbols, or a scale that the configuration sets, differ from the first line (J32).

    It runs before candles are requested. A scale that the configuration does not set is taken from the first line.

    there  the first line of the journal
    """
    recorded = [scale.symbol for scale in there.symbols]
    problems = []
    if recorded != list(symbols):
        problems.append(
            Problem(str(journal), "symbols", _both_values(" ".join(recorded), " ".join(symbols)), code="plan_differs")
        )
    for scale in there.symbols:
        configured = markets[scale.symbol].model_dump(exclude_none=True) if scale.symbol in markets else {}
        for field, value in configured.items():
            if Decimal(str(getattr(scale, field))) != value:
                text = _both_values(str(getattr(scale, field)), str(value))
                problems.append(Problem(str(journal), f"markets.{scale.symbol}.{field}", text, code="plan_differs"))
    if problems:
        raise ConfigError(problems)


def _both_values(recorded: str, current: str) -> str:
    return f"the journal has {recorded}, this run has {current}"


def _identity(started: RunStarted) -> dict[str, str]:
    """The values that identify a run, by their keys in the configuration."""
    symbols = [scale.symbol for scale in started.symbols]
    values = {**started.plan, "journal.detail": started.detail, "symbols": " ".join(symbols)}
    for scale in started.symbols:
        for field in scale.__struct_fields__[1:]:
            values[f"markets.{scale.symbol}.{field}"] = str(getattr(scale, field))
    return values


def _recovery_hint(journal: Path) -> str:
    return f"put back a saved copy, or run with --force, which keeps this folder as {journal.parent.name}.1"


def _append_newline(journal: Path) -> None:
    with os.fdopen(open_to_write(journal, os.O_WRONLY | os.O_APPEND), "wb") as file:
        file.write(b"\n")
        file.flush()
        os.fsync(file.fileno())


def _cut_torn_tail(journal: Path, result: Survey, *, say: Callable[[str], None]) -> None:
    """Save the torn tail in a file of its own, then cut it off; both files are synced (J36)."""
    saved = _unused(journal.with_name(f"{journal.name}.torn-{result.lines + 1}"))
    with os.fdopen(open_to_write(journal, os.O_RDWR), "r+b") as file:
        torn = file.seek(0, os.SEEK_END) - result.offset
        file.seek(result.offset)
        with os.fdopen(open_to_write(saved, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            os.fsync(copy.fileno())
        sync_folder(journal.parent)  # the copy and its name are on the disk before the original bytes go
        file.truncate(result.offset)
        os.fsync(file.fileno())
    say(f"{journal}: {torn} bytes of a torn line {result.lines + 1} were cut off and saved in {saved.name}")


def _unused(path: Path) -> Path:
    """The path, or the first of path.1, path.2, ... that does not exist, so that earlier copies are kept."""
    names = itertools.chain([path], (path.with_name(f"{path.name}.{number}") for number in itertools.count(1)))
    return next(name for name in names if not os.path.lexists(name))


def confirm_ended(journal: Path, tail: Tail) -> None:
    """Sync the journal of a run that has ended, and write head, unless head covers the whole journal already.

    The process that wrote the last line may have died before it did so.
    """
    whole = Checkpoint(n=tail.lines, offset=tail.offset, h=tail.h)
    if read_checkpoint(journal.with_name(HEAD)) == whole:
        return
    with Appender(journal) as file:
        file.sync()
    write_checkpoint(journal.with_name(HEAD), whole)


class JournalAppender:
    """A journal appender that continues where a file ended: it compares lines with the file, then appends the rest.

    A run is always computed from its first candle. The caller appends all its lines; those that the file holds already
    must be equal byte for byte and are not written again. With a new file there is nothing to compare.
    """

    def __init__(self, path: Path, *, say: Callable[[str], None]) -> None:
        self.path = path
        self.lines = 0
        self._say = say
        self.first_hash: str | None = None  # of line 1, once it was appended or compared
        self.last_hash = ORIGIN.decode("ascii")
        self._appender = Appender(path)
        self._rest = self._appender.offset  # bytes of the existing file that are not compared yet
        self._named = False  # whether the file's name in its folder was synced
        self._anchored = 0  # lines that head covers
        self._there = open_to_read(path)
        self._new = False  # whether a line was appended, not only compared

    def skip(self, *, offset: int, lines: int, last_hash: str, first_hash: str) -> None:
        """Skip the beginning of the file: the caller has compared these bytes and lines already (`journal_scan`).

        last_hash, first_hash  of the last line skipped, and of line 1
        """
        assert self.lines == 0, "skip comes before the first append"
        self._there.seek(offset)
        self._rest -= offset
        self.lines, self.last_hash, self.first_hash = lines, last_hash, first_hash

    @property
    def offset(self) -> int:
        """Where the journal ends, bytes."""
        return self._appender.offset

    @property
    def complete(self) -> bool:
        """Whether the existing file was compared to its end, and the file can still be appended to."""
        return self._rest == 0 and not self._appender.closed

    def append(self, lines: bytes) -> bool:
        """Compare whole lines with the file, or append them. Returns whether any line is new.

        Finding where the file holds other bytes; it is not changed then.
        """
        if not lines:
            return False
        there = self._there.read(min(len(lines), self._rest))
        self._rest -= len(there)
        # The lines may reach beyond the end of the file: their first part is compared, and the rest is appended.
        if not lines.startswith(there):
            raise self._difference(first_difference(there, lines[: len(there)], n=self.lines))
        if len(there) < len(lines):
            self._appender.refuse_moved()
            self._new = True
            before = self._appender.offset
            self._appender.append(lines[len(there) :])
            if before < LARGE <= self._appender.offset:
                self._say(f"{self.path}: is longer than {LARGE} bytes; a run stops at {MAX_FILE}")
        if self.lines == 0:
            self.first_hash = lines[: lines.index(b"\n") + 1][_HASH].decode("ascii")
        self.lines += lines.count(b"\n")
        self.last_hash = lines[_HASH].decode("ascii")
        return len(there) < len(lines)

    def commit(self) -> None:
        """Sync what was appended (J22). A paper run does this for each batch of candles."""
        if not self._new or self._appender.closed:  # after an error nothing more is written (J27)
            return
        self._appender.sync(folder=not self._named)
        self._named = True

    def renew_anchor(self, *, now: bool) -> None:
        """Write head if enough lines were appended since the last time (J24). now: whatever their number."""
        if not self._new or self._appender.closed:
            return
        if now or self.lines - self._anchored >= LINES_BETWEEN_ANCHORS:
            self._anchor()
            self._anchored = self.lines

    def _anchor(self) -> None:
        try:
            write_checkpoint(
                self.path.with_name(HEAD), Checkpoint(n=self.lines, offset=self._appender.offset, h=self.last_hash)
            )
        except HostError:
            self._appender.close()  # after an error of the disk nothing is retried, the last sync included (J27)
            raise

    def _difference(self, difference: FirstDifference | None) -> Finding:
        assert difference is not None, "the bytes differ"
        text = f"{self.path}: line {difference.n} is not what this run decides; the file was not changed"
        return Finding(text, f"  there: {difference.there}", f"  now:   {difference.now}", code="journal_differs")

    def finish(self) -> bool:
        """Sync the journal and write head. Returns whether the journal was complete before, so that nothing is new.

        Finding where the file has more lines than this run.
        """
        if self._rest:
            raise Finding(
                f"{self.path}: has more lines after line {self.lines}, where this run ends; the file was not changed",
                code="journal_differs",
            )
        self._sync()
        return not self._new

    def _sync(self) -> None:
        """Sync the journal and its folder, then write head, which must never be ahead of the journal (J22, J24)."""
        head = self.path.with_name(HEAD)
        if self._new:
            self._appender.sync()
        if self.lines and not self._rest and (self._new or not head.exists()):
            write_checkpoint(head, Checkpoint(n=self.lines, offset=self._appender.offset, h=self.last_hash))

    def __enter__(self) -> "JournalAppender":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._there.close()
        # An interruption or bad candles leave the lines written so far valid: they are kept. After any other error
        # nothing more is written or synced.
        if kind is not None and issubclass(kind, (Interrupted, DataError)):
            self._sync()
        self._appender.close()
