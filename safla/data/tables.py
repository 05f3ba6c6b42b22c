"""Candles from tables in memory, checked as those of files are: polars, pandas, Arrow, dicts of arrays."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from safla.candles.bad_rows import Handling, hinted
from safla.candles.normalise import MAX_ROWS, FileRows
from safla.data.files import columnar
from safla.data.files.csv import ColumnMap
from safla.data.files.table import MAX_COLUMNS
from safla.errors import DataError, UsageError

if TYPE_CHECKING:
    import polars as pl

NAME = "candles"  # of a table in messages, as the name of a file is in others
Tables = Mapping[str, Any]  # by symbol


def tables_of(given: Any, symbols: Sequence[str]) -> Tables:
    """The table of each symbol. UsageError where `given` does not fit the symbols of the run.

    given  a table, for one symbol or with a column `symbol`; or a mapping of the symbols to their tables
    """
    if not _is_by_symbol(given):
        return dict.fromkeys(symbols, given)
    missing = [symbol for symbol in symbols if symbol not in given]
    if missing:
        named = ", ".join(ascii(name)[1:-1][:40] for name in list(given)[:10])
        raise UsageError(f"{NAME}: no table of {', '.join(missing)}; it has {named}", code="invalid_argument")
    return {symbol: given[symbol] for symbol in symbols}


def rows_of(
    tables: Tables, *, columns: ColumnMap | None, zone: str | None, bad: Handling
) -> list[tuple[str, FileRows]]:
    """The rows of each symbol, in the order of the mapping. DataError names table, row and value, as for a file."""
    owners = Counter(map(id, tables.values()))
    frames: dict[int, pl.DataFrame] = {}
    found = []
    for symbol, table in tables.items():
        name = NAME if len(owners) == 1 else f"{NAME}[{symbol}]"
        frame = frames.setdefault(id(table), frame_of(table, name=name))
        wanted = columnar.wanted(frame.schema, columns, path=name, symbol=symbol, owners=owners[id(table)])
        with hinted("data.bad_rows: drop"):
            rows = columnar.rows(name, frame.select(wanted.read), asked=wanted, symbol=symbol, zone=zone, bad=bad)
        found.append((symbol, rows))
    return found


def frame_of(table: Any, *, name: str) -> "pl.DataFrame":
    """A table as a frame; a datetime index becomes its first column. DataError for what is none, UsageError likewise.

    Floats stay floats: they are read at their shortest decimal text. Nothing is rounded.
    """
    import polars as pl

    try:
        frame = _converted(table)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        text = ascii(" ".join(str(error).split())[:150])[1:-1]
        raise DataError(f"{name}: cannot be read as a table of candles ({text})", code="wrong_format") from error
    if frame is None:
        raise UsageError(
            f"{name}: expected a frame of polars or pandas, a table of Arrow, a dict of arrays, or a mapping of "
            f"symbols to these; got {type(table).__name__}",
            code="invalid_argument",
        )
    if frame.width > MAX_COLUMNS or frame.height > MAX_ROWS:
        raise DataError(
            f"{name}: {frame.height} rows and {frame.width} columns; at most {MAX_ROWS} and {MAX_COLUMNS} are read",
            code="file_too_large",
        )
    return frame


def _is_by_symbol(given: Any) -> bool:
    """Whether it is a mapping of symbols to tables. A table may be a mapping too: of names to columns."""
    return isinstance(given, Mapping) and any(
        isinstance(value, Mapping) or hasattr(value, "columns") or hasattr(value, "column_names")
        for value in given.values()
    )


def _converted(table: Any) -> "pl.DataFrame | None":
    import polars as pl

    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if isinstance(table, pl.DataFrame):
        return table
    if _is_pandas(table):
        return _of_pandas(table)
    if hasattr(table, "__arrow_c_stream__"):
        return pl.DataFrame(table)
    if isinstance(table, Mapping):
        return pl.DataFrame([_series(str(label), values) for label, values in table.items()])
    if isinstance(table, np.ndarray) and table.dtype.names:
        return pl.DataFrame([_series(label, table[label]) for label in table.dtype.names])
    return None


def _is_pandas(table: Any) -> bool:
    return (
        type(table).__module__.partition(".")[0] == "pandas" and hasattr(table, "columns") and hasattr(table, "index")
    )


def _of_pandas(table: Any) -> "pl.DataFrame":
    """A frame of pandas. Its index is a column if it has times or a name; a mere row number is not."""
    import polars as pl

    columns = [(str(label), table[label]) for label in table.columns]
    if len({label for label, _ in columns}) != len(columns):
        raise ValueError("two columns have the same name")
    index = table.index
    if getattr(index, "nlevels", 1) > 1:
        raise ValueError("its index has several levels; reset_index makes them columns")
    if getattr(index, "name", None) is not None or index.dtype.kind == "M" or hasattr(index, "tz"):
        label = "ts" if index.name is None else str(index.name)
        columns.insert(0, (label, index))
    return pl.DataFrame([_of_column(label, column) for label, column in columns])


def _of_column(label: str, column: Any) -> "pl.Series":
    """A column or an index of pandas. Times with a zone become UTC; those without stay without."""
    import polars as pl

    zone = getattr(column.dtype, "tz", None)
    if zone is None:
        return _series(label, column.to_numpy())
    times = column.dt if hasattr(column, "dt") else column
    in_utc = times.tz_convert("UTC")
    without = (in_utc.dt if hasattr(column, "dt") else in_utc).tz_localize(None)
    series: pl.Series = _series(label, without.to_numpy())
    return series.dt.replace_time_zone("UTC")


def _series(label: str, values: Any) -> "pl.Series":
    """A column of an array or a list."""
    import polars as pl

    if isinstance(values, pl.Series):
        return values.alias(label)
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{label}: expected a column, got an array of {array.ndim} dimensions")
    return pl.Series(label, array.tolist(), strict=False) if array.dtype == object else pl.Series(label, array)
