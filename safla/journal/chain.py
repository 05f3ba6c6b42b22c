"""The envelope of an event in its line: number, hash chain, frame (J10-J12). Bytes in, bytes out; no files."""

from binascii import hexlify
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec

from safla.errors import Bug
from safla.journal.events import Event

MAX_LINE = 65_536  # bytes, the newline included
ORIGIN = b"0" * 32  # the p of the first line

_TAIL = 34  # length of `<32 hex>"}`, which follows the hashed part of a line
_FRAME = b',"h":"'
_BEFORE = len(b'{"n":,"p":"","e":') + len(ORIGIN)  # length of what precedes the event, without the digits of n
_EVENT_END = -_TAIL - len(_FRAME)  # where the event ends, counted from the end of the line without its newline

_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class Chain:
    """The state of a chain of lines: n lines were made, and p is the hash of the last."""

    __slots__ = ("n", "p")

    def __init__(self, n: int, p: bytes) -> None:
        self.n = n
        self.p = p

    def line(self, event: Event) -> bytes:
        """The next line, with its newline. Raises Bug for an event that the reader would reject (J12)."""
        n = self.n + 1
        head = b'{"n":%d,"p":"%b","e":%b,"h":"' % (n, self.p, _ENCODER.encode(event))
        # DEL is the only control character to look for: the encoder writes all others as escapes.
        if len(head) + _TAIL >= MAX_LINE or not head.isascii() or b"\x7f" in head:
            raise Bug(f"line {n}: an event of type {type(event).__name__} is too long, or not printable ASCII")
        h = hexlify(blake2b(head, digest_size=16).digest())
        self.n = n
        self.p = h
        return head + h + b'"}\n'

    def texts(self, events: bytes, ends: Sequence[int]) -> bytes:
        """The next lines, of events that are encoded already. ends: where each of them ends; an empty one has no line.

        Raises Bug as `line` does.
        """
        if not events.isascii() or b"\x7f" in events:
            raise Bug(f"after line {self.n}: an event is not printable ASCII")
        n, p, first = self.n, self.p, 0
        lines: list[bytes] = []
        for end in ends:
            if end == first:
                continue
            n += 1
            head = b'{"n":%d,"p":"%b","e":%b,"h":"' % (n, p, events[first:end])
            p = hexlify(blake2b(head, digest_size=16).digest())
            lines += (head, p, b'"}\n')
            if len(head) + _TAIL >= MAX_LINE:
                raise Bug(f"line {n}: an event is too long")
            first = end
        self.n, self.p = n, p
        return b"".join(lines)


class Unequal(Exception):
    """An event differs from the event that was read at the same place."""


class EventComparison(Chain):
    """Takes the place of a Chain, compares each event with the next one that was read, and makes no lines."""

    __slots__ = ("_read",)

    def __init__(self, read: Iterable[bytes]) -> None:
        super().__init__(0, ORIGIN)
        self._read = iter(read)

    def line(self, event: Event) -> bytes:
        """An empty text. Raises Unequal if the next event that was read is another, or if there is none."""
        self.n += 1
        if next(self._read, b"") != _ENCODER.encode(event):
            raise Unequal
        return b""

    def texts(self, events: bytes, ends: Sequence[int]) -> bytes:
        """The same for several events that are encoded already."""
        first = 0
        for end in ends:
            if end == first:
                continue
            self.n += 1
            if next(self._read, b"") != events[first:end]:
                raise Unequal
            first = end
        return b""

    def finish(self) -> None:
        """Raise Unequal if more events were read than compared."""
        if next(self._read, None) is not None:
            raise Unequal


def encoded(event: Event) -> bytes:
    """The bytes of an event."""
    return _ENCODER.encode(event)


def verified_hash(raw: bytes, n: int, *, p: bytes) -> bytes:
    """The hash of a line (without its newline) that verifies as the n-th and has p before it; else an empty text."""
    h = hexlify(blake2b(raw[:-_TAIL], digest_size=16).digest())
    if raw.endswith(_FRAME + h + b'"}') and raw.startswith(b'{"n":%d,"p":"%b","e":' % (n, p)) and len(raw) < MAX_LINE:
        return h
    return b""


class _Line(msgspec.Struct, frozen=True):
    """The envelope of a line, with its event still as bytes."""

    n: int
    p: str
    e: msgspec.Raw


def alone(raw: bytes) -> Event | None:
    """The event of a line (without its newline), if the line verifies by itself (J35); else None."""
    try:
        line = msgspec.json.decode(raw, type=_Line)
        return decode_event(bytes(line.e)) if verified_hash(raw, line.n, p=line.p.encode()) else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def fault(raw: bytes, n: int, *, p: bytes) -> str:
    """A text for users: which check of the chain a line (without its newline) fails (J33)."""
    if len(raw) >= MAX_LINE:
        return f"it is longer than {MAX_LINE} bytes"
    if not raw.startswith(b'{"n":%d,' % n):
        return f"its number is not {n}"
    if not raw.startswith(b'{"n":%d,"p":"%b"' % (n, p)):
        return f"its p is not {p.decode('ascii')}, the hash of the line before"
    if raw[_EVENT_END:-_TAIL] != _FRAME or not raw.endswith(b'"}'):
        return "its frame is broken"
    return "its hash is not that of its bytes"


def event_bytes(raw: bytes, n: int) -> bytes:
    """The bytes of the event in line n (without its newline), which must have been verified."""
    return raw[_BEFORE + len(str(n)) : _EVENT_END]


def unchecked_event(text: bytes) -> Event:
    """Decode an event whose spelling is checked elsewhere. Raises msgspec.DecodeError if it is none."""
    return _DECODER.decode(text)


def decode_event(text: bytes) -> Event:
    """Decode an event. Raises msgspec.DecodeError if it is none, ValueError if it is spelt in another way (J12)."""
    event = _DECODER.decode(text)
    # Encoding again finds in one test what decoding accepts: repeated keys, another order, spaces, escapes.
    if _ENCODER.encode(event) != text:
        raise ValueError("the event is not spelt as safla writes it")
    return event
