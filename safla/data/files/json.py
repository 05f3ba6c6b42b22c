"""JSON candles, [[time, open, high, low, close, volume], ...], as table lines, so that numbers stay exact texts."""

import re
from collections.abc import Iterator

from safla.candles.bad_rows import Handling
from safla.candles.normalise import FIELDS, FileRows
from safla.data.files import table
from safla.data.files.csv import ColumnMap, locate_columns
from safla.data.files.table import MAX_CELL_BYTES, MAX_COLUMNS, Layout, split_cells
from safla.errors import DataError
from safla.text import printable

ORDER = "arrays are read as ccxt writes them: time, open, high, low, close, volume"

_BEGIN = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*\[")
_NOTHING = re.compile(rb"\s*\[\s*\]\s*")
_BETWEEN_LAST = re.compile(rb"\]\s*,\s*\Z")
_END = re.compile(rb"\]\s*\]\s*\Z")
_SPACES = re.compile(rb"\s+")
_SHAPE = "JSON of candles is an array of arrays, [[time, open, high, low, close, volume], ...]"


def of_blocks(
    path: str, blocks: Iterator[bytes], *, columns: ColumnMap | None = None, zone: str | None = None,
    bad: Handling = "refuse",
) -> FileRows:  # fmt: skip
    """The rows of a JSON text. DataError: another shape, a truncated text, or a cell that is no number, with its row.

    columns  by position; None: the order of ccxt, which the values must not contradict
    """
    name = printable(path)
    return table.read(
        path,
        _lines(blocks, name=name),
        layout_of=lambda lines: _layout(lines, columns, name=name),
        closed=False,
        zone=zone,
        bad=bad,
    )


def _layout(lines: list[str], columns: ColumnMap | None, *, name: str) -> Layout:
    width = len(split_cells(lines[0], ","))
    if not len(FIELDS) <= width <= MAX_COLUMNS:
        raise DataError(
            f"{name}: row 1: {width} values, six are needed and at most {MAX_COLUMNS} are read; {_SHAPE}",
            code="malformed_row",
        )
    places = locate_columns(None, columns, width=width, path=name, sample=()).positions
    return Layout(",", places, width, 0, () if columns else (ORDER,), framed=False, word="row", guessed=not columns)


def _lines(blocks: Iterator[bytes], *, name: str) -> Iterator[bytes]:
    """The arrays, each as a line of cells. There is no parser for nesting: extra brackets are an error."""
    rest: bytes | None = None  # an array whose end is still to come; None before the first array
    for block in blocks:
        text = block if rest is None else rest + block
        if rest is None:
            begin = _BEGIN.match(text[:MAX_CELL_BYTES])
            if _NOTHING.fullmatch(text):
                return
            if begin is None:
                raise DataError(f"{name}: {_SHAPE}; this file has another shape", code="wrong_format")
            text = text[begin.end() :]
        end = text.rfind(b"[")
        if end >= 0:
            yield _rows(text[:end], _BETWEEN_LAST, name=name)
        rest = text[end + 1 :]
        if len(rest) > MAX_CELL_BYTES:
            raise DataError(f"{name}: an array of more than {MAX_CELL_BYTES} bytes; {_SHAPE}", code="file_too_large")
    if rest is not None:
        yield _rows(rest, _END, name=name)


def _rows(text: bytes, end: re.Pattern[bytes], *, name: str) -> bytes:
    """Whole arrays, without the first bracket, as lines. end: the pattern that must follow the last."""
    tail = end.search(text, max(0, len(text) - MAX_CELL_BYTES))
    if tail is None:
        raise DataError(f"{name}: truncated, or of another shape; {_SHAPE}", code="wrong_format")
    text = text[: tail.start()].replace(b", ", b",")
    if len(text.translate(None, b" \t\r\n")) != len(text):
        text = _SPACES.sub(b" ", text)
        for mark in (b",", b"[", b"]"):
            text = text.replace(b" " + mark, mark).replace(mark + b" ", mark)
    text = text.replace(b"],[", b"\n")
    bracket = next((letter for letter in b"[]{}" if letter in text), None)
    if bracket is not None:
        raise DataError(f"{name}: {chr(bracket)!r} within an array, or truncated; {_SHAPE}", code="wrong_format")
    return text.strip() + b"\n"
