"""Starting is recovering: what is there is judged, mended where that is safe, compared, and gone on from (J30-J39)."""

import itertools
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType

from safla.config.trading import MarketSection
from safla.errors import ConfigError, DataError, Finding, HostError, Interrupted, JournalError, Problem
from safla.journal import checkpoint as anchor
from safla.journal import reader
from safla.journal.append import Appender
from safla.journal.chain import ORIGIN
from safla.journal.checkpoint import HEAD, Checkpoint
from safla.journal.diff import FirstDifference, first_difference
from safla.journal.events import RunStarted
from safla.journal.files import MAX_FILE, open_to_read, open_to_write, sync_folder
from safla.journal.reader import Tail
from safla.journal.verify import Survey, survey

Markets = Mapping[str, MarketSection]

LINES_BETWEEN_ANCHORS = 1_000  # (J24)
LARGE = 2**30  # bytes of a journal that a person is told of (J6)

_HASH = slice(-35, -3)  # where a line with its newline holds its own hash (J10)


def recover(journal: Path, *, started: RunStarted, say: Callable[[str], None]) -> None:
    """Make a journal end at a whole line, or touch nothing: JournalError for damage, ConfigError for another plan.

    started  the first line of this run (J31-J38)
    """
    head = anchor.read_checkpoint(journal.with_name(HEAD))
    if not journal.exists():  # and no link to nowhere either, for folder.held refuses links
        if head is not None:
            raise JournalError(f"{journal}: is missing, and head says that it was there; {_ways_on(journal)}")
        return
    found = survey(journal, head)
    if found.kind == "corrupt":
        place = f"line {found.lines + 1}, byte {found.offset}"
        raise JournalError(f"{journal}: {place}: corrupt: {found.what}; {_ways_on(journal)}")
    if found.lines > 0:
        _refuse_another_plan(journal, started)
    if found.kind == "complete":
        _complete(journal)
        say(f"{journal}: the newline of its last line was missing, and is there again")
    if found.kind == "torn":
        _cut(journal, found, say=say)
    if head is None and found.lines > 0:
        say(f"{journal}: without anchor: no head says how long it was")


def _refuse_another_plan(journal: Path, started: RunStarted) -> None:
    """J32: each key that differs, with both values."""
    there, here = _keys(reader.read(journal).started), _keys(started)
    problems = [
        Problem(str(journal), key, _differs(there.get(key, "absent"), here.get(key, "absent")))
        for key in sorted({**there, **here})
        if there.get(key) != here.get(key)
    ]
    if problems:
        raise ConfigError(problems)


def refuse_another_question(journal: Path, there: RunStarted, *, symbols: Sequence[str], markets: Markets) -> None:
    """J32, before candles are asked for: other symbols, or a scale that the configuration names otherwise.

    Scales that it does not name are those of the first line: ConfigError for the rest, each with both values.
    """
    recorded = [one.symbol for one in there.symbols]
    problems = []
    if recorded != list(symbols):
        problems.append(Problem(str(journal), "symbols", _differs(" ".join(recorded), " ".join(symbols))))
    for one in there.symbols:
        named = markets[one.symbol].model_dump(exclude_none=True) if one.symbol in markets else {}
        for field, here in named.items():
            if Decimal(str(getattr(one, field))) != here:
                text = _differs(str(getattr(one, field)), str(here))
                problems.append(Problem(str(journal), f"markets.{one.symbol}.{field}", text))
    if problems:
        raise ConfigError(problems)


def _differs(there: str, here: str) -> str:
    return f"there {there}, here {here}"


def _keys(started: RunStarted) -> dict[str, str]:
    """What makes a run the one that it is, by the keys of the configuration."""
    symbols = [one.symbol for one in started.symbols]
    keys = {**started.plan, "journal.detail": started.detail, "symbols": " ".join(symbols)}
    for one in started.symbols:
        for field in one.__struct_fields__[1:]:
            keys[f"markets.{one.symbol}.{field}"] = str(getattr(one, field))
    return keys


def _ways_on(journal: Path) -> str:
    return f"put back a saved copy, or run with --force, which keeps this folder as {journal.parent.name}.1"


def _complete(journal: Path) -> None:
    with os.fdopen(open_to_write(journal, os.O_WRONLY | os.O_APPEND), "wb") as file:
        file.write(b"\n")
        file.flush()
        os.fsync(file.fileno())


def _cut(journal: Path, found: Survey, *, say: Callable[[str], None]) -> None:
    """Save the torn tail beside the journal, then cut it off; both synced (J36)."""
    saved = _free(journal.with_name(f"{journal.name}.torn-{found.lines + 1}"))
    with os.fdopen(open_to_write(journal, os.O_RDWR), "r+b") as file:
        torn = file.seek(0, os.SEEK_END) - found.offset
        file.seek(found.offset)
        with os.fdopen(open_to_write(saved, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as beside:
            shutil.copyfileobj(file, beside)
            beside.flush()
            os.fsync(beside.fileno())
        sync_folder(journal.parent)
        file.truncate(found.offset)
        os.fsync(file.fileno())
    say(f"{journal}: {torn} bytes of a torn line {found.lines + 1} were cut off, and are kept in {saved.name}")


def _free(path: Path) -> Path:
    """The path, or the first of path.1, path.2, ... that nothing has: what was kept before is kept still."""
    names = itertools.chain([path], (path.with_name(f"{path.name}.{number}") for number in itertools.count(1)))
    return next(name for name in names if not os.path.lexists(name))


def confirm_ended(journal: Path, tail: Tail) -> None:
    """Of a run that has ended: it is on the disk, and head knows all of it. What wrote its end may have died there."""
    whole = Checkpoint(n=tail.lines, offset=tail.offset, h=tail.h)
    if anchor.read_checkpoint(journal.with_name(HEAD)) == whole:
        return
    with Appender(journal) as file:
        file.sync()
    anchor.write_checkpoint(journal.with_name(HEAD), whole)


class Continued:
    """A journal that may have been begun before: it compares as far as the file reaches, and appends behind that."""

    def __init__(self, path: Path, *, say: Callable[[str], None]) -> None:
        self.path = path
        self.lines = 0
        self._say = say
        self.first_hash: str | None = None  # of line 1, once it is taken
        self.last_hash = ORIGIN.decode("ascii")
        self._appender = Appender(path)
        self._rest = self._appender.offset  # bytes that were there before and are not compared yet
        self._named = False  # its name was synced
        self._anchored = 0  # lines that head knows of
        self._there = open_to_read(path)
        self._new = False  # something was appended

    def skip(self, *, offset: int, lines: int, last_hash: str, first_hash: str) -> None:
        """Whoever read the file has compared so much of it already: bytes and lines, and two of their hashes."""
        assert self.lines == 0, "nothing was taken yet"
        self._there.seek(offset)
        self._rest -= offset
        self.lines, self.last_hash, self.first_hash = lines, last_hash, first_hash

    @property
    def offset(self) -> int:
        """Where the journal ends, bytes."""
        return self._appender.offset

    @property
    def complete(self) -> bool:
        """Whether all that the file holds was compared, and it can still be written to."""
        return self._rest == 0 and not self._appender.closed

    def append(self, lines: bytes) -> bool:
        """Take whole lines; whether some are new. Finding where the file says otherwise; it is then not touched."""
        if not lines:
            return False
        there = self._there.read(min(len(lines), self._rest))
        self._rest -= len(there)
        if not lines.startswith(there):
            raise self._difference(first_difference(there, lines[: len(there)], n=self.lines))
        if len(there) < len(lines):
            self._appender.refuse_moved()
            self._new = True
            before = self._appender.offset
            self._appender.append(lines[len(there) :])
            if before < LARGE <= self._appender.offset:
                self._say(f"{self.path}: longer than {LARGE} bytes; a run ends at {MAX_FILE}")
        if self.lines == 0:
            self.first_hash = lines[: lines.index(b"\n") + 1][_HASH].decode("ascii")
        self.lines += lines.count(b"\n")
        self.last_hash = lines[_HASH].decode("ascii")
        return len(there) < len(lines)

    def commit(self) -> None:
        """Acknowledge what was taken: it is synced (J22). Paper does it for each batch."""
        if not self._new or self._appender.closed:  # after an error nothing more is written (J27)
            return
        self._appender.sync(folder=not self._named)
        self._named = True

    def renew_anchor(self, *, now: bool) -> None:
        """Let head say what is acknowledged, where that is due (J24). now: it is, whatever the number of lines."""
        if not self._new or self._appender.closed:
            return
        if now or self.lines - self._anchored >= LINES_BETWEEN_ANCHORS:
            self._anchor()
            self._anchored = self.lines

    def _anchor(self) -> None:
        try:
            anchor.write_checkpoint(
                self.path.with_name(HEAD), Checkpoint(n=self.lines, offset=self._appender.offset, h=self.last_hash)
            )
        except HostError:
            self._appender.close()  # a disk that errs is not tried again, not for a last sync either (J27)
            raise

    def _difference(self, parting: FirstDifference | None) -> Finding:
        assert parting is not None, "the bytes differ"
        text = f"{self.path}: line {parting.n} is not what this run decides; nothing was touched"
        return Finding(text, f"  there: {parting.there}", f"  now:   {parting.now}")

    def finish(self) -> bool:
        """Bring all to the disk. Returns whether the whole journal was there before, and nothing else."""
        if self._rest:
            raise Finding(
                f"{self.path}: goes on behind line {self.lines}, where this run has ended; nothing was touched"
            )
        self._sync()
        return not self._new

    def _sync(self) -> None:
        """What was folded is kept: journal, folder, then head (J22, J24)."""
        head = self.path.with_name(HEAD)
        if self._new:
            self._appender.sync()
        if self.lines and not self._rest and (self._new or not head.exists()):
            anchor.write_checkpoint(head, Checkpoint(n=self.lines, offset=self._appender.offset, h=self.last_hash))

    def __enter__(self) -> "Continued":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._there.close()
        if kind is not None and issubclass(kind, (Interrupted, DataError)):
            self._sync()
        self._appender.close()
