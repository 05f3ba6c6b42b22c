"""Reading a journal strictly, event by event, along its chain (J10-J14, J33). It writes nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from safla.errors import JournalError
from safla.journal import checkpoint as anchor
from safla.journal.amounts import Amounts
from safla.journal.chain import decode_event, event_bytes
from safla.journal.checkpoint import HEAD, Checkpoint
from safla.journal.events import RULES, SCHEMA, Event, RunEnded, RunStarted
from safla.journal.files import JOURNAL, journal_of, open_to_read
from safla.journal.verify import VerifiedLines


class JournalLine(msgspec.Struct, frozen=True, gc=False):
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
    unended: bool  # only the newline of the last line is missing (J34 a)


class Journal:
    """A journal whose first line was read. Each iteration streams the file strictly, and ends in `tail`.

    Iterating raises JournalError at the first line that fails a check: file, line, byte, and which check; and at the
    end where what is left is less than head remembers (J34 g).
    """

    def __init__(self, path: Path, started: RunStarted, *, head: Checkpoint | None) -> None:
        self.path = path
        self.started = started
        self.anchored = head is not None
        self.tail: Tail | None = None  # of the last iteration that came to the end
        self.ended: RunEnded | None = None  # its last event, if it was that
        self._head = head

    def __iter__(self) -> Iterator[JournalLine]:
        check = Amounts(self.started).check
        event: Event = self.started
        with open_to_read(self.path) as file:
            walk = VerifiedLines(file, self._head)
            for n, raw, offset in walk:
                try:
                    event = _event(raw, n)
                    check(event)
                except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                    raise _damage(self.path, n, offset=offset, what=str(error)) from error
                yield JournalLine(n, event, raw, offset)
        self.tail = _tail(self.path, walk)
        self.ended = event if isinstance(event, RunEnded) else None


def read(run: Path) -> Journal:
    """The journal of a run folder, or that file. Raises JournalError for a first line that is none, or is newer."""
    path = journal_of(run)
    head = anchor.read_checkpoint(path.with_name(HEAD)) if path.name == JOURNAL else None
    with open_to_read(path) as file:
        walk = VerifiedLines(file, None)
        for n, raw, offset in walk:
            try:
                started = _started(raw)
                Amounts(started)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                raise _damage(path, n, offset=offset, what=str(error)) from error
            return Journal(path, started, head=head)
    _tail(path, walk)
    raise _damage(path, 1, offset=0, what="there is no whole line")


def _tail(path: Path, walk: VerifiedLines) -> Tail:
    """Where the file ends, once it was walked to its end. Raises JournalError where that is damaged."""
    found = walk.found
    if found.kind == "corrupt":
        raise _damage(path, found.lines + 1, offset=found.offset, what=f"corrupt: {found.what}")
    end = min(found.offset, walk.size)
    return Tail(found.lines, found.h.decode("ascii"), end, walk.size - end, found.kind == "complete")


def _started(raw: bytes) -> RunStarted:
    """The first event. Raises ValueError if it is another, or of other rules, whatever its fields are then (J49)."""
    versions = msgspec.json.decode(event_bytes(raw, 1), type=_Versions)
    if versions.type == "run_started" and (versions.schema, versions.rules) != (SCHEMA, RULES):
        raise ValueError(
            f"written with schema {versions.schema} and rules {versions.rules}; this version of safla reads schema "
            f"{SCHEMA} and rules {RULES} alone: read it with the version that wrote it, or set the folder aside with "
            "`safla run --force`"
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
    event = decode_event(event_bytes(raw, n))
    if n > 1 and isinstance(event, RunStarted):
        raise ValueError("run_started is the first event, and no other")
    return event


def _damage(path: Path, n: int, *, offset: int, what: str) -> JournalError:
    shown = what.encode("unicode_escape").decode("ascii")  # Z13: the text may quote the file
    return JournalError(f"{path}: line {n}, byte {offset}: {shown}")
