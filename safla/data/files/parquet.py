"""Parquet files of candles, those of run folders too. Floats are read as their shortest decimal text, with a note."""

import msgspec
import numpy as np

from safla.candles.bad_rows import Handling
from safla.candles.normalise import FIELDS, MAX_ROWS, FileRows
from safla.data.files import bounded, columnar, footer, run_candles
from safla.data.files.csv import ColumnMap
from safla.data.files.footer import Footer, Limits
from safla.data.files.parquet_decoding import decoded, schema_of
from safla.data.files.run_candles import RunCandlesMetadata
from safla.data.files.table import MAX_COLUMNS
from safla.errors import DataError
from safla.text import printable

MAX_UNPACKED_BYTES = 2 * 2**30


def read(
    path: str, columns: ColumnMap | None, *, symbol: str, owners: int, zone: str | None = None, bad: Handling = "refuse"
) -> FileRows:
    """The rows of one symbol. owners: how many symbols are read from this file; above 1 it needs a column `symbol`."""
    import polars as pl

    with bounded.open_file(path) as stream:
        content = bounded.whole(stream, path)
    name = printable(path)
    claims = footer.read(content, name=name, limits=Limits(MAX_COLUMNS, MAX_ROWS, MAX_UNPACKED_BYTES))
    broken = (
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        ValueError,
        OverflowError,
    )  # casts raise them too
    try:
        run = run_candles.facts(claims.metadata)
        if run is not None:
            return _recorded(path, content, claims, run, symbol=symbol)
        schema = schema_of(content, claims)
        wanted = columnar.wanted(schema, columns, path=path, symbol=symbol, owners=owners)

        def column(name: str) -> pl.Series:
            return decoded(content, claims, columns=[name])[name]

        rows = columnar.one_by_one(path, column, rows=claims.rows, asked=wanted, zone=zone)
        if rows is None:
            frame = decoded(content, claims, columns=wanted.read)
            rows = columnar.rows(path, frame, asked=wanted, symbol=symbol, zone=zone, bad=bad)
        return rows
    except broken as error:
        text = ascii(str(error).partition("\n")[0][:150])[1:-1]
        raise DataError(f"{name}: cut or corrupt Parquet file ({text})", code="file_corrupt") from error


def _recorded(path: str, content: bytes, claims: Footer, run: RunCandlesMetadata, *, symbol: str) -> FileRows:
    """The candles of one symbol from the file of a run folder. ValueError where any candle of the file changed."""
    import polars as pl

    run_candles.refuse_claims(claims, run, file_bytes=len(content))
    frame = decoded(content, claims)
    run_candles.verified_series(frame, run)
    names = [recorded.symbol for recorded in run.symbols]
    if symbol not in names:
        raise DataError(f"{printable(path)}: no candles of {symbol}; it has {_listed(names)}", code="wrong_market")
    place = names.index(symbol)
    _, price, volume, rows = msgspec.structs.astuple(run.symbols[place])
    first = sum(recorded.rows for recorded in run.symbols[:place])
    part = frame.slice(first, rows)
    part = part.with_columns(pl.Series("row", np.arange(first + 1, first + rows + 1)))
    result = columnar.of_frame(path, part, own=dict.fromkeys(FIELDS[1:5], price) | {"volume": volume})
    return result._replace(timeframe=run.timeframe)


def _listed(symbols: list[str]) -> str:
    rest = len(symbols) - run_candles.SHOWN
    return ", ".join(symbols[: run_candles.SHOWN]) + (f" and {rest} more" if rest > 0 else "")
