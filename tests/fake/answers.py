"""What can become of an answer: a table of faults, and one of those that cost a client more than it gives (41, 42).

Whether and when one is due stands in state.py.
"""

import asyncio
import gzip
import json
import re
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import NamedTuple

from aiohttp import web

from tests.fake.state import BAN_SECONDS, Limits

JSON = "application/json;charset=UTF-8"
HTML = "text/html"
UNHEEDED = 60.0  # seconds: how long nobody may ask where Retry-After is no number and no date
PAGE = b"<html>\r\n<head><title>%s</title></head>\r\n<body><center><h1>%s</h1></center></body>\r\n</html>\r\n"

Answer = web.StreamResponse
Fault = Callable[..., Awaitable[Answer]]


class Turn(NamedTuple):
    """A request that could be answered, and what its answer would be."""

    request: web.BaseRequest
    body: bytes  # the good one
    headers: Mapping[str, str]
    first_page: Callable[[], bytes]  # what it would be without startTime
    limits: Limits
    now: datetime  # by the virtual clock
    pause: Callable[[float | None], Awaitable[None]]  # a wait that ends with the server; None: only with it


def good(turn: Turn) -> Answer:
    """The answer as it should be."""
    return whole(turn, turn.body)


def whole(turn: Turn, body: bytes, *, status: int = 200, kind: str = JSON, **headers: str) -> Answer:
    """An answer in one piece. Names of headers are given with _ for -."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return web.Response(status=status, body=body, headers={**turn.headers, **named, "Content-Type": kind})


def error(turn: Turn, status: int, *, code: int, msg: str, **headers: str) -> Answer:
    """An error object, as the exchange writes it."""
    return whole(turn, json.dumps({"code": code, "msg": msg}, separators=(",", ":")).encode(), status=status, **headers)


# --- By status -------------------------------------------------------------------------------------------------------


async def status(turn: Turn, *, status: int = 400, code: int = -1121, msg: str = "Invalid symbol.") -> Answer:
    """Any status, code and message."""
    return error(turn, status, code=code, msg=msg)


async def too_many(turn: Turn, *, retry_after: str | None = "1", enforced: bool = True) -> Answer:
    """429. enforced: who asks sooner, by the virtual clock, is refused, and banned if he goes on."""
    if enforced:
        turn.limits.refuse(_seconds(retry_after, turn.now))
    named = {} if retry_after is None else {"retry_after": retry_after}
    return error(turn, 429, code=-1003, msg="Too many requests; current limit is 6000 request weight.", **named)


async def banned(turn: Turn, *, retry_after: str | None = str(BAN_SECONDS), enforced: bool = True) -> Answer:
    """418. enforced: the ban holds for so long, by the virtual clock."""
    seconds = _seconds(retry_after, turn.now)
    if enforced:
        turn.limits.ban(seconds)
    until = int((turn.now + timedelta(seconds=seconds)).timestamp() * 1000)
    named = {} if retry_after is None else {"retry_after": retry_after}
    return error(turn, 418, code=-1003, msg=f"Way too much request weight used; IP banned until {until}.", **named)


async def internal(turn: Turn) -> Answer:
    """500 with -1000."""
    return error(turn, 500, code=-1000, msg="An unknown error occurred while processing the request.")


async def gateway(turn: Turn) -> Answer:
    """502: the page of a gateway."""
    return whole(turn, PAGE % ((b"502 Bad Gateway",) * 2), status=502, kind=HTML)


async def overloaded(turn: Turn) -> Answer:
    """503 with -1008."""
    return error(turn, 503, code=-1008, msg="Server is currently overloaded with other requests. Please try again.")


async def gave_up(turn: Turn) -> Answer:
    """504 with -1007."""
    text = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
    return error(turn, 504, code=-1007, msg=text)


async def firewall(turn: Turn) -> Answer:
    """403: the page of a firewall."""
    return whole(turn, PAGE % ((b"403 Forbidden",) * 2), status=403, kind=HTML)


async def region(turn: Turn, *, html: bool = False) -> Answer:
    """451: not from here."""
    if html:
        return whole(turn, PAGE % ((b"451 Unavailable For Legal Reasons",) * 2), status=451, kind=HTML)
    return error(turn, 451, code=0, msg="Service unavailable from a restricted location.")


# --- 200, and yet wrong ----------------------------------------------------------------------------------------------


async def error_in_200(
    turn: Turn, *, code: int = -1000, msg: str = "An unknown error occurred while processing the request."
) -> Answer:
    """An error object under 200."""
    return error(turn, 200, code=code, msg=msg)


async def html_200(turn: Turn) -> Answer:
    """A page under 200."""
    return whole(turn, PAGE % ((b"Maintenance",) * 2), kind=HTML)


async def empty_body(turn: Turn) -> Answer:
    """200 with nothing."""
    return whole(turn, b"")


async def null_body(turn: Turn) -> Answer:
    """200 with null."""
    return whole(turn, b"null")


async def object_body(turn: Turn) -> Answer:
    """{} where a list is due."""
    return whole(turn, b"{}")


async def truncated_json(turn: Turn) -> Answer:
    """A whole message whose JSON is cut in half."""
    return whole(turn, turn.body[: len(turn.body) // 2])


async def garbage_gzip(turn: Turn, *, cut: bool = False) -> Answer:
    """It says gzip and is not. cut: it is, up to the half."""
    packed = gzip.compress(turn.body, mtime=0)
    return whole(turn, packed[: len(packed) // 2] if cut else turn.body, content_encoding="gzip")


async def stale_page(turn: Turn) -> Answer:
    """startTime ignored: the first page again."""
    return whole(turn, turn.first_page())


# --- Late, or never --------------------------------------------------------------------------------------------------


async def slow(turn: Turn, *, seconds: float = 0.5) -> Answer:
    """Late, but good."""
    await turn.pause(seconds)
    return good(turn)


async def slow_body(turn: Turn, *, seconds: float = 0.5, pieces: int = 10) -> Answer:
    """Headers at once, then the body in pieces."""
    size = -(-len(turn.body) // pieces)
    return await dribbled(turn, size=size, every=seconds / pieces)


async def hang(turn: Turn) -> Answer:
    """No answer, until the server ends."""
    await turn.pause(None)
    return good(turn)


async def reset(turn: Turn) -> Answer:
    """RST before any byte."""
    hang_up(turn.request.transport)
    return good(turn)


async def reset_mid_body(turn: Turn) -> Answer:
    """Half the body, then RST."""
    answer = await _half(turn)
    hang_up(turn.request.transport)
    return answer


async def close_mid_body(turn: Turn) -> Answer:
    """Half the body, then FIN."""
    answer = await _half(turn)
    if turn.request.transport is not None:
        turn.request.transport.close()
    return answer


async def redirect_loop(turn: Turn) -> Answer:
    """A redirect to itself; who follows it finds nothing else."""
    return looped(turn.request, turn.headers)


ANSWERS: dict[str, Fault] = {
    "status": status,
    "429": too_many,
    "418": banned,
    "500": internal,
    "502": gateway,
    "503": overloaded,
    "504": gave_up,
    "403": firewall,
    "451": region,
    "error_in_200": error_in_200,
    "html_200": html_200,
    "empty_body": empty_body,
    "null_body": null_body,
    "object_body": object_body,
    "truncated_json": truncated_json,
    "garbage_gzip": garbage_gzip,
    "slow": slow,
    "slow_body": slow_body,
    "hang": hang,
    "reset": reset,
    "reset_mid_body": reset_mid_body,
    "close_mid_body": close_mid_body,
    "redirect_loop": redirect_loop,
    "stale_page": stale_page,
}


def looped(request: web.BaseRequest, headers: Mapping[str, str]) -> Answer:
    """The redirect of redirect_loop. The mark that it leaves in the address keeps a follower in it."""
    here = request.path_qs if is_looped(request) else f"{request.path_qs}{'&' if request.query_string else '?'}looped=1"
    return web.Response(status=302, headers={**headers, "Location": here})


def is_looped(request: web.BaseRequest) -> bool:
    """Whether a request follows it."""
    return "looped" in request.query


def hang_up(transport: asyncio.Transport | None) -> None:
    """End a connection with RST."""
    if transport is not None:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()


def http_date(moment: datetime) -> str:
    """A moment as Retry-After may give it."""
    return format_datetime(moment, usegmt=True)


def _seconds(retry_after: str | None, now: datetime) -> float:
    """How long nobody may ask: what a header says, where it says something."""
    if retry_after is not None and retry_after.isdecimal():
        return float(retry_after)
    with suppress(TypeError, ValueError):
        moment = parsedate_to_datetime(retry_after or "")
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
    return UNHEEDED


async def begun(turn: Turn, size: int) -> Answer:
    """An answer that has said how long it will be, and nothing more."""
    answer = web.StreamResponse(headers={**turn.headers, "Content-Type": JSON})
    answer.content_length = size
    await answer.prepare(turn.request)
    return answer


async def _half(turn: Turn) -> Answer:
    answer = await begun(turn, len(turn.body))
    with suppress(ConnectionError):
        await answer.write(turn.body[: len(turn.body) // 2])
    return answer


async def dribbled(turn: Turn, *, size: int, every: float) -> Answer:
    """Headers at once, then so many bytes every so many seconds."""
    answer = await begun(turn, len(turn.body))
    with suppress(ConnectionError):
        for start in range(0, len(turn.body), size):
            await answer.write(turn.body[start : start + size])
            await turn.pause(every)
    return answer


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
