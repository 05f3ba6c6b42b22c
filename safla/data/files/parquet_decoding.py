"""The one place where a library decodes Parquet, after the guard of `footer` has found what the file claims sound.

The library ends in a panic on some broken pages, and a panic is no Exception in Python.
"""

from typing import TYPE_CHECKING

from safla.data.files import panics
from safla.data.files.footer import Footer

if TYPE_CHECKING:
    import polars as pl


def decoded(content: bytes, claims: Footer, *, columns: list[str] | None = None) -> "pl.DataFrame":
    """The frame of a file whose claims were read from its content. ValueError where it is broken all the same.

    columns  those that are wanted; None: all
    """
    import polars as pl

    broken = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)
    try:
        with panics.hold_stderr():
            frame = pl.read_parquet(content, columns=columns)
    except broken as error:
        raise ValueError(_first_line(error)) from error
    if len(frame) != claims.rows:
        raise ValueError(f"{len(frame)} rows, and it says {claims.rows}")
    return frame


def schema_of(content: bytes, claims: Footer) -> "dict[str, pl.DataType]":
    """The columns with their types. ValueError where they make no sense."""
    import polars as pl

    broken = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)
    try:
        with panics.hold_stderr():
            schema = pl.read_parquet_schema(content)
    except broken as error:
        raise ValueError(_first_line(error)) from error
    if len(claims.leaves) < len(schema):
        raise ValueError("more columns than it says")
    return dict(schema)


def _first_line(error: BaseException) -> str:
    return ascii(str(error).partition("\n")[0][:150])[1:-1]
