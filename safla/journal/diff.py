"""Where two journals part: the first line that differs, in both forms, with its fields. No file."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec


class FirstDifference(NamedTuple):
    """The first line that is not the same, as it stands in the file and as it comes out now."""

    n: int
    there: str  # "" where the file ends before it
    now: str  # "" where the run ends before it
    fields: tuple[str, ...]  # of the event, those that differ; empty where one of the lines is no event
    ts: int | None  # of the candle, if a line tells it


def first_difference(there: bytes, now: bytes, *, n: int) -> FirstDifference | None:
    """The first differing line of two texts of whole lines, of which n lines stood before; None if they are equal."""
    if there == now:
        return None
    for number, (theirs, ours) in enumerate(_longest(there.split(b"\n"), now.split(b"\n")), n + 1):
        if theirs != ours:
            its, mine = _event(theirs), _event(ours)
            fields = tuple(key for key in {**its, **mine} if its.get(key) != mine.get(key)) if its and mine else ()
            return FirstDifference(number, _text(theirs), _text(ours), fields, its.get("ts", mine.get("ts")))
    return None


def _longest(there: list[bytes], now: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
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
