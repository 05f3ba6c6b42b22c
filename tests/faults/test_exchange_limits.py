"""Rows 36 to 39, rate limit and request weight, through ccxt and real sockets: no request exceeds a limit."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from safla.errors import ExchangeError
from safla.exchange import client as feed_module
from safla.exchange.circuit_breaker import CircuitOpen
from safla.exchange.client import Feed
from tests.fake.answers import http_date
from tests.fake_exchange import Market, served
from tests.faults.command import ROOT, inside
from tests.faults.exchange import LIMIT, START, SYMBOL, Came, Meeting, kept, minutes, rows, undisturbed
from tests.faults.invariants import check_answer
from tests.processes import Process
from tests.scale import bound, some_of

NAMES = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT")
SYMBOLS = ("BTC/USDT", "ETH/USDT", "BNB/USDT", "SOL/USDT")
AT_ONCE = "exchange.retry_delay_seconds=0"


def markets(candles: int = 120) -> list[Market]:
    """Returns four symbols, each with candles of its own."""
    return [minutes(candles, name=name, seed=number) for number, name in enumerate(NAMES)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Returns the store of a fetch of all four symbols without faults."""
    return undisturbed(tmp_path_factory.mktemp("whole"), markets=markets())


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    """Makes a client of an exchange with four symbols."""
    return Meeting(tmp_path / "cache", markets=markets())


def times(meeting: Meeting, name: str | None = None) -> list[float]:
    """Returns the times of the requests, in order."""
    return [meeting.second(one) for one in meeting.asked(name)]


def check_no_ban(meeting: Meeting) -> None:
    """Checks that the exchange never had to ban the client."""
    assert 418 not in [one.status for one in meeting.asked(None)]


# --- Row 36: Retry-After ---------------------------------------------------------------------------------------------

SAID = {  # a Retry-After, and how many seconds no request may be sent
    "a number": ("7", 7.0),
    "a fraction": ("7.25", 7.25),
    "the most": ("300", 300.0),
    "absent": (None, 60.0),
    "garbage": ("soon", 60.0),
    "nothing": ("", 60.0),
    "negative": ("-7", 60.0),
    "another script": ("\u0667", 60.0),
    "a date of before": (http_date(datetime(2020, 1, 1, tzinfo=UTC)), 60.0),
}


def check_waited(meeting: Meeting, came: Came, *, seconds: float) -> None:
    """Checks that one request was rejected, the next one came exactly when allowed, and nothing is missing."""
    assert (came.errors, came.counts["retries"], came.counts["breaker open"]) == ((), 1, 0)
    refused = next(number for number, one in enumerate(meeting.asked(None)) if one.status == 429)
    before, after = times(meeting)[: refused + 1], times(meeting)[refused + 1 :]
    assert (max(before), min(after)) == (0.0, seconds)
    check_no_ban(meeting)


@pytest.mark.parametrize("name", SAID)
def test_row_36_after_a_429_no_request_is_sent_before_retry_after_has_passed(
    name: str, meeting: Meeting, whole: dict[str, bytes]
) -> None:
    text, seconds = SAID[name]
    meeting.fake.break_("429", after=1, retry_after=text, enforced=seconds in (7.0, 60.0))
    came = meeting.fetched(*SYMBOLS[:1])
    check_waited(meeting, came, seconds=seconds)
    assert kept(meeting.cache).items() <= whole.items()


def test_row_36_a_retry_after_date_is_waited_for(meeting: Meeting) -> None:
    moment = datetime.fromtimestamp(meeting.fake.clock.wall() + 7.0, UTC)
    meeting.fake.break_("429", after=1, retry_after=http_date(moment))
    check_waited(meeting, meeting.fetched(), seconds=7.0)


def test_row_36_a_429_blocks_all_symbols_and_afterwards_requests_are_sent_one_by_one(
    meeting: Meeting, whole: dict[str, bytes]
) -> None:
    order = meeting.fake.break_("429", symbol="ETHUSDT", after=1, retry_after="7")
    came = meeting.fetched(*SYMBOLS)
    assert (came.errors, order.hits) == ((), 1)
    assert kept(meeting.cache) == whole
    log = meeting.asked(None)
    refused = next(number for number, one in enumerate(log) if one.faults)
    under_way = [one for one in log[refused + 1 :] if meeting.second(one) < 7.0]
    assert len(under_way) < len(SYMBOLS)  # each symbol has one request under way at most
    later = times(meeting)[refused + 1 + len(under_way) :]
    assert later[0] == 7.0
    assert min(late - early for early, late in pairwise(later)) >= 60.0 / 1200 - 0.001
    check_no_ban(meeting)


def test_row_36_a_repeated_429_is_retried_three_times_and_never_counts_for_the_breaker(meeting: Meeting) -> None:
    meeting.fake.break_("429", times=None, after=1, retry_after="7")
    came = meeting.fetched()
    assert (came.error.exit_code, came.counts["retries"], came.counts["breaker open"]) == (5, 3, 0)
    assert times(meeting, "klines") == [0.0, 0.0, 7.0, 14.0, 21.0]
    assert "binance BTC/USDT 1m: too many requests, until 2024-01-01T02:00:28Z (status 429" in str(came.error)
    assert len(rows(meeting.cache)) == LIMIT


@pytest.mark.parametrize("text", ["301", "999999", "999999999999"])
def test_row_36_a_retry_after_above_300_s_gives_exit_5_without_waiting(
    text: str, meeting: Meeting, whole: dict[str, bytes]
) -> None:
    meeting.fake.break_("429", after=1, retry_after=text, enforced=False)
    came = meeting.fetched()
    assert (came.error.exit_code, came.counts["retries"], came.seconds) == (5, 0, 0.0)
    assert "too many requests, until " in str(came.error)
    check_not_asked_before_it_is_over(meeting, seconds=float(text), whole=whole)


def check_not_asked_before_it_is_over(meeting: Meeting, *, seconds: float, whole: dict[str, bytes]) -> None:
    """Checks that no fetch of the process sends a request before the time is over, and that they resume after it."""
    asked = len(meeting.asked(None))
    for wait in (0.0, seconds - 1.0):
        meeting.ticking.advance(wait)
        came = meeting.fetched(*SYMBOLS)
        assert came.error.exit_code == 5
        assert "too many requests, until " in str(came.error) or "banned" in str(came.error)
    assert len(meeting.asked(None)) == asked
    meeting.ticking.advance(1.0)
    if seconds > 10**9:  # by then the series of candles has long ended
        return
    assert meeting.fetched(*SYMBOLS, end=START + 120 * 60_000).errors == ()
    assert kept(meeting.cache) == whole


# --- Row 37: banned or region blocked --------------------------------------------------------------------------------


def test_row_37_a_418_is_not_retried_and_no_request_is_sent_before_the_reported_end_of_the_ban(
    meeting: Meeting, whole: dict[str, bytes]
) -> None:
    meeting.fake.break_("418", path="time")
    came = meeting.fetched(*SYMBOLS)
    assert came.error.exit_code == 5
    text = "binance, its clock: banned for sending more after too many requests, until 2024-01-01T02:02Z (status 418"
    assert str(came.error).startswith(text)
    assert len(meeting.asked(None)) == 1
    check_not_asked_before_it_is_over(meeting, seconds=120.0, whole=whole)
    assert [one.status for one in meeting.asked(None)].count(418) == 1


def test_row_37_a_418_ends_the_fetch_of_every_symbol_after_the_requests_in_flight(
    meeting: Meeting, whole: dict[str, bytes]
) -> None:
    meeting.fake.break_("418", after=len(SYMBOLS))
    came = meeting.fetched(*SYMBOLS)
    assert [one.exit_code for one in came.errors] == [5] * len(SYMBOLS)
    assert all("banned" in str(one) for one in came.errors)
    statuses = [one.status for one in meeting.asked("klines")]
    assert statuses[: len(SYMBOLS)] == [200] * len(SYMBOLS)
    assert set(statuses[len(SYMBOLS) :]) == {418}
    assert len(statuses) <= 2 * len(SYMBOLS)  # each symbol has one request under way at most
    assert [len(rows(meeting.cache, symbol)) for symbol in SYMBOLS] == [LIMIT] * len(SYMBOLS)
    check_not_asked_before_it_is_over(meeting, seconds=120.0, whole=whole)


@pytest.mark.parametrize(("name", "words"), [("418", "banned"), ("451", "refuses this region")])
def test_row_37_a_symbol_that_waits_for_a_retry_gives_up_after_a_418_or_451_of_another(
    name: str, words: str, meeting: Meeting
) -> None:
    waits = meeting.fake.break_("502", symbol="ETHUSDT", times=None)
    meeting.fake.break_(name, symbol="BTCUSDT", after=1)
    came = meeting.fetched("ETH/USDT", "BTC/USDT")
    assert waits.hits == 1
    assert [one.exit_code for one in came.errors] == [5, 5]
    assert all(words in str(one) for one in came.errors)
    assert came.seconds <= 1.0


@pytest.mark.parametrize("html", [False, True])
def test_row_37_a_451_is_not_retried_and_the_error_names_the_region(html: bool, meeting: Meeting) -> None:
    meeting.fake.break_("451", times=None, after=1, html=html)
    came = meeting.fetched()
    assert (came.error.exit_code, came.counts["retries"], len(meeting.asked())) == (5, 0, 2)
    assert str(came.error).startswith("binance BTC/USDT 1m: refuses this region (status 451")
    assert "until" not in str(came.error)


def test_row_37_the_command_reports_a_ban_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with served(markets()) as fake:
        fake.break_("418", path="exchangeInfo")
        words = ["data", "fetch", "BTC/USDT", "--timeframe", "1m", "--from", "2024-01-01", "--quiet"]
        answer = inside(capsys, *words, "--set", f"exchange.rest_url={fake.rest_url}")
        assert [one.name for one in fake.requests] == ["time", "time", "exchangeInfo"]  # the local clock differs
    check_answer(answer, 5)
    begin = "safla: binance, its symbols: banned for sending more after too many requests, until 20"
    assert answer.err.startswith(begin)
    assert len(answer.err.splitlines()) == 1


# --- Rows 38 and 39: the breaker -------------------------------------------------------------------------------------

KINDS = ("500", "502", "503", "504", "403", "html_200", "reset")  # all that the breaker counts has the same effect


async def page(feed: Feed, symbol: str = SYMBOL) -> object:
    """Requests one page of candles."""
    return await feed.page(symbol, "1m", since=START, limit=LIMIT)


async def for_ever(meeting: Meeting, feed: Feed, seconds: float) -> None:
    """Requests pages like a paper session: again after every error; a rejection says how long to wait (R8)."""
    while meeting.ticking.now < seconds:
        try:
            await page(feed)
        except ExchangeError as error:
            if isinstance(error.__cause__, CircuitOpen):
                await meeting.ticking.sleep(error.__cause__.retry_after)


def with_feed(meeting: Meeting, work: Callable[[Feed], Awaitable[None]]) -> Feed:
    """Runs `work` with a feed that knows the time and the symbol. Returns the feed, for its counts."""

    async def main() -> Feed:
        async with meeting.feed() as feed:
            assert feed.assume((SYMBOL,))
            await feed.time.now()
            await work(feed)
        return feed

    return meeting.run(main, grace=0.003)


@pytest.mark.parametrize("name", KINDS)
def test_row_38_the_breaker_opens_at_the_fifth_failure_and_probes_every_thirty_seconds(
    name: str, tmp_path: Path
) -> None:
    meeting = Meeting(tmp_path, "exchange.retry_attempts=0")
    meeting.fake.break_(name, times=None)
    feed = with_feed(meeting, lambda feed: for_ever(meeting, feed, 301.0))
    assert times(meeting, "klines") == [0.0] * 5 + [30.0 * turn for turn in range(1, 11)]
    assert feed.counts == {"requests": 16, "breaker open": 11, "breaker half_open": 10}


@pytest.mark.parametrize("callers", [2, 7])
def test_row_38_no_caller_sends_a_request_while_the_breaker_is_open(callers: int, tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, "exchange.retry_attempts=2", markets=markets())
    meeting.fake.break_("503", times=None)

    async def together(feed: Feed) -> None:
        await asyncio.gather(*(for_ever(meeting, feed, 301.0) for _ in range(callers)))

    feed = with_feed(meeting, together)
    asked = times(meeting, "klines")
    opened = max(asked[:5])  # the fifth failure; callers do not wait, so requests at that moment were in flight
    assert len([one for one in asked if one <= opened]) < 5 + callers
    probes = [one for one in asked if one > opened]
    assert len(probes) == feed.counts["breaker half_open"] > 5
    assert min(late - early for early, late in pairwise([opened, *probes])) >= 30.0 - 0.001
    assert feed.counts["breaker open"] == 1 + len(probes)


def test_row_38_a_fetch_of_many_symbols_ends_with_the_fifth_failure(meeting: Meeting) -> None:
    meeting.fake.break_("503", times=None, after=len(SYMBOLS))
    came = meeting.fetched(*SYMBOLS)
    assert [one.exit_code for one in came.errors] == [5] * len(SYMBOLS)
    assert len([one for one in meeting.asked() if one.faults]) == 5
    assert came.counts["breaker open"] == 1
    assert all("the breaker is open after too many failures; try again in " in str(one) for one in came.errors)
    asked = len(meeting.asked(None))
    assert meeting.fetched(*SYMBOLS).error.exit_code == 5  # the next fetch of the process ends too, without a request
    assert len(meeting.asked(None)) == asked


def test_row_38_four_failures_before_each_success_never_open_the_breaker(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, "exchange.retry_attempts=4", AT_ONCE, "exchange.rate_limit_per_minute=6000")

    async def two_hundred(feed: Feed) -> None:
        for _ in range(200):
            meeting.fake.break_("503", times=4)
            assert await page(feed) is not None
            meeting.fake.mend()

    feed = with_feed(meeting, two_hundred)
    assert len(meeting.asked()) == 1_000
    assert feed.counts == {"requests": 1_001, "retries": 800}


async def due_for_a_probe(meeting: Meeting, feed: Feed) -> None:
    """Opens the breaker, and waits until it lets a probe pass."""
    meeting.fake.break_("503", times=5)
    for _ in range(5):
        with pytest.raises(ExchangeError, match="unavailable"):
            await page(feed)
    await meeting.ticking.sleep(30.0)


def is_refused(end: object) -> bool:
    """Returns whether the open breaker rejected a call."""
    return isinstance(end, ExchangeError) and isinstance(end.__cause__, CircuitOpen)


@pytest.mark.parametrize("calls", [100, 1_000])
def test_row_39_when_half_open_exactly_one_of_many_calls_sends_a_request(calls: int, tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, "exchange.retry_attempts=0")

    async def together(feed: Feed) -> None:
        await due_for_a_probe(meeting, feed)
        ends = await asyncio.gather(*(page(feed) for _ in range(calls)), return_exceptions=True)
        assert [is_refused(one) for one in ends].count(True) == calls - 1
        assert meeting.ticking.now == 30.0

    feed = with_feed(meeting, together)
    assert times(meeting, "klines") == [0.0] * 5 + [30.0]
    assert feed.counts["requests"] == 1 + 5 + 1


@pytest.mark.parametrize("name", ["429", "451", "status"])
def test_row_39_a_probe_whose_result_does_not_count_frees_its_slot(name: str, tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, "exchange.retry_attempts=0")

    async def probing(feed: Feed) -> None:
        await due_for_a_probe(meeting, feed)
        meeting.fake.break_(name)
        with pytest.raises(Exception, match=r"status 429|status 451|Invalid symbol"):
            await page(feed)

    with_feed(meeting, probing)
    feed = with_feed(meeting, page)
    assert "breaker half_open" not in feed.counts  # it was half-open before and still is
    assert [one.status for one in meeting.asked()] == [503] * 5 + [{"status": 400}.get(name) or int(name), 200]


def test_row_39_a_probe_cancelled_during_its_request_frees_its_slot(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, "exchange.retry_attempts=0")

    async def cancelling(feed: Feed) -> None:
        await due_for_a_probe(meeting, feed)
        order = meeting.fake.break_("hang")
        probe = asyncio.create_task(page(feed))
        while order.hits == 0:
            await asyncio.sleep(0.001)
        assert is_refused((await asyncio.gather(page(feed), return_exceptions=True))[0])
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        assert [await page(feed) is not None for _ in range(3)] == [True] * 3

    feed = with_feed(meeting, cancelling)
    assert (feed.counts["breaker half_open"], feed.counts["breaker closed"]) == (1, 1)
    assert len(meeting.asked()) == 5 + 1 + 3


# --- The rate limit --------------------------------------------------------------------------------------------------


def most_in_a_minute(moments: list[float]) -> int:
    """Returns the most requests in any minute, wherever it begins."""
    return max(len([one for one in moments if first <= one < first + 59.999]) for first in moments)


@some_of("limit", [10, 30], keep=(30,))
def test_no_minute_has_more_requests_than_the_limit_over_all_symbols(limit: int, tmp_path: Path) -> None:
    meeting = Meeting(tmp_path / "cache", f"exchange.rate_limit_per_minute={limit}", markets=markets(500))
    came = meeting.fetched(*SYMBOLS)
    assert came.errors == ()
    assert len(meeting.asked(None)) == 2 + 4 * 10
    assert most_in_a_minute(times(meeting)) == limit
    assert came.seconds == 60.0 * ((2 + 4 * 10 - 1) // limit)
    assert kept(meeting.cache) == undisturbed(tmp_path / "whole", markets=markets(500))


def test_two_fetches_in_one_process_share_the_rate_limit(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path / "cache", "exchange.rate_limit_per_minute=10", markets=markets(300))

    async def both() -> list[Came]:
        return await asyncio.gather(meeting.fetch(*SYMBOLS[:2]), meeting.fetch(*SYMBOLS[2:]))

    assert [one.errors for one in meeting.run(both)] == [(), ()]
    assert len(meeting.asked(None)) == 2 * 2 + 4 * 6
    assert most_in_a_minute(times(meeting)) == 10
    assert kept(meeting.cache) == undisturbed(tmp_path / "whole", markets=markets(300))


def test_retries_count_towards_the_rate_limit(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path / "cache", "exchange.rate_limit_per_minute=10", AT_ONCE, markets=markets())
    for after in range(0, 8, 2):
        meeting.fake.break_("502", after=after)
    meeting.fake.break_("429", after=9, retry_after="7")
    came = meeting.fetched(*SYMBOLS)
    bad = len([one for one in meeting.asked(None) if one.status != 200])
    assert (came.errors, came.counts["retries"]) == ((), bad)
    assert bad >= 5
    assert came.counts["requests"] == len(meeting.asked(None)) == 2 + 4 * 3 + bad
    assert most_in_a_minute(times(meeting)) <= 10
    check_no_ban(meeting)


def test_above_80_percent_of_the_request_weight_nothing_is_sent_until_the_minute_ends(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    now = START + 120 * 60_000 + 20_000  # 20 s into a minute
    meeting = Meeting(tmp_path / "cache", markets=markets(), now_ms=now)
    for _ in range(240):  # other clients use the same address
        meeting.fake.limits.ask("exchangeInfo")
    came = meeting.fetched(*SYMBOLS)
    assert (came.errors, came.counts["held back"]) == ((), 1)
    assert times(meeting)[0] == 0.0
    assert times(meeting)[1] == 40.0
    assert kept(meeting.cache) == whole


def test_at_80_percent_of_the_request_weight_nothing_is_delayed(meeting: Meeting) -> None:
    for _ in range(4800 - 25):
        meeting.fake.limits.ask("ping")
    came = meeting.fetched(end=START + 100 * 60_000)
    assert (came.errors, came.counts["held back"], came.seconds) == ((), 0, 0.0)
    assert meeting.fake.limits.used == 4800  # server time 1, symbols 20, two pages 4


@pytest.mark.parametrize("limit", [30, 70, 100])
def test_a_lower_weight_limit_is_read_from_the_exchange_and_never_exceeded(
    limit: int, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    meeting = Meeting(tmp_path / "cache", markets=markets(), weight_limit=limit)
    came = meeting.fetched(*SYMBOLS)
    assert came.errors == ()
    assert {one.status for one in meeting.asked(None)} == {200}
    assert kept(meeting.cache) == whole


MANY = [f"{first}{second}AUSDT" for first in "ABCDEFGHIJ" for second in "VWXYZ"]
MANY_SYMBOLS = [name.replace("USDT", "/USDT") for name in MANY]


@some_of("again", [False, True], keep=(True,))
def test_fifty_symbols_at_once_under_a_weight_limit_of_70_are_never_rejected(again: bool, tmp_path: Path) -> None:
    """again: the market rules are stored, so only the weight limit has to be requested."""
    meeting = Meeting(tmp_path / "cache", markets=[minutes(20, name=name) for name in MANY], weight_limit=70)
    if again:
        assert meeting.fetched(*MANY_SYMBOLS, end=START + 10 * 60_000).errors == ()
        meeting.ticking.advance(120.0)
        feed_module._SHARED.clear()  # as in another process
    came = meeting.fetched(*MANY_SYMBOLS, end=START + 20 * 60_000)
    assert came.errors == ()
    assert {one.status for one in meeting.asked(None)} == {200}


def test_no_more_than_eight_requests_are_in_flight(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, markets=[minutes(20, name=name) for name in MANY])
    meeting.fake.break_("hang", times=None)

    async def asked(feed: Feed) -> None:
        feed.assume(MANY_SYMBOLS)
        calls = [asyncio.ensure_future(page(feed, symbol)) for symbol in MANY_SYMBOLS]
        assert await meeting.fake.until(lambda: len(meeting.asked()) == feed_module.AT_ONCE)
        await asyncio.sleep(0.1)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    with_feed(meeting, asked)
    assert len(meeting.asked()) == feed_module.AT_ONCE == 8


def test_the_first_429_stops_all_requests_that_are_not_yet_sent(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, markets=[minutes(20, name=name) for name in MANY], patience=100)
    meeting.fake.break_("429", retry_after="7")

    async def asked(feed: Feed) -> None:
        feed.assume(MANY_SYMBOLS)
        await asyncio.gather(*(page(feed, symbol) for symbol in MANY_SYMBOLS))

    with_feed(meeting, asked)
    moments = times(meeting, "klines")
    assert len([one for one in moments if one < 7.0]) <= feed_module.AT_ONCE
    assert len(moments) == len(MANY) + len([one for one in meeting.asked() if one.status == 429])


# --- The end of a wait -----------------------------------------------------------------------------------------------


@some_of("number", [signal.SIGTERM, signal.SIGINT], keep=(signal.SIGTERM,))
def test_a_fetch_that_waits_for_retry_after_ends_within_a_second_of_a_signal(number: int, tmp_path: Path) -> None:
    with served(markets()) as fake:
        fake.break_("429", after=1, retry_after="45")
        sets = (f"exchange.rest_url={fake.rest_url}", f"market_data.fetch_limit={LIMIT}")
        words = ["data", "fetch", SYMBOL, "--timeframe", "1m", "--from", "2024-01-01", "--quiet"]
        command = [sys.executable, "-m", "safla", *words, *(word for one in sets for word in ("--set", one))]
        with Process(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
        ) as process:
            assert fake.wait(
                lambda: len(fake.requests) == 5, seconds=30.0
            )  # the clock twice, symbols, a page, and this
            assert [one.name for one in fake.requests] == ["time", "time", "exchangeInfo", "klines", "klines"]
            while fake.requests[-1].status is None:
                time.sleep(0.001)
            began = time.monotonic()
            process.send_signal(number)
            _, err = process.communicate()
        assert time.monotonic() - began < bound(1.0)
    assert process.returncode == 128 + number
    assert err == f"safla: interrupted by {signal.Signals(number).name}; start the same command again\n"
    assert len(rows(tmp_path / "data" / "cache")) == LIMIT
