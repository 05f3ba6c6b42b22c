"""Downloads: forward paging (X9), retries (X10, X11), continuing a download (X12), and its result (X14)."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.values import Columns
from safla.data.backfill import LEAST_PAUSE, PATIENCE, DownloadProgress, DownloadResult, download
from safla.data.backfill import Order as Ordered
from safla.data.store import store
from safla.data.store.beliefs import DOUBT_MS
from safla.data.store.store import SeriesKey
from safla.errors import ExchangeError
from tests.data.feeds import START, Away, Page, Served, brought, hour, hours, series
from tests.scale import examples

ALL = range(40)
PLACE = "binance/BTC-USDT/1h"


def got(feed: Served, cache: Path, since: int, to: int, **more: object) -> DownloadResult:
    return asyncio.run(brought(feed, cache, (hour(since), hour(to)), **more))  # type: ignore[arg-type]


def stored(cache: Path) -> list[int]:
    """The numbers of the hours that are held."""
    held = store.stored_candles(SeriesKey(cache, "binance", "BTC/USDT", "1h"), (0, hour(10_000)))
    return [] if held.series is None else [(int(ts) - START) // 3_600_000 for ts in held.series.columns.ts]


def content(cache: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in (cache / PLACE).iterdir() if one.name != "lock"}


def without(*numbers: int) -> object:
    """A page in which some candles are missing."""

    def answer(page: Page) -> Page:
        assert page is not None
        return series(ts for ts in page.columns.ts.tolist() if ts not in hours(*numbers))

    return answer


def test_pages_are_requested_in_order_and_the_end_is_exclusive(tmp_path: Path):
    feed = Served(hours(*ALL), now=hour(40))
    found = got(feed, tmp_path, 3, 25)
    assert [since for since, _ in feed.asked] == hours(3, 13, 23)
    assert stored(tmp_path) == list(range(3, 25))
    assert (found.added, found.same, found.pages, found.reasked) == (22, 0, 3, 0)
    assert (found.missing, found.absent, found.error) == ((), (), None)


def test_the_unfinished_candle_is_served_but_never_stored(tmp_path: Path):
    feed = Served(hours(*ALL), now=hour(7) + 1_800_000)
    assert got(feed, tmp_path, 0, 8).missing == ((hour(7), hour(8)),)
    assert stored(tmp_path) == list(range(7))


def test_a_candle_is_closed_exactly_at_the_end_of_its_interval(tmp_path: Path):
    feed = Served(hours(*ALL), now=hour(8))
    got(feed, tmp_path, 0, 8)
    assert stored(tmp_path) == list(range(8))


def test_only_the_last_stored_candle_is_requested_again(tmp_path: Path):
    got(Served(hours(*ALL), now=hour(40)), tmp_path, 0, 12)
    feed = Served(hours(*ALL), now=hour(40))
    found = got(feed, tmp_path, 0, 15)
    assert feed.asked == [(hour(11), None)]
    assert (found.added, found.same) == (3, 1)
    nothing = Served(hours(*ALL), now=hour(40))
    assert got(nothing, tmp_path, 0, 15).pages == 0
    assert nothing.asked == []


def test_missing_intervals_are_filled_from_the_oldest(tmp_path: Path):
    for since, to in ((0, 5), (10, 12), (20, 22)):
        got(Served(hours(*ALL), now=hour(40)), tmp_path, since, to)
    feed = Served(hours(*ALL), now=hour(40))
    assert got(feed, tmp_path, 0, 30, limit=100).missing == ()
    assert [since for since, _ in feed.asked] == hours(4, 11, 21)
    assert stored(tmp_path) == list(range(30))


@pytest.mark.parametrize("gap", [(5,), (5, 6, 7), (9,), (10,), (9, 10, 11), (0,), (0, 1)])
def test_a_gap_is_requested_once_more_by_its_own_window_and_then_accepted(tmp_path: Path, gap: tuple[int, ...]):
    feed = Served(hours(*(set(ALL) - set(gap))), now=hour(40))
    found = got(feed, tmp_path, 0, 20)
    window = (hour(gap[0]), hour(gap[-1] + 1))
    assert found.absent == (window,)
    assert feed.asked.count(window) == 1
    assert (found.missing, found.reasked) == ((), 1)
    assert got(Served([], now=hour(40)), tmp_path, 0, 20).pages == 0  # an accepted gap is not requested again


def test_a_gap_of_a_single_response_is_filled(tmp_path: Path):
    feed = Served(hours(*ALL), now=hour(40), answers={1: without(4, 5)})
    found = got(feed, tmp_path, 0, 20)
    assert (found.absent, found.missing) == ((), ())
    assert stored(tmp_path) == list(range(20))


def test_a_gap_before_the_first_response_is_filled_page_by_page(tmp_path: Path):
    feed = Served(hours(*ALL), now=hour(40), answers={1: lambda page: series(hours(*range(30, 40)))})
    assert got(feed, tmp_path, 0, 40).absent == ()
    assert stored(tmp_path) == list(ALL)


def test_responses_that_always_differ_end_the_download_and_no_gap_is_accepted(tmp_path: Path):
    class Flaky(Served):
        async def page(self, symbol: str, timeframe: str, **more: object) -> Page:
            full = await super().page(symbol, timeframe, **more)  # type: ignore[arg-type]
            kept = hour(9 - len(self.asked) % 9)
            return series([*([kept] if len(self.asked) > 1 else []), *hours(0, 9)]) if full else None

    found = got(Flaky(hours(*ALL), now=hour(40)), tmp_path, 0, 10)
    assert isinstance(found.error, ExchangeError)
    assert "differs from the one before" in str(found.error)
    assert found.absent == ()


def test_an_empty_page_before_the_end_is_requested_again(tmp_path: Path):
    feed = Served(hours(*ALL), now=hour(40), answers={2: lambda page: None})
    found = got(feed, tmp_path, 0, 20)
    assert (found.error, found.missing, found.reasked) == (None, (), 1)


def test_two_empty_pages_before_the_end_are_an_error_with_the_missing_period(tmp_path: Path):
    found = got(Served(hours(*range(15)), now=hour(40)), tmp_path, 0, 20)
    assert found.error is not None
    assert found.error.exit_code == 5
    assert "binance BTC/USDT 1h: no candle from 2024-01-01T15:00Z to 2024-01-01T20:00Z, requested twice" in str(
        found.error
    )
    assert stored(tmp_path) == list(range(15))
    assert found.missing == ((hour(15), hour(20)),)
    assert found.absent == ()  # no later candle was served, so it is not an accepted gap


@pytest.mark.parametrize(("late", "fails"), [(1, False), (2, False), (3, True)])
def test_the_newest_candles_may_be_late_if_no_end_was_requested(tmp_path: Path, late: int, fails: bool):
    feed = Served(hours(*range(20 - late)), now=hour(20))
    found = got(feed, tmp_path, 0, 20, open_end=True)
    assert (found.error is not None) == fails
    assert any("are not served yet" in note for note in found.notes) == (not fails)
    assert found.missing == ((hour(20 - late), hour(20)),)


def test_a_symbol_that_was_listed_late_has_no_earlier_candles_and_this_is_reported(tmp_path: Path):
    feed = Served(hours(*range(25, 40)), now=hour(40))
    found = got(feed, tmp_path, 0, 40)
    assert found.absent == ((hour(0), hour(25)),)
    assert (found.error, found.missing) == (None, ())


def test_missing_history_of_an_exchange_that_serves_only_new_candles_is_not_a_gap(tmp_path: Path):
    feed = Served(hours(*ALL), now=hour(40), honours_since=False, most=10, name="kraken")
    found = got(feed, tmp_path, 0, 40)
    assert "cannot serve this range: it has no candle before 2024-01-02T06:00Z" in str(found.error)
    assert found.absent == ()
    assert stored(tmp_path) == []


def test_paging_continues_after_an_empty_page_if_pages_end_with_their_window(tmp_path: Path):
    class Windowed(Served):
        async def page(self, symbol: str, timeframe: str, *, since: int, limit: int, until: int | None = None) -> Page:
            end = since + limit * 3_600_000
            return await super().page(
                symbol, timeframe, since=since, limit=limit, until=end if until is None else min(end, until)
            )

    feed = Windowed(hours(*range(5), *range(33, 40)), now=hour(40), honours_since=False, name="coin")
    found = got(feed, tmp_path, 0, 40)
    assert found.absent == ((hour(5), hour(33)),)
    assert (found.error, found.missing) == (None, ())
    assert len(feed.asked) < 15


def test_a_restated_candle_is_reported_and_the_stored_one_kept_until_acceptance(tmp_path: Path):
    def restated(page: Page) -> Page:
        assert page is not None
        close = page.columns.close.copy()
        close[0] += 1
        return page._replace(columns=Columns(*page.columns[:4], close, page.columns.volume))

    got(Served(hours(*ALL), now=hour(40)), tmp_path, 0, 10)
    before = store.stored_candles(SeriesKey(tmp_path, "binance", "BTC/USDT", "1h"), (hour(0), hour(10))).series
    found = got(Served(hours(*ALL), now=hour(40), answers={1: restated}), tmp_path, 0, 12)
    assert [one.ts for one in found.restated] == hours(9)
    after = store.stored_candles(SeriesKey(tmp_path, "binance", "BTC/USDT", "1h"), (hour(0), hour(10))).series
    assert before is not None
    assert after is not None
    assert after.columns.close.tolist() == before.columns.close.tolist()
    taken = got(
        Served(hours(*ALL), now=hour(40), answers={1: restated}), tmp_path, 9, 12, again=True, accept_restated=True
    )
    assert (taken.accepted, taken.restated) == (1, ())


def test_a_symbol_that_fails_does_not_stop_the_others(tmp_path: Path):
    class Half(Away):
        async def page(self, symbol: str, timeframe: str, **more: object) -> Page:
            if symbol == "ETH/USDT":
                raise ExchangeError("binance ETH/USDT 1h: no answer")
            return await Served.page(self, symbol, timeframe, **more)  # type: ignore[arg-type]

    orders = [
        Ordered(SeriesKey(tmp_path, "binance", symbol, "1h"), (hour(0), hour(10)), False, False, False)
        for symbol in ("ETH/USDT", "BTC/USDT")
    ]
    feed = Half(hours(*ALL), now=hour(40))
    found = asyncio.run(download(feed, orders, limit=5, at=lambda: START, listener=lambda one: None))  # type: ignore[arg-type]
    assert [str(one.error) for one in found] == ["binance ETH/USDT 1h: no answer", "None"]
    assert [one.added for one in found] == [0, 10]
    assert found[0].missing == ((hour(0), hour(10)),)


def test_progress_reports_the_completed_share_and_ends_at_the_total(tmp_path: Path):
    progress: list[DownloadProgress] = []
    got(Served(hours(*(set(ALL) - {5})), now=hour(40)), tmp_path, 0, 25, listener=progress.append)
    assert [(one.done, one.total) for one in progress] == [(11, 25), (21, 25), (25, 25)]
    assert progress[-1].gaps == 1


@examples(gate=12)
@given(
    st.lists(st.integers(0, 29), max_size=8, unique=True),
    st.permutations([(0, 7), (7, 13), (13, 14), (14, 30)]),
    st.integers(1, 12),
)
def test_any_page_size_and_any_order_of_fetches_give_the_same_store(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int], order: list[tuple[int, int]], limit: int
):
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    there = hours(*(set(ALL) - set(gaps)))
    assert got(Served(there, now=hour(40)), one, 0, 30, limit=100).error is None
    for since, to in order:
        assert got(Served(there, now=hour(40)), other, since, to, limit=limit).error is None
    assert content(other) == content(one)


def test_a_gap_is_requested_again_after_growing_delays(tmp_path: Path):
    feed = Served(hours(0, 1, 8, 9), now=hour(10), answers={2: lambda page: series(hours(2))})
    assert got(feed, tmp_path, 0, 10).absent == ((hour(3), hour(8)),)
    assert feed.waited == [2.0, 4.0]


def test_an_empty_page_is_requested_again_after_a_delay(tmp_path: Path):
    feed = Served(hours(*range(5)), now=hour(10), answers={1: lambda page: None})
    got(feed, tmp_path, 0, 5)
    assert feed.waited == [2.0]


def test_a_download_of_many_gaps_has_a_bounded_delay(tmp_path: Path):
    feed = Served(hours(*range(0, 2000, 2)), now=hour(2000))
    assert got(feed, tmp_path, 0, 1999).error is None
    assert len(feed.waited) == 100  # a page of ten candles each
    assert sum(feed.waited) < PATIENCE + 2 + 100 * LEAST_PAUSE


def test_an_accepted_gap_is_requested_again_later_and_its_candles_are_stored(tmp_path: Path):
    got(Served(hours(0, 1, 4, 5), now=hour(10)), tmp_path, 0, 6)
    nothing = Served(hours(0, 1, 4, 5), now=hour(10))
    again = got(nothing, tmp_path, 0, 6, recheck=True)
    assert (nothing.asked, nothing.waited, again.absent) == ([(hour(2), hour(4))], [], ())
    feed = Served(hours(*range(10)), now=hour(10))
    found = got(feed, tmp_path, 0, 6, recheck=True)
    assert feed.asked == [(hour(2), hour(4))]
    assert (found.added, stored(tmp_path)) == (2, list(range(6)))
    assert found.notes == ("binance BTC/USDT 1h: 2 candles came for earlier gaps",)
    settled = Served(hours(*range(10)), now=hour(10))
    assert got(settled, tmp_path, 0, 6, recheck=True).pages == 0


def test_a_gap_of_a_file_is_requested_once_and_confirmed(tmp_path: Path):
    place, page = SeriesKey(tmp_path, "binance", "BTC/USDT", "1h"), series(hours(0, 1, 4, 5))
    assert page is not None
    store.merge(place, page, source="a.csv", at=0, absent=[(hour(2), hour(4))], imported=True)
    feed = Served(hours(0, 1, 3, 4, 5), now=hour(10))
    got(feed, tmp_path, 0, 6, recheck=True)
    assert feed.asked == [(hour(2), hour(4))]
    assert stored(tmp_path) == [0, 1, 3, 4, 5]
    assert store.doubtful(place, (0, hour(10)), now=START + 1) == ((hour(2), hour(3)),)
    assert store.doubtful(place, (0, hour(10)), now=START + 9 * DOUBT_MS) == ()


def test_a_long_gap_before_the_first_candle_takes_one_request(tmp_path: Path):
    got(Served(hours(*range(500, 510)), now=hour(600)), tmp_path, 0, 510)
    feed = Served(hours(*range(500, 510)), now=hour(600))
    assert got(feed, tmp_path, 0, 510, recheck=True).first == hour(500)
    assert feed.asked == [(hour(0), hour(500))]


def test_a_delisted_market_ends_and_is_not_requested_again(tmp_path: Path):
    feed = Served(hours(*range(5)), now=hour(40))
    feed.over = True
    found = got(feed, tmp_path, 0, 20)
    assert (found.error, found.missing, found.ended) == (None, (), hour(5))
    assert got(Away(hours(), now=hour(40)), tmp_path, 0, 20).error is None


def test_a_delisted_market_without_any_candle_is_an_error(tmp_path: Path):
    feed = Served(hours(), now=hour(40))
    feed.over = True
    found = got(feed, tmp_path, 0, 20)
    assert (isinstance(found.error, ExchangeError), found.ended) == (True, None)


def test_the_end_of_a_delisted_market_is_its_last_candle_whatever_end_was_requested(tmp_path: Path):
    got(Served(hours(*range(5)), now=hour(40)), tmp_path, 0, 5)
    feed = Served(hours(*range(5)), now=hour(40))
    feed.over = True
    assert got(feed, tmp_path, 12, 20).ended == hour(5)
