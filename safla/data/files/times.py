"""Opening times, text or integers, to ms UTC. A unit is told by its size; what has no time zone is refused."""

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.core.values import Int64
from safla.data.decimals import Where
from safla.errors import DataError

if TYPE_CHECKING:
    import polars as pl

INTEGER = r"^[1-9][0-9]{8,17}$"
ISO = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:\.([0-9]{1,9}))?"
    r" ?(?:(Z|UTC)|([+-][0-9]{2}):?([0-9]{2}))$"
)
LOOKS_LIKE_TIME = re.compile(r"[0-9]{4,}")


class Unit(NamedTuple):
    """A unit of integer times: the first value that is too large for it, and how many make a ms (or ms make one)."""

    name: str
    below: int
    per_ms: int
    ms: int


UNITS = (
    Unit("seconds", 10**11, 1, 1000),
    Unit("milliseconds", 10**14, 1, 1),
    Unit("microseconds", 10**17, 1000, 1),  # Binance spot archives from 2025 on
)  # by size, never by date (EXCHANGE 3)
TEXTS = "ISO dates"


def parse(cells: "pl.Series", where: Where) -> tuple[Int64, str]:
    """Times as ms UTC, and what they were. DataError names the first that is no time, or of another unit."""
    import polars as pl

    first = cells[0] or ""
    if not first.isdigit():
        return _iso(cells, where=where), TEXTS
    _refuse_others(cells, cells.str.contains(INTEGER), where=where)
    return from_integers(cells.cast(pl.Int64).to_numpy(), where)


def from_integers(values: Int64, where: Where) -> tuple[Int64, str]:
    """Integer times as ms UTC, and their unit. DataError for mixed units, nanoseconds, and parts of a ms."""
    codes = np.searchsorted([unit.below for unit in UNITS], values, side="right")
    strange = np.flatnonzero((codes == len(UNITS)) | (values < 10**8))
    if len(strange):
        row = int(strange[0])
        raise DataError(f"{where(row)}: time {values[row]} is in no unit from seconds to microseconds")
    unit = UNITS[int(codes[0])]
    other = np.flatnonzero(codes != codes[0])
    if len(other):
        row = int(other[0])
        raise DataError(
            f"{where(row)}: time {values[row]} is in {UNITS[int(codes[row])].name}, the rows before in {unit.name}"
        )
    uneven = np.flatnonzero(values % unit.per_ms)
    if len(uneven):
        raise DataError(f"{where(int(uneven[0]))}: time {values[uneven[0]]} is no whole millisecond")
    return values // unit.per_ms * unit.ms, unit.name


def _iso(cells: "pl.Series", *, where: Where) -> Int64:
    import polars as pl

    _refuse_others(cells, cells.str.contains(ISO), where=where)
    groups = cells.str.extract_groups(ISO).struct.unnest()
    days, minutes, seconds, fraction, _, hours_east, minutes_east = (groups[name] for name in groups.columns)
    moments = days + " " + minutes + seconds.fill_null(":00")
    ms = moments.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="ms", strict=False).cast(pl.Int64)
    _refuse_others(cells, ms.is_not_null(), where=where)
    parts = fraction.fill_null("0").str.pad_end(9, "0").cast(pl.Int64).to_numpy()
    uneven = np.flatnonzero(parts % 1_000_000)
    if len(uneven):
        raise DataError(f"{where(int(uneven[0]))}: time {cells[int(uneven[0])]} is no whole millisecond")
    sign = np.where(hours_east.fill_null("+").str.starts_with("-").to_numpy(), -1, 1)
    east = hours_east.str.slice(1).cast(pl.Int64).fill_null(0).to_numpy() * 60
    east = sign * (east + minutes_east.cast(pl.Int64).fill_null(0).to_numpy())
    result: Int64 = ms.to_numpy() + parts // 1_000_000 - east * 60_000
    return result


def _refuse_others(cells: "pl.Series", fine: "pl.Series", *, where: Where) -> None:
    strange = fine.fill_null(False).not_().arg_true()
    if not len(strange):
        return
    row = int(strange[0])
    cell = cells[row] or ""
    raise DataError(
        f"{where(row)}: time {cell[:40]!r} is neither an integer since 1970 nor a date with a time zone, "
        "such as 2024-01-31T13:00:00Z"
    )
