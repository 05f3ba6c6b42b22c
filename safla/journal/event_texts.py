"""The texts of the plain events of many rows at once, by the compiled form of `write_events`.

A template for each kind of event is a list of parts: literal bytes, and columns of the row with the form in which they
are written. The templates follow from `encode.fields_of`, so that a text is what `encode` and msgspec would write.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from safla.core import values as v
from safla.core.values import Float64, Int8, Int64, Int64Table
from safla.journal.encode import KINDS, PLAIN, WORDS, EventField, RunDecimals, amount_decimals, fields_of
from safla.journal.event_bytes import (
    FLAG,
    INTEGER,
    LITERAL,
    MONEY,
    OTHER,
    PRICE,
    PRICE_OR_NULL,
    QUANTITY,
    RATIO,
    SYMBOL,
    VOLUME,
    WORD,
)

NUMBER = 23  # bytes of a number at most: a sign, 19 digits or 18 decimals and a point, and quotation marks
AMOUNTS = (PRICE, QUANTITY, VOLUME, MONEY)  # columns 1 to 4 of a symbol's decimals
EXACT_MICRO = 1e12  # a smaller strength in millionths is rounded as its text is, unless it is close to a half
CLOSE = 1e-3
WriteFunction = Callable[..., int]


class Templates(NamedTuple):
    """The templates of a run, as `write_events` takes them, and the length of the longest event."""

    parts: Int64Table
    first_part: Int64
    text: Int8
    words: Int64
    decimals: Int64Table
    longest: int


class _Words:
    """Collects literals and words; the same one is stored once."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []

    def literal(self, text: bytes) -> int:
        """The number of a literal."""
        self.texts.append(text)
        return len(self.texts) - 1

    def family(self, texts: Sequence[str | None]) -> int:
        """The number of the first of several words that follow each other."""
        first = len(self.texts)
        self.texts.extend(b"" if text is None else text.encode("ascii") for text in texts)
        return first


def templates_of(places: RunDecimals, written: Sequence[int]) -> Templates:
    """The templates of the kinds of plain events that a run writes."""
    words = _Words()
    symbols = words.family(places.symbols)
    parts: list[tuple[int, int, int]] = []
    first_part = [0]
    for kind in range(KINDS):
        if kind in written:
            parts += _template(words, kind, symbols)
        first_part.append(len(parts))
    amounts = [[0, *(amount_decimals(places, form=form, s=s) for form in AMOUNTS)] for s in range(len(places.symbols))]
    lengths = [len(text) for text in words.texts]
    longest_word = max(len(word) for family in WORDS.values() for word in family if word)
    widest = max(NUMBER, longest_word, *map(len, places.symbols))
    longest = max(
        sum(lengths[number] if what == LITERAL else widest for what, number, _ in parts[first:end])
        for first, end in pairwise(first_part)
    )
    return Templates(
        np.array(parts, np.int64).reshape(-1, 3), np.array(first_part, np.int64),
        np.frombuffer(b"".join(words.texts), np.int8), np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        np.array(amounts, np.int64), longest,
    )  # fmt: skip


def _template(words: _Words, kind: int, symbols: int) -> list[tuple[int, int, int]]:
    """The parts of one kind of event, in the order of its fields."""
    name = str(PLAIN[kind].__struct_config__.tag)
    parts = [
        (LITERAL, words.literal(b'{"type":"%b","ts":' % name.encode("ascii")), 0),
        (INTEGER, 1, 0),
        (LITERAL, words.literal(b',"symbol":"'), 0),
        (SYMBOL, 0, symbols),
    ]
    closed = b'"'  # what ends the value before
    for field in fields_of(kind):
        opening = b"" if field.form in (INTEGER, RATIO, PRICE_OR_NULL, FLAG) else b'"'
        before = b'%b,"%b":%b' % (closed, field.name.encode("ascii"), opening)
        parts += [(LITERAL, words.literal(before), 0), (field.form, field.column, _base(words, field))]
        closed = opening
    return [*parts, (LITERAL, words.literal(closed + b"}"), 0)]


def _base(words: _Words, field: EventField) -> int:
    """The number of the word for 0, of a field whose numbers stand for words."""
    if field.form is WORD:
        least = -1 if field.name == "signal" else 0  # exit is -1, the last word, which comes before the others here
        return words.family((*field.words[least:], *field.words[:least]) if least else field.words) - least
    if field.form is FLAG:
        return words.family(("false", "true"))
    return words.family(("null",))


def event_texts(
    write: WriteFunction, templates: Templates, *, rows: Int64Table, strengths: Float64, encode: Callable[[int], bytes]
) -> tuple[bytes, list[int]]:
    """The events of rows as one text, and where the event of each row ends; one that is not written is empty.

    write   `event_bytes.write_events`, or its compiled form
    encode  makes the text of a row without a template, given its place; empty if it has no line
    """
    kinds = rows[:, 0].copy()
    micro, inexact = _micro(kinds, strengths)
    special = np.flatnonzero(~np.isin(kinds, list(PLAIN)) | inexact)
    texts = [encode(place) for place in special.tolist()]
    kinds[special] = OTHER
    others = b"".join(texts)
    other_ends = np.concatenate(([0], np.cumsum([len(text) for text in texts]))).astype(np.int64)
    out = np.empty(len(rows) * templates.longest + len(others), np.int8)
    ends = np.empty(len(rows), np.int64)
    used = write(kinds, rows, micro, *templates[:5], np.frombuffer(others or b" ", np.int8), other_ends, out, ends)
    return out[:used].tobytes(), ends.tolist()


def _micro(kinds: Int64, strengths: Float64) -> tuple[Int64, np.ndarray]:
    """Strengths in millionths, and the signals for which these are not certain to be the digits of the text."""
    micro = np.zeros(len(kinds), np.int64)
    inexact = np.zeros(len(kinds), np.bool_)
    signals = np.flatnonzero(kinds == v.SIGNAL)
    scaled = strengths[signals] * 1e6
    certain = (scaled < EXACT_MICRO) & (np.abs(scaled - np.floor(scaled) - 0.5) > CLOSE)
    micro[signals[certain]] = np.rint(scaled[certain])
    inexact[signals[~certain]] = True
    return micro, inexact
