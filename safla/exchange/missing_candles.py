"""Candles that an exchange does not have: gaps between those it served, believed once they were asked for again (X11).

What becomes of the candles is not known here.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import numpy as np

from safla.core.candles import Series, iso
from safla.core.timeframes import Interval
from safla.core.values import Int64
from safla.errors import ExchangeError

MOST_DISAGREEMENTS = 5  # answers about one gap that differ from each other
LONGEST_PAUSE = 30.0  # seconds

AskWindow = Callable[[Interval], Awaitable[Series | None]]  # candles of a window, or a page of them
Pause = Callable[[int], Awaitable[None]]  # before a question is asked again; it is told how often that was so before


class OnlyNewest(ExchangeError):
    """An exchange that gives its newest candles whatever it is asked for (X16). Ask for those, or ask another one."""


class PageSource(NamedTuple):
    """What was to be had of one symbol, and of whom."""

    origin: str  # exchange, symbol and timeframe, for messages
    step: int  # ms
    limit: int  # candles a page
    newest: int | None  # ms: from there on an exchange of doubtful manners has its newest ones; None: it is trusted


class Settled(NamedTuple):
    """A page, and what the answers about its gaps brought."""

    parts: list[Series]  # the page first
    ts: Int64  # every candle of them
    gaps: list[Interval]  # facts
    reasked: int


def growing(first: float, sleep: Callable[[float], Awaitable[None]]) -> Pause:
    """A pause of so many seconds before the second question, and of twice as many before each one after it."""
    return lambda before: sleep(min(LONGEST_PAUSE, first * 2.0**before))


async def settle(first: Series, span: Interval, *, asked: PageSource, ask: AskWindow, pause: Pause) -> Settled:
    """Ask for the gaps of a page until an answer brings nothing new about them.

    span   from the first candle that is wanted to the end of what can be there, ms, end exclusive
    pause  waits before each question: two wrong answers at once are one fault, and a gap is believed for long
    ExchangeError where the answers go on differing, OnlyNewest for an exchange that cannot be asked for a stretch.
    """
    parts, ts = [first], first.columns.ts
    for reasked in range(MOST_DISAGREEMENTS):
        gaps = missing_between(ts, span, step=asked.step)
        if not gaps:
            return Settled(parts, ts, [], reasked)
        await pause(reasked)
        again = await ask((gaps[0][0], gaps[-1][1]))
        if again is None or not len(inside(again, gaps)):
            _refuse_only_newest(ts, gaps, span, asked)
            return Settled(parts, ts, gaps, reasked + 1)
        parts.append(again)
        answered = len(again.columns.ts) < asked.limit or again.columns.ts[-1] >= gaps[-1][1] - asked.step
        ts = np.union1d(ts, again.columns.ts)
        ts = ts if answered else ts[ts <= again.columns.ts[-1]]
    gaps = missing_between(ts, span, step=asked.step)
    if gaps:
        raise ExchangeError(f"{asked.origin}: each answer about {iso(gaps[0][0])} differs from the one before")
    return Settled(parts, ts, [], MOST_DISAGREEMENTS)


def missing_between(ts: Int64, span: Interval, *, step: int) -> list[Interval]:
    """The stretches of the grid within a span that lie before or between candles; what is behind them is unknown."""
    want, to = span
    wanted = ts[ts >= want]
    after = np.minimum(wanted, to)
    before = np.minimum(np.concatenate([[want - step], wanted])[: len(wanted)] + step, to)
    return [(int(since), int(until)) for since, until in zip(before, after, strict=True) if since < until]


def inside(series: Series, spans: Sequence[Interval]) -> Int64:
    """The candles that open within the spans."""
    ts = series.columns.ts
    return ts[np.logical_or.reduce([(ts >= since) & (ts < until) for since, until in spans])]


def _refuse_only_newest(ts: Int64, gaps: list[Interval], span: Interval, asked: PageSource) -> None:
    """X16: that such an exchange says nothing of what was before is no proof of a gap."""
    if asked.newest is not None and gaps[0][0] == span[0] and int(ts[-1]) >= asked.newest:
        text = f"cannot serve this range: it has no candle before {iso(int(ts[0]))}; ask for those from there on"
        raise OnlyNewest(f"{asked.origin}: {text}")
