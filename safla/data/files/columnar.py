"""Candles from the frames of Parquet and Arrow files: which columns to read, and exact numbers and times from them."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.candles import bad_rows, decimals
from safla.candles.bad_rows import BadRows, Handling
from safla.candles.decimals import Numbers, RowPlace, more
from safla.candles.normalise import FIELDS, FileRows
from safla.candles.validation import EveryRow, Origin
from safla.core.candles import iso
from safla.core.values import Int64
from safla.data import market_names
from safla.data.files import times
from safla.data.files.csv import ColumnMap, locate_columns
from safla.data.files.times import Times
from safla.errors import ConfigError, DataError, Problem
from safla.text import printable

if TYPE_CHECKING:
    import polars as pl

MAX_TEXT_BYTES = 64  # of the text of a number or a time (Z5)
INTEGER, OTHER = "1", "-"  # stand in for the first cell of a column, which tells integer times from texts


class ColumnChoice(NamedTuple):
    """Which columns of a file are read."""

    named: tuple[str, ...]  # of ts, open, high, low, close, volume
    others: tuple[str, ...]  # further columns of opening times
    owner: str | None  # the column that names the market of each row

    @property
    def read(self) -> list[str]:
        """All of these columns, each once."""
        return list(dict.fromkeys([*self.named, *self.others, *([self.owner] if self.owner else [])]))


def wanted(
    schema: "Mapping[str, pl.DataType]", columns: ColumnMap | None, *, path: str, symbol: str, owners: int
) -> ColumnChoice:
    """The columns to read. owners: how many symbols are read from this file; above 1 it needs a column `symbol`."""
    header = list(schema)
    sample = [INTEGER if kind.is_numeric() else OTHER for kind in schema.values()]
    located = locate_columns(
        header, columns, width=len(header), path=printable(path), sample=sample, symbol=symbol
    )  # fmt: skip
    owner_place = market_names.column_of(header)
    owner = None if owner_place is None or owner_place in located.positions else header[owner_place]
    if owner is None:
        refuse_sharing(path, owners)
    return ColumnChoice(
        tuple(header[place] for place in located.positions), tuple(header[place] for place in located.others), owner
    )


def refuse_sharing(path: str, owners: int) -> None:
    """ConfigError where several symbols would be read from a file that does not name the market of each row."""
    if owners > 1:
        name = printable(path)
        text = f"{name} would serve {owners} symbols, but has no column `symbol`; put {{symbol}} into the path"
        raise ConfigError([Problem(where="", key="data.path", text=text, code="file_shared")])


def rows(
    path: str, frame: "pl.DataFrame", *, asked: ColumnChoice, symbol: str, zone: str | None, bad: Handling = "refuse"
) -> FileRows:
    """The rows of one symbol."""
    import polars as pl

    frame = frame.with_row_index(_row_name(frame), offset=1)
    number = frame.columns[0]
    notes: tuple[str, ...] = ()
    if asked.owner is not None:
        owner = market_names.Owner(symbol, asked.owner)
        kept = owner.own(frame[asked.owner], frame[number].to_numpy().astype(np.int64))
        frame, notes = frame.filter(pl.Series(kept)), owner.notes(path, "row")
    others = {other: frame[other] for other in asked.others}
    picked = (pl.col(column).alias(field) for column, field in zip(asked.named, FIELDS, strict=True))
    time_columns = (column.alias(f"other {other}") for other, column in others.items())
    result = of_frame(
        path, frame.select(pl.col(number).alias("row"), *picked, *time_columns),
        own=None, zone=zone, others=tuple(others), time_name=asked.named[0], bad=bad,
    )  # fmt: skip
    return result._replace(notes=(*notes, *result.notes))


def one_by_one(
    path: str, column: "Callable[[str], pl.Series]", *, rows: int, asked: ColumnChoice, zone: str | None
) -> FileRows | None:
    """The rows of a symbol, with one column at a time in memory: of ten years of minutes, 200 MB are not needed.

    column  reads a column by its name
    None if a row has to be left out or refused, or if further columns say whose a row is, or when: then `rows` decides.
    """
    if asked.owner is not None or asked.others or not rows:
        return None
    origin = Origin(path, "row", EveryRow(1, rows))
    floats = []

    def numbers(field: str, name: str) -> Numbers:  # a function, so that its column is freed before the next is read
        read = column(name)
        floats.extend([field] if read.dtype.is_float() else [])
        return _numbers(read, field, own=None, where=origin.at)

    try:
        ts = _times(column(asked.named[0]), origin.at, zone)
        values = {field: numbers(field, name) for field, name in zip(FIELDS[1:], asked.named[1:], strict=True)}
    except BadRows:
        return None
    notes = _notes(path, ts, origin, floats=floats, zone=zone)
    return FileRows(origin, ts.ms, values, notes, closed=False)


def of_frame(
    path: str,
    frame: "pl.DataFrame",
    *,
    own: dict[str, int] | None,
    zone: str | None = None,
    others: tuple[str, ...] = (),
    time_name: str = "ts",
    bad: Handling = "refuse",
) -> FileRows:
    """The rows of a frame with the columns row, ts, open, high, low, close, volume.

    own     decimals of the integers in each column; None: they are whole numbers
    others  further columns of opening times, which must hold the same times
    """
    origin = Origin(path, "row", frame["row"].to_numpy().astype(np.int64))
    floats = [field for field in FIELDS[1:] if frame[field].dtype.is_float()]
    if not frame.height:
        nothing = Numbers(np.zeros(0, np.int64), np.zeros(0, np.int8))
        return FileRows(origin, np.zeros(0, np.int64), dict.fromkeys(FIELDS[1:], nothing), (), closed=False)

    def parsed(frame: "pl.DataFrame", numbers: Int64) -> tuple[Times, dict[str, Numbers]]:
        if not frame.height:
            nothing = Numbers(np.zeros(0, np.int64), np.zeros(0, np.int8))
            return Times(np.zeros(0, np.int64), np.zeros(0, np.int8)), dict.fromkeys(FIELDS[1:], nothing)
        where = Origin(path, "row", numbers).at
        ts = _times(frame["ts"], where, zone)
        for other in others:
            _reject_different_times(
                ts, _times(frame[f"other {other}"], where, zone or "UTC"), where, names=(time_name, other)
            )
        return ts, {field: _numbers(frame[field], field, own=own, where=where) for field in FIELDS[1:]}

    (ts, values), numbers, dropped = bad_rows.sound(frame, origin.numbers[:], read=parsed, bad=bad)
    bad_rows.refuse_if_nothing_is_left(dropped, kept=len(numbers))
    origin = Origin(path, "row", numbers)
    notes = _notes(path, ts, origin, floats=floats, zone=zone)
    return FileRows(origin, ts.ms, values, notes, closed=own is not None, left=dropped)


def _notes(path: str, ts: Times, origin: Origin, *, floats: list[str], zone: str | None) -> tuple[str, ...]:
    """Notes on how times and numbers were read. floats: the fields that are floats in the file."""
    time_note = times.note(ts.kinds, origin.numbers, word="row", zone=zone)
    float_note = f"floats ({', '.join(floats)}) are read as their shortest decimal text" if floats else None
    return tuple(f"{printable(path)}: {note}" for note in (time_note, float_note) if note)


def _row_name(frame: "pl.DataFrame") -> str:
    """A column name that the frame does not have yet."""
    return next(name for name in (f"row{'_' * count}" for count in range(100)) if name not in frame.columns)


def _reject_different_times(ts: Times, other: Times, where: RowPlace, *, names: tuple[str, str]) -> None:
    different = np.flatnonzero(ts.ms != other.ms)
    if len(different):
        row = int(different[0])
        raise DataError(
            f"{where(row)}: the columns {names[0]!a} and {names[1]!a} have different times, {iso(int(ts.ms[row]))} and "
            f"{iso(int(other.ms[row]))}{more(len(different))}; choose one with data.columns (ts)",
            code="column_unclear",
        )


def _times(column: "pl.Series", where: RowPlace, zone: str | None) -> Times:
    import polars as pl

    kind = column.dtype
    _refuse_nulls(column, "time", where=where)
    if kind == pl.Date:
        column = column.cast(pl.Datetime("ms"))
        kind = column.dtype
    if isinstance(kind, pl.Datetime):
        uneven = (column.dt.cast_time_unit("ms").dt.cast_time_unit(kind.time_unit) != column).arg_true()
        if len(uneven):
            rows = uneven.to_numpy().astype(np.int64)
            fault = f"time {column[int(rows[0])]} is not a whole number of milliseconds"
            raise BadRows(f"{where(int(rows[0]))}: {fault}", rows, code="invalid_time", of=len(column))
        if kind.time_zone is None:
            ms = times.in_zone(column.dt.cast_time_unit("ms"), where, zone=zone)
            return Times(ms, np.full(len(ms), times.NAIVE, np.int8))
        return Times(column.dt.epoch("ms").to_numpy(), np.full(len(column), times.MILLISECONDS, np.int8))
    if kind.is_integer():
        return times.from_integers(column.cast(pl.Int64).to_numpy(), where)
    if kind.is_float():
        return times.from_floats(column.cast(pl.Float64).to_numpy(), where)
    return times.parse(_short(column, "time", where=where), where, zone=zone)


def _numbers(column: "pl.Series", name: str, *, own: dict[str, int] | None, where: RowPlace) -> Numbers:
    import polars as pl

    _refuse_nulls(column, name, where=where)
    if column.dtype.is_integer():
        digits = column.cast(pl.Int64).to_numpy()
        below = np.flatnonzero(digits < 0)
        if len(below):
            raise BadRows(f"{where(int(below[0]))}: {name} {digits[below[0]]} is below 0", below, code="invalid_candle")
        return Numbers(digits, np.full(len(digits), own[name] if own else 0, np.int8))
    if column.dtype == pl.Float64:
        quick = decimals.of_floats([chunk.to_numpy() for chunk in column.get_chunks()])  # together they would be a copy
        if quick is not None:
            return quick
    texts = column.cast(pl.String) if column.dtype.is_numeric() else column
    if column.dtype.is_float():  # digits after the 18th decimal place of a float carry no information
        texts = texts.str.replace(r"^([0-9]+\.[0-9]{18})[0-9]+$", "${1}")
    return decimals.parse(_short(texts, name, where=where).alias(name).to_frame(), where)[name]


def _short(column: "pl.Series", name: str, *, where: RowPlace) -> "pl.Series":
    import polars as pl

    if column.dtype != pl.String:
        raise DataError(
            f"{where(0)}: {name} is of type {str(column.dtype)[:40]}; give integers, decimals or text",
            code="column_unclear",
        )
    long = (column.str.len_bytes() > MAX_TEXT_BYTES).arg_true()
    if len(long):
        raise DataError(
            f"{where(int(long[0]))}: {name} is a text of more than {MAX_TEXT_BYTES} bytes", code="file_too_large"
        )
    return column


def _refuse_nulls(column: "pl.Series", name: str, *, where: RowPlace) -> None:
    if column.null_count():
        rows = column.is_null().arg_true().to_numpy().astype(np.int64)
        raise BadRows(f"{where(int(rows[0]))}: {name} is empty", rows, code="not_a_number")
