"""Parquet files of candles, those of run folders too. A float is taken by its shortest text, and that is said."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from safla.core.values import Int64
from safla.data import bad_rows, decimals, market_names
from safla.data.bad_rows import BadRows, Handling
from safla.data.checks import Origin
from safla.data.decimals import Numbers, Where
from safla.data.files import bounded, footer, recorded, times
from safla.data.files.csv import located
from safla.data.files.recorded import Recorded
from safla.data.files.table import MAX_COLUMNS
from safla.data.rows import FIELDS, MAX_ROWS, Rows
from safla.errors import DataError

if TYPE_CHECKING:
    import polars as pl

MAX_UNPACKED_BYTES = 2 * 2**30
MAX_TEXT_BYTES = 64  # of a number or a time (Z5)


def read(
    path: str, columns: Mapping[str, str | int] | None, *, symbol: str, owners: int, bad: Handling = "refuse"
) -> Rows:
    """The rows of one symbol. owners: how many symbols are read from this file; above 1 it needs a column `symbol`.

    bad  what becomes of rows that are no candles
    """
    import polars as pl

    with bounded.opened(path) as stream:
        content = bounded.whole(stream, path)
    _refuse_bombs(content, name=bounded.shown(path))
    # polars ends in a panic on some broken pages, and a panic is no Exception
    broken = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)
    try:
        run = recorded.facts(pl.read_parquet_metadata(content))
        if run is None:
            frame, notes = _frame(path, content, columns, symbol=symbol, owners=owners)
            found = _rows(path, frame, own=None, bad=bad)
            return found._replace(notes=(*notes, *found.notes))
        return _recorded(path, content, run, symbol=symbol)
    except broken as error:
        text = ascii(str(error).partition("\n")[0][:150])[1:-1]
        raise DataError(f"{bounded.shown(path)}: cut or corrupt Parquet file ({text})") from error


def _refuse_bombs(content: bytes, *, name: str) -> None:
    says = footer.read(content, name=name)
    if says.columns > MAX_COLUMNS:
        raise DataError(f"{name}: {says.columns} columns, at most {MAX_COLUMNS} are read")
    if max(says.rows, says.values) > MAX_ROWS:
        raise DataError(f"{name}: {max(says.rows, says.values)} rows, at most {MAX_ROWS} are read")
    if says.bytes_unpacked > MAX_UNPACKED_BYTES:
        raise DataError(f"{name}: {says.bytes_unpacked} bytes when unpacked, at most {MAX_UNPACKED_BYTES} are read")


def _frame(
    path: str, content: bytes, columns: Mapping[str, str | int] | None, *, symbol: str, owners: int
) -> tuple["pl.DataFrame", tuple[str, ...]]:
    """The six columns and the row number of each, of that symbol alone; and what there is to say of others."""
    import polars as pl

    header = list(pl.read_parquet_schema(content))
    name = bounded.shown(path)
    named = [header[place] for place in located(header, columns, width=len(header), path=name)]
    place = market_names.column_of(header)
    column = None if place is None or header[place] in named else header[place]
    if owners > 1 and column is None:
        raise market_names.shared(path, owners)
    wanted = list(dict.fromkeys([*named, *([column] if column else [])]))
    frame = pl.read_parquet(content, columns=wanted).with_row_index("row", offset=1) if wanted else pl.DataFrame()
    notes: tuple[str, ...] = ()
    if column is not None:
        owner = market_names.Owner(symbol, column)
        kept = owner.own(frame[column], frame["row"].to_numpy().astype(np.int64))
        frame, notes = frame.filter(pl.Series(kept)), owner.told(path, "row")
    picked = (pl.col(column).alias(field) for column, field in zip(named, FIELDS, strict=True))
    return frame.select("row", *picked), notes


def _recorded(path: str, content: bytes, run: Recorded, *, symbol: str) -> Rows:
    """The candles of one symbol out of a run folder's file, when all of them are as they were written."""
    import polars as pl

    recorded.refuse_columns(pl.read_parquet_schema(content))
    frame = pl.read_parquet(content)
    recorded.verify(frame, run)
    if symbol not in run.symbols:
        raise DataError(f"{bounded.shown(path)}: no candles of {symbol}; it has {', '.join(run.symbols)}")
    place = run.symbols.index(symbol)
    price, volume = run.decimals[place]
    own = frame.with_row_index("row", offset=1).filter(pl.col("symbol") == place)
    found = _rows(path, own, own=dict.fromkeys(FIELDS[1:5], price) | {"volume": volume})
    return found._replace(timeframe=run.timeframe)


def _rows(path: str, frame: "pl.DataFrame", *, own: dict[str, int] | None, bad: Handling = "refuse") -> Rows:
    numbers = frame["row"].to_numpy().astype(np.int64)
    floats = [field for field in FIELDS[1:] if frame[field].dtype.is_float()]
    (ts, unit, read), numbers, left = bad_rows.sound(
        frame, numbers, read=lambda frame, numbers: _parsed(path, frame, numbers, own=own), bad=bad
    )
    name = bounded.shown(path)
    facts = (
        (unit != "milliseconds", f"times are {unit}"),
        (floats, f"floats ({', '.join(floats)}) are taken by their shortest decimal text"),
    )
    notes = tuple(f"{name}: {fact}" for is_so, fact in facts if is_so)
    return Rows(Origin(path, "row", numbers), ts, read, notes, closed=own is not None, left=left)


def _parsed(
    path: str, frame: "pl.DataFrame", numbers: Int64, *, own: dict[str, int] | None
) -> tuple[Int64, str, dict[str, Numbers]]:
    where = Origin(path, "row", numbers).at
    if not frame.height:
        nothing = Numbers(np.zeros(0, np.int64), np.zeros(0, np.int8))
        return np.zeros(0, np.int64), "milliseconds", dict.fromkeys(FIELDS[1:], nothing)
    ts, unit = _times(frame["ts"], where)
    return ts, unit, {field: _numbers(frame[field], field, own=own, where=where) for field in FIELDS[1:]}


def _times(column: "pl.Series", where: Where) -> tuple[Int64, str]:
    import polars as pl

    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is None:
            raise DataError(f"{where(0)}: time {column[0]} has no time zone; give UTC, it is not guessed")
        _refuse_nulls(column, "time", where=where)
        uneven = (column.dt.cast_time_unit("ms").dt.cast_time_unit(kind.time_unit) != column).arg_true()
        if len(uneven):
            raise DataError(f"{where(int(uneven[0]))}: time {column[int(uneven[0])]} is no whole millisecond")
        return column.dt.epoch("ms").to_numpy(), "milliseconds"
    _refuse_nulls(column, "time", where=where)
    if kind.is_integer():
        return times.from_integers(column.cast(pl.Int64).to_numpy(), where)
    return times.parse(_short(column, "time", where=where), where)


def _numbers(column: "pl.Series", name: str, *, own: dict[str, int] | None, where: Where) -> Numbers:
    import polars as pl

    _refuse_nulls(column, name, where=where)
    if column.dtype.is_integer():
        digits = column.cast(pl.Int64).to_numpy()
        below = np.flatnonzero(digits < 0)
        if len(below):
            raise BadRows(f"{where(int(below[0]))}: {name} {digits[below[0]]} is below 0", below)
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
        rows = column.is_null().arg_true()
        raise BadRows(f"{where(int(rows[0]))}: {name} is empty", rows.to_numpy().astype(np.int64))
