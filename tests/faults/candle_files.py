"""Files of candles for tests of fault rows 55 to 57 and Z16, and a run of the real command over one.

Below: Parquet files made by a hostile hand, by a small writer that says of itself what it is told to.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from safla.data.files.run_candles import NAMES
from safla.data.files.thrift import BINARY, I32, I64, LIST, STRUCT
from safla.journal import run_candles
from tests.data.tables import HEADER, kline, lines
from tests.faults.command import Answer, answered
from tests.faults.invariants import check_answer, check_only, untouched

CONFIG = """\
symbols: {{primary: [BTC/USDT]}}
data: {{source: {kind}, path: {path}}}
market_data: {{lookback_candles: 9}}
strategy: {{fast_period: 3, slow_period: 8, entry_threshold_pct: 0, exit_threshold_pct: 0}}
"""
ROWS = lines(60)
MEBIBYTE = 2**20


def text(*rows: str) -> bytes:
    """Lines of a table."""
    return "".join(f"{row}\n" for row in rows).encode()


TABLE = text(HEADER, *ROWS)
KLINES = text(*map(kline, ROWS))


def put(folder: Path, content: bytes, name: str = "btc.csv") -> Path:
    """The content as a file."""
    path = folder / name
    path.write_bytes(content)
    return path


def zipped(members: dict[str, bytes]) -> bytes:
    """A ZIP archive of any members."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def parquet_of(columns: dict[str, pl.Expr]) -> bytes:
    """A Parquet file."""
    content = io.BytesIO()
    pl.select(**columns).write_parquet(content, compression="zstd", statistics=False)
    return content.getvalue()


def arrow_of(frame: pl.DataFrame) -> bytes:
    """An Arrow IPC file."""
    content = io.BytesIO()
    frame.write_ipc(content, compression="zstd")
    return content.getvalue()


def run(path: Path, kind: str = "csv", *more: str, out: str = "run", folder: Path | None = None) -> Answer:
    """`safla run` over that file, in the folder `run` beside it, unless said otherwise."""
    place = folder or path.parent
    config = place / "config.yaml"
    config.write_text(CONFIG.format(kind=kind, path=json.dumps(str(path))))
    return answered("run", str(config), "--out", str(place / out), "--engine", "interpreted", *more)


def refused(path: Path, kind: str, *, folder: Path | None = None) -> str:
    """What is said when a file is refused: exit 4 in one line that names it; it is as it was, and no run was begun."""
    with untouched(path):
        answer = run(path, kind, folder=folder)
    check_answer(answer, 4)
    assert answer.err.count("\n") == 1
    assert answer.err.startswith(f"safla: {path}: ")
    place = folder or path.parent
    check_only(place, {"config.yaml", path.relative_to(place).parts[0]})
    return answer.err


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


def binary(value: bytes | str) -> Typed:
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
    elements = [struct({4: binary("root"), 5: number(I32, len(names))})[1]]
    elements += [struct({1: number(I32, 2), 3: number(I32, 0), 4: binary(name)})[1] for name in names]
    entries = [struct({1: binary(key), 2: binary(value)})[1] for key, value in (metadata or {}).items()]
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
