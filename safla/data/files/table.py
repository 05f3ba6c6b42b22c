"""Text tables: from blocks of bytes to rows, in bounded memory. The caller says which column is which."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.candles import bad_rows, decimals
from safla.candles.bad_rows import DroppedRows, Handling
from safla.candles.decimals import Numbers
from safla.candles.normalise import FIELDS, MAX_ROWS, FileRows
from safla.candles.validation import Origin
from safla.core.candles import iso
from safla.core.values import Int8, Int64, Mask
from safla.data import market_names
from safla.data.files import orders, times
from safla.errors import DataError
from safla.text import printable

if TYPE_CHECKING:
    import polars as pl

MAX_CELL_BYTES = 128 * 1024
MAX_COLUMNS = 64
HEAD_LINES = 1000  # a header and a row are expected among them, after any banner
HEAD_BYTES = 2**20
SYMBOL = "symbol"  # the name, in a frame, of the column that names the market of each row
MARK = b"\xef\xbb\xbf"  # the byte order mark of UTF-8

_NO_PLACES = np.zeros(0, np.int8)
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class Layout(NamedTuple):
    """How the lines of a table are split into cells, and which cells are used."""

    delimiter: str
    positions: tuple[int, ...]  # of ts, open, high, low, close, volume
    width: int  # cells per line
    skipped: int  # lines before the first row
    notes: tuple[str, ...]
    clock: int | None = None  # the column of the time of day, where the column of ts holds only the date
    others: tuple[tuple[str, int], ...] = ()  # further columns of opening times: name and position
    time_name: str = "time"  # of the column of ts
    repeated: frozenset[bytes] = frozenset()  # lines before the first row; concatenated files repeat them
    framed: bool = True  # empty lines, comments with # and repeated headers are skipped
    word: str = "line"  # what a line is called in messages
    symbol: tuple[int, str] | None = None  # the column that names the market of each row: position and name
    guessed: bool = False  # the order of the columns is assumed, so the values are checked against other orders


class Piece(NamedTuple):
    """Some whole lines of the text, each with its line end, and their numbers."""

    text: bytes
    ends: Int64  # positions of the line ends
    numbers: Int64


class SkippedLines:
    """Lines that are no rows: for each kind how many, and the number of the first."""

    BLANK, COMMENT, REPEATED = "empty line", "line that begins with #", "repeated header"

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, int]] = {}
        # count and first line of the empty lines since the last row: at the end of a file they are not reported
        self._blank: tuple[int, int] = (0, 0)

    def add(self, kind: str, numbers: Int64) -> None:
        """Count lines of a kind."""
        count, first = self.found.get(kind, (0, int(numbers[0])))
        self.found[kind] = count + len(numbers), first

    def add_blank(self, numbers: Int64, *, last_row: int | None) -> None:
        """Count the empty lines of a piece whose last row has the number last_row (None: it has no row)."""
        before = int(np.searchsorted(numbers, last_row)) if last_row is not None else 0
        waiting, first = self._blank
        if last_row is not None and waiting + before:
            count, earliest = self.found.get(self.BLANK, (0, first if waiting else int(numbers[0])))
            self.found[self.BLANK] = count + waiting + before, earliest
            waiting = 0
        after = len(numbers) - before
        if after:
            self._blank = waiting + after, first if waiting else int(numbers[before])
        else:
            self._blank = waiting, first

    def refuse_many(self, path: str) -> None:
        """DataError where there are more of them than rows are allowed."""
        count = self._blank[0] + sum(count for count, _ in self.found.values())
        if count > MAX_ROWS:
            raise DataError(
                f"{printable(path)}: more than {MAX_ROWS} lines that are no rows; give a table of candles",
                code="wrong_format",
            )

    def notes(self) -> list[str]:
        """One note per kind."""
        kinds = (self.BLANK, self.COMMENT, self.REPEATED)
        return [_skip_note(kind, *self.found[kind]) for kind in kinds if kind in self.found]


def _skip_note(kind: str, count: int, first: int) -> str:
    if count == 1:
        return f"1 {kind} skipped (line {first})"
    many = kind.replace("line that begins", "lines that begin") if " that " in kind else f"{kind}s"
    return f"{count} {many} skipped (the first is line {first})"


def read(
    path: str,
    blocks: Iterator[bytes],
    *,
    layout_of: Callable[[list[str]], Layout],
    closed: bool,
    zone: str | None = None,
    symbol: str | None = None,
    bad: Handling = "refuse",
) -> FileRows:
    """The rows of a text table. `layout_of` gets the first lines and returns how to read it.

    zone    the time zone of dates that name none
    symbol  rows of other symbols are left out, where a column names them; None: all rows are read
    bad     how to handle rows that are not valid candles
    DataError names file, line and cell of the first row that cannot be read.
    """
    import polars as pl

    lines = _lines(path, blocks)
    head = _without_mark(path, _head(lines))
    if not head.strip():
        raise DataError(f"{printable(path)}: the file is empty", code="no_candles")
    layout = layout_of(_first_lines(path, head))
    parts: dict[str, list[Numbers]] = {field: [] for field in FIELDS}
    numbers: list[Int64] = []
    kinds: list[Int8] = []
    rows = 0
    owner = market_names.Owner(symbol, layout.symbol[1]) if symbol is not None and layout.symbol else None
    dropped: list[DroppedRows] = []
    skipped, reading_notes = SkippedLines(), dict.fromkeys(layout.notes)
    for piece in _pieces(path, head, lines, layout=layout, skipped=skipped):
        rows += len(piece.ends)
        if rows > MAX_ROWS:
            raise DataError(f"{printable(path)}: more than {MAX_ROWS} rows", code="file_too_large")
        frame = _cells(path, piece, layout=layout)
        places = piece.numbers
        if owner is not None:
            kept = owner.own(frame[SYMBOL], places)
            frame, places = (frame, places) if kept.all() else (frame.filter(pl.Series(kept)), places[kept])
        (ts, notes_of, columns_read), places, dropped_rows = bad_rows.sound(
            frame,
            places,
            read=lambda frame, places: _parsed(path, frame, places, layout=layout, zone=zone),
            bad=bad,
        )
        dropped.append(dropped_rows)
        if not len(places):
            continue
        reading_notes |= dict.fromkeys(notes_of)
        for field, column in {"ts": Numbers(ts.ms, _NO_PLACES), **columns_read}.items():
            # copies, so that the memory of the text can be freed
            parts[field].append(Numbers(column.digits.copy(), column.places.copy()))
        numbers.append(places)
        kinds.append(ts.kinds)
    all_dropped = bad_rows.sum_dropped(dropped)
    bad_rows.refuse_if_nothing_is_left(all_dropped, kept=sum(map(len, numbers)))
    joined = {field: _joined(parts.pop(field)) for field in FIELDS}
    origin = Origin(path, layout.word, np.concatenate(numbers) if numbers else np.zeros(0, np.int64))
    time_note = times.note(np.concatenate(kinds), origin.numbers, word=layout.word, zone=zone) if kinds else None
    notes = [*reading_notes, *skipped.notes(), *([time_note] if time_note else [])]
    ts_ms = joined.pop("ts").digits
    all_notes = (*(f"{printable(path)}: {note}" for note in notes), *(owner.notes(path, layout.word) if owner else ()))
    found_rows = FileRows(origin, ts_ms, joined, all_notes, closed, all_dropped)
    if layout.guessed:
        orders.refuse_another(found_rows)
    return found_rows


def _parsed(
    path: str, frame: "pl.DataFrame", places: Int64, *, layout: Layout, zone: str | None
) -> tuple[times.Times, list[str], dict[str, Numbers]]:
    """Times and numbers of some rows, and notes on their times."""
    if not frame.height:
        return times.Times(np.zeros(0, np.int64), np.zeros(0, np.int8)), [], {}
    where = Origin(path, layout.word, places).at
    ts = times.parse(frame["ts"], where, zone=zone)
    notes = _disagreements(frame, ts, where, layout=layout, zone=zone)
    return ts, notes, decimals.parse(frame.select(FIELDS[1:]), where)


def _disagreements(
    frame: "pl.DataFrame", ts: times.Times, where: decimals.RowPlace, *, layout: Layout, zone: str | None
) -> list[str]:
    """Compare further columns of opening times. DataError where one differs; a note where it holds other texts."""
    notes = []
    for name, position in layout.others:
        try:
            other = times.parse(frame[f"time {position}"], where, zone=zone or "UTC").ms
        except DataError as error:
            if int(ts.kinds.max()) >= times.DATES:
                raise
            text = str(error).partition(": time ")[2].partition(" is ")[0]
            notes.append(
                f"column {name!a} is not compared with {layout.time_name!a}: it holds {text}, which is no known date"
            )
            continue
        different = np.flatnonzero(other != ts.ms)
        if len(different):
            row = int(different[0])
            raise DataError(
                f"{where(row)}: the columns {layout.time_name!a} and {name!a} have different times, "
                f"{iso(int(ts.ms[row]))} and {iso(int(other[row]))}{decimals.more(len(different))}; "
                "choose one with data.columns (ts)",
                code="column_unclear",
            )
    return notes


def split_cells(line: str, delimiter: str) -> list[str]:
    """The cells of a line, without quotes and spaces around them."""
    mark = re.escape(delimiter)
    cells = re.findall(rf'(?:^|{mark})\s*("(?:[^"]|"")*"|[^{mark}]*)', line)
    return [cell.strip().strip('"').strip() for cell in cells]


def _joined(parts: list[Numbers]) -> Numbers:
    if not parts:
        return Numbers(np.zeros(0, np.int64), np.zeros(0, np.int8))
    return Numbers(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _lines(path: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, in blocks of whole lines that all end in \\n, the last line too."""
    rest = b""
    for block in blocks:
        block = rest + block
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        end = block.rfind(b"\n") + 1
        if end == 0 and len(block) > MAX_CELL_BYTES:
            raise DataError(
                f"{printable(path)}: a line of more than {MAX_CELL_BYTES} bytes; this is no table of candles",
                code="wrong_format",
            )
        if end:
            yield block[:end]
        rest = block[end:]
    if rest.strip():
        yield rest.rstrip(b"\r\n") + b"\n"


def _head(lines: Iterator[bytes]) -> bytes:
    """The first part of the text, from which the layout is derived; independent of the block size."""
    parts: list[bytes] = []
    count = size = 0
    while count < HEAD_LINES and size < HEAD_BYTES and (more := next(lines, b"")):
        parts.append(more)
        count, size = count + more.count(b"\n"), size + len(more)
    return b"".join(parts)


def _without_mark(path: str, head: bytes) -> bytes:
    if head[:2] in _MARKS:
        raise DataError(f"{printable(path)}: the text is {_MARKS[head[:2]]}; save it as UTF-8", code="wrong_format")
    return head.removeprefix(MARK)


def _first_lines(path: str, head: bytes) -> list[str]:
    texts = head[:HEAD_BYTES].split(b"\n", HEAD_LINES)
    if len(texts) > 1:
        texts.pop()  # it may be cut, or is empty
    lines: list[str] = []
    for line in texts:
        if len(line) > MAX_CELL_BYTES:
            break
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise DataError(
                f"{printable(path)}: line {len(lines) + 1}: not a text in UTF-8", code="wrong_format"
            ) from error
    if not any(line.strip() for line in lines) and len(texts) > len(lines):
        raise DataError(
            f"{printable(path)}: a line of more than {MAX_CELL_BYTES} bytes; this is no table of candles",
            code="wrong_format",
        )
    return lines


def _pieces(
    path: str, head: bytes, lines: Iterator[bytes], *, layout: Layout, skipped: SkippedLines
) -> Iterator[Piece]:
    text: bytes | None = head.split(b"\n", layout.skipped)[layout.skipped] if layout.skipped else head
    first = 1 + layout.skipped
    while text is not None:
        if MARK in text:  # the file was appended to another one
            text = text.removeprefix(MARK).replace(b"\n" + MARK, b"\n")
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == 10)
        if text:
            _refuse_bytes(path, text, ends=ends, first=first)
            whole = Piece(text, ends, np.arange(first, first + len(ends), dtype=np.int64))
            piece = _framed(path, whole, layout=layout, skipped=skipped) if layout.framed else whole
            if len(piece.ends):
                yield piece
        first += len(ends)
        text = next(lines, None)


def _framed(path: str, piece: Piece, *, layout: Layout, skipped: SkippedLines) -> Piece:
    """The lines of a piece that are rows. Empty lines, comments and repeated headers are counted in `skipped`."""
    text, ends, numbers = piece
    letters = np.frombuffer(text, np.uint8)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
    begins = letters[starts]
    comments, repeated = begins == ord("#"), np.zeros(len(ends), bool)
    blank = begins == 10
    bare = (begins <= 32) | (begins == ord(layout.delimiter))
    if bare.any():
        values = (letters > 32) & (letters != ord(layout.delimiter)) & (letters != ord('"'))
        blank |= bare & (np.add.reduceat(values, starts, dtype=np.int64) == 0)
        if b"#" in text:
            places = np.flatnonzero(bare & ~blank)
            comments[[place for place in places.tolist() if text[starts[place] : ends[place]].lstrip()[:1] == b"#"]] = (
                True
            )
    for line in layout.repeated:
        if line + b"\n" in text:
            places = np.flatnonzero((begins == line[0]) & (ends - starts == len(line)))
            repeated[[place for place in places.tolist() if text[starts[place] : ends[place]] == line]] = True
    gone = blank | comments | repeated
    if not gone.any():
        return piece
    for kind, mask in ((skipped.COMMENT, comments), (skipped.REPEATED, repeated)):
        if mask.any():
            skipped.add(kind, numbers[mask])
    kept = np.flatnonzero(~gone)
    skipped.add_blank(numbers[blank], last_row=int(numbers[kept[-1]]) if len(kept) else None)
    skipped.refuse_many(path)
    text = letters[np.repeat(~gone, ends - starts + 1)].tobytes()
    return Piece(text, np.flatnonzero(np.frombuffer(text, np.uint8) == 10), numbers[kept])


def _refuse_bytes(path: str, text: bytes, *, ends: Int64, first: int) -> None:
    if b"\0" in text:
        raise DataError(
            f"{printable(path)}: line {first + text[: text.index(0)].count(10)}: a NUL byte; this is no text",
            code="wrong_format",
        )
    lengths = np.diff(ends, prepend=-1) - 1
    long = np.flatnonzero(lengths > MAX_CELL_BYTES)
    if len(long):
        raise DataError(
            f"{printable(path)}: line {first + int(long[0])}: more than {MAX_CELL_BYTES} bytes", code="malformed_row"
        )


def _cells(path: str, piece: Piece, *, layout: Layout) -> "pl.DataFrame":
    """The used cells of some lines as text, one row per line."""
    import polars as pl

    quoted = b'"' in piece.text
    others = {f"time {position}": position for _, position in layout.others}
    places = dict(zip(FIELDS, layout.positions, strict=True)) | others
    places |= {SYMBOL: layout.symbol[0]} if layout.symbol else {}
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
    """Whether each line has as many cells as the first. polars would silently accept missing and extra cells."""
    letters = np.frombuffer(piece.text, np.uint8)
    delimiters = letters == ord(layout.delimiter)
    if quoted:
        outside = np.cumsum(letters == ord('"'), dtype=np.uint8) % 2 == 0
        delimiters &= outside
        if not outside[piece.ends].all() or _misplaced_quotes(letters, layout.delimiter).any():
            return False
    cells = np.searchsorted(np.flatnonzero(delimiters), piece.ends)
    return np.array_equal(cells, np.arange(1, len(piece.ends) + 1) * (layout.width - 1))


def _misplaced_quotes(letters: "np.ndarray[tuple[int], np.dtype[np.uint8]]", delimiter: str) -> Mask:
    """For each quote in whole lines: whether it is inside a cell. polars would read such a cell as some other text.

    Apart from spaces, an opening quote follows a delimiter and a closing quote precedes one. Two quotes together are
    an escaped quote.
    """
    allowed = np.frombuffer(f'{delimiter} \t\r\n"'.encode(), np.uint8)
    places = np.flatnonzero(letters == ord('"'))
    before, after = letters[np.maximum(places[0::2] - 1, 0)], letters[places[1::2] + 1]
    misplaced = np.zeros(len(places), bool)
    misplaced[0::2] = ~np.isin(before, allowed) & (places[0::2] > 0)
    misplaced[1::2] = ~np.isin(after, allowed)
    return misplaced


def _ragged(path: str, piece: Piece, *, layout: Layout) -> DataError:
    """The error for lines that do not split into cells like the first line. It names the first such line."""
    outside = re.compile(f'"[^"]*"|{re.escape(layout.delimiter)}'.encode())
    for number, line in zip(piece.numbers.tolist(), piece.text.split(b"\n"), strict=False):
        at = f"{printable(path)}: {layout.word} {number}"
        if line.count(b'"') % 2:
            return DataError(f"{at}: a quote is opened and not closed; close it or remove it", code="malformed_row")
        if _misplaced_quotes(np.frombuffer(line + b"\n", np.uint8), layout.delimiter).any():
            return DataError(
                f"{at}: a quote within a cell; remove it, or write the cell in quotes and double each quote in it",
                code="malformed_row",
            )
        cells = 1 + sum(token == layout.delimiter.encode() for token in outside.findall(line))
        if cells != layout.width:
            return DataError(f"{at}: {cells} cells, the first {layout.word} has {layout.width}", code="malformed_row")
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            return DataError(f"{at}: not a text in UTF-8", code="wrong_format")
    return DataError(
        f"{printable(path)}: {layout.word}s {piece.numbers[0]} to {piece.numbers[-1]} are no table", code="wrong_format"
    )
