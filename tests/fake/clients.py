"""Clients for the fake exchange's own tests: ccxt, and bare sockets that show what is on the wire."""

import asyncio
import json
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.fake_exchange import FakeExchange, Market, synthetic

MINUTE = 60_000
START = 1_704_067_200_000  # 2024-01-01
WAIT = 5.0


class Wire(NamedTuple):
    """What came through a socket until its end."""

    status: int
    headers: dict[str, str]
    body: bytes
    reset: bool  # it ended in RST
    late: bool  # it had not ended in time

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def cut(self) -> bool:
        """Whether it is shorter than it said."""
        return len(self.body) < int(self.headers["content-length"])


def market(symbol: str = "BTCUSDT", *, count: int = 50, seed: int = 1, **more: Any) -> Market:
    """A market of SYNTHETIC minutes."""
    return Market(symbol, {"1m": synthetic(START, MINUTE, count, seed=seed, **more)})


def fake(count: int = 50, **options: Any) -> FakeExchange:
    """An exchange with one market."""
    return FakeExchange([market(count=count)], **options)


async def get(server: FakeExchange, path: str = "klines", *, seconds: float = WAIT, **parameters: Any) -> Wire:
    """One request through a bare socket. Without parameters: the first 20 minutes."""
    if path == "klines":
        parameters = {"symbol": "BTCUSDT", "interval": "1m", "startTime": START, "limit": 20} | parameters
    query = urlencode({name: one for name, one in parameters.items() if one is not None})
    return await exchange(server, f"/api/v3/{path}?{query}".rstrip("?"), seconds=seconds)


async def exchange(server: FakeExchange, target: str, *, seconds: float = WAIT) -> Wire:
    """The same for any path and query."""
    host, _, port = server.rest_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    came, reset, late = b"", False, False
    try:
        async with asyncio.timeout(seconds):
            while part := await reader.read(2**16):
                came += part
    except ConnectionResetError:
        reset = True
    except TimeoutError:
        late = True
    writer.close()
    head, _, body = came.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Wire(int(first.split(" ")[1]) if first else 0, headers, body, reset, late)


def ccxt_of(server: FakeExchange, *, pro: bool = False) -> Any:
    """ccxt's binance, as docs/exchange.md sends it here."""
    import ccxt.async_support
    import ccxt.pro

    rest, stream = server.rest_url, server.stream_url
    urls = {
        "public": f"{rest}/api/v3", "private": f"{rest}/api/v3", "v1": f"{rest}/api/v1", "sapi": f"{rest}/sapi/v1",
        "fapiPublic": f"{rest}/fapi/v1", "dapiPublic": f"{rest}/dapi/v1", "ws": {"spot": f"{stream}/stream/ws"},
    }  # fmt: skip
    made = (ccxt.pro if pro else ccxt.async_support).binance(
        {
            "enableRateLimit": False,
            "urls": {"api": urls},
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False},
        }
    )
    made.timeout_on_exit = 0  # no TLS takes leave here
    return made
