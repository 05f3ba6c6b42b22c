"""Build longer candles from shorter ones, on the UTC grid and in integers. A candle with a missing part is a gap."""

from typing import NamedTuple

import numpy as np

from safla.core.candles import Series, iso
from safla.core.scale import LIMIT
from safla.core.values import Columns
from safla.errors import DataError


class ResampleResult(NamedTuple):
    """The longer candles, and which could not be built."""

    series: Series
    incomplete: int  # longer candles that were not built because a part of them is missing
    first_incomplete: int | None  # ms, the open time of the first of them


def resampled(series: Series, *, source_ms: int, step_ms: int) -> ResampleResult:
    """Candles of step_ms from candles of source_ms, which ascend on their grid. Only complete candles are built.

    Open of the first, highest high, lowest low, close of the last, sum of the volumes. DataError if a sum may reach
    2**62 units, and if no candle is complete.
    """
    columns, parts = series.columns, step_ms // source_ms
    buckets = columns.ts // step_ms * step_ms
    starts = np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))
    counts = np.diff(starts, append=len(buckets))
    whole = counts == parts
    if not whole.any():
        raise DataError(
            f"{series.symbol}: no complete candle: each needs {parts} candles of the source", code="no_candles"
        )
    _check_volumes(series, parts=parts)
    lasts = starts + counts - 1
    built = Columns(
        buckets[starts],
        columns.open[starts],
        np.maximum.reduceat(columns.high, starts),
        np.minimum.reduceat(columns.low, starts),
        columns.close[lasts],
        np.add.reduceat(columns.volume, starts),
    )
    kept = Columns(*(np.ascontiguousarray(column[whole]) for column in built))
    missing = built.ts[~whole]
    first = int(missing[0]) if len(missing) else None
    return ResampleResult(series._replace(columns=kept), len(missing), first)


def notes(result: ResampleResult, *, timeframe: str, source: str) -> tuple[str, ...]:
    """Notes for the user about what was built."""
    series, count = result.series, result.incomplete
    built = f"{series.symbol}: {len(series.columns.ts):,} candles of {timeframe} built from candles of {source}"
    if result.first_incomplete is None:
        return (built,)
    what = "is incomplete and left out as a gap" if count == 1 else "are incomplete and left out as gaps"
    return (f"{built}; {count:,} {what}, the first at {iso(result.first_incomplete)}",)


def _check_volumes(series: Series, *, parts: int) -> None:
    most = int(series.columns.volume.max())
    if most * parts < LIMIT:
        return
    raise DataError(
        f"{series.symbol}: a volume of {most} units times {parts} is not below 2**62 units; set fewer volume_decimals",
        code="number_too_large",
    )
