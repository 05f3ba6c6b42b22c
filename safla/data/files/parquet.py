"""Parquet files of candles, those of run folders too. A float is taken by its shortest text, and that is said."""

from safla.data.bad_rows import Handling
from safla.data.files import bounded, columnar, footer, recorded
from safla.data.files.csv import ColumnMap
from safla.data.files.recorded import Recorded
from safla.data.files.table import MAX_COLUMNS
from safla.data.rows import FIELDS, MAX_ROWS, Rows
from safla.errors import DataError

MAX_UNPACKED_BYTES = 2 * 2**30


def read(
    path: str, columns: ColumnMap | None, *, symbol: str, owners: int, zone: str | None = None, bad: Handling = "refuse"
) -> Rows:
    """The rows of one symbol. owners: how many symbols are read from this file; above 1 it needs a column `symbol`."""
    import polars as pl

    with bounded.opened(path) as stream:
        content = bounded.whole(stream, path)
    _refuse_bombs(content, name=bounded.shown(path))
    # polars ends in a panic on some broken pages, and a panic is no Exception
    broken = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)
    try:
        run = recorded.facts(pl.read_parquet_metadata(content))
        if run is None:
            schema = pl.read_parquet_schema(content)
            wanted = columnar.wanted(schema, columns, path=path, symbol=symbol, owners=owners)
            frame = pl.read_parquet(content, columns=wanted.read)
            return columnar.rows(path, frame, asked=wanted, symbol=symbol, zone=zone, bad=bad)
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
    found = columnar.of_frame(path, own, own=dict.fromkeys(FIELDS[1:5], price) | {"volume": volume})
    return found._replace(timeframe=run.timeframe)
