"""Text tables: blocks of bytes to rows, at a bounded use of memory. Which column is which, the caller says."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.core.values import Int64
from safla.data import bad_rows, decimals, market_names
from safla.data.bad_rows import Handling, Left
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
HEAD_LINES = 3  # a banner, a header, a row
SYMBOL = "symbol"  # how the column is called here that says whose candle a row is

_NO_PLACES = np.zeros(0, np.int8)
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class Layout(NamedTuple):
    """How the lines of a table are cut, and which cells are used."""

    delimiter: str
    positions: tuple[int, ...]  # of ts, open, high, low, close, volume
    width: int  # cells of a line
    skipped: int  # lines before the first row
    notes: tuple[str, ...]
    symbol: tuple[int, str] | None = None  # the cell that says whose candle a row is, and what its column is called


class Piece(NamedTuple):
    """Some whole lines of the text, the last one ended, and the number of the first."""

    text: bytes
    ends: Int64  # where the line ends stand
    first: int


def read(
    path: str, blocks: Iterator[bytes], *, layout_of: Callable[[list[str]], Layout], closed: bool,
    symbol: str | None = None, bad: Handling = "refuse",
) -> Rows:  # fmt: skip
    """The rows of a text table. `layout_of` sees the first lines and says how to read it.

    symbol  whose rows are taken, where a column says whose each is; None: all
    bad     what becomes of rows that are no candles
    DataError names file, line and cell of the first that cannot be read.
    """
    import polars as pl

    lines = _lines(path, blocks)
    head = _without_mark(path, _head(lines))
    if not head.strip():
        raise DataError(f"{shown(path)}: the file is empty")
    layout = layout_of(_first_lines(path, head))
    name = shown(path)
    parts: dict[str, list[Numbers]] = {field: [] for field in FIELDS}
    rows, unit = 0, ""
    owner = market_names.Owner(symbol, layout.symbol[1]) if symbol is not None and layout.symbol else None
    numbered: list[Int64] = []
    left: list[Left] = []
    for piece in _pieces(path, head, lines, skipped=layout.skipped):
        rows += len(piece.ends)
        if rows > MAX_ROWS:
            raise DataError(f"{name}: more than {MAX_ROWS} rows")
        frame = _cells(path, piece, layout=layout)
        places = np.arange(piece.first, piece.first + frame.height, dtype=np.int64)
        if owner is not None:
            kept = owner.own(frame[SYMBOL], places)
            frame, places = (frame, places) if kept.all() else (frame.filter(pl.Series(kept)), places[kept])
        (ts, own_unit, numbers_of), places, gone = bad_rows.sound(
            frame, places, read=lambda frame, places: _parsed(path, frame, places), bad=bad
        )
        numbered.append(places)
        left.append(gone)
        if not len(places):
            continue
        if own_unit != (unit or own_unit):
            raise DataError(f"{_where(path, places)(0)}: times are {own_unit}, the rows before have {unit}")
        unit = own_unit
        for field, numbers in {"ts": Numbers(ts, _NO_PLACES), **numbers_of}.items():
            # copies let go of the text behind them
            parts[field].append(Numbers(numbers.digits.copy(), numbers.places.copy()))
    said = (f"{name}: times are {unit}",) if unit not in ("", "milliseconds") else ()
    joined = {field: _joined(parts.pop(field)) for field in FIELDS}
    origin = Origin(path, "line", np.concatenate(numbered) if numbered else np.zeros(0, np.int64))
    ts = joined.pop("ts").digits
    notes = tuple(f"{name}: {note}" for note in layout.notes) + said
    others = () if owner is None else owner.told(path, "line")
    return Rows(origin, ts, joined, notes + others, closed, bad_rows.together(left))


def _parsed(path: str, frame: "pl.DataFrame", places: Int64) -> tuple[Int64, str, dict[str, Numbers]]:
    if not frame.height:
        return np.zeros(0, np.int64), "", {}
    where = _where(path, places)
    ts, unit = times.parse(frame["ts"], where)
    return ts, unit, decimals.parse(frame.select(FIELDS[1:]), where)


def split(line: str, delimiter: str) -> list[str]:
    """The cells of a line, without quotes and spaces around them."""
    mark = re.escape(delimiter)
    cells = re.findall(rf'(?:^|{mark})\s*("[^"]*"|[^{mark}]*)', line)
    return [cell.strip().strip('"').strip() for cell in cells]


def _joined(parts: list[Numbers]) -> Numbers:
    if not parts:
        return Numbers(np.zeros(0, np.int64), np.zeros(0, np.int8))
    return Numbers(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _where(path: str, places: Int64) -> decimals.Where:
    return lambda row: f"{shown(path)}: line {places[row]}"


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
    head = b""
    while head.count(b"\n") < HEAD_LINES and (more := next(lines, b"")):
        head += more
    return head


def _without_mark(path: str, head: bytes) -> bytes:
    if head[:2] in _MARKS:
        raise DataError(f"{shown(path)}: the text is {_MARKS[head[:2]]}; save it as UTF-8")
    return head.removeprefix(b"\xef\xbb\xbf")


def _first_lines(path: str, head: bytes) -> list[str]:
    lines: list[str] = []
    for line in head[: HEAD_LINES * MAX_CELL_BYTES].split(b"\n")[:HEAD_LINES]:
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise DataError(f"{shown(path)}: line {len(lines) + 1}: not a text in UTF-8") from error
    return lines


def _pieces(path: str, head: bytes, lines: Iterator[bytes], *, skipped: int) -> Iterator[Piece]:
    text = head.split(b"\n", skipped)[skipped] if skipped else head
    first = 1 + skipped
    while text is not None:
        following = next(lines, None)
        if following is None:
            text = text.rstrip(b"\n") + b"\n"  # empty lines at the end are no rows
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == 10)
        _refuse_bytes(path, text, ends=ends, first=first)
        if text != b"\n":
            yield Piece(text, ends, first)
        first += len(ends)
        text = following  # type: ignore[assignment]


def _refuse_bytes(path: str, text: bytes, *, ends: Int64, first: int) -> None:
    if b"\0" in text:
        raise DataError(f"{shown(path)}: line {first + text[: text.index(0)].count(10)}: a NUL byte; this is no text")
    lengths = np.diff(ends, prepend=-1) - 1
    long = np.flatnonzero(lengths > MAX_CELL_BYTES)
    if len(long):
        raise DataError(f"{shown(path)}: line {first + int(long[0])}: more than {MAX_CELL_BYTES} bytes")
    empty = np.flatnonzero(lengths == 0)
    if len(empty) and text != b"\n":
        raise DataError(f"{shown(path)}: line {first + int(empty[0])}: the line is empty")


def _cells(path: str, piece: Piece, *, layout: Layout) -> "pl.DataFrame":
    """The used cells of some lines, as text, one row a line."""
    import polars as pl

    quoted = b'"' in piece.text
    used = sorted({*layout.positions, *([layout.symbol[0]] if layout.symbol else [])})
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
    places = [*zip(layout.positions, FIELDS, strict=True), *([(layout.symbol[0], SYMBOL)] if layout.symbol else [])]
    return frame.select(pl.col(names[position]).alias(field) for position, field in places)


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
    for number, line in enumerate(piece.text.split(b"\n")[:-1], piece.first):
        at = f"{shown(path)}: line {number}"
        if line.count(b'"') % 2:
            return DataError(f"{at}: a quote is opened and not closed")
        cells = 1 + sum(found == layout.delimiter.encode() for found in outside.findall(line))
        if cells != layout.width:
            return DataError(f"{at}: {cells} cells, the first line has {layout.width}")
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            return DataError(f"{at}: not a text in UTF-8")
    return DataError(f"{shown(path)}: lines {piece.first} to {piece.first + len(piece.ends) - 1} are no table")
