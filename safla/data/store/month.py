"""Encode the candles of one month as bytes and decode them; the hash of the bytes names the file. No folder here."""

import hashlib
import io
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from safla.candles.decimals import POWERS
from safla.candles.normalise import PRICES
from safla.candles.validation import Bounds, Origin, check_candles
from safla.core.candles import Series
from safla.core.scale import LIMIT
from safla.core.values import Columns, Int64
from safla.data.files import footer, run_candles
from safla.data.files.footer import Limits
from safla.data.files.parquet_decoding import decoded
from safla.data.files.parquet_format import INT64
from safla.errors import DataError

PRICE_LIMIT = LIMIT // 1000  # D1: the smallest limit that any strategy needs
MAX_BYTES = 2**26  # of a file: 44 640 candles of six int64 are 2 MB uncompressed
KEY = "safla"  # of the metadata. run_candles.py rejects it as that of a run, so a month's file is no source by itself


class Packed(NamedTuple):
    """An encoded month. The bytes depend on the candles only."""

    content: bytes
    hash: str  # BLAKE2b-128 of the content
    series: Series  # in units of the fewest decimals that its candles need


def pack(series: Series) -> Packed:
    """Encode a month's candles. The decimals that they came with make no difference."""
    import polars as pl

    series = least(series)
    frame = pl.DataFrame(series.columns._asdict())
    decimals = {"price_decimals": series.price_decimals, "volume_decimals": series.volume_decimals}
    file = io.BytesIO()
    frame.write_parquet(
        file, compression="zstd", compression_level=1, statistics=False, row_group_size=frame.height,
        metadata={KEY: json.dumps({"store": 1, **decimals})},
    )  # fmt: skip
    content = file.getvalue()
    return Packed(content, hash_of(content), series)


def unpack(content: bytes, *, candles: int) -> Columns:
    """The columns of a file whose hash is right. ValueError where it is no month of `candles` candles.

    The hash only shows damage: an attacker can write a matching hash into the manifest.
    """
    import polars as pl

    try:
        claims = footer.read(content, name="month", limits=Limits(len(Columns._fields), candles, 2**40))
    except DataError as error:
        raise ValueError("it is no Parquet file that safla wrote") from error
    if tuple(leaf.name for leaf in claims.leaves) != Columns._fields or claims.rows != candles:
        raise ValueError("its columns or its number of candles are not those of the month")
    if any(leaf.kind != INT64 or not leaf.is_plain for leaf in claims.leaves):
        raise ValueError("its columns are not those of a month")
    run_candles.refuse_unpacked(claims)
    try:
        frame = decoded(content, claims)
    except ValueError as error:
        raise ValueError("it is no Parquet file that safla wrote") from error
    if set(frame.dtypes) != {pl.Int64} or any(frame.null_count().row(0)):
        raise ValueError("its columns are not those of a month, or have empty cells")
    columns = Columns(*(column.to_numpy() for column in frame))
    if (np.diff(columns.ts) <= 0).any():
        raise ValueError("candles out of order")
    return columns


def hash_of(content: bytes) -> str:
    """The hash of a file, which is a part of its name."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def name_of(ms: int) -> str:
    """The UTC month of a time: 2024-01."""
    return str(np.datetime64(ms, "ms").astype("datetime64[M]"))


def bounds_of(name: str) -> tuple[int, int]:
    """The first ms of a month, and of the next."""
    month = np.datetime64(name, "M")
    start, end = (int(date.astype("datetime64[ms]").astype(np.int64)) for date in (month, month + 1))
    return start, end


def split_months(series: Series) -> Iterator[tuple[str, Series]]:
    """The candles of each month that has any."""
    months = series.columns.ts.astype("datetime64[ms]").astype("datetime64[M]")
    edges = [0, *(np.flatnonzero(months[1:] != months[:-1]) + 1).tolist(), len(months)]
    for first, end in pairwise(edges if len(months) else ()):
        columns = Columns(*(column[first:end] for column in series.columns))
        yield str(months[first]), series._replace(columns=columns)


def refuse_unsound(series: Series, *, step_ms: int, origin: str) -> None:
    """Raise DataError for candles that break S1, S3 or D1, or are not in ascending order."""
    ts = series.columns.ts
    late = np.flatnonzero(np.diff(ts) <= 0)
    if len(late):
        raise DataError(
            f"{origin}: time {ts[late[0] + 1]} is not after {ts[late[0]]}; candles must ascend",
            code="candles_out_of_order",
        )
    numbers = np.arange(1, len(ts) + 1, dtype=np.int64)
    bounds = Bounds(step_ms, PRICE_LIMIT, series.price_decimals, series.volume_decimals)
    check_candles(series.columns, bounds, origin=Origin(origin, "row", numbers))


def least(series: Series) -> Series:
    """The same candles in units of the fewest decimals that they need."""
    columns = series.columns
    spare = min(_spare(getattr(columns, name), series.price_decimals) for name in PRICES)
    spare_volume = _spare(columns.volume, series.volume_decimals)
    shorter = {name: getattr(columns, name) // int(POWERS[spare]) for name in PRICES} if spare else {}
    if spare_volume:
        shorter["volume"] = columns.volume // int(POWERS[spare_volume])
    decimals = series.price_decimals - spare, series.volume_decimals - spare_volume
    return Series(series.symbol, *decimals, columns._replace(**shorter))


def scaled(series: Series, *, price_decimals: int, volume_decimals: int) -> Series:
    """The same candles with the given decimals, no fewer than they have. DataError where they do not fit (D1)."""
    more = price_decimals - series.price_decimals, volume_decimals - series.volume_decimals
    if more == (0, 0):
        return series
    limits = (*((name, more[0], PRICE_LIMIT) for name in PRICES), ("volume", more[1], LIMIT - 1))
    longer = {name: _times(series, name, places, limit) for name, places, limit in limits if places}
    return Series(series.symbol, price_decimals, volume_decimals, series.columns._replace(**longer))


def same_decimals(one: Series, other: Series) -> tuple[Series, Series]:
    """Both with the larger number of decimals."""
    price, volume = max(one.price_decimals, other.price_decimals), max(one.volume_decimals, other.volume_decimals)
    finer = {"price_decimals": price, "volume_decimals": volume}
    return scaled(one, **finer), scaled(other, **finer)


def _spare(units: Int64, places: int) -> int:
    """How many trailing decimals none of the numbers needs."""
    spare = 0
    while spare < places and _all_multiples(units, int(POWERS[spare + 1])):
        spare += 1
    return spare


def _all_multiples(units: Int64, power: int) -> bool:
    """Whether all are multiples of `power`. The first 100 usually decide, so they are checked first."""
    return not (units[:100] % power).any() and not (units % power).any()


def _times(series: Series, name: str, places: int, limit: int) -> Int64:
    column: Int64 = getattr(series.columns, name)
    power = int(POWERS[places])
    if len(column) and int(column.max()) > limit // power:
        decimals = series.volume_decimals if name == "volume" else series.price_decimals
        raise DataError(
            f"{series.symbol}: {name} {int(column.max())} units of 10^-{decimals} do not fit "
            f"below {limit} if the decimals grow by {places}, as other candles of the series need",
            code="number_too_large",
        )
    return column * power
