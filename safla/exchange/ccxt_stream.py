"""A layer over a class of ccxt.pro (`ccxt_stream`): it tells of a closed candle at once, and no frame ends it.

Its handshake follows no redirect (Z18).

No price is read here, and no connection is kept: that is candle_stream.py.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import cache, partial
from typing import Any

from safla.exchange.failures import address_said

Over = Callable[[str, int], None]  # of a symbol, every candle that opens before a moment, ms, is over
Unfinished = Callable[[str, int], None]  # of a symbol, the candle that ends at a moment, ms, is not over


class Started:
    """The running loop as a client of ccxt sees it: what it starts is remembered, so that it can be ended."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()

    def create_task(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """What ccxt calls."""
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def call_soon(self, callback: Callable[..., Any], *arguments: Any) -> asyncio.Handle:
        """What ccxt calls."""
        return self._loop.call_soon(callback, *arguments)

    async def end(self) -> None:
        """All of it is over when this returns."""
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class CcxtStream:
    """The additions to a class of ccxt.pro."""

    id: str
    over: Over
    unfinished: Unfinished
    unread: Callable[[str], None]  # told of a frame that nobody can read
    session: Any
    latest_client: Any = None  # the client of its latest connection
    safe_symbol: Callable[..., str]

    def client(self, url: str) -> Any:
        """The client of an address. A frame that it cannot read would end its receiving for ever, without a word."""
        found = super().client(url)  # type: ignore[misc]
        _follow_no_redirect(self.session)
        found.handle_message = partial(self._handled, found)
        self.latest_client = found
        return found

    def handle_ohlcv(self, client: Any, message: Any) -> None:
        """An event of Binance says whether its candle is closed, which ccxt drops (ccxt #21885)."""
        if self.id.startswith("binance"):
            told = message["k"]
            ts, end, symbol = told["t"], told["T"] + 1, self.safe_symbol(told["s"], None, None, "spot")
            self.over(symbol, end if told["x"] is True else ts)
            if told["x"] is False:
                self.unfinished(symbol, end)
        super().handle_ohlcv(client, message)  # type: ignore[misc]

    def _handled(self, client: Any, message: Any) -> None:
        from ccxt.base import errors

        try:
            type(client).handle_message(client, message)
        except (
            errors.BaseError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError,
        ) as error:  # fmt: skip
            self.unread(type(error).__name__)  # its text would quote the frame


def _follow_no_redirect(session: Any) -> None:
    """Have a session of aiohttp raise where it would follow a redirect: its ws_connect takes no allow_redirects.

    Otherwise a handshake goes wherever it is sent, also from wss: to http:.
    """
    import aiohttp

    if session.trace_configs:
        return
    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(_refused)
    config.freeze()
    session.trace_configs.append(config)


async def _refused(session: object, context: object, redirect: Any) -> None:  # noqa: ARG001 - as aiohttp calls it
    import aiohttp

    answer = redirect.response
    where = address_said(answer.headers.get("location", ""))
    answer.close()
    raise aiohttp.WSServerHandshakeError(
        answer.request_info, answer.history, status=answer.status, headers=answer.headers,
        message=f"the handshake is redirected to {where}, which is not followed",
    )  # fmt: skip


@cache
def ccxt_stream(kind: type) -> type:
    """A class of ccxt.pro that tells of closed candles."""
    return type(f"CcxtStream{kind.__name__}", (CcxtStream, kind), {})
