"""One fast pass over a journal of detail `candles` whose chain was verified: its inputs, and its outcomes as bytes.

A restart of a paper run folds the inputs again and compares the outcomes (J39). Most lines of such a journal are
candles, and to decode and encode each of them would be slow. So a candle line is only read if it is spelt exactly as
the writer spells it: then the same candle would give the same bytes, and only the other lines have to be made again.
The compiled `read_lines` does that, or, ten times as slowly, patterns do. The strict reader takes anything unusual.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from safla.compiled.library import library
from safla.core.candles import Series
from safla.core.values import Columns, Int64, Int64Table
from safla.journal import reader
from safla.journal.candle_lines import (
    CANDLE_FIELDS,
    LEAST_LINE,
    OTHER_FIELDS,
    LinesRead,
    literals_of,
    read_lines,
)
from safla.journal.chain import MAX_LINE, decode_event, event_bytes
from safla.journal.events import RunStarted, SymbolScale
from safla.journal.files import open_to_read
from safla.journal.reader import Tail
from safla.runs.recording import Inputs

BUFFER = 2**20  # bytes
AT_ONCE = 8_192  # candles that are made into integers together
MOST_MS = 10**15  # a time with more digits is not valid; the strict reader decides

HASH = slice(-35, -3)  # the hash of a line, in the bytes of the line with its newline (J10)
_WHOLE = r"(?:0|[1-9][0-9]{0,17})"  # at most 18 digits, so that it fits into 64 bits
_TS = re.compile(rb'"ts":(\d+),')
_ENDED = b'{"type":"run_ended",'
_CLOSING = b',"reason":"end_of_data"}'
_INPUTS = (b'{"type":"halted",', b'{"type":"resumed",', _ENDED)


class LineStart(NamedTuple):
    """Where a line begins: the number of bytes and lines before it, and the hash of the line before."""

    offset: int
    lines: int
    h: str


class Scan(NamedTuple):
    """What a journal holds, up to its last whole line."""

    series: tuple[Series, ...]
    inputs: Inputs
    tail: Tail
    ended: bool
    closing: bool  # whether closing lines are there (J3)
    outcomes: list[bytes]  # the events other than candles
    numbers: list[int]  # the numbers of their lines
    before_last: int  # how many of them come before `last`
    candle_lines: dict[str, int]  # how many lines of each type of input are left out of these
    last: LineStart  # where the last timestamp begins
    first_hash: str


def scan(path: Path) -> Scan | None:
    """Read a journal of detail `candles`. None if the strict reader has to read it.

    The chain is not verified: the caller has done so, or compares every byte with the lines of a run.
    """
    started = reader.read(path).started
    if started.detail != "candles":
        return None
    content = _Content(started)
    read = line_reader()
    with io.BufferedReader(open_to_read(path), BUFFER) as file:
        if read is not None:
            is_usual = _read_compiled(file, content, started, read)
        else:
            is_usual = _read_lines(bounded_lines(file), content, started)
    if not is_usual:
        return None
    series = [_series(scale, rows) for scale, rows in zip(started.symbols, content.rows, strict=True)]
    candles = sum(len(one.columns.ts) for one in series)
    candle_lines = {"candle": candles, "candle_missing": content.lines - candles - len(content.outcomes)}
    tail = Tail(content.lines, content.h, content.offset, 0, unended=False)
    return Scan(
        tuple(series), content.inputs, tail, content.inputs.ended, content.closing > 0,
        content.outcomes, content.numbers, content.before_last, candle_lines, LineStart(*content.last),
        content.first_hash,
    )  # fmt: skip


def line_reader() -> Callable[..., LinesRead] | None:
    """The compiled form of `read_lines`, or None: interpreted, it would take longer than the patterns."""
    found, _ = library()
    return None if found is None else found.compiled(read_lines)


def bounded_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file. One that is longer than a line of a journal comes in parts, which then are no lines."""
    return iter(partial(file.readline, MAX_LINE), b"")


class _Content:
    """The content of the lines that were read so far."""

    def __init__(self, started: RunStarted) -> None:
        self.inputs = Inputs(started)
        self.rows = [_CandleRows() for _ in started.symbols]
        self.outcomes: list[bytes] = []
        self.numbers: list[int] = []
        self.before_last = 0  # outcomes before the last timestamp
        self.last = (0, 0, "")
        self.first_hash = self.h = ""
        self.lines = self.offset = 0
        self.closing = 0  # the number of the first closing line (J3); 0: there is none


def _read_lines(lines_read: Iterable[bytes], content: _Content, started: RunStarted) -> bool:
    """Read all lines. False if one is not where it belongs.

    Each timestamp has one candle line for each symbol, in order, and the times ascend (S6a). The other lines come after
    the candle lines of their timestamp, or before the first candle line.
    """
    # All of it is one loop with local variables: a function call for each line would take as long as the check itself.
    candles = [_candle_pattern(scale).fullmatch for scale in started.symbols]
    missing = [_missing_pattern(scale.symbol).fullmatch for scale in started.symbols]
    keep = [rows.add for rows in content.rows]
    symbols, known, lines, offset, last_ts, before = len(candles), 0, 0, 0, -1, b""
    last, outcomes = (0, 0, b""), content.outcomes
    raw = b""
    for raw in lines_read:
        symbol = known % symbols  # the one whose candle line comes next; known: candle lines of this timestamp
        match = candles[symbol](raw)
        if match is not None:
            keep[symbol](match.groups())
        else:
            match = missing[symbol](raw)
        if match is None:
            in_place = last_ts < 0 or (known == symbols and _ts_of(raw) == last_ts)
            _add_outcome(raw, content, lines + 1)
        elif symbol == 0:
            ts = int(match[1])
            in_place = ts > last_ts and not content.closing
            known, last_ts, content.before_last = 1, ts, len(outcomes)
            last = (offset, lines, before)
        else:
            in_place = int(match[1]) == last_ts
            known += 1
        if not in_place:
            return False
        lines += 1
        offset += len(raw)
        before = raw
    content.last = (*last[:2], last[2][HASH].decode("ascii"))
    content.lines, content.offset, content.h = lines, offset, before[HASH].decode("ascii")
    content.inputs.last_ts, content.inputs.known = last_ts, known
    return bool(content.before_last) and last_ts < MOST_MS and raw.endswith(b"\n")


def _read_compiled(file: IO[bytes], content: _Content, started: RunStarted, read: Callable[..., LinesRead]) -> bool:
    """The same by the compiled form of `read_lines`."""
    literals = literals_of([(one.symbol, one.price_decimals, one.volume_decimals) for one in started.symbols])
    state, text, rest = LinesRead(), b"", b""
    while chunk := file.read(BUFFER):
        chunk = rest + chunk
        end = chunk.rfind(b"\n") + 1
        text, rest = chunk[:end], chunk[end:]
        if len(rest) >= MAX_LINE:
            return False
        room = len(text) // LEAST_LINE + 1
        cells, owners = np.empty((room, CANDLE_FIELDS), np.int64), np.empty(room, np.int64)
        others = np.empty((text.count(b"\n"), OTHER_FIELDS), np.int64)
        state = read(state, content.offset, np.frombuffer(text, np.int8), literals, cells, owners, others)
        for symbol, rows in enumerate(content.rows):
            rows.add_cells(cells[: state.candles][owners[: state.candles] == symbol])
        for first, end, n, ts, is_complete in others[: state.others].tolist():
            raw = text[first:end]
            if len(raw) >= MAX_LINE or (ts >= 0 and not (is_complete and _ts_of(raw) == ts)):
                return False
            _add_outcome(raw, content, n)
        if not state.in_order or (content.closing and state.last_lines >= content.closing):
            return False
        content.offset += len(text)
    file.seek(max(0, state.last_offset + HASH.start))
    content.last = (state.last_offset, state.last_lines, file.read(HASH.stop - HASH.start).decode("ascii"))
    content.lines, content.h, content.before_last = state.lines, text[HASH].decode("ascii"), state.others_before
    content.inputs.last_ts, content.inputs.known = state.ts, state.known
    return bool(content.before_last) and state.ts < MOST_MS and not rest


class _CandleRows:
    """The texts of candles, made into integers some at a time: as texts they would take ten times as much memory."""

    def __init__(self) -> None:
        self._texts: list[tuple[bytes, ...]] = []
        self._cells: list[Int64] = []

    def add(self, texts: tuple[bytes, ...]) -> None:
        """Add a candle: its time, prices and volume."""
        self._texts.append(texts)
        if len(self._texts) == AT_ONCE:
            self._convert()

    def add_cells(self, cells: Int64Table) -> None:
        """Add candles as integers, int64[n, fields]."""
        self._cells.append(cells)

    def cells(self) -> Int64:
        """All candles, int64[n, fields]."""
        self._convert()
        return np.concatenate(self._cells)

    def _convert(self) -> None:
        # Each amount has all its decimal places, so that without the point it is the integer in its units.
        text = b" ".join(chain.from_iterable(self._texts)).replace(b".", b"").decode("ascii")
        numbers = np.fromstring(text, np.int64, sep=" ") if self._texts else np.zeros(0, np.int64)
        self._cells.append(numbers.reshape(-1, CANDLE_FIELDS))
        self._texts.clear()


def _ts_of(raw: bytes) -> int | None:
    match = _TS.search(raw)
    return None if match is None else int(match[1])


def _add_outcome(raw: bytes, content: _Content, n: int) -> None:
    """Add line n, which is not a candle line."""
    content.first_hash = content.first_hash or raw[HASH].decode("ascii")  # line 1 is run_started, not a candle
    event = event_bytes(raw[:-1], n)
    content.outcomes.append(event)
    content.numbers.append(n)
    if not content.closing and (b',"trigger":"stop",' in event or event.endswith(_CLOSING) or event.startswith(_ENDED)):
        content.closing = n
    if event.startswith(_INPUTS):
        content.inputs.note(decode_event(event))


def _candle_pattern(scale: SymbolScale) -> re.Pattern[bytes]:
    """A candle line of a symbol, each amount with exactly its decimal places (J13)."""
    price, volume = _amount(scale.price_decimals), _amount(scale.volume_decimals)
    amounts = [f'"{name}":"({price})"' for name in ("open", "high", "low", "close")]
    named = rf'"type":"candle","ts":({_WHOLE}),"symbol":"{re.escape(scale.symbol)}"'
    event = ",".join([named, *amounts, f'"volume":"({volume})"'])
    return _line(event)


def _missing_pattern(symbol: str) -> re.Pattern[bytes]:
    return _line(rf'"type":"candle_missing","ts":({_WHOLE}),"symbol":"{re.escape(symbol)}"')


def _line(event: str) -> re.Pattern[bytes]:
    head = rf'\{{"n":{_WHOLE},"p":".{{32}}","e":\{{'
    frame = head + event + r'\},"h":".{32}"\}\n'  # the hashes were verified before
    return re.compile(frame.encode("ascii"))


def _amount(places: int) -> str:
    """A pattern of amounts with at most 18 digits, so that they always fit into 64 bits."""
    if places == 18:
        return r"0\.[0-9]{18}"
    whole = rf"(?:0|[1-9][0-9]{{0,{17 - places}}})"
    return rf"{whole}\.[0-9]{{{places}}}" if places else whole


def _series(scale: SymbolScale, rows: _CandleRows) -> Series:
    """The candles of a symbol, from the matched texts of their lines."""
    columns = Columns(*np.ascontiguousarray(rows.cells().T))
    return Series(scale.symbol, scale.price_decimals, scale.volume_decimals, columns)
