"""The columns that every symbol has without an indicator: those of its candles, and what is computed from one row."""

from collections.abc import Callable

import numpy as np

from safla.core.values import DAY_MS, Columns, Float64, Int64
from safla.strategies.indicators.kind import ValueUnit

HOUR_MS, MINUTE_MS = 3_600_000, 60_000

RAW: dict[str, ValueUnit] = {"open": "price", "high": "price", "low": "price", "close": "price", "volume": "volume"}


def _hl2(candles: Columns, _step_ms: int) -> Float64:
    return _mean(candles.high + candles.low, 2)


def _hlc3(candles: Columns, _step_ms: int) -> Float64:
    return _mean(candles.high + candles.low + candles.close, 3)


def _ohlc4(candles: Columns, _step_ms: int) -> Float64:
    return _mean(candles.open + candles.high + candles.low + candles.close, 4)


def _mean(total: Int64, count: int) -> Float64:
    mean = _float(total)
    mean /= count  # in place: numpy divides a column of integers at half the speed
    return mean


def _hour(candles: Columns, step_ms: int) -> Float64:
    return _float((candles.ts + step_ms) // HOUR_MS % 24)


def _minute(candles: Columns, step_ms: int) -> Float64:
    return _float((candles.ts + step_ms) // MINUTE_MS % 60)


def _weekday(candles: Columns, step_ms: int) -> Float64:
    return _float(((candles.ts + step_ms) // DAY_MS + 3) % 7 + 1)  # 1970-01-01 was a Thursday


def _float(column: Int64) -> Float64:
    return column.astype(np.float64)


# Prices: integer sums and one division. Hour, minute and weekday (1 Monday to 7) are those of the candle's close, UTC.
DERIVED: dict[str, tuple[Callable[[Columns, int], Float64], ValueUnit]] = {
    "hl2": (_hl2, "price"),
    "hlc3": (_hlc3, "price"),
    "ohlc4": (_ohlc4, "price"),
    "hour": (_hour, "whole"),
    "minute": (_minute, "whole"),
    "weekday": (_weekday, "whole"),
}

SOURCES: dict[str, ValueUnit] = {**RAW, **{name: unit for name, (_, unit) in DERIVED.items()}}  # by V9 and V10


def source_column(name: str, candles: Columns, step_ms: int) -> Float64:
    """One of SOURCES for each candle, in units of its column; float64.

    candles  int64[n]; the sum of four prices is below 2**63
    step_ms  the length of a candle
    """
    return DERIVED[name][0](candles, step_ms) if name in DERIVED else _float(getattr(candles, name))
