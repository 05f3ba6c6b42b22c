"""The spot interface without faults: windows, errors, weight, and ccxt as its client."""

import asyncio
import json
from typing import Any

import pytest

from tests.fake.clients import MINUTE, START, ccxt_of, exchange, fake, get, market
from tests.fake_exchange import FakeExchange, Market, synthetic

SYMBOLS = {"symbols": '["BTCUSDT","ETHUSDT"]'}


def of(ts: int) -> int:
    return START + ts * MINUTE


async def opens(server: FakeExchange, **parameters: Any) -> list[int]:
    """The numbers of the minutes of a page."""
    return [(row[0] - START) // MINUTE for row in (await get(server, **parameters)).json]


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({"startTime": None, "limit": 3}, [47, 48, 49]),
        ({"startTime": None, "limit": None}, range(50)),
        ({"startTime": of(10), "limit": 3}, [10, 11, 12]),
        ({"startTime": of(10) + 1, "limit": 2}, [11, 12]),
        ({"startTime": of(48), "limit": 5}, [48, 49]),
        ({"startTime": None, "endTime": of(10), "limit": 3}, [8, 9, 10]),
        ({"startTime": None, "endTime": of(10) - 1, "limit": 3}, [7, 8, 9]),
        ({"startTime": of(4), "endTime": of(6), "limit": 9}, [4, 5, 6]),
        ({"startTime": of(4), "endTime": of(40), "limit": 2}, [4, 5]),
        ({"startTime": of(6), "endTime": of(4)}, []),
        ({"startTime": of(4), "endTime": of(4)}, [4]),
        ({"startTime": of(50)}, []),
        ({"startTime": of(5_000)}, []),
        ({"interval": "1h"}, []),
        ({"interval": "1M"}, []),
    ],
)
def test_a_window_of_candles_matches_the_exchange(asked: dict, numbers: Any):
    async def scene() -> list[int]:
        async with fake() as server:
            return await opens(server, **asked)

    assert asyncio.run(scene()) == list(numbers)


def test_a_page_has_500_rows_by_default_and_at_most_1000():
    async def scene() -> list[int]:
        async with fake(1_500) as server:
            return [len(await opens(server, limit=limit)) for limit in (None, 1_000, 5_000)]

    assert asyncio.run(scene()) == [500, 1_000, 1_000]


def test_the_unfinished_candle_is_served_and_no_future_candle():
    async def scene() -> None:
        async with fake(now_ms=of(10) + 15_000) as server:
            rows = (await get(server)).json
            assert [row[0] for row in rows] == [of(number) for number in range(11)]
            whole = server.markets["BTCUSDT"].candles["1m"].finished(10)
            assert rows[10][:2] == whole[:2]
            assert float(rows[10][5]) == pytest.approx(float(whole[5]) / 4, abs=1e-4)
            server.clock.advance(45_000)
            rows = (await get(server)).json
            assert rows[10] == whole
            assert rows[11][0] == of(11)
            assert rows[11][1:6] == [rows[11][1]] * 4 + ["0.00000000"]

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("path", "asked", "code", "message"),
    [
        ("klines", {"symbol": "NOSUCH"}, -1121, "Invalid symbol."),
        ("klines", {"interval": "7m"}, -1120, "Invalid interval."),
        ("klines", {"symbol": "BTC/USDT"}, -1100, "parameter 'symbol'"),
        ("klines", {"startTime": "soon"}, -1100, "parameter 'startTime'"),
        ("klines", {"limit": "-1"}, -1100, "parameter 'limit'"),
        ("klines", {"limit": 0}, -1130, "parameter 'limit'"),
        ("klines", {"symbol": None}, -1102, "Mandatory parameter 'symbol'"),
        ("klines", {"interval": None}, -1102, "Mandatory parameter 'interval'"),
        ("klines", {"since": 1}, -1104, "read '4' parameter(s) but was sent '5'"),
        ("exchangeInfo", {"symbol": "NOSUCH"}, -1121, "Invalid symbol."),
        ("exchangeInfo", {"symbols": '["BTCUSDT","NOSUCH"]'}, -1121, "Invalid symbol."),
        ("exchangeInfo", {"symbols": '["BTCUSDT", "ETHUSDT"]'}, -1100, "parameter 'symbols'"),
        ("exchangeInfo", {"symbols": "BTCUSDT"}, -1100, "parameter 'symbols'"),
        ("exchangeInfo", {"symbols": '["BTCUSDT"]', "symbol": "BTCUSDT"}, -1128, "optional parameters"),
    ],
)
def test_an_invalid_request_is_rejected_with_its_error_code(path: str, asked: dict, code: int, message: str):
    async def scene() -> None:
        async with fake() as server:
            wire = await get(server, path, **asked)
            assert wire.status == 400
            assert wire.json["code"] == code
            assert message in wire.json["msg"]
            assert server.requests[0].status == 400

    asyncio.run(scene())


@pytest.mark.parametrize("target", ["/api/v3/depth", "/fapi/v1/exchangeInfo", "/"])
def test_only_the_spot_interface_for_candles_exists(target: str):
    async def scene() -> int:
        async with fake() as server:
            return (await exchange(server, target)).status

    assert asyncio.run(scene()) == 404


def test_ping_time_and_rules_are_served_and_rules_can_change():
    async def scene() -> None:
        async with FakeExchange([market(), market("ETHUSDT")], weight_limit=1_200) as server:
            assert (await get(server, "ping")).json == {}
            assert (await get(server, "time")).json == {"serverTime": of(50)}
            info = (await get(server, "exchangeInfo")).json
            assert [one["symbol"] for one in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
            assert info["rateLimits"][0]["limit"] == 1_200
            server.markets["ETHUSDT"].filters["PRICE_FILTER"]["tickSize"] = "0.50000000"
            server.markets["ETHUSDT"].status = "BREAK"
            (described,) = (await get(server, "exchangeInfo", symbol="ETHUSDT")).json["symbols"]
            assert (described["filters"][0]["tickSize"], described["status"]) == ("0.50000000", "BREAK")
            del server.markets["ETHUSDT"]
            assert (await get(server, symbol="ETHUSDT")).json["code"] == -1121

    asyncio.run(scene())


def test_every_request_is_logged_and_every_response_has_the_used_weight():
    async def scene() -> None:
        async with fake() as server:
            weights = [
                (await get(server, path)).headers["x-mbx-used-weight-1m"]
                for path in ("ping", "time", "klines", "exchangeInfo")
            ]
            assert weights == ["1", "2", "4", "24"]
            server.clock.advance(MINUTE)
            assert (await get(server, symbol="NOSUCH")).headers["x-mbx-used-weight-1m"] == "2"
            asked = server.requests[2]
            assert (asked.name, asked.path, asked.status, asked.virtual_ms) == ("klines", "/api/v3/klines", 200, of(50))
            assert asked.parameters == {"symbol": "BTCUSDT", "interval": "1m", "startTime": str(START), "limit": "20"}
            assert [one.status for one in server.requests] == [200, 200, 200, 200, 400]
            assert sorted(one.monotonic for one in server.requests) == [one.monotonic for one in server.requests]

    asyncio.run(scene())


def test_a_client_above_the_weight_limit_is_rejected_until_the_next_minute_and_then_banned():
    async def scene() -> None:
        async with fake(weight_limit=4, patience=2) as server:
            server.clock.advance(15_000)
            answers = [await get(server) for _ in range(6)]
            assert [one.status for one in answers] == [200, 200, 429, 429, 429, 418]
            assert [one.headers.get("retry-after") for one in answers] == [None, None, "45", "45", "45", "120"]
            assert answers[5].json["code"] == -1003
            server.clock.advance(119_999)
            assert (await get(server)).status == 418
            server.clock.advance(1)
            assert (await get(server)).status == 200

    asyncio.run(scene())


def test_a_client_that_waits_for_retry_after_is_served():
    async def scene() -> None:
        async with fake(weight_limit=4) as server:
            assert [(await get(server)).status for _ in range(3)] == [200, 200, 429]
            await server.clock.sleep(60)
            assert (await get(server)).status == 200

    asyncio.run(scene())


def test_ccxt_loads_the_requested_markets_with_their_rules():
    async def scene() -> None:
        async with FakeExchange([market(name) for name in ("BTCUSDT", "ETHUSDT", "BNBUSDT")]) as server:
            client = ccxt_of(server)
            try:
                await client.load_markets(params=SYMBOLS)
                assert list(client.markets) == ["BTC/USDT", "ETH/USDT"]
                loaded = client.markets["BTC/USDT"]
                assert (loaded["precision"]["price"], loaded["precision"]["amount"]) == (0.01, 0.00001)
                assert loaded["limits"]["cost"]["min"] == 5
                assert (loaded["active"], loaded["spot"]) == (True, True)
                assert await client.fetch_time() == of(50)
            finally:
                await client.close()
            assert [one.name for one in server.requests] == ["exchangeInfo", "time"]

    asyncio.run(scene())


def test_ccxt_pages_forward_through_2500_candles_and_finds_the_unfinished_one():
    async def scene() -> None:
        async with fake(2_500, now_ms=of(2_499) + 1_000) as server:
            client = ccxt_of(server)
            client.number = str
            rows: list = []
            try:
                while page := await client.fetch_ohlcv("BTC/USDT", "1m", of(len(rows)), 1_000):
                    rows += page
            finally:
                await client.close()
            candles = server.markets["BTCUSDT"].candles["1m"]
            served = [json.loads(b"[" + candles.text(0, 2_499) + b"]")[number][:6] for number in (0, 1_000, 2_498)]
            assert [row[0] for row in rows] == candles.times
            assert [[float(cell) for cell in rows[number]] for number in (0, 1_000, 2_498)] == [
                [float(cell) for cell in row] for row in served
            ]
            assert float(rows[-1][5]) < float(candles.finished(2_499)[5])
            assert [one.name for one in server.requests] == ["exchangeInfo", *["klines"] * 4]

    asyncio.run(scene())


def test_ccxt_maps_a_rejection_to_the_right_exception():
    import ccxt

    async def scene() -> None:
        async with FakeExchange([market(), Market("ETHUSDT")]) as server:
            client = ccxt_of(server)
            try:
                await client.load_markets(params=SYMBOLS)
                assert await client.fetch_ohlcv("ETH/USDT", "1m") == []
                assert await client.fetch_ohlcv("BTC/USDT", "1m", of(60)) == []
                del server.markets["ETHUSDT"]
                with pytest.raises(ccxt.BadSymbol):
                    await client.fetch_ohlcv("ETH/USDT", "1m")
                server.limits.weight_limit = 0
                with pytest.raises(ccxt.DDoSProtection):
                    await client.fetch_ohlcv("BTC/USDT", "1m")
            finally:
                await client.close()

    asyncio.run(scene())


def test_a_page_costs_the_server_very_little_time():
    from tests.fake.rest import body
    from tests.fake.state import State

    async def scene() -> State:
        async with FakeExchange([Market("BTCUSDT", {"1m": synthetic(START, MINUTE, 5_000, seed=1)})]) as server:
            return server._state

    state = asyncio.run(scene())
    asked = {"symbol": "BTCUSDT", "interval": "1m", "startTime": str(of(1_000)), "limit": "1000"}
    copied = [len(body(state, "klines", asked)) for _ in range(100)]
    assert copied == [len(state.markets["BTCUSDT"].candles["1m"].text(1_000, 2_000)) + 2] * 100
