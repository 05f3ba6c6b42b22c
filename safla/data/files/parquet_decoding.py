"""The only place where a library decodes Parquet, after `footer` has checked what the file claims.

The library panics on some broken pages. A panic is no Exception in Python, so it is caught by its own class.
"""

from typing import TYPE_CHECKING

from safla.data.files import panics
from safla.data.files.footer import Footer

if TYPE_CHECKING:
    import polars as pl


def decoded(content: bytes, claims: Footer, *, columns: list[str] | None = None) -> "pl.DataFrame":
    """The frame of a file whose claims were checked. ValueError where its content is still broken.

    columns  those to read; None: all
    """
    import polars as pl

    broken = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)
    try:
        with panics.hold_stderr():
            frame = pl.read_parquet(content, columns=columns)
    except broken as error:
        raise ValueError(_first_line(error)) from error
    if len(frame) != claims.rows:
        raise ValueError(f"{len(frame)} rows, but its footer says {claims.rows}")
    return frame


def schema_of(content: bytes, claims: Footer) -> "dict[str, pl.DataType]":
    """The columns with their types. ValueError where the schema cannot be read."""
    import polars as pl

    broken = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)
    try:
        with panics.hold_stderr():
            schema = pl.read_parquet_schema(content)
    except broken as error:
        raise ValueError(_first_line(error)) from error
    if len(claims.leaves) < len(schema):
        raise ValueError("more columns than its footer says")
    return dict(schema)


def _first_line(error: BaseException) -> str:
    return ascii(str(error).partition("\n")[0][:150])[1:-1]
