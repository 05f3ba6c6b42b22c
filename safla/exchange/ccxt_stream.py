"""A layer over a class of ccxt.pro (`ccxt_stream`) that signals a closed candle at once.

ccxt alone signals it only when the next candle begins. The layer also survives every frame, and its handshake follows
no redirect (Z18). No price is read here; connections are managed in candle_stream.py.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import cache, partial
from typing import Any

from safla.exchange.failures import address_said

Over = Callable[[str, int], None]  # symbol, ms: every candle that opens before that time has closed
Unfinished = Callable[[str, int], None]  # symbol, ms: the candle that ends at that time is still open


class Started:
    """Stands in for the event loop of a ccxt client, and remembers the tasks that the client starts, to end them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()

    def create_task(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task. Called by ccxt."""
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def call_soon(self, callback: Callable[..., Any], *arguments: Any) -> asyncio.Handle:
        """Schedule a callback. Called by ccxt."""
        return self._loop.call_soon(callback, *arguments)

    async def end(self) -> None:
        """Cancel all tasks and wait for them; those that they start meanwhile too."""
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class CcxtStream:
    """The methods that are put before those of a class of ccxt.pro."""

    id: str
    over: Over
    unfinished: Unfinished
    unread: Callable[[str], None]  # called for a frame that cannot be read
    session: Any
    latest_client: Any = None  # the client of its latest connection
    safe_symbol: Callable[..., str]

    def client(self, url: str) -> Any:
        """Return the client of an address.

        Its handle_message is replaced: a frame that ccxt cannot read would end its receive loop for good and silently.
        """
        client = super().client(url)  # type: ignore[misc]
        _follow_no_redirect(self.session)
        client.handle_message = partial(self._handle_safely, client)
        self.latest_client = client
        return client

    def handle_ohlcv(self, client: Any, message: Any) -> None:
        """Read whether the candle is closed: an event of Binance says so, but ccxt drops it (ccxt #21885)."""
        if self.id.startswith("binance"):
            event = message["k"]
            ts, end, symbol = event["t"], event["T"] + 1, self.safe_symbol(event["s"], None, None, "spot")
            self.over(symbol, end if event["x"] is True else ts)
            if event["x"] is False:
                self.unfinished(symbol, end)
        super().handle_ohlcv(client, message)  # type: ignore[misc]

    def _handle_safely(self, client: Any, message: Any) -> None:
        from ccxt.base import errors

        try:
            type(client).handle_message(client, message)
        except (
            errors.BaseError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError,
        ) as error:  # fmt: skip
            self.unread(type(error).__name__)  # without the text of the error, which would quote the frame


def _follow_no_redirect(session: Any) -> None:
    """Make an aiohttp session raise instead of following a redirect: its ws_connect has no allow_redirects.

    Otherwise a handshake would go wherever it is redirected, even from wss: to http:.
    """
    import aiohttp

    if session.trace_configs:
        return
    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(_reject_redirect)
    config.freeze()
    session.trace_configs.append(config)


async def _reject_redirect(session: object, context: object, redirect: Any) -> None:  # noqa: ARG001 - aiohttp calls it
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
    """Return a subclass of a ccxt.pro class with the methods of CcxtStream before its own."""
    return type(f"CcxtStream{kind.__name__}", (CcxtStream, kind), {})
