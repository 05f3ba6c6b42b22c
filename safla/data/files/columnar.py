"""Frames of candles, out of Parquet and Arrow files: which columns, and their values as exact numbers and times."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.core.candles import iso
from safla.data import decimals
from safla.data.checks import Origin
from safla.data.decimals import Numbers, Where, more
from safla.data.files import bounded, times
from safla.data.files.csv import ColumnMap, located
from safla.data.files.times import Times
from safla.data.rows import FIELDS, Rows
from safla.errors import ConfigError, DataError, Problem

if TYPE_CHECKING:
    import polars as pl

MAX_TEXT_BYTES = 64  # of a number or a time (Z5)
SYMBOL = "symbol"  # a column of symbols
INTEGER, OTHER = "1", "-"  # what stands for the first cell of a column, where one of integers is wanted for times


class Picked(NamedTuple):
    """The columns of a file that are read."""

    named: tuple[str, ...]  # of ts, open, high, low, close, volume
    others: tuple[str, ...]  # further columns of opening times
    by_symbol: bool

    @property
    def read(self) -> list[str]:
        """Each of them once."""
        return list(dict.fromkeys([*self.named, *self.others, *([SYMBOL] if self.by_symbol else [])]))


def wanted(
    schema: "Mapping[str, pl.DataType]", columns: ColumnMap | None, *, path: str, symbol: str, owners: int
) -> Picked:
    """The columns to read. owners: how many symbols are read from this file; above 1 it needs a column `symbol`."""
    header = list(schema)
    sample = [INTEGER if kind.is_numeric() else OTHER for kind in schema.values()]
    found = located(
        header, columns, width=len(header), path=bounded.shown(path), sample=sample, symbol=symbol
    )  # fmt: skip
    by_symbol = SYMBOL in header
    if not by_symbol:
        refuse_sharing(path, owners)
    return Picked(
        tuple(header[place] for place in found.positions), tuple(header[place] for place in found.others), by_symbol
    )


def refuse_sharing(path: str, owners: int) -> None:
    """ConfigError where several symbols would be read from a file that does not say which row is whose."""
    if owners > 1:
        name = bounded.shown(path)
        text = f"{name} would serve {owners} symbols, but has no column `symbol`; put {{symbol}} into the path"
        raise ConfigError([Problem(where="", key="data.path", text=text)])


def rows(path: str, frame: "pl.DataFrame", *, asked: Picked, symbol: str, zone: str | None) -> Rows:
    """The rows of one symbol."""
    import polars as pl

    name = bounded.shown(path)
    frame = frame.with_row_index(_row_name(frame), offset=1)
    number = frame.columns[0]
    if asked.by_symbol:
        frame = frame.filter(pl.col(SYMBOL).cast(pl.String) == symbol)
        if not frame.height:
            raise DataError(f"{name}: no row whose symbol is {symbol}")
    others = {other: frame[other] for other in asked.others}
    picked = (pl.col(column).alias(field) for column, field in zip(asked.named, FIELDS, strict=True))
    return of_frame(
        path, frame.select(pl.col(number).alias("row"), *picked), own=None, zone=zone, others=others,
        time_name=asked.named[0],
    )  # fmt: skip


def of_frame(
    path: str,
    frame: "pl.DataFrame",
    *,
    own: dict[str, int] | None,
    zone: str | None = None,
    others: "Mapping[str, pl.Series] | None" = None,
    time_name: str = "ts",
) -> Rows:
    """The rows of a frame with the columns row, ts, open, high, low, close, volume. own: decimals of its integers."""
    origin = Origin(path, "row", frame["row"].to_numpy().astype(np.int64))
    floats = [field for field in FIELDS[1:] if frame[field].dtype.is_float()]
    if not frame.height:
        nothing = Numbers(np.zeros(0, np.int64), np.zeros(0, np.int8))
        return Rows(origin, np.zeros(0, np.int64), dict.fromkeys(FIELDS[1:], nothing), (), closed=False)
    ts = _times(frame["ts"], origin.at, zone)
    for other, column in (others or {}).items():
        _refuse_other(ts, _times(column, origin.at, zone or "UTC"), origin.at, names=(time_name, other))
    read = {field: _numbers(frame[field], field, own=own, where=origin.at) for field in FIELDS[1:]}
    units = times.note(ts.kinds, origin.numbers, word="row", zone=zone)
    said = f"floats ({', '.join(floats)}) are taken by their shortest decimal text" if floats else None
    notes = tuple(f"{bounded.shown(path)}: {note}" for note in (units, said) if note)
    return Rows(origin, ts.ms, read, notes, closed=own is not None)


def _row_name(frame: "pl.DataFrame") -> str:
    """A name that no column has."""
    return next(name for name in (f"row{'_' * count}" for count in range(100)) if name not in frame.columns)


def _refuse_other(ts: Times, other: Times, where: Where, *, names: tuple[str, str]) -> None:
    apart = np.flatnonzero(ts.ms != other.ms)
    if len(apart):
        row = int(apart[0])
        raise DataError(
            f"{where(row)}: the columns {names[0]!a} and {names[1]!a} say different times, {iso(int(ts.ms[row]))} and "
            f"{iso(int(other.ms[row]))}{more(len(apart))}; data.columns says which counts (ts)"
        )


def _times(column: "pl.Series", where: Where, zone: str | None) -> Times:
    import polars as pl

    kind = column.dtype
    _refuse_nulls(column, "time", where=where)
    if kind == pl.Date:
        column = column.cast(pl.Datetime("ms"))
        kind = column.dtype
    if isinstance(kind, pl.Datetime):
        uneven = (column.dt.cast_time_unit("ms").dt.cast_time_unit(kind.time_unit) != column).arg_true()
        if len(uneven):
            raise DataError(f"{where(int(uneven[0]))}: time {column[int(uneven[0])]} is no whole millisecond")
        if kind.time_zone is None:
            ms = times.in_zone(column.dt.cast_time_unit("ms"), where, zone=zone)
            return Times(ms, np.full(len(ms), times.NAIVE, np.int8))
        return Times(column.dt.epoch("ms").to_numpy(), np.full(len(column), times.MILLISECONDS, np.int8))
    if kind.is_integer():
        return times.from_integers(column.cast(pl.Int64).to_numpy(), where)
    if kind.is_float():
        return times.from_floats(column.cast(pl.Float64).to_numpy(), where)
    return times.parse(_short(column, "time", where=where), where, zone=zone)


def _numbers(column: "pl.Series", name: str, *, own: dict[str, int] | None, where: Where) -> Numbers:
    import polars as pl

    _refuse_nulls(column, name, where=where)
    if column.dtype.is_integer():
        digits = column.cast(pl.Int64).to_numpy()
        below = np.flatnonzero(digits < 0)
        if len(below):
            raise DataError(f"{where(int(below[0]))}: {name} {digits[below[0]]} is below 0")
        return Numbers(digits, np.full(len(digits), own[name] if own else 0, np.int8))
    quick = decimals.of_floats(column.to_numpy()) if column.dtype == pl.Float64 else None
    if quick is not None:
        return quick
    texts = column.cast(pl.String) if column.dtype.is_numeric() else column
    if column.dtype.is_float():  # what stands behind the 18th place of a float is dust of dust
        texts = texts.str.replace(r"^([0-9]+\.[0-9]{18})[0-9]+$", "${1}")
    return decimals.parse(_short(texts, name, where=where).alias(name).to_frame(), where)[name]


def _short(column: "pl.Series", name: str, *, where: Where) -> "pl.Series":
    import polars as pl

    if column.dtype != pl.String:
        raise DataError(f"{where(0)}: {name} is of type {str(column.dtype)[:40]}; integers, decimals or text are read")
    long = (column.str.len_bytes() > MAX_TEXT_BYTES).arg_true()
    if len(long):
        raise DataError(f"{where(int(long[0]))}: {name} is a text of more than {MAX_TEXT_BYTES} bytes")
    return column


def _refuse_nulls(column: "pl.Series", name: str, *, where: Where) -> None:
    if column.null_count():
        raise DataError(f"{where(int(column.is_null().arg_true()[0]))}: {name} is empty")
