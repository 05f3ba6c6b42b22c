"""Candles and places for the tests of the store: synthetic, small, and the bytes that a folder holds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from safla.core.candles import Series
from safla.core.timeframes import Interval
from safla.core.values import Columns
from safla.data.store import store
from safla.data.store.store import MergeResult, SeriesKey

HOUR = 3_600_000
START = 1_706_659_200_000  # 2024-01-31T00:00Z: a day before a month ends
AT = 1_720_000_000_000
ALL: Interval = (0, 4_000_000_000_000)


def place(cache: Path, symbol: str = "BTC/USDT", timeframe: str = "1h") -> SeriesKey:
    """A series in a cache."""
    return SeriesKey(cache, "binance", symbol, timeframe)


def candles(hours: Sequence[int], *, price: int = 2, volume: int = 5, shift: int = 0) -> Series:
    """Candles of those hours behind START; the values of each follow from its hour, and `shift` changes them."""
    number = np.array(list(hours), np.int64)
    low = 4_200_000 + number * 7 + shift
    columns = Columns(START + number * HOUR, low + 3, low + 9, low, low + 5, 1_000_000 + number * 13 + shift)
    scaled = [columns.ts, *(column * 10 ** (price - 2) for column in columns[1:5]), columns.volume * 10 ** (volume - 5)]
    return Series("BTC/USDT", price, volume, Columns(*scaled))


def span(first: int, end: int) -> Interval:
    """The stretch from one hour behind START to another, exclusive."""
    return START + first * HOUR, START + end * HOUR


def merge(where: SeriesKey, series: Series, **more: object) -> MergeResult:
    """A merge whose source and time are always the same."""
    return store.merge(where, series, source="a source", at=AT, **more)  # type: ignore[arg-type]


def contents(where: SeriesKey) -> dict[str, bytes]:
    """Every file of a series and its bytes, the lock apart."""
    return {one.name: one.read_bytes() for one in where.folder.iterdir() if one.name != "lock"}


def months(where: SeriesKey) -> list[Path]:
    """The files of its months, in order."""
    return sorted(where.folder.glob("*.parquet"))


def same(one: Series | None, other: Series) -> bool:
    """Whether both hold the same candles, whatever decimals they are written with."""
    if one is None or not np.array_equal(one.columns.ts, other.columns.ts):
        return False
    powers = [10 ** (6 - one.price_decimals)] * 4 + [10 ** (8 - one.volume_decimals)]
    theirs = [10 ** (6 - other.price_decimals)] * 4 + [10 ** (8 - other.volume_decimals)]
    pairs = zip(one.columns[1:], other.columns[1:], powers, theirs, strict=True)
    return all(np.array_equal(mine * up, yours * their) for mine, yours, up, their in pairs)
