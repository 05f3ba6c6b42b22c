"""The envelope around an event: number, hash chain, frame (J10-J12). Bytes in, bytes out; no file."""

from binascii import hexlify
from hashlib import blake2b

import msgspec

from safla.errors import Bug
from safla.journal.events import Event

MAX_LINE = 65_536  # bytes, the newline included
ORIGIN = b"0" * 32  # the p of the first line

_TAIL = 34  # `<32 hex>"}`, what stands behind the hashed part of a line without its newline
_FRAME = b',"h":"'

_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class Chain:
    """Where a chain stands: n lines were made, p is the hash of the last."""

    __slots__ = ("n", "p")

    def __init__(self, n: int, p: bytes) -> None:
        self.n = n
        self.p = p

    def line(self, event: Event) -> bytes:
        """The next line, with its newline. Raises Bug for an event that no reader would take (J12)."""
        n = self.n + 1
        head = b'{"n":%d,"p":"%b","e":%b,"h":"' % (n, self.p, _ENCODER.encode(event))
        if len(head) + _TAIL >= MAX_LINE or not is_printable(head):
            raise Bug(f"line {n}: an event of type {type(event).__name__} is too long, or not printable ASCII (J10)")
        h = hexlify(blake2b(head, digest_size=16).digest())
        self.n = n
        self.p = h
        return head + h + b'"}\n'


def is_printable(raw: bytes) -> bool:
    """Whether bytes are printable ASCII alone; the encoder writes all control characters but DEL as escapes."""
    return raw.isascii() and b"\x7f" not in raw


def verified(raw: bytes, n: int, p: bytes) -> bytes:
    """The hash of a line (without its newline) that is the n-th and follows the hash p; empty if it does not verify."""
    head = raw[:-_TAIL]
    h = hexlify(blake2b(head, digest_size=16).digest())
    if raw.startswith(b'{"n":%d,"p":"%b","e":' % (n, p)) and raw[-_TAIL:] == h + b'"}' and head.endswith(_FRAME):
        return h if len(raw) < MAX_LINE else b""
    return b""


def fault(raw: bytes, n: int, p: bytes) -> str:
    """Which check of the chain a line fails, in words (J33)."""
    if len(raw) >= MAX_LINE:
        return f"it is longer than {MAX_LINE} bytes"
    if not raw.startswith(b'{"n":%d,' % n):
        return f"its number is not {n}"
    if not raw.startswith(b'{"n":%d,"p":"%b"' % (n, p)):
        return f"its p is not {p.decode('ascii')}, the hash of the line before"
    if raw[-_TAIL - len(_FRAME) : -_TAIL] != _FRAME or not raw.endswith(b'"}'):
        return "its frame is broken"
    return "its hash is not that of its bytes"


def event_bytes(raw: bytes, n: int) -> bytes:
    """The event inside a verified n-th line."""
    return raw[len(b'{"n":,"p":"","e":') + len(str(n)) + len(ORIGIN) : -_TAIL - len(_FRAME)]


def decode(text: bytes) -> Event:
    """The event of its bytes. Raises msgspec.DecodeError for what is no event, ValueError for another spelling (J12)."""
    event = _DECODER.decode(text)
    if _ENCODER.encode(event) != text:
        raise ValueError("it is not spelt as the writer spells it (J12)")
    return event
