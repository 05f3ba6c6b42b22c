"""Download candles page by page, from old to new, and request each gap once more (X9-X12, X14).

data/store/store.py knows what is stored; exchange/client.py sends the requests.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, ParamSpec, TypeVar

from safla.core.candles import Series, iso
from safla.core.timeframes import TIMEFRAMES, Interval
from safla.data.store import beliefs, intervals, store
from safla.data.store.store import MergeResult, RestatedCandle, SeriesKey
from safla.errors import ExchangeError, SaflaError
from safla.exchange import missing_candles, pages
from safla.exchange.client import Feed
from safla.exchange.failures import NO_SUCH_SYMBOL, NO_SUCH_TIMEFRAME, RequestFailed
from safla.exchange.missing_candles import PageSource, SettledPage

PAUSE = 2.0  # seconds before a gap or an empty page is requested again; doubles each time
PATIENCE = 120.0  # seconds of such waiting in one download; a fetch on a later day requests its other gaps again
LEAST_PAUSE = 0.25
LATE_CANDLES = 2  # so many of the newest candles may be late, if no end was requested


class Order(NamedTuple):
    """What to download: the candles of a span in ms, whose end is exclusive and not in the exchange's future."""

    place: SeriesKey
    span: Interval
    open_end: bool  # the end is the exchange's current time: the user set none
    again: bool  # also download stored candles, to compare them
    accept_restated: bool
    recheck: bool = False  # request recent gaps again


class DownloadProgress(NamedTuple):
    """The progress of the download of one symbol."""

    place: SeriesKey
    done: int  # candles that are stored or known not to exist
    total: int
    gaps: int
    weight: int | None
    requests: int


class DownloadResult(NamedTuple):
    """The result of one symbol's download (X14)."""

    order: Order
    added: int
    same: int
    pages: int
    reasked: int  # pages requested once more, for a gap or because they were empty
    absent: tuple[Interval, ...]  # intervals for which the exchange has no candles
    restated: tuple[RestatedCandle, ...]
    accepted: int
    missing: tuple[Interval, ...]  # intervals that are still missing
    first: int | None  # ms, the first candle of the series: before it the symbol was not listed
    ended: int | None  # ms: the market is over, no candle opens there or later
    notes: tuple[str, ...]
    error: SaflaError | None


DownloadListener = Callable[[DownloadProgress], None]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def download(
    feed: Feed, orders: Sequence[Order], *, limit: int, at: Callable[[], int], listener: DownloadListener
) -> list[DownloadResult]:
    """Download missing candles into the store, all symbols concurrently; a symbol that fails stops no other (X14).

    limit     candles per page
    at        the time in ms UTC, for the manifest
    listener  is called with the progress
    """
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_Download(feed, order, limit=limit, at=at, listener=listener).run()) for order in orders
        ]
    return [task.result() for task in tasks]


async def _in_thread(
    work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """Run a function of the store in a thread, so that a slow disk delays no other symbol and no response."""
    return await asyncio.to_thread(work, *arguments, **named)


class _Download:
    """The download of one symbol."""

    def __init__(
        self, feed: Feed, order: Order, *, limit: int, at: Callable[[], int], listener: DownloadListener
    ) -> None:
        self.feed, self.order, self.limit, self.at, self.listener = feed, order, limit, at, listener
        self.step = TIMEFRAMES[order.place.timeframe]
        self.origin = f"{feed.name} {order.place.symbol} {order.place.timeframe}"
        self.added = self.same = self.pages = self.reasked = self.accepted = self.done = self.total = 0
        self.absent: list[Interval] = []
        self.restated: list[RestatedCandle] = []
        self.notes: list[str] = []
        self.waited = 0.0

    async def run(self) -> DownloadResult:
        """Fill every missing interval, the oldest first (R9)."""
        place, span = self.order.place, self.order.span
        error: SaflaError | None = None
        if self.order.accept_restated:  # take the restated candles of earlier fetches too
            self.accepted += await _in_thread(store.accept, place, span)
        held = await _in_thread(store.stored_candles, place, span)
        self.notes.extend(held.notes)
        to_fill = (span,) if self.order.again else held.missing
        self.total = sum(to - since for since, to in to_fill) // self.step
        try:
            for since, to in to_fill:
                await self._fill(self._start_of(held.series, since), to)
            if self.order.recheck:
                await self._recheck()
        except SaflaError as raised:
            error = self._gone(raised) or raised
        after = await _in_thread(store.stored_candles, place, span)
        return DownloadResult(
            self.order, self.added, self.same, self.pages, self.reasked, tuple(self.absent), tuple(self.restated),
            self.accepted, after.missing, after.first, after.ended, tuple(dict.fromkeys(self.notes)), error,
        )  # fmt: skip

    def _gone(self, error: SaflaError) -> ExchangeError | None:
        """The error for a symbol that disappears during a download (row 48); None for other errors.

        Once its rules were read, or candles came, the configuration cannot be wrong, so this is an exchange error.
        """
        cause = error.__cause__
        there = {NO_SUCH_SYMBOL: True, NO_SUCH_TIMEFRAME: self.added + self.same > 0}
        if not (isinstance(cause, RequestFailed) and there.get(cause.kind)):
            return None
        return ExchangeError(
            f"{self.origin}: not there any more ({cause}); earlier candles are stored", code="symbol_ended"
        )

    def _start_of(self, series: Series | None, since: int) -> int:
        """Where to begin: at the stored candle before the interval, if any, to compare it with the exchange (X12)."""
        before = since - self.step
        return since if series is None or before not in series.columns.ts else before

    async def _fill(self, want: int, to: int) -> None:
        """Fill [want, to). All before `want` is settled; `since`, where requests begin, is later after empty pages."""
        since = want
        while want < to:
            first = await self._page(since)
            if first is None:
                since = await self._past_empty_page(want, since, to)
                if since >= to:
                    return
                continue
            want = await self._settle(first, want, to)
            since = want

    async def _page(self, since: int) -> Series | None:
        page = await self._ask(since)
        if page is None:  # X10: an empty page before the end is suspicious
            self.reasked += 1
            await self._pause(0)
            page = await self._ask(since)
        return page

    async def _pause(self, before: int) -> None:
        """Wait before a request is repeated, so that one short fault does not spoil both attempts."""
        seconds = min(missing_candles.LONGEST_PAUSE, PAUSE * 2.0**before) if self.waited < PATIENCE else LEAST_PAUSE
        self.waited += seconds
        await self.feed.clock.sleep(seconds)

    async def _ask(self, since: int, *, until: int | None = None) -> Series | None:
        self.pages += 1
        place = self.order.place
        return await self.feed.page(place.symbol, place.timeframe, since=since, limit=self.limit, until=until)

    async def _recheck(self) -> None:
        """Request recent gaps again, and those that only a file claims. One response is enough."""
        place, now, before = self.order.place, self.at(), self.added
        doubtful = await _in_thread(store.doubtful, place, self.order.span, now=now)
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
            await _in_thread(store.confirm, place, tuple(confirmed), at=now)
        if self.added > before:
            self.notes.append(f"{self.origin}: {self.added - before} candles came for earlier gaps")

    async def _within(self, span: Interval) -> list[Series]:
        """All candles of an interval, page by page."""
        parts: list[Series] = []
        since, to = span
        while since < to:
            self.reasked += 1
            until = to if self.feed.honours_since else min(to, since + self.limit * self.step)
            part = await self._ask(since, until=until)
            if part is not None and len(part.columns.ts):
                parts.append(part)
            full = part is not None and len(part.columns.ts) >= self.limit
            since = int(parts[-1].columns.ts[-1]) + self.step if full else until
        return parts

    async def _keep(self, series: Series, to: int) -> None:
        """Store the candles of a page without any claim about missing ones."""
        now = await self.feed.time.now()
        closed = pages.upto(series, min(to, now.least - self.step + 1))  # X8
        place, accepts = self.order.place, self.order.accept_restated
        merged = await _in_thread(
            store.merge, place, closed, source=self.feed.name, at=self.at(), accept_restated=accepts
        )
        self._count(merged)

    async def _past_empty_page(self, want: int, since: int, to: int) -> int:
        """Where to go on after an empty page. ExchangeError if candles are still missing and no page is left (X10)."""
        after_page = since + self.limit * self.step
        if after_page < to and not self.feed.honours_since:
            return after_page
        if await self._is_over(want):
            return to
        if self.order.open_end and to - want <= LATE_CANDLES * self.step:
            self.notes.append(f"{self.origin}: the candles from {iso(want)} are not served yet")
            return to
        text = f"no candle from {iso(want)} to {iso(to)}, requested twice: not listed, halted, or not served"
        raise ExchangeError(f"{self.origin}: {text}; earlier candles are stored", code="candles_not_served")

    async def _is_over(self, want: int) -> bool:
        """Whether the exchange says that the market ended, and candles are stored up to its end. Stores that end."""
        place = self.order.place
        last = (await _in_thread(store.stored_candles, place, (0, 0))).last
        if last is None or last >= want or not await self.feed.is_over(place.symbol):
            return False
        if last + self.step < want and await self._ask(last + self.step) is None:
            want = last + self.step  # the interval between was not requested before
        await _in_thread(store.end, place, want, at=self.at())
        return True

    async def _settle(self, first: Series, want: int, to: int) -> int:
        """Store the closed candles of a page, and gaps that a second request confirmed (X11). Returns the next want."""
        newest = None if self.feed.honours_since else self.feed.time.latest() - 2 * self.step
        page_source = PageSource(self.origin, self.step, self.limit, newest)
        settled = await missing_candles.settle(
            first,
            (want, to),
            asked=page_source,
            ask=lambda window: self._ask(window[0], until=window[1]),
            pause=self._pause,
        )
        self.reasked += settled.reasked
        await self._store(settled, to)
        next_want = int(settled.ts[-1]) + self.step
        self.done += (min(next_want, to) - want) // self.step
        first_of_all = (await _in_thread(store.stored_candles, self.order.place, (0, 0))).first or 0
        gaps_seen, requests = sum(gap[1] > first_of_all for gap in self.absent), self.feed.counts["requests"]
        done = min(self.done, self.total)
        self.listener(DownloadProgress(self.order.place, done, self.total, gaps_seen, self.feed.weight, requests))
        return next_want

    async def _store(self, settled: SettledPage, to: int) -> None:
        now = await self.feed.time.now()
        closed = now.least - self.step + 1  # X8: by the exchange's clock
        end = min(to, closed, int(settled.ts[-1]) + 1)
        for part in settled.parts:
            merged = await _in_thread(
                store.merge, self.order.place, pages.upto(part, end), source=self.feed.name, at=self.at(),
                absent=settled.gaps if part is settled.parts[-1] else (), accept_restated=self.order.accept_restated,
            )  # fmt: skip
            self._count(merged)
        self.absent.extend(settled.gaps)

    def _count(self, merged: MergeResult) -> None:
        self.added += merged.added
        self.same += merged.same
        self.accepted += merged.accepted
        self.restated.extend(merged.restated)
        self.notes.extend(merged.notes)
