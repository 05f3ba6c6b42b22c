"""Text tables: blocks of bytes to rows, at a bounded use of memory. Which column is which, the caller says."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.core.candles import iso
from safla.core.values import Int8, Int64
from safla.data import decimals
from safla.data.checks import Origin
from safla.data.decimals import Numbers
from safla.data.files import times
from safla.data.files.bounded import shown
from safla.data.rows import FIELDS, MAX_ROWS, Rows
from safla.errors import DataError

if TYPE_CHECKING:
    import polars as pl

MAX_CELL_BYTES = 128 * 1024
MAX_COLUMNS = 64
HEAD_LINES = 1000  # among them a header and a row are looked for, behind whatever banner
HEAD_BYTES = 2**20
MARK = b"\xef\xbb\xbf"

_NO_PLACES = np.zeros(0, np.int8)
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class Layout(NamedTuple):
    """How the lines of a table are cut, and which cells are used."""

    delimiter: str
    positions: tuple[int, ...]  # of ts, open, high, low, close, volume
    width: int  # cells of a line
    skipped: int  # lines before the first row
    notes: tuple[str, ...]
    clock: int | None = None  # the column of the time of day, where the one of ts holds the date alone
    others: tuple[tuple[str, int], ...] = ()  # further columns of opening times: name and position
    time_name: str = "time"  # of the column of ts
    repeated: frozenset[bytes] = frozenset()  # lines before the first row, which concatenated files have again
    framed: bool = True  # lines that are empty, begin with # or are repeated are no rows
    word: str = "line"  # what a line is called in messages


class Piece(NamedTuple):
    """Some whole lines of the text, the last one ended, and the number of each."""

    text: bytes
    ends: Int64  # where the line ends stand
    numbers: Int64


class Skipped(NamedTuple):
    """Lines that are no rows, by their numbers."""

    blank: list[int]
    comments: list[int]
    repeated: list[int]


def read(
    path: str,
    blocks: Iterator[bytes],
    *,
    layout_of: Callable[[list[str]], Layout],
    closed: bool,
    zone: str | None = None,
) -> Rows:
    """The rows of a text table. `layout_of` sees the first lines and says how to read it.

    zone  of dates that name none
    DataError names file, line and cell of the first that cannot be read.
    """
    lines = _lines(path, blocks)
    head = _without_mark(path, _head(lines))
    if not head.strip():
        raise DataError(f"{shown(path)}: the file is empty")
    layout = layout_of(_first_lines(path, head))
    parts: dict[str, list[Numbers]] = {field: [] for field in FIELDS}
    numbers: list[Int64] = []
    kinds: list[Int8] = []
    rows = 0
    skipped, said = Skipped([], [], []), dict.fromkeys(layout.notes)
    for piece in _pieces(path, head, lines, layout=layout, skipped=skipped):
        rows += len(piece.ends)
        if rows > MAX_ROWS:
            raise DataError(f"{shown(path)}: more than {MAX_ROWS} rows")
        frame = _cells(path, piece, layout=layout)
        where = Origin(path, layout.word, piece.numbers).at
        ts = times.parse(frame["ts"], where, zone)
        said |= dict.fromkeys(_disagreements(frame, ts, where, layout=layout, zone=zone))
        found = decimals.parse(frame.select(FIELDS[1:]), where)
        for field, column in {"ts": Numbers(ts.ms, _NO_PLACES), **found}.items():
            # copies let go of the text behind them
            parts[field].append(Numbers(column.digits.copy(), column.places.copy()))
        numbers.append(piece.numbers)
        kinds.append(ts.kinds)
    joined = {field: _joined(parts.pop(field)) for field in FIELDS}
    origin = Origin(path, layout.word, np.concatenate(numbers) if numbers else np.zeros(0, np.int64))
    units = times.note(np.concatenate(kinds), origin.numbers, word=layout.word, zone=zone) if kinds else None
    notes = [*said, *_skips(skipped, origin.numbers), *([units] if units else [])]
    ts_ms = joined.pop("ts").digits
    return Rows(origin, ts_ms, joined, tuple(f"{shown(path)}: {note}" for note in notes), closed)


def _skips(skipped: Skipped, rows: Int64) -> list[str]:
    """What there is to say of lines that are no rows. Blank ones at the end of a file are not worth a word."""
    last = int(rows[-1]) if len(rows) else 0
    found = (
        ([one for one in skipped.blank if one < last], "empty line"),
        (skipped.comments, "line that begins with #"),
        (skipped.repeated, "repeated header"),
    )
    return [
        f"{len(lines)} {_several(what, len(lines))} skipped ({'line' if len(lines) == 1 else 'the first is line'} "
        f"{lines[0]})"
        for lines, what in found
        if lines
    ]


def _several(what: str, count: int) -> str:
    many = {"line that begins with #": "lines that begin with #"}
    return what if count == 1 else many.get(what, f"{what}s")


def _disagreements(
    frame: "pl.DataFrame", ts: times.Times, where: decimals.Where, *, layout: Layout, zone: str | None
) -> list[str]:
    """Whether further columns of opening times say the same: DataError where one does not, a note where it is none."""
    notes = []
    for name, position in layout.others:
        try:
            other = times.parse(frame[f"time {position}"], where, zone or "UTC").ms
        except DataError as error:
            if int(ts.kinds.max()) >= times.DATES:
                raise
            text = str(error).partition(": time ")[2].partition(" is ")[0]
            notes.append(f"column {name!a} is not compared with {layout.time_name!a}: {text} is no date that is read")
            continue
        apart = np.flatnonzero(other != ts.ms)
        if len(apart):
            row = int(apart[0])
            raise DataError(
                f"{where(row)}: the columns {layout.time_name!a} and {name!a} say different times, "
                f"{iso(int(ts.ms[row]))} and {iso(int(other[row]))}{decimals.more(len(apart))}; "
                "data.columns says which counts (ts)"
            )
    return notes


def split(line: str, delimiter: str) -> list[str]:
    """The cells of a line, without quotes and spaces around them."""
    mark = re.escape(delimiter)
    cells = re.findall(rf'(?:^|{mark})\s*("[^"]*"|[^{mark}]*)', line)
    return [cell.strip().strip('"').strip() for cell in cells]


def _joined(parts: list[Numbers]) -> Numbers:
    if not parts:
        return Numbers(np.zeros(0, np.int64), np.zeros(0, np.int8))
    return Numbers(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _lines(path: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut behind line ends, all of which are \\n; the last line is ended too."""
    rest = b""
    for block in blocks:
        block = rest + block
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        end = block.rfind(b"\n") + 1
        if end == 0 and len(block) > MAX_CELL_BYTES:
            raise DataError(f"{shown(path)}: a line of more than {MAX_CELL_BYTES} bytes; this is no table of candles")
        if end:
            yield block[:end]
        rest = block[end:]
    if rest.strip():
        yield rest.rstrip(b"\r\n") + b"\n"


def _head(lines: Iterator[bytes]) -> bytes:
    """As much of the text as a layout is told by, whatever the size of a block."""
    parts: list[bytes] = []
    count = size = 0
    while count < HEAD_LINES and size < HEAD_BYTES and (more := next(lines, b"")):
        parts.append(more)
        count, size = count + more.count(b"\n"), size + len(more)
    return b"".join(parts)


def _without_mark(path: str, head: bytes) -> bytes:
    if head[:2] in _MARKS:
        raise DataError(f"{shown(path)}: the text is {_MARKS[head[:2]]}; save it as UTF-8")
    return head.removeprefix(MARK)


def _first_lines(path: str, head: bytes) -> list[str]:
    texts = head[:HEAD_BYTES].split(b"\n")[: HEAD_LINES + 1]
    if len(texts) > 1:
        texts.pop()  # it may be cut, or is empty
    lines: list[str] = []
    for line in texts:
        if len(line) > MAX_CELL_BYTES:
            break
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise DataError(f"{shown(path)}: line {len(lines) + 1}: not a text in UTF-8") from error
    if not any(line.strip() for line in lines) and len(texts) > len(lines):
        raise DataError(f"{shown(path)}: a line of more than {MAX_CELL_BYTES} bytes; this is no table of candles")
    return lines


def _pieces(path: str, head: bytes, lines: Iterator[bytes], *, layout: Layout, skipped: Skipped) -> Iterator[Piece]:
    text: bytes | None = head.split(b"\n", layout.skipped)[layout.skipped] if layout.skipped else head
    first = 1 + layout.skipped
    while text is not None:
        count = text.count(b"\n")
        if text:
            piece = _framed(path, text, first=first, layout=layout, skipped=skipped)
            if len(piece.ends):
                yield piece
        first += count
        text = next(lines, None)


def _framed(path: str, text: bytes, *, first: int, layout: Layout, skipped: Skipped) -> Piece:
    """The lines of a text that are rows. Those that are empty, a comment or a repeated header are counted."""
    if MARK in text:
        text = text.removeprefix(MARK).replace(b"\n" + MARK, b"\n")
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == 10)
    _refuse_bytes(path, text, ends=ends, first=first)
    numbers = np.arange(first, first + len(ends), dtype=np.int64)
    if not layout.framed:
        return Piece(text, ends, numbers)
    letters = np.frombuffer(text, np.uint8)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
    begins = letters[starts]
    odd = (begins <= 32) | (begins == ord("#")) | (begins == ord(layout.delimiter))
    for line in layout.repeated:
        if line + b"\n" in text:
            odd |= begins == line[0]
    places = np.flatnonzero(odd)
    if not len(places):
        return Piece(text, ends, numbers)
    empty = f'{layout.delimiter}" \t'.encode()
    gone = []
    for place in places.tolist():
        line = text[starts[place] : ends[place]]
        kind = (
            skipped.comments if line.lstrip().startswith(b"#")
            else skipped.blank if not line.strip(empty)
            else skipped.repeated if line in layout.repeated
            else None
        )  # fmt: skip
        if kind is not None:
            kind.append(first + place)
            gone.append(place)
    if not gone:
        return Piece(text, ends, numbers)
    kept = np.delete(np.arange(len(ends)), gone)
    text = b"".join(text[starts[place] : ends[place] + 1] for place in kept.tolist())
    return Piece(text, np.flatnonzero(np.frombuffer(text, np.uint8) == 10), numbers[kept])


def _refuse_bytes(path: str, text: bytes, *, ends: Int64, first: int) -> None:
    if b"\0" in text:
        raise DataError(f"{shown(path)}: line {first + text[: text.index(0)].count(10)}: a NUL byte; this is no text")
    lengths = np.diff(ends, prepend=-1) - 1
    long = np.flatnonzero(lengths > MAX_CELL_BYTES)
    if len(long):
        raise DataError(f"{shown(path)}: line {first + int(long[0])}: more than {MAX_CELL_BYTES} bytes")


def _cells(path: str, piece: Piece, *, layout: Layout) -> "pl.DataFrame":
    """The used cells of some lines, as text, one row a line."""
    import polars as pl

    quoted = b'"' in piece.text
    others = {f"time {position}": position for _, position in layout.others}
    places = dict(zip(FIELDS, layout.positions, strict=True)) | others
    clock = [] if layout.clock is None else [layout.clock]
    used = sorted({*places.values(), *clock})
    if not _is_even(piece, layout=layout, quoted=quoted):
        raise _ragged(path, piece, layout=layout)
    try:
        frame = pl.read_csv(
            piece.text,
            has_header=False,
            infer_schema=False,
            separator=layout.delimiter,
            quote_char='"' if quoted else None,
            columns=used,
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _ragged(path, piece, layout=layout) from error
    if frame.height != len(piece.ends):
        raise _ragged(path, piece, layout=layout)
    names = dict(zip(used, frame.columns, strict=True))
    frame = frame.select(
        *(pl.col(names[position]).alias(field) for field, position in places.items()),
        *(pl.col(names[position]).alias("clock") for position in clock),
    )
    return frame.with_columns(ts=pl.col("ts") + " " + pl.col("clock")) if clock else frame


def _is_even(piece: Piece, *, layout: Layout, quoted: bool) -> bool:
    """Whether each line has as many cells as the first. polars passes over cells that are missing or left over."""
    letters = np.frombuffer(piece.text, np.uint8)
    marks = letters == ord(layout.delimiter)
    if quoted:
        outside = np.cumsum(letters == ord('"'), dtype=np.uint8) % 2 == 0
        marks &= outside
        if not outside[piece.ends].all():
            return False
    cells = np.searchsorted(np.flatnonzero(marks), piece.ends)
    return np.array_equal(cells, np.arange(1, len(piece.ends) + 1) * (layout.width - 1))


def _ragged(path: str, piece: Piece, *, layout: Layout) -> DataError:
    """The error for lines that are not cut into cells as the first was: it names the first such line."""
    outside = re.compile(f'"[^"]*"|{re.escape(layout.delimiter)}'.encode())
    for number, line in zip(piece.numbers.tolist(), piece.text.split(b"\n"), strict=False):
        at = f"{shown(path)}: {layout.word} {number}"
        if line.count(b'"') % 2:
            return DataError(f"{at}: a quote is opened and not closed")
        cells = 1 + sum(found == layout.delimiter.encode() for found in outside.findall(line))
        if cells != layout.width:
            return DataError(f"{at}: {cells} cells, the first {layout.word} has {layout.width}")
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            return DataError(f"{at}: not a text in UTF-8")
    return DataError(f"{shown(path)}: {layout.word}s {piece.numbers[0]} to {piece.numbers[-1]} are no table")
