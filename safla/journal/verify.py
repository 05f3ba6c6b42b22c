"""Verify the hash chain of a journal, and decide whether the rest of the file is torn or corrupt (J33-J35).

Reader, recovery and status all use this one walk. It looks at bytes, never at events, and changes nothing.
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

BLOCK = 512  # bytes: the smallest unit that a disk writes as a whole (J34)

_CHUNK = 2**20  # bytes of one read, a multiple of BLOCK
_NUMBER_AND_P = re.compile(rb'\{"n":([1-9][0-9]{0,18}),"p":"([0-9a-f]{32})"')

JournalState = Literal["whole", "complete", "torn", "corrupt"]


class Survey(NamedTuple):
    """The result of a walk: how many lines verify, and the state of what follows them.

    kind is `whole` if nothing follows, `complete` if only the last newline is missing, `torn` if a line was broken off
    or blocks of the disk were not written, and `corrupt` for anything else.
    """

    lines: int  # lines that verify
    h: bytes  # hash of the last of them
    offset: int  # bytes, where they end; a newline that alone is missing is counted
    kind: JournalState
    what: str  # the check that failed, "" for whole


class VerifiedLines:
    """Iterates over the lines that verify: number, bytes without newline, offset. At the end it sets `found`.

    It reads up to the length that the file had at first; a process that appends meanwhile does not disturb it.
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
            line_hash = verified_hash(raw, n + 1, p=h)
            if not line_hash:
                break
            n, h = n + 1, line_hash
            yield n, raw, offset
            offset += len(raw) + 1
            if n == anchored:
                anchor = h
        result = self._classify(n, h, offset=offset)
        if result.kind == "complete":  # the last line is as good as the others, so it is given too
            n, h = n + 1, result.h
            yield n, _from(self._file, offset, end=self.size), offset
            if n == anchored:
                anchor = h
        self.found = _compared_with_head(result, self._head, anchor=anchor)

    def _classify(self, n: int, h: bytes, *, offset: int) -> Survey:
        """The state of the bytes from offset to the end: rules a to f of J34, in this order.

        `torn` means that recovery may cut the bytes off (J36). So it is given only for what a crash leaves; everything
        else is `corrupt`, and a person decides (J37).
        """
        if offset == self.size:
            return Survey(n, h, offset, "whole", "")
        if self.size - offset < MAX_LINE:
            rest = _from(self._file, offset, end=self.size)
            if line_hash := verified_hash(rest, n + 1, p=h):
                return Survey(n + 1, line_hash, self.size + 1, "complete", "only its last newline is missing")
            # A crash can leave a line without its last byte, but it does not change that byte.
            if verified_hash(rest[:-1], n + 1, p=h):
                return Survey(n, h, offset, "corrupt", f"the newline after line {n + 1} is damaged")
        later = _lines(self._file, offset, end=self.size)
        first = next(later, None)
        if first is None and self.size - offset < MAX_LINE:
            return Survey(n, h, offset, "torn", "a line was broken off")
        # After a power loss a file may have its new length, with blocks of NUL that were never written. But a later
        # line that verifies by itself would be lost by a cut here, so with such a line the damage is never `torn`.
        if not any(_verifies_by_itself(raw) for raw in later) and _has_empty_block(self._file, offset, end=self.size):
            return Survey(n, h, offset, "torn", "blocks of the disk were not written")
        what = f"it is longer than {MAX_LINE} bytes" if first is None else fault(first, n + 1, p=h)
        return Survey(n, h, offset, "corrupt", what)


def survey(path: Path, head: Checkpoint | None) -> Survey:
    """Verify a journal from its first byte, and classify what does not verify. An empty file is `whole`."""
    with open_to_read(path) as file:
        return _result_of(VerifiedLines(file, head))


def verify_text(text: bytes, head: Checkpoint | None) -> Survey:
    """Like `survey`, for the bytes of a journal."""
    return _result_of(VerifiedLines(io.BytesIO(text), head))


def _result_of(walk: VerifiedLines) -> Survey:
    for _ in walk:
        pass
    return walk.found


def _compared_with_head(result: Survey, head: Checkpoint | None, *, anchor: bytes) -> Survey:
    """The result, or corrupt if it contradicts the checkpoint (J34 g). anchor: the hash of line head.n in the file.

    A file that was cut at the end of a line looks whole to the chain: only the checkpoint shows the loss.
    """
    if head is None or result.kind == "corrupt":
        return result
    if result.offset < head.offset:
        what = f"it was once at least {head.offset} bytes long (file head), and only {result.offset} bytes are intact"
        return result._replace(kind="corrupt", what=what)
    if anchor != head.h.encode("ascii"):
        return result._replace(kind="corrupt", what=f"the hash of line {head.n} is not the one in the file head")
    return result


def _lines(file: BinaryIO, begin: int, *, end: int) -> Iterator[bytes]:
    """The lines between two offsets, without their newlines; what follows the last newline is left out.

    A line that is longer than MAX_LINE is cut, but stays too long to verify, so that no file can fill the memory (Z24).
    """
    rest = b""
    for chunk in _chunks(file, begin, end=end):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        rest = rest[:MAX_LINE]


def _chunks(file: BinaryIO, begin: int, *, end: int) -> Iterator[bytes]:
    """The bytes between two offsets, in pieces that end where a block of the disk ends."""
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
    """Whether a line verifies with the n and p that it contains (J35)."""
    match = _NUMBER_AND_P.match(raw)
    return match is not None and bool(verified_hash(raw, int(match[1]), p=match[2]))


def _has_empty_block(file: BinaryIO, offset: int, *, end: int) -> bool:
    """Whether a block of the file after the offset, or the part of a block at either end, is NUL bytes only."""
    for chunk in _chunks(file, offset, end=end):
        first = BLOCK - offset % BLOCK  # bytes of this chunk up to the first block boundary
        edges = [0, *range(first, len(chunk), BLOCK), len(chunk)]
        if any(not chunk[a:b].strip(b"\0") for a, b in pairwise(edges)):
            return True
        offset += len(chunk)
    return False
