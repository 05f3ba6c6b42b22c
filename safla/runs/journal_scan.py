"""One quick pass over a journal of detail `candles` whose chain holds: its inputs, and its outcomes as bytes.

A restart folds the inputs again and compares the outcomes (J39). That a candle line is spelt as the writer spells it is
checked here by a pattern, so it need not be made again. Whatever is unusual is left to the strict reader.
"""

import io
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from safla.core.candles import Series
from safla.core.values import Columns
from safla.journal import reader
from safla.journal.chain import decode_event, event_bytes
from safla.journal.events import RunStarted, SymbolScale
from safla.journal.files import open_to_read
from safla.journal.reader import Tail
from safla.runs.recording import CANDLE_FIELDS, Inputs

BUFFER = 2**20  # bytes
MOST_MS = 10**15  # a time of more digits is none

_HASH = slice(-35, -3)  # where a line with its newline holds its own hash (J10)
_TS = re.compile(rb'"ts":(\d+),')
_INPUTS = (b'"e":{"type":"halted",', b'"e":{"type":"resumed",', b'"e":{"type":"run_ended",')
_CLOSING = (b',"trigger":"stop",', b',"reason":"end_of_data"}', b'"e":{"type":"run_ended",')


class LineStart(NamedTuple):
    """Where a line begins: the bytes and lines before it, and the hash of the line before."""

    offset: int
    lines: int
    h: str


class Scan(NamedTuple):
    """What a journal holds."""

    series: tuple[Series, ...]
    inputs: Inputs
    tail: Tail
    ended: bool
    closing: bool  # closing lines are there (J3)
    outcomes: list[bytes]  # the events that are no candles, of all lines before `last`
    last: LineStart  # where the last timestamp begins
    first_hash: str


def scan(path: Path) -> Scan | None:
    """Read a journal whose chain was verified. None where the strict reader has to look."""
    started = reader.read(path).started
    if started.detail != "candles":
        return None
    found = _Found(started)
    with io.BufferedReader(open_to_read(path), BUFFER) as file:
        if not _take(file, found, started):
            return None
    series = [_series(one, rows) for one, rows in zip(started.symbols, found.rows, strict=True)]
    return Scan(
        tuple(series), found.inputs, Tail(found.lines, found.h, found.offset, 0, unended=False), found.inputs.ended,
        found.closing, found.outcomes[: found.before_last], LineStart(*found.last), found.first_hash,
    )  # fmt: skip


class _Found:
    """What was read so far."""

    def __init__(self, started: RunStarted) -> None:
        self.inputs = Inputs(started)
        self.rows: list[list[tuple[bytes, ...]]] = [[] for _ in started.symbols]
        self.outcomes: list[bytes] = []
        self.before_last = 0  # outcomes before the last timestamp
        self.last = (0, 0, "")
        self.first_hash = self.h = ""
        self.lines = self.offset = 0
        self.closing = False


def _take(file: Iterable[bytes], found: _Found, started: RunStarted) -> bool:
    """All lines. False where one is not where it belongs. A call for each line would cost as much as its check.

    Each timestamp has one line for each symbol, in order, and the times ascend (S6a). The other lines stand after the
    candle lines of their timestamp, or before the first of all.
    """
    candles = [_pattern(one).fullmatch for one in started.symbols]
    missing = [_missing(one.symbol).fullmatch for one in started.symbols]
    keep = [rows.append for rows in found.rows]
    symbols, known, lines, offset, last_ts, before = len(candles), 0, 0, 0, -1, b""
    last, outcomes = (0, 0, b""), found.outcomes
    for raw in file:
        symbol = known % symbols
        told = candles[symbol](raw)
        if told is not None:
            keep[symbol](told.groups())
        else:
            told = missing[symbol](raw)
        if told is None:
            in_place = last_ts < 0 or (known == symbols and _ts_of(raw) == last_ts)
            _note(raw, found, lines + 1)
        elif symbol == 0:
            ts = int(told[1])
            in_place = ts > last_ts and not found.closing
            known, last_ts, found.before_last = 1, ts, len(outcomes)
            last = (offset, lines, before)
        else:
            in_place = int(told[1]) == last_ts
            known += 1
        if not in_place:
            return False
        lines += 1
        offset += len(raw)
        before = raw
    found.last = (*last[:2], last[2][_HASH].decode("ascii"))
    found.lines, found.offset, found.h = lines, offset, before[_HASH].decode("ascii")
    found.inputs.last_ts, found.inputs.known = last_ts, known
    return bool(found.before_last) and last_ts < MOST_MS


def _ts_of(raw: bytes) -> int | None:
    stamp = _TS.search(raw)
    return None if stamp is None else int(stamp[1])


def _note(raw: bytes, found: _Found, n: int) -> None:
    """A line that is no candle."""
    found.first_hash = found.first_hash or raw[_HASH].decode("ascii")  # the first of all is run_started
    found.outcomes.append(event_bytes(raw[:-1], n))
    found.closing = found.closing or any(one in raw for one in _CLOSING)
    if any(one in raw for one in _INPUTS):
        found.inputs.note(decode_event(found.outcomes[-1]))


def _pattern(one: SymbolScale) -> re.Pattern[bytes]:
    """A candle line of a symbol, each amount with exactly its places (J13)."""
    price, volume = _amount(one.price_decimals), _amount(one.volume_decimals)
    amounts = [f'"{name}":"({price})"' for name in ("open", "high", "low", "close")]
    event = ",".join(
        [r'"type":"candle","ts":(\d+)', f'"symbol":"{re.escape(one.symbol)}"', *amounts, f'"volume":"({volume})"']
    )
    return _line(event)


def _missing(symbol: str) -> re.Pattern[bytes]:
    return _line(rf'"type":"candle_missing","ts":(\d+),"symbol":"{re.escape(symbol)}"')


def _line(event: str) -> re.Pattern[bytes]:
    frame = r'\{"n":\d+,"p":".{32}","e":\{' + event + r'\},"h":".{32}"\}\n'  # the chain was verified
    return re.compile(frame.encode("ascii"))


def _amount(places: int) -> str:
    """At most 18 digits, which surely have 64 bits."""
    if places == 18:
        return r"0\.[0-9]{18}"
    whole = rf"(?:0|[1-9][0-9]{{0,{17 - places}}})"
    return rf"{whole}\.[0-9]{{{places}}}" if places else whole


def _series(one: SymbolScale, rows: list[tuple[bytes, ...]]) -> Series:
    """The candles of a symbol."""
    text = b" ".join(chain.from_iterable(rows)).replace(b".", b"").decode("ascii")
    numbers = np.fromstring(text, np.int64, sep=" ") if rows else np.zeros(0, np.int64)  # as text: nothing is a float
    cells = numbers.reshape(-1, CANDLE_FIELDS)
    columns = Columns(*np.ascontiguousarray(cells.T))
    return Series(one.symbol, one.price_decimals, one.volume_decimals, columns)
