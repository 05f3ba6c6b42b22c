"""The candle stream reports closed candles (X13), over real sockets: a fault costs latency alone (fault row 44)."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safla.clock import Clock
from safla.config.operation import ExchangeSection
from safla.exchange import candle_stream, factory
from safla.exchange.candle_stream import CandleStream
from safla.exchange.ccxt_stream import ccxt_stream
from safla.exchange.live_candles import CandleBatch
from tests.data.feeds import BEGAN, Following, over_at, pairs
from tests.exchange.clock import Ticking
from tests.fake import stream as pushing
from tests.fake_exchange import SOCKETS
from tests.faults.exchange import MINUTE, START
from tests.scale import bound, some_of

SINCE, END = BEGAN - 5, BEGAN + 4  # minutes
AFTER = 5  # good events before the fault
HEALED = 2  # candles at the end that must be on time again
FAULTS = {
    # options of the fault, and whether the stream must reconnect
    "ws_reject": (({"times": 3}, True), ({"times": 2, "retry_after": "7"}, True)),
    "ws_close": (({}, True), ({"closing": True}, True), ({"times": 3}, True)),
    "ws_abort": (({}, True), ({"closing": True}, True), ({"times": 3}, True)),
    "ws_silence": (({}, True), ({"closing": True}, True), ({"symbol": "BTC/USDT"}, True)),
    "ws_garbage": (({}, False), ({"closing": True}, False), ({"text": "[" * 5_000}, False)),
    "ws_truncated": (({}, False), ({"closing": True}, False), ({"times": 9}, True)),
    "ws_null_fields": (({}, False), ({"closing": True}, False)),
    "ws_duplicate": (({}, False), ({"closing": True}, False)),
    "ws_late": (({}, False), ({"closing": True}, False)),
    "ws_skip": (({}, False), ({"closing": True}, False)),
    "ws_never_closes": (({}, False),),
    "ws_unknown_event": (({}, False), ({"closing": True}, False)),
    "ws_server_shutdown": (({}, False), ({"closing": True}, False)),
    "ws_subscribe_error": (({}, True), ({"times": 3}, True)),
}  # fmt: skip
CASES = [(name, order, reconnected) for name, cases in FAULTS.items() for order, reconnected in cases]
FIRST = [(name, *cases[0]) for name, cases in FAULTS.items()]


@pytest.fixture(autouse=True)
def nothing_is_left_unsaid(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """asyncio logs no unhandled error, which would appear on the user's terminal (I9)."""
    yield
    gc.collect()
    assert [one.getMessage() for one in caplog.records if one.name == "asyncio"] == []


@pytest.fixture
def following(tmp_path: Path) -> Following:
    """A client of one symbol."""
    return Following(tmp_path)


def lateness(following: Following, came: list[CandleBatch]) -> list[float]:
    """The seconds between the close and the arrival of each candle that closed during the test."""
    return [one.came - over_at(one.ts) for one in came if over_at(one.ts) > 0]


def test_the_table_has_a_row_for_each_of_the_14_faults() -> None:
    assert set(FAULTS) == set(SOCKETS)
    assert len(SOCKETS) == 14


def test_a_candle_arrives_at_its_close_when_the_stream_reports_it(following: Following) -> None:
    came = following.follow(SINCE, END, stream=True)
    assert pairs(came) == following.true(SINCE, END)
    assert lateness(following, came) == [0.0] * 4
    assert following.candle_stream is not None
    assert following.candle_stream.counts == {
        "connections": 1,
        "closed candles": 5,
    }  # one of them for the candle before
    assert (following.reports, following.said) == ([], [])


@some_of(("name", "order", "reconnected"), CASES, keep=FIRST, ids=[f"{name} {order}" for name, order, _ in CASES])
def test_row_44_a_broken_stream_costs_latency_alone(
    name: str, order: dict[str, Any], reconnected: bool, following: Following
) -> None:
    after = {} if name in {"ws_reject", "ws_subscribe_error"} or "closing" in order else {"after": AFTER}
    broken = following.fake.break_(name, **{**after, **order})
    came = following.follow(SINCE, END + HEALED, stream=True)
    assert broken.hits >= 1
    assert pairs(came) == following.true(SINCE, END + HEALED)  # all candles as REST serves them, in order, none twice
    late = lateness(following, came)
    assert max(late) <= 1.5
    assert late[-HEALED:] == [0.0] * HEALED  # the stream is as good as before
    assert following.candle_stream is not None
    assert (following.candle_stream.counts["connections"] > 1) == reconnected
    assert following.kinds() == []


def test_an_unreadable_frame_is_counted_and_keeps_the_connection(following: Following) -> None:
    following.fake.break_("ws_truncated", after=AFTER)
    came = following.follow(SINCE, END, stream=True)
    assert pairs(came) == following.true(SINCE, END)
    assert following.candle_stream is not None
    assert (following.candle_stream.counts["unread"], following.candle_stream.counts["connections"]) == (1, 1)
    assert following.said == []


def test_the_stream_reconnects_after_fifteen_seconds_of_silence_and_reports_it_once(following: Following) -> None:
    following.fake.break_("ws_silence", after=AFTER)
    following.follow(SINCE, END, stream=True)
    assert following.said == ["binance: no candle came for 15 s; the stream is reconnecting"]
    opened = [one.virtual_ms for one in following.fake.sockets if one.what == "open"]
    assert len(opened) == 2
    assert 15_000 < opened[1] - opened[0] < 15_200 + (AFTER + 1) * following.pushed * 1000 + 1_000


def test_prices_of_the_stream_are_never_used(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    def lying(*given: Any, **more: Any) -> Any:
        event = true(*given, **more)
        return {**event, "k": {**event["k"], **dict.fromkeys("ohlc", "1.00"), "v": "0"}}

    true = pushing._event
    monkeypatch.setattr(pushing, "_event", lying)
    assert pairs(following.follow(SINCE, END, stream=True)) == following.true(SINCE, END)


@some_of("shift", [10 * MINUTE, 90 * 365 * 86_400_000, 17, 10**15], keep=(10 * MINUTE, 10**15))
def test_stream_events_with_wrong_timestamps_deliver_no_unfinished_candle(
    shift: int, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lying(*given: Any, **more: Any) -> Any:
        event = true(*given, **more)
        moved = {"t": event["k"]["t"] + shift, "T": event["k"]["T"] + shift}
        return {**event, "k": {**event["k"], **moved}} if not event["k"]["x"] else event

    true = pushing._event
    monkeypatch.setattr(pushing, "_event", lying)
    came = following.follow(SINCE, END, stream=True)
    assert pairs(came) == following.true(SINCE, END)
    assert lateness(following, came) == [0.0] * 4  # the true part of the events is still used
    assert len(following.meeting.asked("time")) <= 5  # our clock is read again, but not all the time


def test_two_symbols_share_a_connection_and_wait_for_the_one_without_an_event(tmp_path: Path) -> None:
    following = Following(tmp_path, "BTCUSDT", "ETHUSDT")
    following.fake.break_("ws_skip", times=None, symbol="ETH/USDT")
    came = following.follow(SINCE, END, stream=True)
    assert pairs(came) == following.true(SINCE, END)
    assert lateness(following, came) == [1.5] * 4  # S6: all symbols wait for the one without an event
    assert [one.what for one in following.fake.sockets] == ["open", "text", "gone"]


# --- Connecting ------------------------------------------------------------------------------------------------------


def test_reconnection_waits_grow_to_a_limit_and_are_reset_by_a_candle(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = patiences(monkeypatch)
    following.fake.break_("ws_reject", times=10)
    following.fake.break_("ws_close", after=3)
    came = following.follow(SINCE, END, stream=True)
    assert pairs(came) == following.true(SINCE, END)
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 0.2]
    assert len(following.said) == 2


@some_of(
    ("said", "wait"),
    [("7", 7.0), ("0", 0.2), ("-5", 0.2), ("soon", 0.2), ("nan", 0.2), ("inf", 3600.0), ("999999", 3600.0)],
    keep=(("7", 7.0), ("nan", 0.2)),
)
def test_the_retry_after_of_a_rejected_handshake_sets_the_wait(
    said: str, wait: float, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = patiences(monkeypatch)
    following.fake.break_("ws_reject", retry_after=said)
    assert pairs(following.follow(SINCE, BEGAN + 1, stream=True)) == following.true(SINCE, BEGAN + 1)
    assert waits == [wait]


def test_connections_count_in_the_rate_limiter_like_requests(following: Following) -> None:
    following.fake.break_("ws_reject", times=3)
    following.follow(SINCE, END, stream=True)
    assert following.feed.counts["connections"] == 4
    assert following.feed._gate.sent == following.feed.counts["requests"] + 4


def test_no_connection_is_opened_to_an_exchange_that_banned_the_client(following: Following) -> None:
    async def scene() -> None:
        async with following.opened(SINCE, END) as source:
            following.fake.break_("418", path="time", retry_after="120")
            with pytest.raises(Exception, match="banned"):
                await anext(aiter(source))
            async with CandleStream(following.feed, following.symbols, "1m", notify=following.said.append):
                await following.meeting.clock.sleep(60.0)

    following.meeting.run(scene, grace=0.01)
    assert following.fake.sockets == []
    assert "banned" in following.said[0]


def test_without_a_stream_candles_are_requested_after_each_close(tmp_path: Path) -> None:
    following = Following(tmp_path, streams=False)
    came = following.follow(SINCE, END, stream=True)
    assert pairs(came) == following.true(SINCE, END)
    assert lateness(following, came) == [1.5] * 4
    assert following.said == ["binance: there is no candle stream; candles are requested after each close"]


class OneByOne:
    """A ccxt.pro class that watches symbols one by one, and does not report that a candle closed."""

    id, has, clients, ssl_context, latest_client = "other", {"watchOHLCV": True}, None, None, None

    def __init__(self, following: Following) -> None:
        self.options: dict[str, Any] = {}
        self._clock = following.meeting.clock
        self._fake = following.fake

    def set_markets(self, markets: Any) -> None:
        """Takes the markets of the client."""

    async def watch_ohlcv(self, symbol: str, timeframe: str) -> list[list[Any]]:
        """The candle in progress."""
        await self._clock.sleep(5.0)
        self._clock.monotonic()
        return [[self._fake.clock.now_ms // MINUTE * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0]]

    async def close_ws_clients(self) -> None:
        """Nothing is open."""

    async def close(self) -> None:
        """Closes nothing."""


def test_a_newer_candle_in_a_stream_without_close_events_means_that_the_last_one_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = Following(tmp_path, "BTCUSDT", "ETHUSDT")
    monkeypatch.setattr(factory, "make_stream", lambda config, kind: OneByOne(following))
    came = following.follow(SINCE, END, stream=True)
    assert pairs(came) == following.true(SINCE, END)
    assert lateness(following, came) == [0.0] * 4
    assert following.said == []


def test_the_address_of_the_stream_is_the_configured_one_and_none_with_a_rest_address_alone() -> None:
    async def made(**given: Any) -> Any:
        stream = factory.make_stream(ExchangeSection.model_validate(given), ccxt_stream)
        return None if stream is None else stream.urls["api"]["ws"]

    assert asyncio.run(made(stream_url="ws://127.0.0.1:1/")) == {"spot": "ws://127.0.0.1:1/stream/ws"}
    assert asyncio.run(made())["spot"] == "wss://stream.binance.com:9443/ws"
    assert asyncio.run(made(rest_url="http://127.0.0.1:1")) is None
    assert asyncio.run(made(name="kraken", stream_url="ws://127.0.0.1:1"))["public"] == "ws://127.0.0.1:1"


# --- Cleanup ---------------------------------------------------------------------------------------------------------


@some_of(
    "fault",
    [None, "ws_close", "ws_abort", "ws_silence", "ws_truncated", "ws_subscribe_error"],
    keep=("ws_abort", "ws_truncated"),
)
def test_closing_the_stream_leaves_no_task(fault: str | None, following: Following) -> None:
    async def scene() -> None:
        before = asyncio.all_tasks()
        if fault is not None:
            following.fake.break_(fault, times=None)
        async with following.opened(SINCE, None, stream=True) as source:
            async for one in source:
                if one.ts == START + (BEGAN + 1) * MINUTE:
                    break
        assert {
            one for one in asyncio.all_tasks() - before if one.get_coro().__qualname__.startswith("Client")
        } == set()
        assert {one.get_name() for one in asyncio.all_tasks() - before} & {"candle stream"} == set()

    following.meeting.run(scene, grace=0.006)
    assert following.fake.sockets[-1].what in {"gone", "text"}


@pytest.mark.parametrize("answers", [False, True])
def test_a_handshake_that_never_ends_is_abandoned_and_leaves_no_task(answers: bool, following: Following) -> None:
    """A server that accepts connections and sends nothing, or never finishes its response."""

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answers:
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\n")
        connections.append(writer)
        await reader.read(-1)
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        following.stream_url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        before = asyncio.all_tasks()
        async with following.opened(SINCE, END, stream=True) as source:
            came = [one async for one in source]
        assert pairs(came) == following.true(SINCE, END)
        assert "no candle came for 15 s" in following.said[0]
        for writer in connections:
            writer.close()
        server.close()
        await server.wait_closed()
        left = {one.get_coro().__qualname__ for one in asyncio.all_tasks() - before}
        assert {name for name in left if "mute" not in name} <= {"RequestHandler.start"}

    connections: list[asyncio.StreamWriter] = []
    following.meeting.run(scene, grace=0.006)
    assert len(connections) > 3


def test_the_candles_that_ccxt_keeps_of_a_stream_are_bounded(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def remembered(*given: Any) -> Any:
        made.append(true(*given))
        return made[-1]

    true = factory.make_stream
    monkeypatch.setattr(factory, "make_stream", remembered)
    following.follow(BEGAN, BEGAN + 3 * factory.MOST_STREAMED, stream=True, grace=0.003)
    (stream,) = made
    assert len(stream.ohlcvs["BTC/USDT"]["1m"]) == factory.MOST_STREAMED


# --- Latency ---------------------------------------------------------------------------------------------------------


def test_a_candle_arrives_within_milliseconds_of_its_close(following: Following, figure: Callable[[str], None]) -> None:
    """5 ms on loopback, with a factor of 5 for a busy machine."""
    taken: list[float] = []
    still = Ticking()
    clock = following.fake.clock

    async def scene() -> None:
        following.meeting.clock = Clock(clock.seconds, clock.wall, still.sleep)  # it advances when this test says so
        async with following.fake, following.opened(BEGAN, None, stream=True, pushed=False) as source:
            await following.heard()
            candles = aiter(source)
            for minute in range(12):
                clock.advance(START + (BEGAN + minute) * MINUTE + 30_000 - clock.now_ms)
                coming = asyncio.ensure_future(anext(candles))
                for _ in range(20):
                    await asyncio.sleep(0.001)
                began = time.perf_counter()
                clock.advance(30_000)
                one = await coming
                taken.append((time.perf_counter() - began) * 1000)
                assert one.ts == START + (BEGAN + minute) * MINUTE

    asyncio.run(scene())
    middle = sorted(taken)[len(taken) // 2]
    figure(f"from close to arrival on loopback: {middle:.1f} ms, at most {max(taken):.1f} ms")
    assert middle < bound(0.025) * 1000


def patiences(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every wait before a reconnection."""

    def noted(candle_stream: CandleStream, stream: Any) -> float:
        waits.append(true(candle_stream, stream))
        return waits[-1]

    waits: list[float] = []
    true = candle_stream.CandleStream._patience
    monkeypatch.setattr(candle_stream.CandleStream, "_patience", noted)
    return waits


MANY, FEW = 150, 50  # connections


@pytest.mark.soak
@pytest.mark.parametrize("fault", ["ws_close", "ws_abort", "ws_silence", "ws_subscribe_error"])
def test_memory_does_not_grow_with_the_number_of_connections(
    fault: str, following: Following, release: bool, figure: Callable[[str], None]
) -> None:
    """The objects of a connection are freed at its end, although the garbage collector is off."""

    def held() -> Counter[str]:
        found = Counter(type(one).__name__ for one in gc.get_objects())
        return Counter({name: count for name, count in found.items() if name in ENDED or "Binance" in name})

    async def scene() -> tuple[Counter[str], int]:
        following.fake.break_(fault, times=None)
        async with following.opened(BEGAN, None, stream=True):
            assert following.candle_stream is not None
            gc.collect()
            gc.disable()
            while following.candle_stream.counts["connections"] < connections:
                following.candle_stream._tries = 0
                await following.meeting.clock.sleep(1.0)
                if following.candle_stream.counts["connections"] <= 20:
                    before = len(gc.get_objects())
            return held(), (len(gc.get_objects()) - before) // (connections - 20)

    connections = MANY if release else FEW
    ENDED = {"Client", "FastClient", "ClientResponse", "ClientWebSocketResponse", "ClientSession", "Started"}
    try:
        left, more = following.meeting.run(scene, grace=0.003)
    finally:
        gc.enable()
    figure(f"{connections} connections, {fault}: {more} objects more for each, those of the fake exchange among them")
    assert max(left.values()) <= 3  # the current and the previous connection
    assert more < 120  # it was 400
