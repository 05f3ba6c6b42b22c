"""The first line in which two journals differ, in both forms, and the fields that differ. No files."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec


class FirstDifference(NamedTuple):
    """The first line that differs, as it is in the file and as the engine makes it now."""

    n: int  # number of the line
    there: str  # in the file; "" if the file ends before it
    now: str  # made now; "" if the run ends before it
    fields: tuple[str, ...]  # fields of the event that differ; empty if one of the lines is no event
    ts: int | None  # open time of the candle, ms, if one of the lines has it


def first_difference(there: bytes, now: bytes, *, n: int) -> FirstDifference | None:
    """The first line in which two texts of whole lines differ; None if they are equal. n: lines before both texts."""
    if there == now:
        return None
    for number, (old, new) in enumerate(_line_pairs(there.split(b"\n"), now.split(b"\n")), n + 1):
        if old != new:
            before, after = _event(old), _event(new)
            fields = tuple(key for key in {**before, **after} if before.get(key) != after.get(key))
            fields = fields if before and after else ()
            return FirstDifference(number, _text(old), _text(new), fields, before.get("ts", after.get("ts")))
    return None


def _line_pairs(there: list[bytes], now: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for i in range(max(len(there), len(now))):
        yield there[i] if i < len(there) else b"", now[i] if i < len(now) else b""


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(line)["e"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return {}
    return event if isinstance(event, dict) else {}


def _text(line: bytes) -> str:
    return line.decode("ascii", "backslashreplace")
