"""Each fault of a response sends the bytes that its name describes."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fake.answers import http_date
from tests.fake.clients import MINUTE, START, Wire, exchange, fake, get
from tests.fake_exchange import ANSWERS, HOSTILE, FakeExchange, served

Check = Callable[[Wire, Wire], bool]  # what came, and what should have


def refusal(status: int, code: int) -> Check:
    return lambda wire, good: (wire.status, wire.json["code"]) == (status, code)


def page(status: int) -> Check:
    return lambda wire, good: (
        wire.status == status and b"<html>" in wire.body and "html" in wire.headers["content-type"]
    )


def body(made: Callable[[bytes], bytes]) -> Check:
    return lambda wire, good: wire.status == 200 and wire.body == made(good.body)


def broken_gzip(wire: Wire, good: Wire) -> bool:
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(wire.body)
    return wire.headers["content-encoding"] == "gzip"


ON_THE_WIRE: dict[str, Check] = {
    "status": refusal(400, -1121),
    "429": lambda wire, good: wire.status == 429 and wire.headers["retry-after"] == "1",
    "418": lambda wire, good: wire.status == 418 and wire.headers["retry-after"] == "120",
    "500": refusal(500, -1000),
    "502": page(502),
    "503": refusal(503, -1008),
    "504": refusal(504, -1007),
    "403": page(403),
    "451": refusal(451, 0),
    "error_in_200": refusal(200, -1000),
    "html_200": page(200),
    "empty_body": body(lambda good: b""),
    "null_body": body(lambda good: b"null"),
    "object_body": body(lambda good: b"{}"),
    "truncated_json": body(lambda good: good[: len(good) // 2]),
    "garbage_gzip": broken_gzip,
    "slow": body(lambda good: good),
    "slow_body": body(lambda good: good),
    "hang": lambda wire, good: wire.late and wire.body == b"" and wire.status == 0,
    "reset": lambda wire, good: wire.reset and wire.status == 0,
    "reset_mid_body": lambda wire, good: wire.reset and wire.status == 200 and wire.cut,
    "close_mid_body": lambda wire, good: (
        not wire.reset and wire.cut and good.body.startswith(wire.body) and wire.body != b""
    ),
    "redirect_loop": lambda wire, good: wire.status == 302 and wire.headers["location"].startswith("/api/v3/klines?"),
    "stale_page": lambda wire, good: wire.json[0][0] == START < good.json[0][0],
    "huge_body": lambda wire, good: wire.json == [] and len(wire.body) == 300_000,
    "gzip_bomb": lambda wire, good: gzip.decompress(wire.body).strip(b" ")[:1] == b"[" and len(wire.body) < 20_000,
    "deep_json": body(lambda good: b"[" * 100_000 + b"]" * 100_000),
    "redirect_elsewhere": lambda wire, good: wire.status == 302 and "elsewhere" in wire.headers["location"],
    "repeated_keys": body(lambda good: b'[{"t":1,"t":2},' + good[1:]),
    "nan_constant": lambda wire, good: wire.status == 200 and b",NaN," in wire.body,
    "drip": lambda wire, good: wire.late and 0 < len(wire.body) < 100 and wire.cut,
}
SMALLER: dict[str, dict[str, Any]] = {
    "slow": {"seconds": 0.05}, "slow_body": {"seconds": 0.05}, "huge_body": {"bytes": 300_000},
    "gzip_bomb": {"bytes": 4_000_000}, "drip": {"every": 0.01},
}  # fmt: skip


def test_all_24_faults_of_a_response_are_covered():
    assert ON_THE_WIRE.keys() == ANSWERS.keys() | HOSTILE.keys()
    assert len(ANSWERS) == 24


@pytest.mark.parametrize("name", ON_THE_WIRE)
def test_a_fault_matches_its_name_and_the_next_response_is_good(name: str):
    async def scene() -> tuple[Wire, Wire, Wire]:
        async with fake() as server:
            asked = {"startTime": START + 10 * MINUTE, "limit": 20}
            good = await get(server, **asked)
            order = server.break_(name, **SMALLER.get(name, {}))
            wire = await get(server, **asked, seconds=0.2)
            assert (order.hits, order.over) == (1, True)
            assert server.requests[1].faults == [name]
            server.mend()
            return good, wire, await get(server, **asked)

    good, wire, after = asyncio.run(scene())
    assert ON_THE_WIRE[name](wire, good)
    assert after.body == good.body
    assert len(good.json) == 20


@pytest.mark.parametrize("name", ["hang", "drip", "slow", "huge_body"])
def test_no_fault_outlasts_the_server(name: str):
    async def scene() -> None:
        async with fake() as server:
            server.break_(name)
            asked = asyncio.create_task(get(server))
            assert await server.until(lambda: len(server.requests) == 1)
        async with asyncio.timeout(1):
            assert len((await asked).body) < 10**9

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("parameters", "header", "free_after"),
    [
        ({"retry_after": "7"}, "7", 7),
        (
            {"retry_after": http_date(datetime.fromtimestamp(START / 1000, UTC) + timedelta(minutes=50, seconds=9))},
            "Mon,",
            9,
        ),
        ({"retry_after": None}, None, 60),
        ({"retry_after": "soon"}, "soon", 60),
        ({"retry_after": "-5"}, "-5", 60),
        ({"retry_after": "999999"}, "999999", 999_999),
        ({"retry_after": "7", "enforced": False}, "7", 0),
    ],
)
def test_a_request_before_retry_after_is_rejected_and_a_later_one_is_served(
    parameters: dict[str, Any], header: str | None, free_after: int
):
    async def scene() -> None:
        async with fake() as server:
            server.break_("429", **parameters)
            wire = await get(server)
            assert wire.status == 429
            assert str(wire.headers.get("retry-after")).startswith(str(header))
            if free_after:
                server.clock.advance(free_after * 1000 - 1)
                assert (await get(server)).status == 429
                server.clock.advance(1)
            assert (await get(server)).status == 200

    asyncio.run(scene())


def test_a_client_that_continues_after_a_429_is_banned():
    async def scene() -> list[int]:
        async with fake(patience=1) as server:
            server.break_("429", retry_after="7")
            return [(await get(server)).status for _ in range(4)]

    assert asyncio.run(scene()) == [429, 429, 418, 418]


def test_following_a_redirect_loop_leads_only_to_itself():
    async def scene() -> None:
        async with fake() as server:
            server.break_("redirect_loop")
            first = await get(server)
            second = await exchange(server, first.headers["location"])
            assert second.headers["location"] == first.headers["location"]

    asyncio.run(scene())


@pytest.mark.parametrize("cut", [False, True])
def test_a_body_declared_as_gzip_is_not_gzip_or_is_truncated(cut: bool):
    async def scene() -> Wire:
        async with fake() as server:
            server.break_("garbage_gzip", cut=cut)
            return await get(server)

    wire = asyncio.run(scene())
    assert broken_gzip(wire, wire)
    assert wire.body.startswith(b"\x1f\x8b") is cut


def test_a_rejection_can_have_any_status_and_a_region_block_is_a_page():
    async def scene() -> tuple[Wire, Wire]:
        async with fake() as server:
            server.break_("status", status=409, code=-9, msg="no")
            server.break_("451", html=True)
            return await get(server), await get(server)

    first, second = asyncio.run(scene())
    assert (first.status, first.json) == (409, {"code": -9, "msg": "no"})
    assert (second.status, second.body[:6]) == (451, b"<html>")


@pytest.mark.parametrize(
    ("name", "text"), [("repeated_keys", '{"serverTime":%d,"serverTime":%d}'), ("nan_constant", '{"serverTime":NaN}')]
)
def test_faults_apply_to_objects_as_to_lists(name: str, text: str):
    async def scene() -> Wire:
        async with fake() as server:
            server.break_(name, path="time")
            return await get(server, "time")

    wire = asyncio.run(scene())
    assert wire.body.decode() == text.replace("%d", str(START + 50 * MINUTE))


def test_a_gzip_bomb_is_valid_gzip_of_an_empty_list():
    async def scene() -> bytes:
        async with fake() as server:
            server.break_("gzip_bomb", bytes=3 * 2**20)
            return (await get(server)).body

    packed = asyncio.run(scene())
    unpacked = gzip.decompress(packed)
    assert json.loads(unpacked) == []
    assert len(unpacked) > 3 * 2**20 > 200 * len(packed)


def test_a_fault_hits_its_endpoint_with_its_count_and_after_its_delay():
    async def scene() -> list[int]:
        async with fake() as server:
            server.markets["ETHUSDT"] = server.markets["BTCUSDT"]
            server.break_("500", times=2, after=1, symbol="BTC/USDT", interval="1m")
            order = ("BTCUSDT", "ETHUSDT", "BTCUSDT", "BTCUSDT", "BTCUSDT")
            statuses = [(await get(server, symbol=symbol)).status for symbol in order]
            server.break_("503", times=None, path="time")
            statuses += [(await get(server, "time")).status for _ in range(3)]
            server.break_("502", path=None)
            statuses += [(await get(server, "ping")).status, (await get(server, "ping")).status]
            server.mend()
            return [*statuses, (await get(server, "time")).status]

    assert asyncio.run(scene()) == [200, 200, 500, 500, 200, 503, 503, 503, 502, 200, 200]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("html_404", {}, "html_404: no fault has this name; there are status"),
        ("slow", {"second": 1}, "slow takes seconds, not second"),
        ("null_row", {"place": 1}, "null_row takes at, not place"),
        ("ws_skip", {"code": 1}, "ws_skip takes nothing, not code"),
    ],
)
def test_an_unknown_fault_is_rejected_at_once(name: str, parameters: dict[str, Any], message: str):
    with pytest.raises((ValueError, TypeError), match=message):
        fake().break_(name, **parameters)


def test_a_server_in_a_thread_serves_takes_orders_and_ends_at_once():
    server = fake()
    with served(server.markets.values()) as running:
        running.break_("html_200")
        assert asyncio.run(get(running)).body.startswith(b"<html>")
        running.clock.advance(MINUTE)
        assert asyncio.run(get(running, "time")).json == {"serverTime": START + 51 * MINUTE}
        running.break_("hang")
        wire = asyncio.run(get(running, seconds=0.05))
        assert wire.late
        assert running.wait(lambda: len(running.requests) == 3)
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(get(running))


def test_a_stopped_server_can_restart_at_the_same_address():
    async def serve(server: FakeExchange) -> None:
        async with server:
            assert (await get(server, "time")).json == {"serverTime": START + 50 * MINUTE}

    server = fake()
    asyncio.run(serve(server))
    address = server.rest_url
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(get(server))
    asyncio.run(serve(server))
    assert (server.rest_url, len(server.requests)) == (address, 2)


def test_a_running_clock_advances_by_itself():
    async def scene() -> None:
        async with fake(flows=True) as server:
            moved = asyncio.Event()
            server.clock.listen(lambda before, now: moved.set())
            async with asyncio.timeout(2):
                await moved.wait()
            assert server.clock.now_ms >= START + 50 * MINUTE

    asyncio.run(scene())
