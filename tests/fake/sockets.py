"""What can become of a stream: a table of faults. What is sent when nothing breaks stands in stream.py."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from aiohttp import web

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
