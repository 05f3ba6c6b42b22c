"""Candles as files for others: CSV and Parquet, exact decimals, times in ms UTC. No file is written here."""

import io
from typing import TYPE_CHECKING

from safla.candles.decimals import POWERS
from safla.candles.normalise import FIELDS, PRICES
from safla.core.candles import Series

if TYPE_CHECKING:
    import polars as pl


def csv_text(series: Series) -> str:
    """A header and one line per candle. data.source: csv reads it, and importing it restores the same stored bytes."""
    file = io.BytesIO()
    _texts(series).write_csv(file, quote_style="never")
    return file.getvalue().decode("ascii")


def parquet_bytes(series: Series) -> bytes:
    """An int64 column of times and Decimal columns, which data.source: parquet reads exactly."""
    import polars as pl

    kinds = {name: pl.Decimal(38, _places(series, name)) for name in FIELDS[1:]}
    file = io.BytesIO()
    _texts(series).with_columns(pl.col(name).cast(kind) for name, kind in kinds.items()).write_parquet(
        file, compression="zstd", compression_level=3, statistics=True, row_group_size=2**20
    )
    return file.getvalue()


def _texts(series: Series) -> "pl.DataFrame":
    """A frame with the times as integers and the numbers as plain decimal texts."""
    import polars as pl

    frame = pl.DataFrame(series.columns._asdict())
    return frame.select("ts", *(_text(name, _places(series, name)) for name in FIELDS[1:]))


def _text(name: str, places: int) -> "pl.Expr":
    import polars as pl

    units = pl.col(name)
    if not places:
        return units.cast(pl.String)
    power = int(POWERS[places])
    fraction = (units % power).cast(pl.String).str.zfill(places)
    return ((units // power).cast(pl.String) + "." + fraction).alias(name)


def _places(series: Series, name: str) -> int:
    return series.price_decimals if name in PRICES else series.volume_decimals
