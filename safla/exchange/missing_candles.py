"""Gaps: candles that an exchange does not have. A gap is believed only after it was requested again (X11).

Downloads and paper sessions both use this; what they do with the candles is theirs.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import numpy as np

from safla.core.candles import Series, iso
from safla.core.timeframes import Interval
from safla.core.values import Int64
from safla.errors import ExchangeError

MOST_DISAGREEMENTS = 5  # answers in a row that each bring new candles and leave a gap
LONGEST_PAUSE = 30.0  # seconds

AskWindow = Callable[[Interval], Awaitable[Series | None]]  # fetches the candles of a window, at most a page
Pause = Callable[[int], Awaitable[None]]  # waits before a further request; gets the number of those before it


class OnlyNewest(ExchangeError):
    """The exchange returns its newest candles for whatever range (X16). Start later, or use another exchange."""


class PageSource(NamedTuple):
    """The source of a page: symbol and exchange, and what the exchange can serve."""

    origin: str  # exchange, symbol and timeframe, for messages
    step: int  # ms
    limit: int  # candles a page
    newest: int | None  # ms: a page that reaches this far may be just the newest candles (X16); None: it never is


class SettledPage(NamedTuple):
    """A page, and the answers to the requests for its gaps."""

    parts: list[Series]  # the page first
    ts: Int64  # the open times of all their candles, ms
    gaps: list[Interval]  # believed: an answer brought nothing new about them
    reasked: int  # requests for gaps


def growing(first: float, sleep: Callable[[float], Awaitable[None]]) -> Pause:
    """Return a pause of `first` seconds that doubles with every further request, up to LONGEST_PAUSE."""
    return lambda before: sleep(min(LONGEST_PAUSE, first * 2.0**before))


async def settle(first: Series, span: Interval, *, asked: PageSource, ask: AskWindow, pause: Pause) -> SettledPage:
    """Request the gaps of a page until an answer brings nothing new about them: then they are believed.

    span   from the first wanted candle to the end of what can exist, ms, end exclusive
    pause  waits before each request: two wrong answers at the same time have one cause, and a belief lasts long
    Raises ExchangeError if every answer differs, OnlyNewest if the exchange cannot serve a given range.
    """
    parts, ts = [first], first.columns.ts
    for reasked in range(MOST_DISAGREEMENTS):
        gaps = missing_between(ts, span, step=asked.step)
        if not gaps:
            return SettledPage(parts, ts, [], reasked)
        await pause(reasked)
        again = await ask((gaps[0][0], gaps[-1][1]))
        if again is None or not len(inside(again, gaps)):
            _reject_only_newest(ts, gaps, span, asked)
            return SettledPage(parts, ts, gaps, reasked + 1)
        parts.append(again)
        # A full page may end before the last gap. Then nothing is known of what comes after it: cut the rest off.
        complete = len(again.columns.ts) < asked.limit or again.columns.ts[-1] >= gaps[-1][1] - asked.step
        ts = np.union1d(ts, again.columns.ts)
        ts = ts if complete else ts[ts <= again.columns.ts[-1]]
    gaps = missing_between(ts, span, step=asked.step)
    if gaps:
        raise ExchangeError(
            f"{asked.origin}: each answer about {iso(gaps[0][0])} differs from the one before", code="bad_answer"
        )
    return SettledPage(parts, ts, [], MOST_DISAGREEMENTS)


def missing_between(ts: Int64, span: Interval, *, step: int) -> list[Interval]:
    """Return the gaps within a span, before and between candles. Nothing is known of what comes after the last."""
    want, to = span
    wanted = ts[ts >= want]
    after = np.minimum(wanted, to)
    before = np.minimum(np.concatenate([[want - step], wanted])[: len(wanted)] + step, to)
    return [(int(since), int(until)) for since, until in zip(before, after, strict=True) if since < until]


def inside(series: Series, spans: Sequence[Interval]) -> Int64:
    """Return the open times of the candles within the spans."""
    ts = series.columns.ts
    return ts[np.logical_or.reduce([(ts >= since) & (ts < until) for since, until in spans])]


def _reject_only_newest(ts: Int64, gaps: list[Interval], span: Interval, asked: PageSource) -> None:
    """Raise OnlyNewest if the page may be just the newest candles: then what is missing before it is no gap (X16)."""
    if asked.newest is not None and gaps[0][0] == span[0] and int(ts[-1]) >= asked.newest:
        text = f"cannot serve this range: it has no candle before {iso(int(ts[0]))}; start there or later"
        raise OnlyNewest(f"{asked.origin}: {text}", code="candles_not_served")
