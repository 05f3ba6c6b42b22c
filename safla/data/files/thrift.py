"""Read Thrift's compact protocol, as far as Parquet's metadata needs it. Hostile bytes raise ValueError at once.

A known field must have the type that the format defines for it: libraries read it as that type whatever the bytes say,
so they would see other values than we do.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

MAX_DEPTH = 12
MAX_VALUES = 2**21  # that a cursor reads: bounds time and memory for a file full of tiny values
MAX_FIELD = 2**15 - 1

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
BOOL = TRUE
RANGES = {I16: 2**15, I32: 2**31, I64: 2**63}


class ListOf(NamedTuple):
    """A list, and the type of its items."""

    item: "ThriftType"


ThriftType = int | ListOf | Mapping[int, "ThriftType"]  # a scalar type; a list; the known fields of a struct by number


class Cursor:
    """A position in some bytes, the end after which nothing is read, and how many values may still be read."""

    __slots__ = ("content", "end", "left", "place")

    def __init__(self, content: bytes, place: int, end: int, *, values: int = MAX_VALUES) -> None:
        self.content = content
        self.place = place
        self.end = end
        self.left = values

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        start = self.place
        self.skip(count)
        return self.content[start : self.place]

    def skip(self, count: int) -> None:
        """Skip the next bytes."""
        self.place += count
        if self.place > self.end:
            raise ValueError("cut")

    def byte(self) -> int:
        """Return the next byte."""
        place = self.place
        self.skip(1)
        return self.content[place]

    def count(self) -> None:
        """Count a value. ValueError when there were too many."""
        self.left -= 1
        if self.left < 0:
            raise ValueError("more values than are read")


def struct(cursor: Cursor, shape: Mapping[int, ThriftType], *, depth: int = MAX_DEPTH) -> dict[int, Any]:
    """The known fields of a struct by number; a nested struct is a dict too. Unknown fields are checked and skipped."""
    fields: dict[int, Any] = {}
    number = 0
    while head := cursor.byte():
        number = number + (head >> 4) if head >> 4 else _zigzag(_varint(cursor))
        if number in fields or not 0 < number <= MAX_FIELD:
            raise ValueError("a field that is repeated or has no number")
        fields[number] = _value(cursor, head & 0xF, shape.get(number), depth - 1)
    return fields


def _value(cursor: Cursor, kind: int, shape: ThriftType | None, depth: int) -> Any:
    cursor.count()
    if depth < 0:
        raise ValueError("nested too deep")
    if shape is None:
        return _skip_value(cursor, kind, depth)
    if isinstance(shape, int):
        if kind in (TRUE, FALSE) and shape == BOOL:
            return kind == TRUE
        if kind != shape:
            raise ValueError("a field of another type than the format defines")
        return _SCALARS[kind](cursor)
    if isinstance(shape, ListOf):
        if kind != LIST:
            raise ValueError("a field of another type than the format defines")
        return _list(cursor, shape.item, depth)
    if kind != STRUCT:
        raise ValueError("a field of another type than the format defines")
    return struct(cursor, shape, depth=depth)


def _list(cursor: Cursor, item: ThriftType, depth: int) -> list[Any]:
    kind, count = _list_head(cursor)
    if item == BOOL and kind in (TRUE, FALSE):  # in a list, each boolean takes a byte
        return [byte == TRUE for byte in cursor.take(count)]
    return [_value(cursor, kind, item, depth - 1) for _ in range(count)]


def _skip_value(cursor: Cursor, kind: int, depth: int) -> None:
    """Skip a value of an unknown field, without keeping any of it."""
    if kind in (TRUE, FALSE):
        return
    if kind == BINARY:
        cursor.skip(_varint(cursor))
    elif kind in _SCALARS:
        _SCALARS[kind](cursor)
    elif kind == STRUCT:
        struct(cursor, {}, depth=depth)
    elif kind in (LIST, SET):
        item, count = _list_head(cursor)
        if item in (TRUE, FALSE):
            cursor.skip(count)
            return
        for _ in range(count):
            _value(cursor, item, None, depth - 1)
    else:
        raise ValueError(f"type {kind} is not used here")


def _list_head(cursor: Cursor) -> tuple[int, int]:
    """The type of the items of a list, and how many there are."""
    head = cursor.byte()
    count = head >> 4 if head >> 4 < 15 else _varint(cursor)
    if count > cursor.end - cursor.place:
        raise ValueError("a list longer than what is left")
    return head & 0xF, count


def _varint(cursor: Cursor) -> int:
    total = 0
    for shift in range(0, 70, 7):
        byte = cursor.byte()
        total |= (byte & 0x7F) << shift
        if byte < 0x80:
            if total >= 2**64:
                break
            return total
    raise ValueError("an integer of more than 64 bits")


def _zigzag(number: int) -> int:
    return number >> 1 ^ -(number & 1)


def _integer(kind: int) -> Callable[[Cursor], int]:
    limit = RANGES[kind]

    def read(cursor: Cursor) -> int:
        number = _zigzag(_varint(cursor))
        if not -limit <= number < limit:
            raise ValueError("an integer of more bits than its type has")
        return number

    return read


_SCALARS: dict[int, Callable[[Cursor], Any]] = {
    BYTE: lambda cursor: cursor.byte(),
    I16: _integer(I16),
    I32: _integer(I32),
    I64: _integer(I64),
    DOUBLE: lambda cursor: cursor.take(8),
    BINARY: lambda cursor: cursor.take(_varint(cursor)),
}
