"""The streams of candles (docs/exchange.md): what is pushed as the clock moves, and a table of what breaks in it."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from aiohttp import WSMsgType, web

from tests.fake.answers import hang_up
from tests.fake.candles import Cells
from tests.fake.state import Place, State

Event = dict[str, Any]
Wrapped = Callable[[Event], str]  # an event as its connection gets it


class Text(NamedTuple):
    """A frame to send."""

    text: str


class Held(NamedTuple):
    """A frame to send behind the next one."""

    text: str


class Closed(NamedTuple):
    """A close frame, and the end of the connection."""

    code: int


class Aborted(NamedTuple):
    """RST."""


class Silent(NamedTuple):
    """The connection stays up, and no event comes through it any more."""


Act = Text | Held | Closed | Aborted | Silent


def ws_reject(
    *, status: int = 503, retry_after: str | None = None, location: str | None = None, text: str = ""
) -> web.Response:
    """A handshake refused, with Retry-After or without; or sent elsewhere, where there is a location."""
    named = {"Retry-After": retry_after, "Location": location}
    return web.Response(status=status, text=text, headers={name: one for name, one in named.items() if one is not None})


def ws_subscribe_error(number: Any, *, code: int = 2, msg: str = "Invalid request: invalid stream") -> str:
    """SUBSCRIBE answered by an error."""
    return json.dumps({"error": {"code": code, "msg": msg}, "id": number})


def ws_close(event: Event, wrapped: Wrapped, *, code: int = 1001) -> list[Act]:
    """A close frame in place of the event."""
    return [Closed(code)]


def ws_abort(event: Event, wrapped: Wrapped) -> list[Act]:
    """RST in place of the event."""
    return [Aborted()]


def ws_silence(event: Event, wrapped: Wrapped) -> list[Act]:
    """From this event on there is none; pings go on."""
    return [Silent()]


def ws_garbage(event: Event, wrapped: Wrapped, *, text: str = "this is no JSON") -> list[Act]:
    """A text frame that is no JSON, before the event."""
    return [Text(text), Text(wrapped(event))]


def ws_truncated(event: Event, wrapped: Wrapped) -> list[Act]:
    """Half of the event's JSON in place of it."""
    text = wrapped(event)
    return [Text(text[: len(text) // 2])]


def ws_null_fields(event: Event, wrapped: Wrapped) -> list[Act]:
    """Open and close null."""
    return [Text(wrapped({**event, "k": {**event["k"], "o": None, "c": None}}))]


def ws_duplicate(event: Event, wrapped: Wrapped) -> list[Act]:
    """The same event twice."""
    return [Text(wrapped(event))] * 2


def ws_late(event: Event, wrapped: Wrapped) -> list[Act]:
    """The event after its successor."""
    return [Held(wrapped(event))]


def ws_skip(event: Event, wrapped: Wrapped) -> list[Act]:
    """The event is lost."""
    return []


def ws_never_closes(event: Event, wrapped: Wrapped) -> list[Act]:
    """`x` stays false on the closing event."""
    return [Text(wrapped({**event, "k": {**event["k"], "x": False}}))]


def ws_unknown_event(event: Event, wrapped: Wrapped, *, name: str = "nobodyKnows") -> list[Act]:
    """An event that nobody knows, before the event."""
    return [Text(wrapped({"e": name, "E": event["E"], "s": event["s"]})), Text(wrapped(event))]


def ws_server_shutdown(event: Event, wrapped: Wrapped) -> list[Act]:
    """The shutdown notice, before the event. What comes of it is ordered by ws_close."""
    return [Text(json.dumps({"e": "serverShutdown", "E": event["E"]})), Text(wrapped(event))]


SOCKETS: dict[str, Callable[..., Any]] = {
    "ws_reject": ws_reject,
    "ws_close": ws_close,
    "ws_abort": ws_abort,
    "ws_silence": ws_silence,
    "ws_garbage": ws_garbage,
    "ws_truncated": ws_truncated,
    "ws_null_fields": ws_null_fields,
    "ws_duplicate": ws_duplicate,
    "ws_late": ws_late,
    "ws_skip": ws_skip,
    "ws_never_closes": ws_never_closes,
    "ws_unknown_event": ws_unknown_event,
    "ws_server_shutdown": ws_server_shutdown,
    "ws_subscribe_error": ws_subscribe_error,
}
AT_HANDSHAKE = ("ws_reject",)
AT_SUBSCRIPTION = ("ws_subscribe_error",)
AT_EVENTS = tuple(name for name in SOCKETS if name not in (*AT_HANDSHAKE, *AT_SUBSCRIPTION))
ONLY_CLOSING = ("ws_never_closes",)  # others meet the closing event alone where they are ordered with closing=True


STREAM = re.compile(r"([a-z0-9]+)@kline_(\w+)")


@dataclass(eq=False)
class Connection:
    """A client of the streams."""

    number: int
    combined: bool  # events come wrapped, with the name of their stream
    loop: asyncio.AbstractEventLoop
    names: list[str]  # of streams
    silent: set[str] = field(default_factory=set)  # streams; "" is all of them
    over: bool = False
    held: dict[str, list[Text]] = field(default_factory=dict)
    acts: asyncio.Queue[Act] = field(default_factory=asyncio.Queue)

    def hears(self, name: str) -> bool:
        """Whether an event of a stream still gets to it."""
        return not self.over and self.silent.isdisjoint({"", name})

    def deliver(self, acts: Sequence[Act]) -> None:
        """Have something done on it, from any thread."""
        for act in acts:
            self.loop.call_soon_threadsafe(self.acts.put_nowait, act)


class Streams:
    """All connections. Each move of the clock pushes every close that it passes, then the candle that it ends in."""

    def __init__(self, state: State, *, ping_seconds: float) -> None:
        self._state = state
        self._ping_seconds = ping_seconds
        self._numbers = count(1)
        self._connections: list[Connection] = []
        state.clock.listen(self._moved)

    def heard(self, name: str) -> bool:
        """Whether somebody hears a stream."""
        return any(name in connection.names and connection.hears(name) for connection in self._connections)

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """A client from its handshake to its end."""
        names = _named(request)
        rejected = self._rejected(names)
        if rejected is not None:
            return rejected
        socket = web.WebSocketResponse(heartbeat=self._ping_seconds, timeout=1.0)
        await socket.prepare(request)
        connection = Connection(
            next(self._numbers), request.path.strip("/") == "stream", asyncio.get_running_loop(), names
        )
        sender = asyncio.create_task(_send(socket, request, connection))
        try:
            with self._state.clock.lock:
                self._connections.append(connection)
                self._state.said(connection.number, "open", text=request.path_qs)
            await self._read(socket, connection)
        finally:
            sender.cancel()
            with self._state.clock.lock:
                self._connections.remove(connection)
                self._state.said(connection.number, "gone")
        return socket

    async def _read(self, socket: web.WebSocketResponse, connection: Connection) -> None:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                with self._state.clock.lock:
                    connection.deliver([Text(self._replied(connection, message.data))])
                    self._state.said(connection.number, "text", text=message.data)

    def _rejected(self, names: list[str]) -> web.Response | None:
        symbol, interval = _parts(names[0]) if names else (None, None)
        with self._state.clock.lock:
            for order in self._state.breaks.due(AT_HANDSHAKE, Place(None, symbol, interval)):
                order.hits += 1
                rejected: web.Response = SOCKETS[order.name](**order.parameters)
                return rejected
        return None

    def _replied(self, connection: Connection, text: str) -> str:
        try:
            message = json.loads(text)
            method, names, number = message["method"], message.get("params", []), message.get("id")
        except (ValueError, TypeError, KeyError):
            return json.dumps({"error": {"code": 3, "msg": "Invalid JSON"}, "id": None})
        if method == "LIST_SUBSCRIPTIONS":
            return json.dumps({"result": connection.names, "id": number})
        if method == "UNSUBSCRIBE":
            connection.names = [name for name in connection.names if name not in names]
            return json.dumps({"result": None, "id": number})
        if method != "SUBSCRIBE":
            return json.dumps({"error": {"code": 2, "msg": f"Invalid request: unknown variant {method}"}, "id": number})
        symbol, interval = _parts(names[0]) if names else (None, None)
        for order in self._state.breaks.due(AT_SUBSCRIPTION, Place(None, symbol, interval)):
            order.hits += 1
            return str(SOCKETS[order.name](number, **order.parameters))
        connection.names += [name for name in names if name not in connection.names]
        return json.dumps({"result": None, "id": number})

    def _moved(self, before: int, now: int) -> None:
        for connection in self._connections:
            due = [(name, event) for name in connection.names for event in self._events(name, before, now)]
            for name, event in sorted(due, key=lambda one: one[1]["E"]):
                if connection.hears(name):
                    connection.deliver(self._broken(connection, name, event))

    def _events(self, name: str, before: int, now: int) -> Iterator[Event]:
        symbol, interval = _parts(name)
        market = self._state.markets.get(symbol or "")
        candles = market.candles.get(interval or "") if market is not None else None
        if candles is None or now == before or symbol is None:
            return
        step = candles.step_ms
        first, end = candles.place(before - step + 1), candles.place(now - step + 1)
        for number in range(first, end):
            yield _event(symbol, interval, candles.finished(number), at=candles.times[number] + step, closed=True)
        if end < len(candles) and candles.times[end] <= now:
            yield _event(symbol, interval, candles.as_of(end, now), at=now, closed=False)

    def _broken(self, connection: Connection, name: str, event: Event) -> list[Act]:
        def wrapped(one: Event) -> str:
            return json.dumps({"stream": name, "data": one} if connection.combined else one, separators=(",", ":"))

        place = Place(None, event["s"], event["k"]["i"], event["k"]["x"])
        acts: list[Act] = [Text(wrapped(event))]
        for order in self._state.breaks.due(AT_EVENTS, place):
            order.hits += 1
            acts = SOCKETS[order.name](event, wrapped, **order.parameters)
            connection.over = any(isinstance(act, Closed | Aborted) for act in acts)
            if Silent() in acts:
                connection.silent.add("" if order.symbol is None else name)
            break
        held = [Text(act.text) for act in acts if isinstance(act, Held)]
        sent: list[Act] = [act for act in acts if not isinstance(act, Held | Silent)]
        if any(isinstance(act, Text) for act in sent):
            sent += connection.held.pop(name, [])
        connection.held.setdefault(name, []).extend(held)
        return sent


def _named(request: web.BaseRequest) -> list[str]:
    parts = request.query.get("streams", "").split("/") + request.path.split("/")
    return [part for part in parts if "@" in part]


def _parts(name: str) -> tuple[str | None, str | None]:
    found = STREAM.fullmatch(name)
    return (None, None) if found is None else (found[1].upper(), found[2])


def _event(symbol: str, interval: str | None, cells: Cells, *, at: int, closed: bool) -> Event:
    ts, opened, high, low, close, volume, last, quote, trades, taker, taker_quote, _ = cells
    kline: dict[str, Any] = {
        "t": ts, "T": last, "s": symbol, "i": interval, "f": 100, "L": 99 + trades, "o": opened, "c": close,
        "h": high, "l": low, "v": volume, "n": trades, "x": closed, "q": quote, "V": taker, "Q": taker_quote, "B": "0",
    }  # fmt: skip
    return {"e": "kline", "E": at, "s": symbol, "k": kline}


async def _send(socket: web.WebSocketResponse, request: web.BaseRequest, connection: Connection) -> None:
    with suppress(ConnectionError):
        while True:
            act = await connection.acts.get()
            if isinstance(act, Text):
                await socket.send_str(act.text)
            elif isinstance(act, Closed):
                await socket.close(code=act.code)
            elif isinstance(act, Aborted):
                hang_up(request.transport)
