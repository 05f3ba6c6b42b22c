"""Read FlatBuffers, as far as Arrow's metadata needs them. Hostile bytes raise ValueError at once."""

import struct
from typing import NamedTuple, Self


class Table(NamedTuple):
    """A table of a buffer. Its fields have numbers; a field that is absent reads as None or as its default."""

    content: bytes
    place: int
    end: int  # nothing after it is read

    @classmethod
    def root(cls, content: bytes, *, start: int, end: int) -> Self:
        """The root table of a buffer."""
        (offset,) = _unpack("<I", content, start, end)
        return cls(content, start + offset, end)

    def number(self, field: int, kind: str, *, default: int = 0) -> int:
        """A number field. kind: its format code in `struct`."""
        place = self._place(field)
        return default if place is None else int(_unpack(f"<{kind}", self.content, place, self.end)[0])

    def table(self, field: int) -> "Table | None":
        """A table field; None where it is absent."""
        place = self._place(field)
        return None if place is None else Table(self.content, self._target(place), self.end)

    def tables(self, field: int, most: int) -> list["Table"]:
        """A vector of at most `most` tables; empty where it is absent."""
        start, count = self._vector(field, 4, most)
        places = [start + 4 * place for place in range(count)]
        return [Table(self.content, self._target(place), self.end) for place in places]

    def structs(self, field: int, kind: str, *, most: int) -> list[tuple[int, ...]]:
        """A vector of at most `most` structs of numbers; empty where it is absent."""
        size = struct.calcsize(f"<{kind}")
        start, count = self._vector(field, size, most)
        return [_unpack(f"<{kind}", self.content, start + size * place, self.end) for place in range(count)]

    def text(self, field: int) -> bytes:
        """A string field; empty where it is absent."""
        start, count = self._vector(field, 1, 1000)
        return self.content[start : start + count]

    def _place(self, field: int) -> int | None:
        # a table begins with the distance back to its vtable, which has its size and an offset for each field
        (back,) = _unpack("<i", self.content, self.place, self.end)
        vtable = self.place - back
        (size,) = _unpack("<H", self.content, vtable, self.end)
        entry = 4 + 2 * field
        if entry + 2 > size:
            return None
        (offset,) = _unpack("<H", self.content, vtable + entry, self.end)
        return self.place + offset if offset else None

    def _target(self, place: int) -> int:
        return place + int(_unpack("<I", self.content, place, self.end)[0])

    def _vector(self, field: int, size: int, most: int) -> tuple[int, int]:
        place = self._place(field)
        if place is None:
            return 0, 0
        place = self._target(place)
        (count,) = _unpack("<I", self.content, place, self.end)
        if count > most or place + 4 + count * size > self.end:
            raise ValueError("a list that is too long")
        return place + 4, count


def _unpack(kind: str, content: bytes, place: int, end: int) -> tuple[int, ...]:
    if place < 0 or place + struct.calcsize(kind) > end:
        raise ValueError("cut")
    return struct.unpack_from(kind, content, place)
