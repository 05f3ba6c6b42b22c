"""Which page is asked for next, and what a download came to: forward, gaps asked for once more (X9-X12, X14).

What is there already is known by data/store/store.py; how an exchange is asked is client.py.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, ParamSpec, TypeVar

from safla.core.candles import Series, iso
from safla.core.timeframes import TIMEFRAMES, Interval
from safla.data.store import beliefs, intervals, store
from safla.data.store.store import Merged, Restated, SeriesKey
from safla.errors import ExchangeError, SaflaError
from safla.exchange import missing_candles, pages
from safla.exchange.client import Feed
from safla.exchange.failures import NO_SUCH_SYMBOL, NO_SUCH_TIMEFRAME, RequestFailed
from safla.exchange.missing_candles import PageSource, Settled

PAUSE = 2.0  # seconds before a gap, or an empty page, is asked for again, twice as many each time
PATIENCE = 120.0  # seconds that a download waits so in all; the rest of its gaps is asked for again on later days
LEAST_PAUSE = 0.25
LATE_CANDLES = 2  # an exchange may be so late with its newest candles, where no end was asked for


class Order(NamedTuple):
    """What is to be brought: the candles of a span, ms, end exclusive and not in the exchange's future."""

    place: SeriesKey
    span: Interval
    open_end: bool  # the end is the exchange's now: nobody asked for it
    again: bool  # also those that are held: to compare them
    accept_restated: bool
    recheck: bool = False  # gaps that are believed for a short time are asked for again


class DownloadProgress(NamedTuple):
    """Where the download of one symbol stands, for a person who waits."""

    place: SeriesKey
    done: int  # candles that are settled: stored, or known to be none
    total: int
    gaps: int
    weight: int | None
    requests: int


class Got(NamedTuple):
    """What one symbol's download came to (X14)."""

    order: Order
    added: int
    same: int
    pages: int
    reasked: int  # pages asked for once more, for a gap or because they were empty
    absent: tuple[Interval, ...]  # stretches that the exchange has no candles for
    restated: tuple[Restated, ...]
    accepted: int
    missing: tuple[Interval, ...]  # what is still not there
    first: int | None  # ms, the first candle of the series: before it the symbol was not listed
    ended: int | None  # ms: the market is over, no candle opens there or later
    notes: tuple[str, ...]
    error: SaflaError | None


DownloadListener = Callable[[DownloadProgress], None]

Given = ParamSpec("Given")
Came = TypeVar("Came")


async def download(
    feed: Feed, orders: Sequence[Order], *, limit: int, at: Callable[[], int], told: DownloadListener
) -> list[Got]:
    """Bring what is missing into the store, all symbols side by side; one that fails stops no other (X14).

    limit  candles a page; at: ms UTC, for the manifest
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_Download(feed, one, limit=limit, at=at, told=told).run()) for one in orders]
    return [task.result() for task in tasks]


async def _aside(work: Callable[Given, Came], *given: Given.args, **named: Given.kwargs) -> Came:
    """What reads or writes the store, in a thread: a slow disk holds no other symbol up, and no answer."""
    return await asyncio.to_thread(work, *given, **named)


class _Download:
    """The download of one symbol."""

    def __init__(self, feed: Feed, order: Order, *, limit: int, at: Callable[[], int], told: DownloadListener) -> None:
        self.feed, self.order, self.limit, self.at, self.told = feed, order, limit, at, told
        self.step = TIMEFRAMES[order.place.timeframe]
        self.origin = f"{feed.name} {order.place.symbol} {order.place.timeframe}"
        self.added = self.same = self.pages = self.reasked = self.accepted = self.done = self.total = 0
        self.absent: list[Interval] = []
        self.restated: list[Restated] = []
        self.notes: list[str] = []
        self.waited = 0.0

    async def run(self) -> Got:
        """Fill every stretch that is missing, the oldest first (R9)."""
        place, span = self.order.place, self.order.span
        error: SaflaError | None = None
        if self.order.accept_restated:  # also those that were kept apart before
            self.accepted += await _aside(store.accept, place, span)
        held = await _aside(store.stored_candles, place, span)
        self.notes.extend(held.notes)
        stretches = (span,) if self.order.again else held.missing
        self.total = sum(to - since for since, to in stretches) // self.step
        try:
            for since, to in stretches:
                await self._fill(self._behind(held.series, since), to)
            if self.order.recheck:
                await self._recheck()
        except SaflaError as one:
            error = self._gone(one) or one
        after = await _aside(store.stored_candles, place, span)
        return Got(
            self.order, self.added, self.same, self.pages, self.reasked, tuple(self.absent), tuple(self.restated),
            self.accepted, after.missing, after.first, after.ended, tuple(dict.fromkeys(self.notes)), error,
        )  # fmt: skip

    def _gone(self, error: SaflaError) -> ExchangeError | None:
        """Row 48: once the symbol's rules were read, or candles came, no configuration is to blame."""
        cause = error.__cause__
        there = {NO_SUCH_SYMBOL: True, NO_SUCH_TIMEFRAME: self.added + self.same > 0}
        if not (isinstance(cause, RequestFailed) and there.get(cause.kind)):
            return None
        return ExchangeError(f"{self.origin}: not there any more ({cause}); what came before is stored")

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
                since = await self._past_nothing(want, since, to)
                if since >= to:
                    return
                continue
            want = await self._settle(first, want, to)
            since = want

    async def _page(self, since: int) -> Series | None:
        found = await self._ask(since)
        if found is None:  # X10: nothing before the end is suspicious
            self.reasked += 1
            await self._pause(0)
            found = await self._ask(since)
        return found

    async def _pause(self, before: int) -> None:
        """Wait before a question is asked again: what is wrong twice within a moment is one fault."""
        seconds = min(missing_candles.LONGEST_PAUSE, PAUSE * 2.0**before) if self.waited < PATIENCE else LEAST_PAUSE
        self.waited += seconds
        await self.feed.clock.sleep(seconds)

    async def _ask(self, since: int, *, until: int | None = None) -> Series | None:
        self.pages += 1
        place = self.order.place
        return await self.feed.page(place.symbol, place.timeframe, since=since, limit=self.limit, until=until)

    async def _recheck(self) -> None:
        """Ask again for gaps that are believed for a short time, or by a file alone; one answer suffices."""
        place, now, before = self.order.place, self.at(), self.added
        doubtful = await _aside(store.doubtful, place, self.order.span, now=now)
        gaps = intervals.minus(doubtful, self.absent)
        confirmed: list[Interval] = []
        for group in beliefs.windows(gaps, self.limit * self.step):
            came = await self._within((group[0][0], group[-1][1]))
            covered = [span for part in came for span in intervals.of_candles(part.columns.ts, self.step)]
            confirmed.extend(intervals.minus(group, covered))
            for part in came:
                if len(missing_candles.inside(part, group)):
                    await self._keep(part, group[-1][1])
        if confirmed:
            await _aside(store.confirm, place, tuple(confirmed), at=now)
        if self.added > before:
            self.notes.append(f"{self.origin}: {self.added - before} candles came where gaps were believed")

    async def _within(self, span: Interval) -> list[Series]:
        """Every candle of a stretch, page by page."""
        found: list[Series] = []
        since, to = span
        while since < to:
            self.reasked += 1
            until = to if self.feed.honours_since else min(to, since + self.limit * self.step)
            page_of = await self._ask(since, until=until)
            if page_of is not None and len(page_of.columns.ts):
                found.append(page_of)
            full = page_of is not None and len(page_of.columns.ts) >= self.limit
            since = int(found[-1].columns.ts[-1]) + self.step if full else until
        return found

    async def _keep(self, series: Series, to: int) -> None:
        """Store candles that came for themselves: nothing is said of those that did not."""
        now = await self.feed.time.now()
        closed = pages.upto(series, min(to, now.least - self.step + 1))  # X8
        place, accepts = self.order.place, self.order.accept_restated
        merged = await _aside(store.merge, place, closed, source=self.feed.name, at=self.at(), accept_restated=accepts)
        self._count(merged)

    async def _past_nothing(self, want: int, since: int, to: int) -> int:
        """From where to ask behind an empty page. ExchangeError where nothing is left to be asked (X10)."""
        behind = since + self.limit * self.step
        if behind < to and not self.feed.honours_since:
            return behind
        if await self._is_over(want):
            return to
        if self.order.open_end and to - want <= LATE_CANDLES * self.step:
            self.notes.append(f"{self.origin}: the candles from {iso(want)} are not served yet")
            return to
        text = f"no candle from {iso(want)} to {iso(to)}, asked for twice: not listed there, halted, or not served"
        raise ExchangeError(f"{self.origin}: {text}; what came before is stored")

    async def _is_over(self, want: int) -> bool:
        """Whether the exchange says that the market is over, and there are candles up to where it serves none."""
        place = self.order.place
        last = (await _aside(store.stored_candles, place, (0, 0))).last
        if last is None or last >= want or not await self.feed.is_over(place.symbol):
            return False
        if last + self.step < want and await self._ask(last + self.step) is None:
            want = last + self.step  # what lies between was not asked for before
        await _aside(store.end, place, want, at=self.at())
        return True

    async def _settle(self, first: Series, want: int, to: int) -> int:
        """Store what is closed of a page, and its gaps once they were asked for again (X11). Returns the next want."""
        newest = None if self.feed.honours_since else self.feed.time.latest() - 2 * self.step
        asked = PageSource(self.origin, self.step, self.limit, newest)
        settled = await missing_candles.settle(
            first,
            (want, to),
            asked=asked,
            ask=lambda window: self._ask(window[0], until=window[1]),
            pause=self._pause,
        )
        self.reasked += settled.reasked
        await self._store(settled, to)
        behind = int(settled.ts[-1]) + self.step
        self.done += (min(behind, to) - want) // self.step
        first_of_all = (await _aside(store.stored_candles, self.order.place, (0, 0))).first or 0
        gaps_seen, requests = sum(gap[1] > first_of_all for gap in self.absent), self.feed.counts["requests"]
        done = min(self.done, self.total)
        self.told(DownloadProgress(self.order.place, done, self.total, gaps_seen, self.feed.weight, requests))
        return behind

    async def _store(self, settled: Settled, to: int) -> None:
        now = await self.feed.time.now()
        closed = now.least - self.step + 1  # X8: the exchange's clock says what is
        end = min(to, closed, int(settled.ts[-1]) + 1)
        for part in settled.parts:
            merged = await _aside(
                store.merge, self.order.place, pages.upto(part, end), source=self.feed.name, at=self.at(),
                absent=settled.gaps if part is settled.parts[-1] else (), accept_restated=self.order.accept_restated,
            )  # fmt: skip
            self._count(merged)
        self.absent.extend(settled.gaps)

    def _count(self, merged: Merged) -> None:
        self.added += merged.added
        self.same += merged.same
        self.accepted += merged.accepted
        self.restated.extend(merged.restated)
        self.notes.extend(merged.notes)
