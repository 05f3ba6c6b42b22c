"""The envelope around an event: number, hash chain, frame (J10-J12). Bytes in, bytes out; no file."""

from binascii import hexlify
from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from safla.errors import Bug
from safla.journal.events import Event

MAX_LINE = 65_536  # bytes, the newline included
ORIGIN = b"0" * 32  # the p of the first line

_TAIL = 34  # `<32 hex>"}`, what stands behind the hashed part of a line without its newline
_FRAME = b',"h":"'
_BEFORE = len(b'{"n":,"p":"","e":') + len(ORIGIN)  # what stands before an event, the digits of n apart
_BEHIND = -_TAIL - len(_FRAME)  # where an event ends, counted from the end of its line

_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class Chain:
    """Where a chain stands: n lines were made, p is the hash of the last."""

    __slots__ = ("n", "p")

    def __init__(self, n: int, p: bytes) -> None:
        self.n = n
        self.p = p

    def line(self, event: Event) -> bytes:
        """The next line, with its newline. Raises Bug for an event that no reader would take (J12).

        Control characters need no look, for the encoder writes them as escapes; all but DEL.
        """
        n = self.n + 1
        head = b'{"n":%d,"p":"%b","e":%b,"h":"' % (n, self.p, _ENCODER.encode(event))
        if len(head) + _TAIL >= MAX_LINE or not head.isascii() or b"\x7f" in head:
            raise Bug(f"line {n}: an event of type {type(event).__name__} is too long, or not printable ASCII")
        h = hexlify(blake2b(head, digest_size=16).digest())
        self.n = n
        self.p = h
        return head + h + b'"}\n'


class Unequal(Exception):
    """An event is not the one that was read in its place."""


class EventComparison(Chain):
    """In the place of a chain: each event is compared with the one that was read, and no line is made."""

    __slots__ = ("_read",)

    def __init__(self, read: Iterable[bytes]) -> None:
        super().__init__(0, ORIGIN)
        self._read = iter(read)

    def line(self, event: Event) -> bytes:
        """Nothing. Raises Unequal where another event stands there, or none."""
        self.n += 1
        if next(self._read, b"") != _ENCODER.encode(event):
            raise Unequal
        return b""

    def finish(self) -> None:
        """Raises Unequal where more was read."""
        if next(self._read, None) is not None:
            raise Unequal


def verified_hash(raw: bytes, n: int, *, p: bytes) -> bytes:
    """The hash of a line (without its newline) that is the n-th and follows the hash p; empty if it does not verify."""
    h = hexlify(blake2b(raw[:-_TAIL], digest_size=16).digest())
    if raw.endswith(_FRAME + h + b'"}') and raw.startswith(b'{"n":%d,"p":"%b","e":' % (n, p)) and len(raw) < MAX_LINE:
        return h
    return b""


class _Line(msgspec.Struct, frozen=True):
    """The envelope, its event as bytes."""

    n: int
    p: str
    e: msgspec.Raw


def alone(raw: bytes) -> Event | None:
    """The event of a line (without its newline) that verifies by itself (J35); None of another."""
    try:
        line = msgspec.json.decode(raw, type=_Line)
        return decode_event(bytes(line.e)) if verified_hash(raw, line.n, p=line.p.encode()) else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def fault(raw: bytes, n: int, *, p: bytes) -> str:
    """Which check of the chain a line fails, in words (J33)."""
    if len(raw) >= MAX_LINE:
        return f"it is longer than {MAX_LINE} bytes"
    if not raw.startswith(b'{"n":%d,' % n):
        return f"its number is not {n}"
    if not raw.startswith(b'{"n":%d,"p":"%b"' % (n, p)):
        return f"its p is not {p.decode('ascii')}, the hash of the line before"
    if raw[_BEHIND:-_TAIL] != _FRAME or not raw.endswith(b'"}'):
        return "its frame is broken"
    return "its hash is not that of its bytes"


def event_bytes(raw: bytes, n: int) -> bytes:
    """The event inside a verified n-th line."""
    return raw[_BEFORE + len(str(n)) : _BEHIND]


def decode_event(text: bytes) -> Event:
    """The event of its bytes. Raises msgspec.DecodeError for no event, ValueError for another spelling (J12)."""
    event = _DECODER.decode(text)
    if _ENCODER.encode(event) != text:
        raise ValueError("it is not spelt as the writer spells it")
    return event
