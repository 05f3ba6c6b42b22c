"""CSV files of candles: delimiter, header, columns. What is not clear is asked for, never guessed."""

import re
from collections.abc import Mapping, Sequence

from safla.data import market_names
from safla.data.bad_rows import Handling
from safla.data.files import bounded, table
from safla.data.files.table import MAX_COLUMNS, Layout, split
from safla.data.rows import FIELDS, Rows
from safla.errors import DataError

NAMES = {
    "ts": (
        "timestamp",
        "timestamp_ms",
        "ts",
        "time",
        "date",
        "datetime",
        "open_time",
        "opentime",
        "unix",
        "unix_timestamp",
    ),
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price"),
    "volume": ("volume", "v", "vol", "base_volume"),
}
DELIMITERS = (",", ";", "\t")
HINT = "data.columns says which column is which, by name or position"

_ROW = re.compile(r'"?[0-9]')  # how the time of a row begins; no header does


def read(
    path: str, columns: Mapping[str, str | int] | None, *, symbol: str | None = None, owners: int = 1,
    bad: Handling = "refuse",
) -> Rows:  # fmt: skip
    """The rows of a CSV file, which may be gzip or zstd. columns: names or positions; None: told by NAMES.

    symbol  whose rows are taken, where a column says whose each is; None: all
    owners  how many symbols are read from this file; above 1 it needs such a column
    bad     what becomes of rows that are no candles
    """

    def layout_of(lines: list[str]) -> Layout:
        found = layout(lines, columns, path=bounded.shown(path))
        if owners > 1 and found.symbol is None:
            raise market_names.shared(path, owners)
        return found

    with bounded.opened(path) as stream:
        return table.read(path, bounded.blocks(stream, path), layout_of=layout_of, closed=False, symbol=symbol, bad=bad)


def layout(lines: Sequence[str], columns: Mapping[str, str | int] | None, *, path: str) -> Layout:
    """How a table is to be read, out of its first lines: a banner, then a header, either of which may be absent."""
    rows = list(lines)
    while len(rows) > 1 and not rows[-1]:
        rows.pop()
    marked = _symbol_first(rows[0], columns)
    if marked is not None:
        return marked
    body = next((index for index, line in enumerate(rows) if _is_row(line, columns)), len(rows))
    sample = rows[min(body, len(rows) - 1)]
    delimiter = max(DELIMITERS, key=sample.count)
    width = len(split(sample, delimiter))
    if width > MAX_COLUMNS:
        raise DataError(f"{path}: {width} columns, at most {MAX_COLUMNS} are read")
    header = split(rows[body - 1], delimiter) if body else None
    if header is not None and len(header) != width:
        raise DataError(f"{path}: line {body}: neither a header nor a row of {width} cells")
    notes = (f"{body - 1} line before the header skipped",) if body > 1 else ()
    positions = located(header, columns, width=width, path=path)
    owner = None if header is None else market_names.column_of(header)
    symbol = None if header is None or owner is None or owner in positions else (owner, header[owner])
    return Layout(delimiter, positions, width, body, notes, symbol)


def _symbol_first(line: str, columns: Mapping[str, str | int] | None) -> Layout | None:
    """How to read rows without a header whose first cell is the symbol; None where they are others."""
    delimiter = max(DELIMITERS, key=line.count)
    cells = split(line, delimiter)
    rest = cells[1:]
    if len(cells) <= len(FIELDS) or not market_names.is_symbol_cell(cells[0]):
        return None
    if not all(_ROW.match(cell) for cell in rest[: len(FIELDS)]):
        return None
    asked = columns or dict(zip(FIELDS, range(1, 1 + len(FIELDS)), strict=True))
    positions = tuple(place for place in (asked[field] for field in FIELDS) if isinstance(place, int))
    if len(positions) < len(FIELDS) or max(positions) >= len(cells):
        return None
    return Layout(delimiter, positions, len(cells), 0, (), (0, "of symbols, the first"))


def located(
    header: Sequence[str] | None, columns: Mapping[str, str | int] | None, *, width: int, path: str
) -> tuple[int, ...]:
    """Where ts, open, high, low, close and volume stand."""
    if columns is not None:
        return tuple(_asked(header, columns[field], field=field, width=width, path=path) for field in FIELDS)
    if header is None:
        if width < len(FIELDS):
            raise DataError(f"{path}: {width} columns and no header; six are needed, {', '.join(FIELDS)}")
        return tuple(range(len(FIELDS)))  # Binance's order
    known = [re.sub(r"[ -]+", "_", name.strip().lower()) for name in header]
    return tuple(_found(header, known, field=field, path=path) for field in FIELDS)


def _is_row(line: str, columns: Mapping[str, str | int] | None) -> bool:
    position = columns["ts"] if columns is not None and isinstance(columns["ts"], int) else 0
    cells = [cell.strip() for cell in line.split(max(DELIMITERS, key=line.count))]
    if position < len(cells) and _ROW.match(cells[position]):
        return True
    return sum(bool(_ROW.match(cell)) for cell in cells) >= len(FIELDS) - 1  # what stands first may be the symbol


def _asked(header: Sequence[str] | None, wanted: str | int, *, field: str, width: int, path: str) -> int:
    if isinstance(wanted, int):
        if wanted >= width:
            raise DataError(f"{path}: data.columns.{field} is {wanted}, but there are {width} columns, counted from 0")
        return wanted
    if header is None or list(header).count(wanted) != 1:
        there = f"the header has {', '.join(map(repr, header))}" if header else "there is no header; give a position"
        raise DataError(f"{path}: data.columns.{field}: no column {wanted!r}; {there}")
    return list(header).index(wanted)


def _found(header: Sequence[str], known: Sequence[str], *, field: str, path: str) -> int:
    places = [place for place, name in enumerate(known) if name in NAMES[field]]
    if len(places) == 1:
        return places[0]
    what = "no column" if not places else f"{len(places)} columns ({', '.join(repr(header[p]) for p in places)})"
    there = "" if places else f" among {', '.join(repr(name[:40]) for name in header)}"
    raise DataError(f"{path}: {what} for {field}{there}; {HINT}")
