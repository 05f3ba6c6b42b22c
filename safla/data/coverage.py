"""How much of the requested period the candles of a symbol cover, and where their prices jump. No file is read here.

Missing candles are counted and reported; a run goes on with the candles that exist (S4, S6).
"""

from typing import NamedTuple

import numpy as np

from safla.core.candles import Series, iso, row_blocks, rows_before_gaps
from safla.core.scale import to_text

JUMP = 2  # factor, up or down: no market moves so far between two candles, but a redenomination does
LARGE_GAP_MS = 86_400_000  # a gap of a day is reported, a shorter one is only counted
LARGE_SHARE = 100  # gaps are also reported where more than one in 100 candles is missing
MOST_JUMPS = 3  # jumps that are listed for a symbol


class RequestedPeriod(NamedTuple):
    """The period that data.start and data.end request, ms. None: from the first, or to the last candle of the run."""

    start: int | None
    end: int | None  # exclusive


class Jump(NamedTuple):
    """Two candles between which the price jumps."""

    before: int  # ms, open times
    after: int
    close: int  # price units, of the candle before
    open: int  # price units, of the candle after

    @property
    def factor(self) -> float:
        """The open after the jump divided by the close before it."""
        return self.open / self.close


class Coverage(NamedTuple):
    """Which candles of one symbol exist in the requested period, and which are missing."""

    symbol: str
    first: int | None  # ms, open time; None: no candle lies in the period
    last: int | None
    candles: int  # in the period
    room: int  # candles that fit into the period
    missing_before: int  # candles between the start of the period and the first candle
    missing_after: int  # candles between the last candle and the end of the period
    gaps: int  # between the first and the last candle, lookback included
    missing: int  # candles in those gaps
    largest: tuple[int, int] | None  # the largest gap, ms, end exclusive
    largest_candles: int
    lookback: int  # candles before the period
    jumps: tuple[Jump, ...]

    @property
    def share(self) -> float:
        """The candles in the period divided by the candles that fit into it."""
        return self.candles / self.room if self.room else 0.0


def covered(series: Series, period: RequestedPeriod, *, begin: int, end: int, step: int) -> Coverage:
    """Compare a symbol's candles with the requested period.

    series  the candles of the run, lookback included
    begin   ms: the first candle of the run after the lookback; end: the end of its last candle, over all symbols
    """
    ts = series.columns.ts
    start = begin if period.start is None else -(-period.start // step) * step
    stop = end if period.end is None else -(-period.end // step) * step
    inside = ts[slice(*np.searchsorted(ts, (start, stop)))]
    room = max(0, stop - start) // step
    before = rows_before_gaps(ts, step)
    in_gaps = (ts[before + 1] - ts[before]) // step - 1  # candles
    largest = int(before[np.argmax(in_gaps)]) if len(before) else None
    first, last = (int(inside[0]), int(inside[-1])) if len(inside) else (None, None)
    return Coverage(
        symbol=series.symbol,
        first=first,
        last=last,
        candles=len(inside),
        room=room,
        missing_before=room if first is None else (first - start) // step,
        missing_after=0 if last is None else (stop - step - last) // step,
        gaps=len(before),
        missing=int(in_gaps.sum()),
        largest=None if largest is None else (int(ts[largest]) + step, int(ts[largest + 1])),
        largest_candles=int(in_gaps.max(initial=0)),
        lookback=int(np.searchsorted(ts, start)),
        jumps=jumps(series),
    )


def jumps(series: Series) -> tuple[Jump, ...]:
    """Where an open is at least JUMP times the close before it, or at most 1/JUMP of it; across gaps too."""
    columns = series.columns
    close, next_open = columns.close[:-1], columns.open[1:]
    rows = []
    for block in row_blocks(len(close)):
        far = np.flatnonzero((next_open[block] >= JUMP * close[block]) | (close[block] >= JUMP * next_open[block]))
        rows += [block.start + int(row) for row in far]
    return tuple(
        Jump(int(columns.ts[row]), int(columns.ts[row + 1]), int(close[row]), int(next_open[row])) for row in rows
    )


def notes(
    coverage: Coverage, period: RequestedPeriod, *, begin: int, end: int, step: int, warm_up: int, decimals: int
) -> list[str]:
    """One line about a symbol whose candles do not cover the period or whose prices jump; none for a complete series.

    warm_up  candles that the strategy needs before its first signal; decimals: of a price
    """
    facts = [*_ends(coverage, period, begin=begin, end=end, step=step), *_lookback(coverage, period, warm_up=warm_up)]
    total = coverage.candles + coverage.lookback + coverage.missing
    gap_start, gap_end = coverage.largest or (0, 0)
    if gap_end - gap_start >= max(LARGE_GAP_MS, 2 * step) or coverage.missing * LARGE_SHARE > total:
        facts.append(
            f"{_counted(coverage.missing, 'candle')} missing in {_counted(coverage.gaps, 'gap')}, the largest from "
            f"{iso(gap_start)} to {iso(gap_end)} ({coverage.largest_candles:,})"
        )
    facts += [_jump(jump, decimals) for jump in coverage.jumps[:MOST_JUMPS]]
    if len(coverage.jumps) > MOST_JUMPS:
        facts.append(f"{len(coverage.jumps) - MOST_JUMPS:,} more such jumps")
    return [f"{coverage.symbol}: {'; '.join(facts)}"] if facts else []


def _ends(coverage: Coverage, period: RequestedPeriod, *, begin: int, end: int, step: int) -> list[str]:
    start = f"the run begins {iso(begin)}" if period.start is None else f"data.start asks for {iso(period.start)}"
    stop = f"the run ends {iso(end)}" if period.end is None else f"data.end asks for {iso(period.end)}"
    if coverage.first is None or coverage.last is None:
        return [f"no candle in the period; {start}, {stop}"]
    facts = []
    if coverage.missing_before:
        facts.append(f"candles begin {iso(coverage.first)}, {start} ({coverage.missing_before:,} missing)")
    if coverage.missing_after:
        facts.append(f"candles end {iso(coverage.last + step)}, {stop} ({coverage.missing_after:,} missing)")
    return facts


def _lookback(coverage: Coverage, period: RequestedPeriod, *, warm_up: int) -> list[str]:
    if period.start is None or coverage.lookback >= warm_up or coverage.first is None:
        return []
    lookback = f"only {_counted(coverage.lookback, 'candle')}" if coverage.lookback else "no candle"
    after_start = warm_up - coverage.lookback
    return [f"{lookback} before data.start, so the strategy warms up on the first {after_start:,} from there"]


def _jump(jump: Jump, decimals: int) -> str:
    prices = f"close {to_text(jump.close, decimals)} at {iso(jump.before)}, open {to_text(jump.open, decimals)}"
    return f"the price jumps by a factor of {jump.factor:.4g}: {prices} at {iso(jump.after)}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
