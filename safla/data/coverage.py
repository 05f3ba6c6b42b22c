"""How much of the time that was asked for the candles of a symbol cover, and where their prices jump. No file is known.

What is not covered is told and counted; a run goes on with what is there (S4, S6).
"""

from typing import NamedTuple

import numpy as np

from safla.candles.validation import count_gaps
from safla.core.candles import Series, iso
from safla.core.scale import to_text
from safla.metrics.sums import row_blocks

JUMP = 2  # times the close before, or a part of it: no market moves so far between two candles, a redenomination does
LARGE_GAP_MS = 86_400_000  # a gap of a day is told, a shorter one is counted
LARGE_SHARE = 100  # and so are gaps that are together more than a hundredth of the candles
MOST_TOLD = 3  # jumps of a symbol


class RequestedPeriod(NamedTuple):
    """The time that was asked for, ms: data.start and data.end; None: from the first, to the last candle of the run."""

    start: int | None
    end: int | None  # exclusive


class Jump(NamedTuple):
    """Two candles between which the price jumps."""

    before: int  # ms, open times
    after: int
    close: int  # price units, of the one before
    open: int  # of the one after

    @property
    def factor(self) -> float:
        """What the price was multiplied with."""
        return self.open / self.close


class Coverage(NamedTuple):
    """What is there of one symbol, and what is not."""

    symbol: str
    first: int | None  # ms, open time; None: no candle is there
    last: int | None
    candles: int  # in the time asked for
    room: int  # candles that it has room for
    missing_before: int  # candles between the begin of that time and the first one
    missing_after: int  # between the last one and the end
    gaps: int  # between the first and the last one, lookback included
    missing: int  # candles in those
    largest: tuple[int, int] | None  # the largest gap, ms, end exclusive
    largest_candles: int
    lookback: int  # candles before the time asked for
    jumps: tuple[Jump, ...]

    @property
    def share(self) -> float:
        """The candles that are there over those that the time asked for has room for."""
        return self.candles / self.room if self.room else 0.0


def covered(series: Series, asked: RequestedPeriod, *, begin: int, end: int, step: int) -> Coverage:
    """What a symbol's candles cover.

    series  the candles of the run, lookback included
    begin   the first candle of the run behind the lookback, ms; end: behind its last one, of all symbols
    """
    ts = series.columns.ts
    start = begin if asked.start is None else -(-asked.start // step) * step
    stop = end if asked.end is None else -(-asked.end // step) * step
    inside = ts[slice(*np.searchsorted(ts, (start, stop)))]
    room = max(0, stop - start) // step
    apart = np.diff(ts)
    gaps, missing = count_gaps(ts, step)
    largest = int(np.argmax(apart)) if len(apart) else 0
    widest = int(apart[largest]) // step - 1 if len(apart) else 0
    first, last = (int(inside[0]), int(inside[-1])) if len(inside) else (None, None)
    return Coverage(
        symbol=series.symbol,
        first=first,
        last=last,
        candles=len(inside),
        room=room,
        missing_before=room if first is None else (first - start) // step,
        missing_after=0 if last is None else (stop - step - last) // step,
        gaps=gaps,
        missing=missing,
        largest=(int(ts[largest]) + step, int(ts[largest + 1])) if widest > 0 else None,
        largest_candles=max(0, widest),
        lookback=int(np.searchsorted(ts, start)),
        jumps=jumps(series),
    )


def jumps(series: Series) -> tuple[Jump, ...]:
    """Where an open is JUMP times the close before, or that part of it; across gaps too."""
    columns = series.columns
    close, opened = columns.close[:-1], columns.open[1:]
    found = []
    for part in row_blocks(len(close)):
        far = np.flatnonzero((opened[part] >= JUMP * close[part]) | (close[part] >= JUMP * opened[part]))
        found += [part.start + int(row) for row in far]
    return tuple(
        Jump(int(columns.ts[row]), int(columns.ts[row + 1]), int(close[row]), int(opened[row])) for row in found
    )


def told(
    found: Coverage, asked: RequestedPeriod, *, begin: int, end: int, step: int, warm_up: int, decimals: int
) -> list[str]:
    """One line about a symbol whose candles do not cover what was asked for, or jump; none where all is there.

    warm_up  candles that the strategy needs before its first signal; decimals: of a price
    """
    facts = [*_ends(found, asked, begin=begin, end=end, step=step), *_lookback(found, asked, warm_up=warm_up)]
    there = found.candles + found.lookback + found.missing
    since, to = found.largest or (0, 0)
    if to - since >= max(LARGE_GAP_MS, 2 * step) or found.missing * LARGE_SHARE > there:
        facts.append(
            f"{_counted(found.missing, 'candle')} missing in {_counted(found.gaps, 'gap')}, the largest from "
            f"{iso(since)} to {iso(to)} ({found.largest_candles:,})"
        )
    facts += [_jump(one, decimals) for one in found.jumps[:MOST_TOLD]]
    if len(found.jumps) > MOST_TOLD:
        facts.append(f"{len(found.jumps) - MOST_TOLD:,} more such jumps")
    return [f"{found.symbol}: {'; '.join(facts)}"] if facts else []


def _ends(found: Coverage, asked: RequestedPeriod, *, begin: int, end: int, step: int) -> list[str]:
    start = f"the run begins {iso(begin)}" if asked.start is None else f"data.start asks for {iso(asked.start)}"
    stop = f"the run ends {iso(end)}" if asked.end is None else f"data.end asks for {iso(asked.end)}"
    if found.first is None or found.last is None:
        return [f"no candle is there; {start}, {stop}"]
    facts = []
    if found.missing_before:
        facts.append(f"candles begin {iso(found.first)}, {start} ({found.missing_before:,} missing)")
    if found.missing_after:
        facts.append(f"candles end {iso(found.last + step)}, {stop} ({found.missing_after:,} missing)")
    return facts


def _lookback(found: Coverage, asked: RequestedPeriod, *, warm_up: int) -> list[str]:
    if asked.start is None or found.lookback >= warm_up or found.first is None:
        return []
    there = "no candle is" if not found.lookback else f"only {_counted(found.lookback, 'candle')} are"
    if found.lookback == 1:
        there = "only 1 candle is"
    return [f"{there} there before, so that the first {warm_up - found.lookback:,} from there on only warm up"]


def _jump(one: Jump, decimals: int) -> str:
    prices = f"close {to_text(one.close, decimals)} at {iso(one.before)}, open {to_text(one.open, decimals)}"
    return f"the price jumps by a factor {one.factor:.4g}: {prices} at {iso(one.after)}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
