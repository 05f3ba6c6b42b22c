"""The footer of a Parquet file: how much it says it unpacks to. It is read before anything is unpacked."""

from collections.abc import Callable
from typing import Any, NamedTuple

from safla.errors import DataError

MAGIC = b"PAR1"
MAX_FOOTER_BYTES = 4 * 2**20
MAX_DEPTH = 12

# types of thrift's compact protocol
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


class Footer(NamedTuple):
    """What a Parquet file says of itself."""

    rows: int
    columns: int
    bytes_unpacked: int


class _Cursor:
    """A place in the footer."""

    __slots__ = ("content", "place")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.place = 0

    def take(self, count: int) -> bytes:
        piece = self.content[self.place : self.place + count]
        if len(piece) < count:
            raise ValueError("the footer is cut")
        self.place += count
        return piece


def read(content: bytes, *, name: str) -> Footer:
    """The footer of a whole file. DataError when there is none, or it makes no sense."""
    length = int.from_bytes(content[-8:-4], "little")
    if not content.startswith(MAGIC) or not content.endswith(MAGIC) or len(content) < length + 12:
        raise DataError(f"{name}: not a whole Parquet file")
    if length > MAX_FOOTER_BYTES:
        raise DataError(f"{name}: a footer of {length} bytes, at most {MAX_FOOTER_BYTES} are read")
    try:
        fields = _struct(_Cursor(content[-8 - length : -8]), MAX_DEPTH)
        chunks = [chunk[3] for group in fields[4] for chunk in group[1]]
        unpacked = sum(chunk[6] for chunk in chunks)
        # the first element of the schema is its root, and field 5 counts the children of a group
        columns = sum(1 for element in fields[2] if not element.get(5))
        return Footer(int(fields[3]), columns, int(unpacked))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f"{name}: cut or corrupt Parquet file (its footer makes no sense)") from error


def _struct(cursor: _Cursor, depth: int) -> dict[int, Any]:
    fields: dict[int, Any] = {}
    number = 0
    while head := cursor.take(1)[0]:
        number = number + (head >> 4) if head >> 4 else _zigzag(_varint(cursor))
        fields[number] = _value(cursor, head & 0xF, depth - 1)
    return fields


def _value(cursor: _Cursor, kind: int, depth: int) -> Any:
    if depth < 0:
        raise ValueError("nested too deep")
    if kind in (TRUE, FALSE):
        return kind == TRUE
    if kind in _SCALARS:
        return _SCALARS[kind](cursor)
    if kind in (LIST, SET):
        return _list(cursor, depth)
    if kind == STRUCT:
        return _struct(cursor, depth)
    raise ValueError(f"type {kind} is not used in a footer")


def _list(cursor: _Cursor, depth: int) -> list[Any]:
    head = cursor.take(1)[0]
    count = head >> 4 if head >> 4 < 15 else _varint(cursor)
    if count > len(cursor.content):
        raise ValueError("a list longer than the footer")
    if head & 0xF in (TRUE, FALSE):  # a boolean has a byte of its own in a list
        return list(cursor.take(count))
    return [_value(cursor, head & 0xF, depth - 1) for _ in range(count)]


def _varint(cursor: _Cursor) -> int:
    total = 0
    for shift in range(0, 70, 7):
        byte = cursor.take(1)[0]
        total |= (byte & 0x7F) << shift
        if byte < 0x80:
            return total
    raise ValueError("an integer of more than 64 bits")


def _zigzag(number: int) -> int:
    return number >> 1 ^ -(number & 1)


_SCALARS: dict[int, Callable[[_Cursor], Any]] = {
    BYTE: lambda cursor: cursor.take(1)[0],
    I16: lambda cursor: _zigzag(_varint(cursor)),
    I32: lambda cursor: _zigzag(_varint(cursor)),
    I64: lambda cursor: _zigzag(_varint(cursor)),
    DOUBLE: lambda cursor: cursor.take(8),
    BINARY: lambda cursor: cursor.take(_varint(cursor)),
}
