"""Streams: events pushed as the clock moves, agreement with REST, and the effect of each fault of a socket."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.fake.clients import MINUTE, START, WAIT, ccxt_of, fake, get, market
from tests.fake_exchange import SOCKETS, FakeExchange, served

NAME = "btcusdt@kline_1m"
NOW = START + 10 * MINUTE  # ten candles are over


class Client:
    """A client of streams that returns what it received."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, server: FakeExchange) -> None:
        self.socket, self.server = socket, server

    async def heard(self, count: int) -> list[Any]:
        """So many frames, read where they are JSON; CLOSE with its code, or None for a connection that broke."""
        return [await self._next() for _ in range(count)]

    async def silent(self) -> bool:
        """Returns whether the next request gets the next message, so that no event was pending."""
        await self.socket.send_str('{"method":"LIST_SUBSCRIPTIONS","id":99}')
        return [one["id"] for one in await self.heard(1)] == [99]

    async def subscribe(self, *names: str) -> None:
        """Subscribe, and read the answer."""
        await self.socket.send_str(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1}))
        assert await self.heard(1) == [{"result": None, "id": 1}]

    async def _next(self) -> Any:
        message = await self.socket.receive(timeout=WAIT)
        if message.type is aiohttp.WSMsgType.CLOSE:
            return "CLOSE", message.data
        if message.type is not aiohttp.WSMsgType.TEXT:
            return None
        try:
            return json.loads(message.data)
        except ValueError:
            return message.data


Scene = Callable[[Client], Awaitable[None]]


def play(scene: Scene, *, path: str = "/ws", now_ms: int = NOW, **options: Any) -> FakeExchange:
    """A scene with one client of two markets of 50 minutes."""

    async def all_of_it() -> FakeExchange:
        markets = [market(), market("ETHUSDT", seed=2)]
        async with FakeExchange(markets, now_ms=now_ms, **options) as server, aiohttp.ClientSession() as session:
            async with session.ws_connect(server.stream_url + path, autoping=False) as socket:
                await scene(Client(socket, server))
            assert await server.until(lambda: server.sockets[-1].what == "gone")
        return server

    return asyncio.run(all_of_it())


def shown(event: Any) -> tuple[int, bool]:
    """The number of the minute that an event is about, and whether it closes it."""
    return (event["k"]["t"] - START) // MINUTE, event["k"]["x"]


def test_moving_the_clock_pushes_every_passed_close_and_the_current_candle():
    async def scene(client: Client) -> None:
        await client.subscribe(NAME)
        client.server.clock.advance(15_000)
        client.server.clock.advance(45_000)
        client.server.clock.advance(2 * MINUTE + 1_000)
        events = await client.heard(6)
        assert [shown(one) for one in events] == [
            (10, False), (10, True), (11, False), (11, True), (12, True), (13, False),
        ]  # fmt: skip
        assert [one["E"] - NOW for one in events] == [
            15_000,
            MINUTE,
            MINUTE,
            2 * MINUTE,
            3 * MINUTE,
            3 * MINUTE + 1_000,
        ]
        assert await client.silent()

    play(scene)


@pytest.mark.parametrize("passed", [1, 29_999, MINUTE, 90_000])
def test_the_stream_agrees_with_rest(passed: int):
    async def scene(client: Client) -> None:
        await client.subscribe(NAME)
        client.server.clock.advance(passed)
        rows = (await get(client.server, startTime=NOW)).json
        events = await client.heard(len(rows))
        sent = [[*(one["k"][key] for key in "tohlcvTqnVQ"), "0"] for one in events]
        assert sent == rows

    play(scene)


@pytest.mark.parametrize(
    ("path", "wrapped"),
    [
        (f"/ws/{NAME}", False),
        (f"/ws/{NAME}/ethusdt@kline_1m", False),
        (f"/stream?streams={NAME}", True),
        (f"/stream?streams=ethusdt@kline_1m/{NAME}", True),
    ],
)
def test_streams_can_be_named_in_the_address_in_raw_or_combined_form(path: str, wrapped: bool):
    async def scene(client: Client) -> None:
        client.server.clock.advance(1_000)
        events = await client.heard(path.count("@"))
        assert all(("stream" in one) is wrapped for one in events)
        if wrapped:
            assert all(one["stream"] == f"{one['data']['s'].lower()}@kline_1m" for one in events)
        assert sum(one.get("data", one)["s"] == "BTCUSDT" for one in events) == 1

    play(scene, path=path)


def test_an_unsubscribed_client_gets_no_events_and_client_messages_are_logged():
    async def scene(client: Client) -> None:
        await client.subscribe(NAME, "ethusdt@kline_1m")
        assert client.server.subscribed(NAME)
        await client.socket.send_str('{"method":"UNSUBSCRIBE","params":["btcusdt@kline_1m"],"id":2}')
        assert await client.heard(1) == [{"result": None, "id": 2}]
        assert not client.server.subscribed(NAME)
        client.server.clock.advance(1_000)
        assert [one["s"] for one in await client.heard(1)] == ["ETHUSDT"]
        assert await client.silent()

    server = play(scene)
    assert [one.what for one in server.sockets] == ["open", "text", "text", "text", "gone"]
    assert server.sockets[0].text == "/ws"
    assert json.loads(server.sockets[1].text)["params"] == [NAME, "ethusdt@kline_1m"]


@pytest.mark.parametrize(("text", "code"), [("no JSON", 3), ("[]", 3), ('{"method":"DANCE","id":7}', 2)])
def test_an_invalid_client_message_gets_an_error_response(text: str, code: int):
    async def scene(client: Client) -> None:
        await client.socket.send_str(text)
        assert (await client.heard(1))[0]["error"]["code"] == code

    play(scene)


def test_a_stream_of_an_unknown_symbol_is_silent():
    async def scene(client: Client) -> None:
        await client.subscribe("nosuch@kline_1m", "btcusdt@kline_1h", "btcusdt@trade")
        client.server.clock.advance(MINUTE)
        assert await client.silent()

    play(scene)


def test_the_server_sends_pings():
    async def scene(client: Client) -> None:
        message = await client.socket.receive(timeout=WAIT)
        assert message.type is aiohttp.WSMsgType.PING
        await client.socket.pong(message.data)

    play(scene, ping_seconds=0.02)


# --- Faults ----------------------------------------------------------------------------------------------------------

FIRST, CLOSING = (10, False), (10, True)


async def two_events(client: Client) -> None:
    """Returns an event within the candle, the event that closes it, and the first event of the next candle."""
    await client.subscribe(NAME)
    client.server.clock.advance(30_000)
    client.server.clock.advance(30_000)


async def closes(client: Client) -> None:
    assert await client.heard(1) == [("CLOSE", 1001)]


async def aborts(client: Client) -> None:
    assert await client.heard(1) == [None]
    assert client.socket.closed


async def is_silent(client: Client) -> None:
    assert await client.silent()
    client.server.clock.advance(5 * MINUTE)
    assert await client.silent()
    assert not client.socket.closed


async def garbage(client: Client) -> None:
    first, second = await client.heard(2)
    assert first == "this is no JSON"
    assert shown(second) == FIRST


async def truncated(client: Client) -> None:
    first, second = await client.heard(2)
    assert isinstance(first, str)
    assert first.startswith('{"e":"kline"')
    assert shown(second) == CLOSING


async def nulls(client: Client) -> None:
    (event,) = await client.heard(1)
    assert (event["k"]["o"], event["k"]["c"]) == (None, None)
    assert shown(event) == FIRST


async def twice(client: Client) -> None:
    first, second, third = await client.heard(3)
    assert first == second
    assert shown(third) == CLOSING


async def late(client: Client) -> None:
    assert [shown(one) for one in await client.heard(3)] == [CLOSING, FIRST, (11, False)]


async def skips(client: Client) -> None:
    assert [shown(one) for one in await client.heard(2)] == [CLOSING, (11, False)]


async def never_closes(client: Client) -> None:
    events = await client.heard(3)
    assert [shown(one) for one in events] == [FIRST, (10, False), (11, False)]
    candles = client.server.markets["BTCUSDT"].candles["1m"]
    assert events[1]["k"]["c"] == candles.finished(10)[4]


async def unknown(client: Client) -> None:
    first, second = await client.heard(2)
    assert first["e"] == "nobodyKnows"
    assert shown(second) == FIRST


async def shuts_down(client: Client) -> None:
    first, second = await client.heard(2)
    assert first["e"] == "serverShutdown"
    assert shown(second) == FIRST


AT_EVENTS: dict[str, Scene] = {
    "ws_close": closes,
    "ws_abort": aborts,
    "ws_silence": is_silent,
    "ws_garbage": garbage,
    "ws_truncated": truncated,
    "ws_null_fields": nulls,
    "ws_duplicate": twice,
    "ws_late": late,
    "ws_skip": skips,
    "ws_never_closes": never_closes,
    "ws_unknown_event": unknown,
    "ws_server_shutdown": shuts_down,
}


def test_all_14_faults_of_a_socket_are_covered():
    assert {*AT_EVENTS, "ws_reject", "ws_subscribe_error"} == SOCKETS.keys()
    assert len(SOCKETS) == 14


@pytest.mark.parametrize("name", AT_EVENTS)
def test_a_fault_of_a_socket_matches_its_name(name: str):
    async def scene(client: Client) -> None:
        order = client.server.break_(name)
        await two_events(client)
        await AT_EVENTS[name](client)
        assert order.hits == 1

    play(scene)


@pytest.mark.parametrize("retry_after", [None, "3"])
def test_a_handshake_is_rejected_with_or_without_retry_after(retry_after: str | None):
    async def scene() -> None:
        async with fake() as server, aiohttp.ClientSession() as session:
            server.break_("ws_reject", status=429, retry_after=retry_after)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{server.stream_url}/ws")
            assert refused.value.status == 429
            assert refused.value.headers is not None
            assert refused.value.headers.get("Retry-After") == retry_after
            async with session.ws_connect(f"{server.stream_url}/ws") as socket:
                assert not socket.closed

    asyncio.run(scene())


def test_a_subscription_gets_an_error_and_the_next_one_is_accepted():
    async def scene(client: Client) -> None:
        client.server.break_("ws_subscribe_error")
        await client.socket.send_str(json.dumps({"method": "SUBSCRIBE", "params": [NAME], "id": 4}))
        (answer,) = await client.heard(1)
        assert (answer["id"], answer["error"]["code"]) == (4, 2)
        assert not client.server.subscribed(NAME)
        await client.subscribe(NAME)

    play(scene)


def test_a_fault_of_a_socket_can_be_limited_to_the_closing_event_and_one_symbol():
    async def scene(client: Client) -> None:
        client.server.break_("ws_skip", closing=True)
        client.server.break_("ws_silence", symbol="ETH/USDT", after=1)
        await client.subscribe(NAME, "ethusdt@kline_1m")
        client.server.clock.advance(30_000)
        client.server.clock.advance(MINUTE)
        events = [(one["s"][:3], *shown(one)) for one in await client.heard(3)]
        assert events == [("BTC", *FIRST), ("ETH", *FIRST), ("BTC", 11, False)]
        assert await client.silent()

    play(scene)


async def waits(client: Any) -> None:
    """Until ccxt waits for an event on its one connection."""
    (line,) = client.clients.values()
    async with asyncio.timeout(WAIT):
        while not line.futures:
            await asyncio.sleep(0)


def test_ccxt_watches_a_candle_and_reconnects_after_a_disconnect():
    import ccxt

    async def scene() -> None:
        async with FakeExchange([market()], now_ms=NOW) as server:
            client = ccxt_of(server, pro=True)
            try:
                watched = asyncio.create_task(client.watch_ohlcv("BTC/USDT", "1m"))
                assert await server.until(lambda: server.subscribed(NAME))
                server.clock.advance(15_000)
                (row,) = await asyncio.wait_for(watched, WAIT)
                (rest_row,) = await client.fetch_ohlcv("BTC/USDT", "1m", NOW)
                assert row == rest_row
                server.break_("ws_close")
                watched = asyncio.create_task(client.watch_ohlcv("BTC/USDT", "1m"))
                await waits(client)
                server.clock.advance(15_000)
                with pytest.raises(ccxt.NetworkError, match="1001"):
                    await asyncio.wait_for(watched, WAIT)
                assert await server.until(lambda: server.sockets[-1].what == "gone")
                watched = asyncio.create_task(client.watch_ohlcv("BTC/USDT", "1m"))
                assert await server.until(lambda: server.subscribed(NAME))
                server.clock.advance(15_000)
                assert (await asyncio.wait_for(watched, WAIT))[-1][0] == NOW
            finally:
                await client.close()

    asyncio.run(scene())


def test_a_stream_of_a_server_in_a_thread_is_pushed_from_the_main_thread():
    async def listens(server: FakeExchange) -> Any:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.stream_url}/ws/{NAME}") as socket:
            assert await server.until(lambda: server.subscribed(NAME))
            server.clock.advance(1_000)
            return await socket.receive_json(timeout=WAIT)

    with served([market()], now_ms=NOW) as server:
        assert shown(asyncio.run(listens(server))) == FIRST


def test_no_stream_outlasts_the_server():
    async def scene() -> None:
        async with aiohttp.ClientSession() as session:
            async with fake() as server:
                socket = await session.ws_connect(f"{server.stream_url}/ws/{NAME}")
                assert await server.until(lambda: server.subscribed(NAME))
            message = await socket.receive(timeout=1)
            assert message.type is not aiohttp.WSMsgType.TEXT
            await socket.close()

    asyncio.run(scene())
