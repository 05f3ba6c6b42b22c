"""Which page is asked for next, and what a download came to: forward, holes asked for once more (X9-X12, X14).

What is there already is known by data/store.py; how an exchange is asked is data/exchange.py.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from safla.core.candles import TIMEFRAMES, Series, iso
from safla.core.values import Int64
from safla.data import page, store
from safla.data.exchange import Feed
from safla.data.store import Merged, Place, Restated, Span
from safla.errors import ExchangeError, SaflaError

LATE_CANDLES = 2  # an exchange may be so late with its newest candles, where no end was asked for
MOST_DISAGREEMENTS = 5  # answers about one hole that differ from each other


class Order(NamedTuple):
    """What is to be brought: the candles of a span, ms, end exclusive and not in the exchange's future."""

    place: Place
    span: Span
    open_end: bool  # the end is the exchange's now: nobody asked for it
    again: bool  # also those that are held: to compare them
    accept_restated: bool


class Standing(NamedTuple):
    """Where the download of one symbol stands, for a person who waits."""

    place: Place
    done: int  # candles that are settled: stored, or known to be none
    total: int
    holes: int
    weight: int | None
    requests: int


class Got(NamedTuple):
    """What one symbol's download came to (X14)."""

    order: Order
    added: int
    same: int
    pages: int
    reasked: int  # pages asked for once more, for a hole or because they were empty
    absent: tuple[Span, ...]  # stretches that the exchange has no candles for
    restated: tuple[Restated, ...]
    accepted: int
    missing: tuple[Span, ...]  # what is still not there
    notes: tuple[str, ...]
    error: SaflaError | None


Told = Callable[[Standing], None]


async def download(feed: Feed, orders: Sequence[Order], *, limit: int, at: Callable[[], int], told: Told) -> list[Got]:
    """Bring what is missing into the store, all symbols side by side; one that fails stops no other (X14).

    limit  candles a page; at: ms UTC, for the manifest
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_Download(feed, one, limit=limit, at=at, told=told).run()) for one in orders]
    return [task.result() for task in tasks]


class _Download:
    """The download of one symbol."""

    def __init__(self, feed: Feed, order: Order, *, limit: int, at: Callable[[], int], told: Told) -> None:
        self.feed, self.order, self.limit, self.at, self.told = feed, order, limit, at, told
        self.step = TIMEFRAMES[order.place.timeframe]
        self.origin = f"{feed.name} {order.place.symbol} {order.place.timeframe}"
        self.added = self.same = self.pages = self.reasked = self.accepted = self.done = self.total = 0
        self.absent: list[Span] = []
        self.restated: list[Restated] = []
        self.notes: list[str] = []

    async def run(self) -> Got:
        """Fill every stretch that is missing, the oldest first (R9)."""
        place, span = self.order.place, self.order.span
        error: SaflaError | None = None
        if self.order.accept_restated:  # also those that were kept apart before
            self.accepted += store.accept(place, span)
        held = store.held(place, span)
        self.notes.extend(held.notes)
        stretches = (span,) if self.order.again else held.missing
        self.total = sum(to - since for since, to in stretches) // self.step
        try:
            for since, to in stretches:
                await self._fill(self._behind(held.series, since), to)
        except SaflaError as one:
            error = one
        return Got(
            self.order, self.added, self.same, self.pages, self.reasked, tuple(self.absent), tuple(self.restated),
            self.accepted, store.held(place, span).missing, tuple(dict.fromkeys(self.notes)), error,
        )  # fmt: skip

    def _behind(self, series: Series | None, since: int) -> int:
        """Where to begin: at the stored candle before, which is asked for again to be compared (X12)."""
        before = since - self.step
        return since if series is None or before not in series.columns.ts else before

    async def _fill(self, want: int, to: int) -> None:
        """want: all before it is settled. since: from where is asked, which is later where windows were empty."""
        since = want
        while want < to:
            first = await self._page(since)
            if first is None:
                since = self._past_nothing(want, since, to)
                if since >= to:
                    return
                continue
            want = await self._settle(first, want, to)
            since = want

    async def _page(self, since: int) -> Series | None:
        found = await self._ask(since)
        if found is None:  # X10: nothing before the end is suspicious
            self.reasked += 1
            found = await self._ask(since)
        return found

    async def _ask(self, since: int, *, until: int | None = None) -> Series | None:
        self.pages += 1
        place = self.order.place
        return await self.feed.page(place.symbol, place.timeframe, since=since, limit=self.limit, until=until)

    def _past_nothing(self, want: int, since: int, to: int) -> int:
        """From where to ask behind an empty page. ExchangeError where nothing is left to be asked (X10)."""
        behind = since + self.limit * self.step
        if behind < to and not self.feed.honours_since:
            return behind
        if self.order.open_end and to - want <= LATE_CANDLES * self.step:
            self.notes.append(f"{self.origin}: the candles from {iso(want)} are not served yet")
            return to
        text = f"no candle from {iso(want)} to {iso(to)}, asked for twice: not listed there, halted, or not served"
        raise ExchangeError(f"{self.origin}: {text}; what came before is stored")

    async def _settle(self, first: Series, want: int, to: int) -> int:
        """Store what is closed of a page, and its holes once they were asked for again (X11). Returns the next want."""
        parts, ts, holes = [first], first.columns.ts, []
        for _ in range(MOST_DISAGREEMENTS):
            holes = _holes(ts, want, to, step=self.step)
            if not holes:
                break
            self.reasked += 1
            again = await self._ask(holes[0][0], until=holes[-1][1])
            found = _inside(again, holes)
            if again is None or not len(found):
                self._refuse_latest_only(ts, want, holes)
                break
            parts.append(again)
            answered = len(again.columns.ts) < self.limit or again.columns.ts[-1] >= holes[-1][1] - self.step
            ts = np.union1d(ts, again.columns.ts)
            ts = ts if answered else ts[ts <= again.columns.ts[-1]]
        else:
            raise ExchangeError(f"{self.origin}: each answer about {iso(holes[0][0])} differs from the one before")
        await self._store(parts, ts, holes, to)
        behind = int(ts[-1]) + self.step
        self.done += (min(behind, to) - want) // self.step
        holes_seen, requests = len(self.absent), self.feed.counts["requests"]
        done = min(self.done, self.total)
        self.told(Standing(self.order.place, done, self.total, holes_seen, self.feed.weight, requests))
        return behind

    def _refuse_latest_only(self, ts: Int64, want: int, holes: list[Span]) -> None:
        """X16: some exchanges give their newest candles whatever was asked for; that is no proof of a hole."""
        newest = self.feed.latest() - 2 * self.step
        if not self.feed.honours_since and holes[0][0] == want and int(ts[-1]) >= newest:
            text = f"cannot serve this range: it has no candle before {iso(int(ts[0]))}; ask for those from there on"
            raise ExchangeError(f"{self.origin}: {text}")

    async def _store(self, parts: list[Series], ts: Int64, holes: list[Span], to: int) -> None:
        now = await self.feed.now()
        end = min(to, now.least - self.step + 1, int(ts[-1]) + 1)  # X8: the exchange's clock says what is closed
        for part in parts:
            merged = store.merge(
                self.order.place, page.upto(part, end), source=self.feed.name, at=self.at(),
                absent=holes if part is parts[-1] else (), accept_restated=self.order.accept_restated,
            )  # fmt: skip
            self._count(merged)
        self.absent.extend(holes)

    def _count(self, merged: Merged) -> None:
        self.added += merged.added
        self.same += merged.same
        self.accepted += merged.accepted
        self.restated.extend(merged.restated)
        self.notes.extend(merged.notes)


def _holes(ts: Int64, want: int, to: int, *, step: int) -> list[Span]:
    """The stretches of the grid from want to `to` that lie before or between candles; what is behind is unknown."""
    inside = ts[ts >= want]
    after = np.minimum(inside, to)
    before = np.minimum(np.concatenate([[want - step], inside])[: len(inside)] + step, to)
    return [(int(since), int(until)) for since, until in zip(before, after, strict=True) if since < until]


def _inside(series: Series | None, spans: Sequence[Span]) -> Int64:
    """The candles that open within the spans."""
    if series is None:
        return np.zeros(0, np.int64)
    ts = series.columns.ts
    return ts[np.logical_or.reduce([(ts >= since) & (ts < until) for since, until in spans])]
