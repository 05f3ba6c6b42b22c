"""Reading a journal: the chain on its bytes alone, or strictly, event by event (J10-J14, J33). It writes nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from safla.errors import JournalError
from safla.journal.amounts import Amounts
from safla.journal.events import RULES, SCHEMA, Event, RunStarted
from safla.journal.files import journal_of, open_to_read
from safla.journal.line import MAX_LINE, ORIGIN, decode, event_bytes, fault, verified

_CHUNK = 2**20  # bytes of one read


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line that passed every check."""

    n: int
    event: Event
    raw: bytes  # without its newline
    offset: int  # where it begins, bytes


class Tail(NamedTuple):
    """Where a journal ends."""

    lines: int  # whole ones
    h: str  # hash of the last of them
    offset: int  # where it ends, bytes
    torn: int  # bytes behind it, of a line that was broken off; 0: none


class Journal:
    """A journal whose first line was read. Each iteration streams the file strictly, and ends in `tail`.

    Iterating raises JournalError at the first line that fails a check: file, line, byte, and which check.
    """

    def __init__(self, path: Path, started: RunStarted) -> None:
        self.path = path
        self.started = started
        self.tail: Tail | None = None  # of the last iteration that came to the end

    def __iter__(self) -> Iterator[Line]:
        chained = _Chained(self.path)
        check = Amounts(self.started).check
        for n, raw, offset in chained:
            try:
                event = _event(raw, n)
                check(event)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                raise _damage(self.path, n, offset=offset, what=str(error)) from error
            yield Line(n, event, raw, offset)
        self.tail = chained.tail()


def read(run: Path) -> Journal:
    """The journal of a run folder, or that file. Raises JournalError for a first line that is none, or is newer."""
    path = journal_of(run)
    for n, raw, offset in _Chained(path):
        try:
            started = _started(raw)
            Amounts(started)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise _damage(path, n, offset=offset, what=str(error)) from error
        return Journal(path, started)
    raise _damage(path, 1, offset=0, what="there is no whole line")


def verify_chain(run: Path) -> Tail:
    """Check numbers, hashes and frames, not the events (J33). Raises JournalError for the first damage."""
    chained = _Chained(journal_of(run))
    for _ in chained:
        pass
    return chained.tail()


class _Chained:
    """The lines of a file that verify, streamed; where it stands is kept for whoever asks at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._n, self._h, self._offset, self._torn = 0, ORIGIN, 0, 0

    def __iter__(self) -> Iterator[tuple[int, bytes, int]]:
        n, h, offset = 0, ORIGIN, 0
        for raw in self._lines():
            n += 1
            found = verified(raw, n, p=h)
            if not found:
                raise _damage(self._path, n, offset=offset, what=fault(raw, n, p=h))
            h = found
            yield n, raw, offset
            offset += len(raw) + 1
        self._n, self._h, self._offset = n, h, offset

    def tail(self) -> Tail:
        """Where the file ends, once it was read to its end."""
        return Tail(self._n, self._h.decode("ascii"), self._offset, self._torn)

    def _lines(self) -> Iterator[bytes]:
        """The whole lines, without newlines. What is longer than a line may be is never held in memory (Z24)."""
        rest = b""
        with open_to_read(self._path) as file:
            while chunk := file.read(_CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines
                if len(rest) >= MAX_LINE:
                    break
            self._torn = len(rest)
            while chunk := file.read(_CHUNK):
                if b"\n" in chunk:
                    yield rest  # far too long, and so it fails its checks
                    return
                self._torn += len(chunk)


def _started(raw: bytes) -> RunStarted:
    """The first event. Raises ValueError if it is another, or newer, whatever its fields are then (J49)."""
    versions = msgspec.json.decode(event_bytes(raw, 1), type=_Versions)
    if versions.type == "run_started" and (versions.schema > SCHEMA or versions.rules > RULES):
        raise ValueError(
            f"it is of schema {versions.schema} and rules {versions.rules}; this release knows schema {SCHEMA} and "
            f"rules {RULES} (J49, J50)"
        )
    event = _event(raw, 1)
    if not isinstance(event, RunStarted):
        raise ValueError(f"the first event is {versions.type}, not run_started")
    return event


class _Versions(msgspec.Struct, frozen=True):
    """What must be known of a first line before its fields are; others are passed over."""

    type: str
    schema: int = 0
    rules: int = 0


def _event(raw: bytes, n: int) -> Event:
    """The event of a verified line.

    Here or in Amounts every text of it meets a list or a pattern of printable ASCII, so the whole line is that (J10).
    """
    event = decode(event_bytes(raw, n))
    if n > 1 and isinstance(event, RunStarted):
        raise ValueError("run_started is the first event, and no other")
    return event


def _damage(path: Path, n: int, *, offset: int, what: str) -> JournalError:
    shown = what.encode("unicode_escape").decode("ascii")  # Z13: the text may quote the file
    return JournalError(f"{path}: line {n}, byte {offset}: {shown}")
