"""Answers that should cost a client more than it gives: beyond every bound, or elsewhere (fault rows 41, 42)."""

import re
import struct
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from tests.fake.answers import Answer, Fault, Turn, begun, dribbled, whole

GIGABYTE = 10**9
MEGABYTE = 2**20


async def huge_body(turn: Turn, *, bytes: int = GIGABYTE) -> Answer:  # noqa: A002
    """An empty list with so much space in it. It is never in memory as a whole."""
    answer = await begun(turn, bytes)
    with suppress(ConnectionError):
        async for part in _spaced(bytes):
            await answer.write(part)
    return answer


async def gzip_bomb(turn: Turn, *, bytes: int = 256 * MEGABYTE) -> Answer:  # noqa: A002
    """The same, packed to a thousandth: valid, and small on the wire."""
    return whole(turn, b"".join(_packed(-(-bytes // MEGABYTE))), content_encoding="gzip")


async def deep_json(turn: Turn, *, depth: int = 100_000) -> Answer:
    """Lists in lists."""
    return whole(turn, b"[" * depth + b"]" * depth)


async def redirect_elsewhere(turn: Turn, *, location: str = "http://elsewhere.invalid/api/v3/klines") -> Answer:
    """A redirect to another host, or to a file."""
    return whole(turn, b"", status=302, location=location)


async def repeated_keys(turn: Turn) -> Answer:
    """An object with a name that stands twice, where there is an object; otherwise as the first item of the list."""
    if turn.body.startswith(b"{"):
        first = re.match(rb"\{[^,}]+", turn.body)
        assert first is not None
        return whole(turn, first[0] + b"," + turn.body[1:])
    return whole(turn, b'[{"t":1,"t":2},' + turn.body[1:])


async def nan_constant(turn: Turn) -> Answer:
    """NaN where the first price stands, or the first value of an object."""
    if turn.body.startswith(b"{"):
        return whole(turn, re.sub(rb":[^,}]+", b":NaN", turn.body, count=1))
    return whole(turn, re.sub(rb'"[^"]*"', b"NaN", turn.body, count=1) if b'"' in turn.body else b"[NaN]")


async def drip(turn: Turn, *, every: float = 1.0) -> Answer:
    """Headers at once, then a byte a second, or whenever it should be."""
    return await dribbled(turn, size=1, every=every)


HOSTILE: dict[str, Fault] = {
    "huge_body": huge_body,
    "gzip_bomb": gzip_bomb,
    "deep_json": deep_json,
    "redirect_elsewhere": redirect_elsewhere,
    "repeated_keys": repeated_keys,
    "nan_constant": nan_constant,
    "drip": drip,
}


async def _spaced(size: int) -> AsyncIterator[bytes]:
    yield b"["
    left, part = size - 2, b" " * 2**16
    while left > 0:
        yield part[:left]
        left -= len(part)
    yield b"]"


def _packed(megabytes: int) -> Iterator[bytes]:
    """gzip of a list with megabytes of space: one packed block, again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    space = b" " * MEGABYTE
    first = packer.compress(b"[") + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(space) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(b"]") + packer.flush(zlib.Z_FINISH)
    checksum = zlib.crc32(b"[")
    for _ in range(megabytes):
        checksum = zlib.crc32(space, checksum)
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + first
    yield from (block for _ in range(megabytes))
    yield last + struct.pack("<II", zlib.crc32(b"]", checksum), (megabytes * MEGABYTE + 2) % 2**32)
