"""Read the candle lines of a journal as numbers: one pure function, which can be compiled (D2).

A line is read only if it is spelt as the writer spells it, each amount with exactly its decimals (J13), so that the
same candle would give the same bytes again. Its hashes are not looked at.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from safla.core.pure import entry_point, pure
from safla.core.values import Int8, Int64, Int64Table

HASH_DIGITS = 32
MOST_DIGITS = 18  # so that a number always fits into 64 bits
NEWLINE, POINT, ZERO, NINE = b"\n.09"
CANDLE_FIELDS = 6  # time, prices, volume
LEAST_LINE = 100  # bytes: any line is longer, for it has two hashes
OTHER_FIELDS = 5

# The literals of all symbols; each symbol has two more, see `literals_of`.
_COMMON = (
    b'{"n":',
    b',"p":"',
    b'","e":{"type":"candle","ts":',
    b'","e":{"type":"candle_missing","ts":',
    b'","high":"',
    b'","low":"',
    b'","close":"',
    b'","volume":"',
    b'"},"h":"',
    b'"}\n',
)
NUMBER, BEFORE, CANDLE, MISSING, HIGH, _LOW, _CLOSE, _VOLUME, ENDING, END = range(len(_COMMON))
OWN = len(_COMMON)


class Literals(NamedTuple):
    """The fixed parts of candle lines, and the decimals of their amounts."""

    text: Int8
    begins: Int64  # of each literal, and the end of the last
    decimals: Int64Table  # [symbols, 2], of prices and volumes


class LinesRead(NamedTuple):
    """How far a journal was read."""

    lines: int = 0
    ts: int = -1  # of the last candle line, ms
    known: int = 0  # how many symbols have their candle line at ts
    last_offset: int = 0  # where the candle lines of ts begin, bytes
    last_lines: int = 0  # how many lines come before them
    others_before: int = 0  # how many of these are no candle lines
    candles: int = 0  # in the last text
    others: int = 0  # in the last text
    others_in_all: int = 0
    in_order: int = 1  # 0: a candle line is not where it belongs


def literals_of(symbols: Sequence[tuple[str, int, int]]) -> Literals:
    """The literals of a run's candle lines, from its symbols with the decimals of their prices and volumes."""
    texts = list(_COMMON)
    for symbol, _, _ in symbols:
        name = symbol.encode("ascii")
        texts += [b',"symbol":"%b","open":"' % name, b',"symbol":"%b"},"h":"' % name]
    lengths = [len(text) for text in texts]
    return Literals(
        np.frombuffer(b"".join(texts), np.int8),
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        np.array([decimals for _, *decimals in symbols], np.int64),
    )


@entry_point
def read_lines(
    state: LinesRead, offset: int, text: Int8, literals: Literals, cells: Int64Table, owners: Int64, others: Int64Table
) -> LinesRead:
    """Read whole lines that follow those of the state.

    offset  of the text in the journal, bytes
    text    int8; its last byte is the end of a line
    cells   takes the numbers of each candle: ms, price units, volume units; owners  the place of its symbol
    others  takes of each line that is no candle line: where it begins and ends, its number, the time of the last candle
            line (-1: there is none yet), and 1 if all symbols have their candle line at that time

    Each timestamp has one line for each symbol, in order, and the times ascend (S6a). Where a candle line breaks that,
    in_order is 0, and the rest is not read.
    """
    lines, ts, known, last_offset, last_lines, others_before, _, _, in_all, in_order = state
    symbols = len(literals.decimals)
    candles = found_others = at = 0
    while at < len(text):
        s = known % symbols  # the symbol whose line comes next
        start = _event(text, at, literals)
        end = _candle(text, start, literals, s, cells, candles)
        if end > 0:
            owners[candles] = s
            found = int(cells[candles, 0])
            candles += 1
        else:
            found, end = _missing(text, start, literals, s)
        if end < 0:
            end = at
            while text[end] != NEWLINE:
                end += 1
            end += 1
            others[found_others, 0] = at
            others[found_others, 1] = end
            others[found_others, 2] = lines + 1
            others[found_others, 3] = ts
            others[found_others, 4] = 1 if known == symbols else 0
            found_others += 1
            in_all += 1
        elif s == 0:
            in_order = 1 if found > ts else 0
            ts = found
            known = 1
            last_offset = offset + at
            last_lines = lines
            others_before = in_all
        else:
            in_order = 1 if found == ts else 0
            known += 1
        if in_order == 0:
            break
        lines += 1
        at = end
    return LinesRead(lines, ts, known, last_offset, last_lines, others_before, candles, found_others, in_all, in_order)


@pure
def _event(text: Int8, at: int, literals: Literals) -> int:
    """Where the type of a line's event begins, if number and hash come before it; else -1."""
    at = _literal(text, at, literals, NUMBER)
    _, at = _amount(text, at, 0)
    return _hash(text, _literal(text, at, literals, BEFORE))


@pure
def _candle(text: Int8, at: int, literals: Literals, s: int, cells: Int64Table, place: int) -> int:
    """Read a candle of symbol s into cells[place]. Returns where the next line begins; -1 if this is none."""
    places, volume_places = int(literals.decimals[s, 0]), int(literals.decimals[s, 1])
    cells[place, 0], at = _amount(text, _literal(text, at, literals, CANDLE), 0)
    at = _literal(text, at, literals, OWN + 2 * s)
    for field in range(1, CANDLE_FIELDS):
        cells[place, field], at = _amount(text, at, places if field < CANDLE_FIELDS - 1 else volume_places)
        at = _literal(text, at, literals, HIGH + field - 1)
    return _literal(text, _hash(text, at), literals, END)


@pure
def _missing(text: Int8, at: int, literals: Literals, s: int) -> tuple[int, int]:
    """The time of a missing candle of symbol s, and where the next line begins; -1 if this line is none."""
    ts, at = _amount(text, _literal(text, at, literals, MISSING), 0)
    at = _hash(text, _literal(text, at, literals, OWN + 2 * s + 1))
    return ts, _literal(text, at, literals, END)


@pure
def _literal(text: Int8, at: int, literals: Literals, number: int) -> int:
    """Where the text goes on behind a literal; -1 if the literal is not there, or if `at` is -1."""
    first, end = int(literals.begins[number]), int(literals.begins[number + 1])
    if at < 0 or at + end - first > len(text):
        return -1
    for i in range(first, end):
        if text[at + i - first] != literals.text[i]:
            return -1
    return at + end - first


@pure
def _hash(text: Int8, at: int) -> int:
    """Where the text goes on behind a hash; -1 if the line ends before, or if `at` is -1."""
    if at < 0 or at + HASH_DIGITS > len(text):
        return -1
    for i in range(at, at + HASH_DIGITS):
        if text[i] == NEWLINE:
            return -1
    return at + HASH_DIGITS


@pure
def _amount(text: Int8, at: int, places: int) -> tuple[int, int]:
    """An amount with exactly so many decimals, in their units, and where the text goes on; -1 if it is none (J13)."""
    value = 0
    digits = 0
    first = at
    while 0 <= at < len(text) and digits <= MOST_DIGITS and ZERO <= text[at] <= NINE:
        value = 10 * value + int(text[at]) - ZERO
        digits += 1
        at += 1
    if digits == 0 or (digits > 1 and text[first] == ZERO):
        return 0, -1
    if places > 0:
        if at >= len(text) or text[at] != POINT:
            return 0, -1
        end = at + 1 + places
        at += 1
        while at < min(end, len(text)) and digits <= MOST_DIGITS and ZERO <= text[at] <= NINE:
            value = 10 * value + int(text[at]) - ZERO
            digits += 1
            at += 1
        if at < end:
            return 0, -1
    return value, at if digits <= MOST_DIGITS else -1
