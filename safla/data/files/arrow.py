"""Arrow IPC files of candles (Feather, also of freqtrade). What a file unpacks to is checked before it is decoded."""

import io
from typing import Any, NamedTuple

from safla.candles.bad_rows import Handling
from safla.candles.normalise import MAX_ROWS, FileRows
from safla.data.files import bounded, columnar, panics
from safla.data.files.csv import ColumnMap
from safla.data.files.flatbuffer import Table
from safla.data.files.magic import ARROW
from safla.data.files.table import MAX_COLUMNS
from safla.errors import DataError
from safla.text import printable

MAX_UNPACKED_BYTES = 2 * 2**30
MAX_FOOTER_BYTES = 4 * 2**20
MAX_BATCHES = 20_000
MAX_BUFFERS = 200_000  # of all batches

# numbers of fields in Arrow's File.fbs, Schema.fbs and Message.fbs
SCHEMA, DICTIONARIES, BATCHES = 1, 2, 3  # of the footer
FIELDS = 1  # of the schema
NAME, TYPE, CHILDREN, METADATA = 0, 2, 5, 6  # of a field
HEADER_TYPE, HEADER = 1, 2  # of a message
LENGTH, NODES, BUFFERS, COMPRESSION = 0, 1, 2, 3  # of a record batch
DICTIONARY_DATA = 1  # of a dictionary batch
DICTIONARY_BATCH, RECORD_BATCH = 2, 3  # kinds of messages
FLAT = {2, 3, 5, 6, 7, 8, 9, 10, 18, 20, 24}  # types: numbers, texts, booleans, decimals, dates and times
EXTENSION = b"ARROW:extension"


class FileClaims(NamedTuple):
    """What an Arrow file claims."""

    columns: int
    rows: int
    bytes_unpacked: int


def read(
    path: str, columns: ColumnMap | None, *, symbol: str, owners: int, zone: str | None = None, bad: Handling = "refuse"
) -> FileRows:
    """The rows of one symbol. owners: how many symbols are read from this file; above 1 it needs a column `symbol`."""
    import polars as pl

    with bounded.open_file(path) as stream:
        content = bounded.whole(stream, path)
    name = printable(path)
    _refuse_bombs(says(content, name=name), name=name)
    # polars panics on some broken files, and a panic is no Exception
    broken = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)
    try:
        with panics.hold_stderr():
            schema = pl.read_ipc_schema(io.BytesIO(content))
        wanted = columnar.wanted(schema, columns, path=path, symbol=symbol, owners=owners)
        with panics.hold_stderr():
            frame = pl.read_ipc(io.BytesIO(content), columns=wanted.read)
        return columnar.rows(path, frame, asked=wanted, symbol=symbol, zone=zone, bad=bad)
    except broken as error:
        text = ascii(str(error).partition("\n")[0][:150])[1:-1]
        raise DataError(f"{name}: cut or corrupt Arrow file ({text})", code="file_corrupt") from error


def says(content: bytes, *, name: str) -> FileClaims:
    """The claims of a file. DataError where it is truncated, inconsistent, or has columns of unsupported types."""
    length = int.from_bytes(content[-10:-6], "little")
    end = len(content) - 10
    if not content.startswith(ARROW) or not content.endswith(ARROW) or not 0 < length <= end - 8:
        raise DataError(f"{name}: not a whole Arrow file", code="file_corrupt")
    if length > MAX_FOOTER_BYTES:
        raise DataError(
            f"{name}: a footer of {length} bytes, at most {MAX_FOOTER_BYTES} are read", code="file_too_large"
        )
    try:
        footer = Table.root(content, start=end - length, end=end)
        schema = footer.table(SCHEMA)
        if schema is None:
            raise ValueError("no schema")
        fields = schema.tables(FIELDS, 2**20)
        unsupported = [field for field in fields if not _is_flat(field)] if len(fields) <= MAX_COLUMNS else []
        if unsupported:
            text = ascii(unsupported[0].text(NAME)[:40].decode("utf-8", "replace"))
            raise DataError(
                f"{name}: the type of the column {text} is not supported; use numbers, texts or times",
                code="column_unclear",
            )
        batches = [
            (kind, block)
            for kind, field in ((DICTIONARY_BATCH, DICTIONARIES), (RECORD_BATCH, BATCHES))
            for block in footer.structs(field, "qiiq", most=MAX_BATCHES)
        ]
        rows = unpacked = buffers = 0
        for kind, block in batches:
            some_rows, some_bytes, some_buffers = _batch(
                content, block, kind=kind, columns=len(fields), limit=end - length
            )
            rows, unpacked, buffers = rows + some_rows, unpacked + some_bytes, buffers + some_buffers
            if buffers > MAX_BUFFERS:
                raise ValueError("too many buffers")
    except (ValueError, IndexError, OverflowError) as error:
        raise DataError(
            f"{name}: cut or corrupt Arrow file (its metadata is inconsistent)", code="file_corrupt"
        ) from error
    return FileClaims(len(fields), rows, unpacked)


def _refuse_bombs(claims: FileClaims, *, name: str) -> None:
    if claims.columns > MAX_COLUMNS:
        raise DataError(f"{name}: {claims.columns} columns, at most {MAX_COLUMNS} are read", code="file_too_large")
    if claims.rows > MAX_ROWS:
        raise DataError(f"{name}: {claims.rows} rows, at most {MAX_ROWS} are read", code="file_too_large")
    if claims.bytes_unpacked > MAX_UNPACKED_BYTES:
        raise DataError(
            f"{name}: {claims.bytes_unpacked} bytes when unpacked, at most {MAX_UNPACKED_BYTES} are read",
            code="file_too_large",
        )


def _is_flat(field: Table) -> bool:
    is_extension = any(entry.text(0).startswith(EXTENSION) for entry in field.tables(METADATA, 100))
    return field.number(TYPE, "B") in FLAT and not field.tables(CHILDREN, MAX_COLUMNS) and not is_extension


def _batch(content: bytes, block: tuple[int, ...], *, kind: int, columns: int, limit: int) -> tuple[int, int, int]:
    """What a batch claims: its rows, the bytes that its buffers unpack to, and how many buffers it has."""
    place, head, _, body = block
    start = place + head
    if not (place > 0 and head > 0 and body >= 0 and start + body <= limit):
        raise ValueError("a batch outside the file")
    if content[place : place + 4] == b"\xff\xff\xff\xff":  # the marker that newer versions write before the length
        place += 4
    message = Table.root(content, start=place + 4, end=start)
    batch: Any = message.table(HEADER)
    if batch is not None and kind == DICTIONARY_BATCH:
        batch = batch.table(DICTIONARY_DATA)
    if message.number(HEADER_TYPE, "B") != kind or batch is None:
        raise ValueError("a message of another kind")
    rows = batch.number(LENGTH, "q")
    nodes = batch.structs(NODES, "qq", most=max(columns, 1))
    if rows < 0 or any(length != rows or not 0 <= nulls <= length for length, nulls in nodes):
        raise ValueError("columns of different lengths")
    compressed = batch.table(COMPRESSION) is not None
    buffers = batch.structs(BUFFERS, "qq", most=MAX_BUFFERS)
    total = 0
    for offset, size in buffers:
        if offset < 0 or size < 0 or offset + size > body:
            raise ValueError("a buffer outside its batch")
        # a compressed buffer begins with its unpacked size; -1 marks a buffer that is stored uncompressed
        claimed = int.from_bytes(content[start + offset : start + offset + 8], "little", signed=True)
        unpacked = claimed if compressed and size >= 8 and claimed != -1 else size
        if unpacked < 0:
            raise ValueError("a size below 0")
        total += unpacked
    return rows, total, len(buffers)
