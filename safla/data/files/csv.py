"""CSV files of candles: delimiter, header, columns. What the file leaves unclear is an error, never guessed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from safla.candles.bad_rows import Handling
from safla.candles.normalise import FIELDS, FileRows
from safla.data import market_names
from safla.data.files import bounded, table
from safla.data.files.table import MAX_COLUMNS, Layout, split_cells
from safla.errors import DataError
from safla.text import SHORT, counted, printable

NAMES = {
    "ts": (
        "timestamp",
        "timestamp_ms",
        "ts",
        "t",
        "time",
        "date",
        "datetime",
        "date_time",
        "open_time",
        "opentime",
        "unix",
        "unix_time",
        "unix_timestamp",
    ),
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price"),
    "volume": ("volume", "v", "vol", "base_volume", "volume_base"),
}
ALL_NAMES = frozenset(name for names in NAMES.values() for name in names)
DELIMITERS = (",", ";", "\t", "|")
UNNAMED = ("", "Unnamed: 0")  # the header that pandas writes for an index without a name
HINT = "data.columns says which column is which, by name or position"
NO_HEADER = (
    "no header, so the columns are taken in Binance's order: time, open, high, low, close, volume; "
    "if that is wrong, set data.columns"
)

ColumnMap = Mapping[str, str | int | None]  # by field: name or position of its column; None: the header decides

_ROW = re.compile(r'"?[0-9]')  # how the time of a row begins; no header begins so
_TIME = re.compile(r"[0-9]{4}[0-9Tt:./ +Zz-]*", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9.,]*[0-9][0-9.,]*([eE][+-]?[0-9]+)?", re.ASCII)
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}[-/.]?[0-9]{1,2}[-/.]?[0-9]{1,2}", re.ASCII)
LEAST_NUMBERS = 4  # a line with so many numbers is a row, whatever its other cells hold


class Cut(NamedTuple):
    """A delimiter, and what the first lines of a file look like when they are split by it."""

    delimiter: str
    header: int | None  # index of the line before the first row; empty lines and comments do not count
    body: int  # index of the first row; the number of lines where there is no row
    cells: list[str]  # of the first row; without one, of the header or the last line


class ColumnPositions(NamedTuple):
    """The positions of the columns."""

    positions: tuple[int, ...]  # ts, open, high, low, close, volume
    clock: int | None = None  # the time of day, where it has a column of its own
    others: tuple[int, ...] = ()  # further columns of opening times


def read(
    path: str, columns: ColumnMap | None, *, zone: str | None = None, symbol: str | None = None,
    bad: Handling = "refuse",
) -> FileRows:  # fmt: skip
    """The rows of a CSV file, which may be compressed with gzip or zstd.

    columns  names or positions; None: the header is compared with NAMES
    zone     the time zone of dates that name none
    symbol   its base currency may occur in the name of the volume column
    """
    with bounded.open_file(path) as stream:
        return of_blocks(path, bounded.read_blocks(stream, path), columns=columns, zone=zone, symbol=symbol, bad=bad)


def of_blocks(
    path: str, blocks: Iterator[bytes], *, columns: ColumnMap | None, zone: str | None, symbol: str | None,
    bad: Handling = "refuse", owners: int = 1,
) -> FileRows:  # fmt: skip
    """The rows of a CSV text, as `read` gives those of a file. owners: how many symbols are read from it."""

    def layout_of(lines: list[str]) -> Layout:
        table_layout = layout(lines, columns, path=printable(path), symbol=symbol)
        if owners > 1 and table_layout.symbol is None:
            raise market_names.shared(path, owners)
        return table_layout

    return table.read(
        path, blocks, layout_of=layout_of, closed=False, zone=zone, symbol=symbol, bad=bad
    )  # fmt: skip


def layout(lines: Sequence[str], columns: ColumnMap | None, *, path: str, symbol: str | None = None) -> Layout:
    """How to read a table, from its first lines: a banner, then a header, either of which may be absent."""
    rows = list(lines)
    while len(rows) > 1 and not rows[-1].strip():
        rows.pop()
    marked = _symbol_first(rows, columns)
    if marked is not None:
        return marked
    cut = max((_cut(rows, delimiter, columns) for delimiter in DELIMITERS), key=lambda one: _fit(one, rows, columns))
    width = len(cut.cells)
    if width > MAX_COLUMNS:
        raise DataError(f"{path}: {width} columns, at most {MAX_COLUMNS} are read", code="file_too_large")
    header = None if cut.header is None else split_cells(rows[cut.header], cut.delimiter)
    if header is not None and len(header) != width:
        text = f"line {cut.header + 1}: neither a header nor a row of {width} cells; remove it"  # type: ignore[operator]
        raise DataError(f"{path}: {text}", code="malformed_row")
    located = locate_columns(header, columns, width=width, path=path, sample=cut.cells, symbol=symbol)
    texts = [row for row in rows[: cut.body] if not _is_blank(row)]
    names = header or [str(position) for position in range(width)]
    owner_place = None if header is None else market_names.column_of(header)
    symbol_column = None
    if header is not None and owner_place is not None and owner_place not in located.positions:
        symbol_column = owner_place, header[owner_place]
    given = columns is not None and all(columns.get(field) is not None for field in FIELDS)
    return Layout(
        cut.delimiter, located.positions, width, cut.body, _notes(rows, cut, given=given),
        clock=located.clock, others=tuple((names[position], position) for position in located.others),
        symbol=symbol_column, time_name=names[located.positions[0]],
        repeated=frozenset(text.encode() for text in texts),
        guessed=header is None and all(value is None for value in (columns or {}).values()),
    )  # fmt: skip


def _symbol_first(rows: Sequence[str], columns: ColumnMap | None) -> Layout | None:
    """How to read a file without header whose rows begin with the symbol; None for other files."""
    line = next((row for row in rows if not _is_blank(row)), "")
    delimiter = max(DELIMITERS, key=line.count)
    cells = split_cells(line, delimiter)
    if len(cells) <= len(FIELDS) or not market_names.is_symbol_cell(cells[0]):
        return None
    if not all(_ROW.match(cell) for cell in cells[1 : 1 + len(FIELDS)]):
        return None
    places = {field: place for place, field in enumerate(FIELDS, 1)}
    requested = {field: (columns or {}).get(field) for field in FIELDS}
    positions = tuple(places[field] if requested[field] is None else requested[field] for field in FIELDS)
    if not all(isinstance(place, int) and place < len(cells) for place in positions):
        return None
    integer_positions = tuple(place for place in positions if isinstance(place, int))
    guessed = all(value is None for value in requested.values())
    notes = (NO_HEADER,) if guessed else ()
    symbol_column = (0, "of symbols, the first")
    return Layout(delimiter, integer_positions, len(cells), 0, notes, symbol=symbol_column, guessed=guessed)


def locate_columns(
    header: Sequence[str] | None,
    columns: ColumnMap | None,
    *,
    width: int,
    path: str,
    sample: Sequence[str],
    symbol: str | None = None,
) -> ColumnPositions:
    """The positions of the columns: from `columns` where it names them, else from the header.

    sample  the cells of the first row, which tell integer times from dates
    """
    wanted = {field: (columns or {}).get(field) for field in FIELDS}
    places = {
        field: _requested_position(header, value, field=field, width=width, path=path)
        for field, value in wanted.items()
        if value is not None
    }
    if len(places) < len(FIELDS) and header is None:
        if width < len(FIELDS):
            raise DataError(
                f"{path}: {width} columns and no header; expected at least six: {', '.join(FIELDS)}",
                code="column_unclear",
            )
        return ColumnPositions(_in_order(places, path=path))
    located = ColumnPositions(())
    if header is not None and "ts" not in places:
        located = _times(header, [place for place in range(width) if place not in places.values()], sample, path=path)
        places["ts"] = located.positions[0]
    for field in FIELDS:
        if field not in places:
            places[field] = _position_of(header or (), field=field, path=path, symbol=symbol)
    return located._replace(positions=tuple(places[field] for field in FIELDS))


def _cut(rows: Sequence[str], delimiter: str, columns: ColumnMap | None) -> Cut:
    position = (columns or {}).get("ts")
    position = position if isinstance(position, int) else 0
    header = None
    for number, row in enumerate(rows):
        if _is_blank(row):
            continue
        cells = split_cells(row, delimiter) if delimiter in row else [row]
        if _is_row(cells, position):
            return Cut(delimiter, header, number, cells)
        header = number
    last = len(rows) - 1 if header is None else header
    return Cut(delimiter, header, len(rows), split_cells(rows[last], delimiter))


def _is_blank(row: str) -> bool:
    return not row.strip() or row.lstrip().startswith("#")


def _is_row(cells: Sequence[str], position: int) -> bool:
    if len(cells) < 2:
        return False
    begins = position < len(cells) and bool(_ROW.match(cells[position]))
    return begins or sum(1 for cell in cells[:MAX_COLUMNS] if _NUMBER.fullmatch(cell)) >= LEAST_NUMBERS


def _fit(cut: Cut, rows: Sequence[str], columns: ColumnMap | None) -> tuple[int, bool, int]:
    """A sort key for delimiters: known names in the header, then a time in a row of six cells, then the most cells.

    The cells come last, so that decimal commas do not make the comma win.
    """
    names = [] if cut.header is None else split_cells(rows[cut.header], cut.delimiter)
    requested = {name for name in (columns or {}).values() if isinstance(name, str)}
    all_names = {name for field in NAMES.values() for name in field}
    known = sum(1 for name in names[:MAX_COLUMNS] if name in requested or _plain(name) in all_names)
    is_candle_row = len(cut.cells) >= len(FIELDS) and any(_TIME.fullmatch(cell) for cell in cut.cells[:MAX_COLUMNS])
    return known, is_candle_row, len(cut.cells)


def _notes(rows: Sequence[str], cut: Cut, *, given: bool) -> tuple[str, ...]:
    before = [row for row in rows[: cut.body] if not _is_blank(row)][:-1]
    comments = sum(1 for row in rows[: cut.body] if row.lstrip().startswith("#"))
    facts = (
        (before, f"{len(before)} line{'s' * (len(before) > 1)} before the header skipped"),
        (
            comments,
            f"{comments} line{'s that begin' if comments > 1 else ' that begins'} with # before the rows skipped",
        ),
        (cut.header is None and not given, NO_HEADER),
    )
    return tuple(text for is_so, text in facts if is_so)


def _in_order(places: dict[str, int], *, path: str) -> tuple[int, ...]:
    """The columns of a file without a header, in Binance's order unless data.columns names them."""
    positions = tuple(places.get(field, place) for place, field in enumerate(FIELDS))
    if len(set(positions)) < len(FIELDS):
        named = ", ".join(f"{field}: {place}" for field, place in places.items())
        raise DataError(
            f"{path}: no header, and data.columns names only some columns ({named}); Binance's order for the others "
            "would use a column twice; name all six",
            code="column_unclear",
        )
    return positions


def _requested_position(
    header: Sequence[str] | None, wanted: str | int | None, *, field: str, width: int, path: str
) -> int:
    if isinstance(wanted, int):
        if wanted >= width:
            raise DataError(
                f"{path}: data.columns.{field}: no column {wanted}; the file has {width} columns, counted from 0",
                code="column_unclear",
            )
        return wanted
    if header is None or list(header).count(str(wanted)) != 1:
        there = f"the header has {_names(header)}" if header else "there is no header; give a position"
        raise DataError(f"{path}: data.columns.{field}: no column {wanted!r}; {there}", code="column_unclear")
    return list(header).index(str(wanted))


def _plain(name: str) -> str:
    """A header name in the spelling of NAMES. Platforms write <VOL>, Open-Time or `Open time`."""
    return re.sub(r"[ -]+", "_", name.strip().strip("<>").lower())


def _times(header: Sequence[str], free: Sequence[int], sample: Sequence[str], *, path: str) -> ColumnPositions:
    """The column of opening times, or a date column with its clock column.

    Of several, integers are preferred to text; the others must have the same times.
    """
    places = [place for place in free if _plain(header[place]) in NAMES["ts"]]
    if not places and 0 in free and header[0] in UNNAMED and _TIME.fullmatch(sample[0]):
        places = [0]
    if not places:
        raise _unclear(header, [], field="ts", path=path)
    if len(places) == 2 and _DAY.fullmatch(sample[places[0]]) and _CLOCK.fullmatch(sample[places[1]]):
        return ColumnPositions((places[0],), clock=places[1])
    first = next((place for place in places if sample[place].replace(".", "").isdigit()), places[0])
    return ColumnPositions((first,), others=tuple(place for place in places if place != first))


def _position_of(header: Sequence[str], *, field: str, path: str, symbol: str | None) -> int:
    names = set(NAMES[field])
    if field == "volume" and symbol:
        base = symbol.partition("/")[0].lower()
        names |= {f"volume_{base}", f"volume_({base})", f"volume({base})", f"{base}_volume"}
    places = [place for place, name in enumerate(header) if _plain(name) in names]
    if len(places) == 1:
        return places[0]
    raise _unclear(header, places, field=field, path=path)


def _unclear(header: Sequence[str], places: Sequence[int], *, field: str, path: str) -> DataError:
    what = "no column" if not places else f"{len(places)} columns ({', '.join(repr(header[p]) for p in places)})"
    there = "" if places else f" among {_names(header)}"
    return DataError(f"{path}: {what} for {field}{there}; {HINT}", code="column_unclear")


def _names(header: Sequence[str]) -> str:
    """The names of a header. A line without any known name is described instead of quoted: it may be anything."""
    if {_plain(name) for name in header} & ALL_NAMES:
        return ", ".join(repr(name[:SHORT]) for name in header)
    return f"the {counted(len(header), 'cell')} of a line that names no column of candles"
