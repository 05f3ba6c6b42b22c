"""Returns of the equity: total, CAGR, and those of each day, month and year."""

import math
from typing import NamedTuple

import numpy as np

from safla.core.values import DAY_MS, Float64, Int64
from safla.metrics.metric import FEWEST_DAYS, YEAR_MS, Metric, few

MONTHS = 12


class YearReturns(NamedTuple):
    """The returns of a calendar year and of its months (UTC), ratios; None for months outside the run."""

    year: int
    months: tuple[float | None, ...]  # from January on
    whole: float | None


def total_return(equity: Int64, balance: int) -> Metric:
    """E_T / E_0 - 1. equity int64[n] at each close, balance at the start; money units."""
    return change(balance, final_equity(equity, balance))


def change(before: int, after: int) -> Metric:
    """after / before - 1, money units, before > 0."""
    return Metric(float(after - before) / float(before))


def final_equity(equity: Int64, balance: int) -> int:
    """E_T, money units: the balance where no candle was folded."""
    return int(equity[-1]) if len(equity) else balance


def length_ms(ts: Int64, step_ms: int) -> int:
    """The length of the run, ms, from the first open to the last close. ts int64[n], the open times of its candles."""
    return int(ts[-1]) + step_ms - int(ts[0]) if len(ts) else 0


def cagr(equity: Int64, balance: int, ms: int) -> Metric:
    """(E_T / E_0)^(1 / years) - 1. ms: the length of the run, at least 30 days."""
    if ms < FEWEST_DAYS * DAY_MS:
        return few(ms // DAY_MS, FEWEST_DAYS, "days")
    last = final_equity(equity, balance)
    if last == 0:
        return Metric(-1.0)
    return Metric(math.expm1(math.log(float(last) / float(balance)) * YEAR_MS / ms))


def midnights(ts: Int64, step_ms: int) -> Int64:
    """Every 00:00 UTC from the first open to the last close, int64[days + 1], ms."""
    if len(ts) == 0:
        return np.zeros(0, np.int64)
    return np.arange(-(-int(ts[0]) // DAY_MS) * DAY_MS, int(ts[-1]) + step_ms + 1, DAY_MS, dtype=np.int64)


def levels_at(moments: Int64, ts: Int64, equity: Int64, balance: int, step_ms: int) -> Int64:
    """The last equity at or before each moment (ms), int64[moments], money units; the balance before the first close.

    ts, equity  int64[n], n >= 1: the open times of the candles, and the equity marked at their closes
    """
    closed = closed_at(moments, ts, step_ms)
    return np.where(closed > 0, equity[np.maximum(closed, 1) - 1], balance)


def closed_at(moments: Int64, ts: Int64, step_ms: int) -> Int64:
    """How many candles have closed at or before each moment (ms)."""
    return np.searchsorted(ts, moments - step_ms, side="right").astype(np.int64)


def daily_returns(ts: Int64, equity: Int64, balance: int, step_ms: int) -> Float64:
    """r_d: returns of the last equity at or before each 00:00 UTC, every calendar day, float64[days].

    ts       int64[n], the open times of the candles, ms; equity is marked at ts + step_ms
    balance  the equity at the first open
    A day that begins with an equity of 0 has no return, and it is the last: without cash or positions 0 is final.
    """
    if len(ts) == 0:
        return np.zeros(0)
    levels = levels_at(midnights(ts, step_ms), ts, equity, balance, step_ms).astype(np.float64)
    days = int(np.count_nonzero(levels[:-1]))
    return levels[1 : days + 1] / levels[:days] - 1.0


def yearly(ts: Int64, equity: Int64, balance: int, step_ms: int) -> tuple[YearReturns, ...]:
    """The returns of the calendar months and years of the run; the first and the last may be partial."""
    if len(ts) == 0:
        return ()
    first, last = int(ts[0]), int(ts[-1]) + step_ms
    start, end = (np.datetime64(ms, "ms").astype("datetime64[Y]") for ms in (first, last - 1))
    edges = np.arange(start.astype("datetime64[M]"), (end + 1).astype("datetime64[M]") + 1)
    moments = edges.astype("datetime64[ms]").astype(np.int64)
    levels = levels_at(np.clip(moments, first, last), ts, equity, balance, step_ms).tolist()
    inside = ((moments[1:] > first) & (moments[:-1] < last)).tolist()
    months = [_change(levels[i], levels[i + 1]) if inside[i] else None for i in range(len(inside))]
    return tuple(
        YearReturns(
            year=int(str(start + i // MONTHS)),
            months=tuple(months[i : i + MONTHS]),
            whole=_change(levels[i], levels[i + MONTHS]),
        )
        for i in range(0, len(months), MONTHS)
    )


def _change(before: int, after: int) -> float | None:
    """after / before - 1; None where nothing was there before."""
    return change(before, after).value if before > 0 else None
