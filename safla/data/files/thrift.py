"""Thrift's compact protocol, as much as Parquet's metadata needs. Hostile bytes end in ValueError, at once."""

from collections.abc import Callable
from typing import Any

MAX_DEPTH = 12

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


class Cursor:
    """A place in some bytes, and the end behind which nothing is read."""

    __slots__ = ("content", "end", "place")

    def __init__(self, content: bytes, place: int, end: int) -> None:
        self.content = content
        self.place = place
        self.end = end

    def take(self, count: int) -> bytes:
        """The next bytes."""
        start, self.place = self.place, self.place + count
        if self.place > self.end:
            raise ValueError("cut")
        return self.content[start : self.place]


def struct(cursor: Cursor, depth: int = MAX_DEPTH) -> dict[int, Any]:
    """The fields of a struct by their number; a struct in it is a dict again."""
    fields: dict[int, Any] = {}
    number = 0
    while head := cursor.take(1)[0]:
        number = number + (head >> 4) if head >> 4 else _zigzag(_varint(cursor))
        fields[number] = _value(cursor, head & 0xF, depth - 1)
    return fields


def _value(cursor: Cursor, kind: int, depth: int) -> Any:
    if depth < 0:
        raise ValueError("nested too deep")
    if kind in (TRUE, FALSE):
        return kind == TRUE
    if kind in _SCALARS:
        return _SCALARS[kind](cursor)
    if kind in (LIST, SET):
        return _list(cursor, depth)
    if kind == STRUCT:
        return struct(cursor, depth)
    raise ValueError(f"type {kind} is not used here")


def _list(cursor: Cursor, depth: int) -> list[Any]:
    head = cursor.take(1)[0]
    count = head >> 4 if head >> 4 < 15 else _varint(cursor)
    if count > cursor.end - cursor.place:
        raise ValueError("a list longer than what is left")
    if head & 0xF in (TRUE, FALSE):  # a boolean has a byte of its own in a list
        return list(cursor.take(count))
    return [_value(cursor, head & 0xF, depth - 1) for _ in range(count)]


def _varint(cursor: Cursor) -> int:
    total = 0
    for shift in range(0, 70, 7):
        byte = cursor.take(1)[0]
        total |= (byte & 0x7F) << shift
        if byte < 0x80:
            return total
    raise ValueError("an integer of more than 64 bits")


def _zigzag(number: int) -> int:
    return number >> 1 ^ -(number & 1)


_SCALARS: dict[int, Callable[[Cursor], Any]] = {
    BYTE: lambda cursor: cursor.take(1)[0],
    I16: lambda cursor: _zigzag(_varint(cursor)),
    I32: lambda cursor: _zigzag(_varint(cursor)),
    I64: lambda cursor: _zigzag(_varint(cursor)),
    DOUBLE: lambda cursor: cursor.take(8),
    BINARY: lambda cursor: cursor.take(_varint(cursor)),
}
