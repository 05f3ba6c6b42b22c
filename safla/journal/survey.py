"""Where a journal ends, and what its damage is: whole, complete, torn or corrupt (J33-J35). It changes nothing."""

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from safla.journal.files import open_to_read
from safla.journal.head import Head
from safla.journal.line import MAX_LINE, ORIGIN, fault, verified

BLOCK = 512  # bytes that a disk writes or does not (J34)

_OWN = re.compile(rb'\{"n":([1-9][0-9]{0,18}),"p":"([0-9a-f]{32})"')

Text = mmap.mmap | bytes
Kind = Literal["whole", "complete", "torn", "corrupt"]


class Survey(NamedTuple):
    """What was found: lines that verify, the hash of the last, where they end, and what stands behind them."""

    lines: int
    h: bytes
    offset: int  # bytes
    kind: Kind  # complete: only the last newline is missing; torn: a line was broken off; corrupt: anything else
    what: str  # the check that failed, "" for whole


def survey(path: Path, head: Head | None) -> Survey:
    """Verify a journal from its first byte, and judge what does not verify. An empty file is whole, with no lines."""
    with open_to_read(path) as file:
        if file.seek(0, 2) == 0:
            return anchored(Survey(0, ORIGIN, 0, "whole", ""), head, anchor=None)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            return judged(text, head)


def judged(text: Text, head: Head | None) -> Survey:
    """The same of a text."""
    n, h, offset, anchor = 0, ORIGIN, 0, None
    while (end := text.find(b"\n", offset, offset + MAX_LINE)) >= 0:
        found = verified(text[offset:end], n + 1, p=h)
        if not found:
            break
        n, h, offset = n + 1, found, end + 1
        if head is not None and n == head.n:
            anchor = h
    if offset == len(text):
        return anchored(Survey(n, h, offset, "whole", ""), head, anchor=anchor)
    kind, what = _damage(text, n, h=h, offset=offset)
    found = verified(text[offset:], n + 1, p=h) if kind == "complete" else b""
    if head is not None and kind == "complete" and head.n == n + 1:
        anchor = found
    kept = Survey(n + 1, found, len(text) + 1, kind, what) if found else Survey(n, h, offset, kind, what)
    return anchored(kept, head, anchor=anchor)


def anchored(found: Survey, head: Head | None, *, anchor: bytes | None) -> Survey:
    """The same, but corrupt where the head knows better (J34 g). anchor: the hash of the head's line."""
    if head is None or found.kind == "corrupt":
        return found
    if found.offset < head.offset:
        what = f"it was once at least {head.offset} bytes long (head), and {found.offset} of them are sound"
        return found._replace(kind="corrupt", what=what)
    if anchor != head.h.encode("ascii"):
        return found._replace(kind="corrupt", what=f"line {head.n} has not the hash that head remembers")
    return found


def _damage(text: Text, n: int, *, h: bytes, offset: int) -> tuple[Kind, str]:
    """J34 a-f, in their order, for the bytes from offset to the end."""
    size = len(text)
    if size - offset < MAX_LINE:
        rest = text[offset:]
        if verified(rest, n + 1, p=h):
            return "complete", "only its last newline is missing"
        if verified(rest[:-1], n + 1, p=h):
            return "corrupt", f"the newline behind line {n + 1} is damaged"
    first = text.find(b"\n", offset)
    if first < 0:
        return "torn", "a line was broken off"
    what = fault(text[offset : min(first, offset + MAX_LINE)], n + 1, p=h)
    if any(_verifies_by_itself(raw) for raw in _lines(text, first + 1)):
        return "corrupt", what
    if _has_empty_block(text, offset):
        return "torn", "blocks of the disk were not written"
    return "corrupt", what


def _lines(text: Text, offset: int) -> Iterator[bytes]:
    """The whole lines behind an offset that are short enough to be any."""
    while (end := text.find(b"\n", offset)) >= 0:
        if end - offset < MAX_LINE:
            yield text[offset:end]
        offset = end + 1


def _verifies_by_itself(raw: bytes) -> bool:
    """Whether a line verifies with its own n and p (J35)."""
    own = _OWN.match(raw)
    return own is not None and bool(verified(raw, int(own[1]), p=own[2]))


def _has_empty_block(text: Text, offset: int) -> bool:
    """Whether a block of the file behind the offset, or a part of one at its edge, is NUL throughout."""
    begin = offset
    while begin < len(text):
        end = min((begin // BLOCK + 1) * BLOCK, len(text))
        if text[begin:end].count(0) == end - begin:
            return True
        begin = end
    return False
