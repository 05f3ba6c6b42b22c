"""Read a journal strictly: verify its chain and check every event (J10-J14, J33). Nothing is written."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from safla.errors import JournalError
from safla.journal.amounts import Amounts
from safla.journal.chain import decode_event, event_bytes
from safla.journal.checkpoint import HEAD, Checkpoint, read_checkpoint
from safla.journal.events import RULES, SCHEMA, Event, RunEnded, RunStarted
from safla.journal.files import JOURNAL, journal_of, open_to_read
from safla.journal.verify import VerifiedLines


class JournalLine(msgspec.Struct, frozen=True, gc=False):
    """A line that passed every check."""

    n: int  # number of the line, from 1
    event: Event
    raw: bytes  # the line without its newline
    offset: int  # of its first byte in the file


class Tail(NamedTuple):
    """The end of a journal."""

    lines: int  # number of whole lines
    h: str  # hash of the last whole line
    offset: int  # bytes, where the last whole line ends
    torn: int  # bytes of a torn line after it; 0 if there is none
    unended: bool  # only the newline of the last line is missing (J34 a)


class Journal:
    """A journal whose first line was read. Each iteration reads the whole file as a stream, and sets `tail` at its end.

    Iterating raises JournalError at the first line that fails a check, with file, line, byte and the check; also at
    the end, if the journal is shorter than its checkpoint says (J34 g).
    """

    def __init__(self, path: Path, started: RunStarted, *, head: Checkpoint | None) -> None:
        self.path = path
        self.started = started
        self.anchored = head is not None  # head: the checkpoint beside the journal
        self.tail: Tail | None = None  # set by an iteration that reaches the end
        self.ended: RunEnded | None = None  # the last event, if it is run_ended; set together with tail
        self.head = head

    def __iter__(self) -> Iterator[JournalLine]:
        check = Amounts(self.started).check
        event: Event = self.started
        with open_to_read(self.path) as file:
            walk = VerifiedLines(file, self.head)
            for n, raw, offset in walk:
                try:
                    event = _event(raw, n)
                    check(event)
                except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                    raise _damaged(self.path, n, offset=offset, problem=str(error), code="invalid_event") from error
                yield JournalLine(n, event, raw, offset)
        self.tail = _tail(self.path, walk)
        self.ended = event if isinstance(event, RunEnded) else None


def read(run: Path) -> Journal:
    """The journal of a run folder, or of a journal file.

    Raises JournalError if the first line is damaged, or was written with another schema or other rules (J49, J50).
    """
    path = journal_of(run)
    head = read_checkpoint(path.with_name(HEAD)) if path.name == JOURNAL else None
    with open_to_read(path) as file:
        walk = VerifiedLines(file, None)
        for n, raw, offset in walk:
            try:
                started = _started(raw)
                Amounts(started)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                code = "other_release" if isinstance(error, _OtherRelease) else "invalid_event"
                raise _damaged(path, n, offset=offset, problem=str(error), code=code) from error
            return Journal(path, started, head=head)
    _tail(path, walk)
    raise _damaged(path, 1, offset=0, problem="there is no whole line", code="chain_broken")


def _tail(path: Path, walk: VerifiedLines) -> Tail:
    """The end of the journal, after a complete walk. Raises JournalError if the walk ended at a corrupt line."""
    result = walk.found
    if result.kind == "corrupt":
        raise _damaged(
            path, result.lines + 1, offset=result.offset, problem=f"corrupt: {result.what}", code="chain_broken"
        )
    end = min(result.offset, walk.size)  # a missing last newline counts in the offset (J34 a)
    return Tail(result.lines, result.h.decode("ascii"), end, walk.size - end, result.kind == "complete")


def _started(raw: bytes) -> RunStarted:
    """The first event. Raises ValueError if it is not run_started, or if its schema or rules are others (J49, J50)."""
    # The versions come first: with another schema the other fields may be unknown, and would give a wrong reason.
    versions = msgspec.json.decode(event_bytes(raw, 1), type=_Versions)
    if versions.type == "run_started" and (versions.schema, versions.rules) != (SCHEMA, RULES):
        raise _OtherRelease(
            f"written with schema {versions.schema} and rules {versions.rules}; this version of safla reads schema "
            f"{SCHEMA} and rules {RULES} only: read it with the version that wrote it, or set the folder aside with "
            "`safla run --force`"
        )
    event = _event(raw, 1)
    if not isinstance(event, RunStarted):
        raise ValueError(f"the first event is {versions.type}, not run_started")
    return event


class _OtherRelease(ValueError):
    """The journal has another schema or other rules than this version of safla reads."""


class _Versions(msgspec.Struct, frozen=True):
    """The fields of a first line that decide whether the others can be decoded; unknown fields are ignored."""

    type: str
    schema: int = 0
    rules: int = 0


def _event(raw: bytes, n: int) -> Event:
    """Decode the event of a verified line.

    Nothing tests the line for printable ASCII (J10): every text in it is compared with a list or with a pattern of
    printable ASCII, here or in Amounts.
    """
    event = decode_event(event_bytes(raw, n))
    if n > 1 and isinstance(event, RunStarted):
        raise ValueError("run_started may only be the first event")
    return event


def _damaged(path: Path, n: int, *, offset: int, problem: str, code: str) -> JournalError:
    shown = problem.encode("unicode_escape").decode("ascii")  # Z13: the text may quote the file
    return JournalError(f"{path}: line {n}, byte {offset}: {shown}", code=code)
