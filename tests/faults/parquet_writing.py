"""Parquet files made by a hostile hand: a small writer that says of itself what it is told to. No test here."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from safla.data.files.run_candles import NAMES
from safla.data.files.thrift import BINARY, I32, I64, LIST, STRUCT
from safla.journal import run_candles

Typed = tuple[int, bytes]  # a type of Thrift, and a value as it is written


class Chunk(NamedTuple):
    """What a column chunk says of itself."""

    start: int
    size: int
    values: int
    unpacked: int
    dictionary: int | None = None


class Group(NamedTuple):
    """A row group: as many chunks as there are columns."""

    rows: int
    chunks: Sequence[Chunk]


def varint(number: int) -> bytes:
    """An unsigned integer."""
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def number(kind: int, value: int) -> Typed:
    """A signed integer."""
    return kind, varint((value << 1) ^ (value >> 63))


def text(value: bytes | str) -> Typed:
    """A string."""
    raw = value.encode() if isinstance(value, str) else value
    return BINARY, varint(len(raw)) + raw


def items(kind: int, values: Sequence[bytes]) -> Typed:
    """A list."""
    return LIST, bytes([0xF0 | kind]) + varint(len(values)) + b"".join(values)


def struct(fields: Mapping[int, Typed]) -> Typed:
    """A struct; its fields in ascending order of their numbers."""
    found, before = b"", 0
    for place, (kind, value) in sorted(fields.items()):
        found += bytes([(place - before) << 4 | kind]) + value
        before = place
    return STRUCT, found + b"\0"


def page(values: int, *, size: int = 0, unpacked: int = 0, kind: int = 0) -> bytes:
    """The header of a page of data, or of a dictionary (kind 2)."""
    own = {1: number(I32, values), 2: number(I32, 0)}
    levels = {} if kind == 2 else {3: number(I32, 3), 4: number(I32, 3)}
    fields = {1: number(I32, kind), 2: number(I32, unpacked), 3: number(I32, size)}
    return struct(fields | {5 if kind == 0 else 7: struct(own | levels)})[1]


def parquet(
    body: bytes, groups: Sequence[Group], *, rows: int, names: Sequence[str] = ("ts",),
    metadata: Mapping[str, str] | None = None, codec: int = 0,
) -> bytes:  # fmt: skip
    """A file of int64 columns whose body begins at byte 4. Nothing of what it says has to be so."""
    elements = [struct({4: text("root"), 5: number(I32, len(names))})[1]]
    elements += [struct({1: number(I32, 2), 3: number(I32, 0), 4: text(name)})[1] for name in names]
    entries = [struct({1: text(key), 2: text(value)})[1] for key, value in (metadata or {}).items()]
    footer = struct({
        1: number(I32, 1), 2: items(STRUCT, elements), 3: number(I64, rows),
        4: items(STRUCT, [_group(one, codec) for one in groups]), 5: items(STRUCT, entries),
    })[1]  # fmt: skip
    return b"PAR1" + body + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _group(group: Group, codec: int) -> bytes:
    chunks = [struct({2: number(I64, 0), 3: _chunk(chunk, codec)})[1] for chunk in group.chunks]
    return struct({1: items(STRUCT, chunks), 2: number(I64, 0), 3: number(I64, group.rows)})[1]


def _chunk(chunk: Chunk, codec: int) -> Typed:
    fields = {
        1: number(I32, 2), 2: items(I32, []), 3: items(BINARY, []), 4: number(I32, codec),
        5: number(I64, chunk.values), 6: number(I64, chunk.unpacked), 7: number(I64, chunk.size),
        9: number(I64, chunk.start),
    }  # fmt: skip
    return struct(fields if chunk.dictionary is None else fields | {11: number(I64, chunk.dictionary)})


def facts(symbols: Sequence[tuple[str, int]], **more: Any) -> str:
    """The metadata of a run's candles: each symbol with its rows."""
    said = [{"symbol": name, "price_decimals": 2, "volume_decimals": 3, "rows": rows} for name, rows in symbols]
    known = {"digest": "0" * 32, "timeframe": "1m", "symbols": said, **more, "seal": "0" * 32}
    return json.dumps(known, separators=(",", ":"))


def sealed(content: bytes) -> bytes:
    """The same with a true seal, which has no key and so can be made by anybody."""
    place = run_candles._seal_place(content)
    if place < 0 or place + 32 > len(content):
        return content
    return content[:place] + run_candles._seal(content, place) + content[place + 32 :]


def recorded(columns: int = len(NAMES), *, rows: int, symbols: Sequence[tuple[str, int]]) -> bytes:
    """Candles of a run that are so many zeros, in few bytes: pages of one run of zeros that a dictionary names."""
    body, chunks = b"", []
    for _ in range(columns):
        start, left = 4 + len(body), rows
        part = page(1, size=8, unpacked=8, kind=2) + bytes(8)
        first = len(part)
        while left:
            count = min(left, 2**20)
            run = b"\x01" + varint(count << 1) + b"\0"  # indices of one bit: a run of zeros
            part += _indexed(count, len(run)) + run
            left -= count
        chunks.append(Chunk(start + first, len(part), rows, len(part), dictionary=start))
        body += part
    return sealed(
        parquet(body, [Group(rows, chunks)], rows=rows, names=NAMES[:columns], metadata={"safla": facts(symbols)})
    )


def _indexed(values: int, size: int) -> bytes:
    own = {1: number(I32, values), 2: number(I32, 8), 3: number(I32, 3), 4: number(I32, 3)}
    return struct({1: number(I32, 0), 2: number(I32, size), 3: number(I32, size), 5: struct(own)})[1]
