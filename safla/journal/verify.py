"""The one walk along a journal: the lines that verify, and whether the rest is torn or corrupt (J33-J35).

It knows bytes alone, never an event, and changes nothing.
"""

import io
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from safla.journal.chain import MAX_LINE, ORIGIN, fault, verified_hash
from safla.journal.checkpoint import Checkpoint
from safla.journal.files import open_to_read

BLOCK = 512  # bytes that a disk writes or does not (J34)

_CHUNK = 2**20  # bytes of one read, a multiple of BLOCK
_OWN = re.compile(rb'\{"n":([1-9][0-9]{0,18}),"p":"([0-9a-f]{32})"')

JournalState = Literal["whole", "complete", "torn", "corrupt"]


class Survey(NamedTuple):
    """What was found: lines that verify, the hash of the last, where they end, and what stands behind them."""

    lines: int
    h: bytes
    offset: int  # bytes; a newline that alone is missing counts as there
    kind: (
        JournalState  # complete: only the last newline is missing; torn: a line was broken off; corrupt: anything else
    )
    what: str  # the check that failed, "" for whole


class VerifiedLines:
    """The lines of a file that verify: number, bytes without newline, offset. Behind the last, `found` is the verdict.

    What is written behind the end that the file had at the beginning is not looked at.
    """

    found: Survey

    def __init__(self, file: BinaryIO, head: Checkpoint | None) -> None:
        self.size = file.seek(0, io.SEEK_END)  # bytes
        self._file = file
        self._head = head

    def __iter__(self) -> Iterator[tuple[int, bytes, int]]:
        n, h, offset, anchor = 0, ORIGIN, 0, b""
        anchored = 0 if self._head is None else self._head.n
        for raw in _lines(self._file, 0, end=self.size):
            found = verified_hash(raw, n + 1, p=h)
            if not found:
                break
            n, h = n + 1, found
            yield n, raw, offset
            offset += len(raw) + 1
            if n == anchored:
                anchor = h
        kept = self._judged(n, h, offset=offset)
        if kept.kind == "complete":
            n, h = n + 1, kept.h
            yield n, _from(self._file, offset, end=self.size), offset
            if n == anchored:
                anchor = h
        self.found = _anchored(kept, self._head, anchor=anchor)

    def _judged(self, n: int, h: bytes, *, offset: int) -> Survey:
        """J34 a-f, in their order, for the bytes from offset to the end."""
        if offset == self.size:
            return Survey(n, h, offset, "whole", "")
        if self.size - offset < MAX_LINE:
            rest = _from(self._file, offset, end=self.size)
            if found := verified_hash(rest, n + 1, p=h):
                return Survey(n + 1, found, self.size + 1, "complete", "only its last newline is missing")
            if verified_hash(rest[:-1], n + 1, p=h):
                return Survey(n, h, offset, "corrupt", f"the newline behind line {n + 1} is damaged")
        behind = _lines(self._file, offset, end=self.size)
        first = next(behind, None)
        if first is None and self.size - offset < MAX_LINE:
            return Survey(n, h, offset, "torn", "a line was broken off")
        if not any(_verifies_by_itself(raw) for raw in behind) and _has_empty_block(self._file, offset, end=self.size):
            return Survey(n, h, offset, "torn", "blocks of the disk were not written")
        what = f"it is longer than {MAX_LINE} bytes" if first is None else fault(first, n + 1, p=h)
        return Survey(n, h, offset, "corrupt", what)


def survey(path: Path, head: Checkpoint | None) -> Survey:
    """Verify a journal from its first byte, and judge what does not verify. An empty file is whole, with no lines."""
    with open_to_read(path) as file:
        return _walked(VerifiedLines(file, head))


def verify_text(text: bytes, head: Checkpoint | None) -> Survey:
    """The same of a text."""
    return _walked(VerifiedLines(io.BytesIO(text), head))


def _walked(walk: VerifiedLines) -> Survey:
    for _ in walk:
        pass
    return walk.found


def _anchored(found: Survey, head: Checkpoint | None, *, anchor: bytes) -> Survey:
    """The same, but corrupt where the head knows better (J34 g). anchor: the hash of the head's line."""
    if head is None or found.kind == "corrupt":
        return found
    if found.offset < head.offset:
        what = f"it was once at least {head.offset} bytes long (head), and {found.offset} of them are sound"
        return found._replace(kind="corrupt", what=what)
    if anchor != head.h.encode("ascii"):
        return found._replace(kind="corrupt", what=f"line {head.n} has not the hash that head remembers")
    return found


def _lines(file: BinaryIO, begin: int, *, end: int) -> Iterator[bytes]:
    """The lines between two bytes that have a newline, without it.

    One that is longer than a line may be is given short, but still too long to verify, so that no file can fill the
    memory (Z24).
    """
    rest = b""
    for chunk in _chunks(file, begin, end=end):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        rest = rest[:MAX_LINE]


def _chunks(file: BinaryIO, begin: int, *, end: int) -> Iterator[bytes]:
    """The bytes between two, in pieces that end with a block of the disk."""
    while begin < end:
        file.seek(begin)
        chunk = file.read(min(_CHUNK - begin % BLOCK, end - begin))
        if not chunk:
            return
        begin += len(chunk)
        yield chunk


def _from(file: BinaryIO, offset: int, *, end: int) -> bytes:
    file.seek(offset)
    return file.read(end - offset)


def _verifies_by_itself(raw: bytes) -> bool:
    """Whether a line verifies with its own n and p (J35)."""
    own = _OWN.match(raw)
    return own is not None and bool(verified_hash(raw, int(own[1]), p=own[2]))


def _has_empty_block(file: BinaryIO, offset: int, *, end: int) -> bool:
    """Whether a block of the file behind the offset, or a part of one at its edge, is NUL throughout."""
    for chunk in _chunks(file, offset, end=end):
        first = BLOCK - offset % BLOCK  # of this chunk, what belongs to a block that began before it
        edges = [0, *range(first, len(chunk), BLOCK), len(chunk)]
        if any(not chunk[a:b].strip(b"\0") for a, b in pairwise(edges)):
            return True
        offset += len(chunk)
    return False
