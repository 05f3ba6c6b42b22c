"""Inputs made hostile by chance: cut, spliced, repeated, blown up, and salted with words that break readers."""

import re
from collections.abc import Callable, Sequence
from random import Random

NASTY = (
    b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n", b"\x1b[31m", b"\xe2\x80\xae", b"\xd9\xa1",
    b'"', b"'", b"\\", b"{", b"}", b"[", b"]", b":", b",", b";", b"\t", b" ", b"#", b"-", b"--", b"=", b"&a", b"*a",
    b"!!str ", b"%YAML 1.1\n", b"---\n", b"...\n", b"|\n", b"? ", b"<<: ", b"~", b"null", b"true", b"no", b"010",
    b"0x10", b"1_000", b"+1", b"-1", b"-0", b"1e400", b"1E+1000000", b".nan", b".inf", b"NaN", b"Infinity", b"12:30",
    b".____", b"0.1", b"9" * 18, b"9" * 19, b"9" * 400, b"18446744073709551616", b"9223372036854775808",
    b"4611686018427387904", b"2147483648", b"../", b"/", b"CON", b"{symbol}", b"{", b"2024-01-31T13:00:00Z",
    b"1970-01-01", b"9999-99-99",
)  # fmt: skip
_NUMBER = re.compile(rb"[0-9]+")

Change = Callable[[bytes, Sequence[bytes], Random], bytes]


def mutated(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    """The same bytes after one to four changes. corpus: others of its kind, to take pieces from."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        data = chance.choice(CHANGES)(data, corpus, chance)
    return data


def _span(data: bytes, chance: Random) -> tuple[int, int]:
    """A place, and one behind it: near more often than far."""
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 2, 4, 16, 64, 1024, len(data))))


def _flip(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    if not data:
        return b"\x01"
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _byte(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    start, end = _span(data, chance)
    fill = chance.choice((b"\0", b"\xff", b"\x7f", b"\x80", bytes([chance.randrange(256)])))
    return data[:start] + fill * min(end - start, 8) + data[start + min(end - start, 8) :]


def _cut(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _without(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + data[end:]


def _spliced(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    other = chance.choice(corpus)
    start, end = _span(other, chance)
    place = chance.randrange(len(data) + 1)
    return data[:place] + other[start:end] + data[place:]


def _repeated(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    start, end = _span(data, chance)
    times = chance.choice((1, 1, 2, 10, 1000))
    return data[:end] + data[start:end] * min(times, 1 + 2**17 // max(1, end - start)) + data[end:]


def _salted(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    start, end = _span(data, chance)
    word = chance.choice(NASTY) * chance.choice((1, 1, 1, 1, 2, 70, 5000))
    return data[:start] + word + data[chance.choice((start, end)) :]


def _number(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    """Another number where one stands."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    one = chance.choice(found)
    value = int(one[0][:18])
    other = chance.choice(
        (0, 1, -1, value + 1, value - 1, value * 10, 2**31, 2**53 + 1, 2**62, 2**63 - 1, 2**64, 10**30)
    )
    return data[: one.start()] + str(other).encode() + data[one.end() :]


def _lines(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    """Lines dropped, doubled or exchanged."""
    lines = data.split(b"\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[first] = chance.choice((lines[second], lines[first] + b"\n" + lines[first], b""))
    return b"\n".join(lines)


CHANGES: tuple[Change, ...] = (
    _flip,
    _flip,
    _byte,
    _cut,
    _without,
    _spliced,
    _repeated,
    _salted,
    _salted,
    _number,
    _lines,
)
