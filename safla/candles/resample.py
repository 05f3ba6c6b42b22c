"""Longer candles out of shorter ones, on the UTC grid and in integers. A candle of which a part is missing is a gap."""

from typing import NamedTuple

import numpy as np

from safla.core.candles import Series, iso
from safla.core.scale import LIMIT
from safla.core.values import Columns
from safla.errors import DataError


class ResampleResult(NamedTuple):
    """What was built."""

    series: Series
    incomplete: int  # longer candles that were not built, for one of their parts is missing
    first_incomplete: int | None  # ms, the first of them


def resampled(series: Series, *, source_ms: int, step_ms: int) -> ResampleResult:
    """Candles of step_ms out of those of source_ms, which ascend on their grid: complete ones alone.

    Open of the first, highest high, lowest low, close of the last, sum of the volumes. DataError for a sum of 2**62
    units or more, and where no candle is complete.
    """
    columns, parts = series.columns, step_ms // source_ms
    buckets = columns.ts // step_ms * step_ms
    starts = np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))
    counts = np.diff(starts, append=len(buckets))
    whole = counts == parts
    if not whole.any():
        raise DataError(f"{series.symbol}: no candle is complete: each is built of {parts} candles of the source")
    _refuse_large(series, parts=parts)
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


def told(found: ResampleResult, *, timeframe: str, source: str) -> tuple[str, ...]:
    """What there is to say of it."""
    symbol, count = found.series.symbol, found.incomplete
    built = f"{symbol}: {len(found.series.columns.ts):,} candles of {timeframe} built of those of {source}"
    if found.first_incomplete is None:
        return (built,)
    be = "is" if count == 1 else "are"
    return (f"{built}; {count:,} {be} incomplete and left out as gaps, the first at {iso(found.first_incomplete)}",)


def _refuse_large(series: Series, *, parts: int) -> None:
    most = int(series.columns.volume.max())
    if most * parts < LIMIT:
        return
    raise DataError(
        f"{series.symbol}: a volume of {most} units, {parts} times, is not below 2**62 units; set fewer volume_decimals"
    )
