"""What the parts of the fake exchange share: clock, limits, what is to break, markets, what was asked.

Tests move the clock, in milliseconds UTC; the machine's own time decides nothing. How much a client may ask is weight
by the minute of that clock, with refusals and bans. What a fault does stands in answers.py, pages.py and stream.py.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from inspect import Parameter, signature
from math import ceil
from typing import Any, NamedTuple

from tests.fake.candles import Cells, Market

Moved = Callable[[int, int], None]  # told of every move: from, to


class VirtualClock:
    """The exchange's time; a client can be given the same clock, and then its waits move it."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.lock = threading.RLock()  # of everything that depends on the time
        self._began = now_ms
        self._listeners: list[Moved] = []

    def listen(self, listener: Moved) -> None:
        """Have somebody told of every move."""
        self._listeners.append(listener)

    def advance(self, ms: int) -> None:
        """Let time pass. It never goes back."""
        if ms < 0:
            raise ValueError(f"{ms} ms: time does not go back")
        with self.lock:
            before, self.now_ms = self.now_ms, self.now_ms + ms
            for listener in self._listeners:
                listener(before, self.now_ms)

    def seconds(self) -> float:
        """What a monotonic clock would show."""
        return (self.now_ms - self._began) / 1000

    def wall(self) -> float:
        """Seconds since 1970."""
        return self.now_ms / 1000

    async def sleep(self, seconds: float) -> None:
        """A wait that costs no time: the clock moves instead, by whole milliseconds and never by too few."""
        self.advance(max(0, ceil(seconds * 1000)))
        await asyncio.sleep(0)


MINUTE = 60_000
BAN_SECONDS = 120
WEIGHTS = {"ping": 1, "time": 1, "klines": 2, "exchangeInfo": 20}


class Refusal(NamedTuple):
    """Why a request gets nothing, and when one may."""

    status: int
    retry_after: int  # seconds
    code: int
    message: str


class Limits:
    """Counts, refuses, and bans who goes on all the same."""

    def __init__(self, clock: VirtualClock, *, weight_limit: int, patience: int) -> None:
        self.weight_limit = weight_limit
        self.patience = patience  # so many requests that come too soon are refused; the next one is banned
        self._clock = clock
        self._minute = 0
        self._used = 0
        self._too_soon = 0
        self._refused_until = self._banned_until = 0

    @property
    def used(self) -> int:
        """Weight used in this minute."""
        minute = self._clock.now_ms // MINUTE
        if minute != self._minute:
            self._minute, self._used = minute, 0
        return self._used

    def ask(self, path: str) -> Refusal | None:
        """Count a request; None if it may have its answer."""
        now = self._clock.now_ms
        self._used = self.used + WEIGHTS.get(path, 1)
        if now < self._banned_until:
            return self._banned()
        if now < self._refused_until:
            self._too_soon += 1
            if self._too_soon > self.patience:
                self.ban(BAN_SECONDS)
                return self._banned()
            return self._refused()
        self._too_soon = 0
        if self._used > self.weight_limit:
            self._refused_until = (self._minute + 1) * MINUTE
            return self._refused()
        return None

    def refuse(self, seconds: float) -> None:
        """Refuse everybody for so long."""
        self._refused_until = max(self._refused_until, self._clock.now_ms + int(seconds * 1000))

    def ban(self, seconds: float) -> None:
        """Ban everybody for so long."""
        self._banned_until = max(self._banned_until, self._clock.now_ms + int(seconds * 1000))

    def forgive(self) -> None:
        """As if nobody had asked too much."""
        self._used = self._too_soon = self._refused_until = self._banned_until = 0

    def _refused(self) -> Refusal:
        text = "Too much request weight used; current limit is {} request weight per 1 MINUTE."
        return Refusal(429, self._seconds(self._refused_until), -1003, text.format(self.weight_limit))

    def _banned(self) -> Refusal:
        text = f"Way too much request weight used; IP banned until {self._banned_until}."
        return Refusal(418, self._seconds(self._banned_until), -1003, text)

    def _seconds(self, until: int) -> int:
        return -((self._clock.now_ms - until) // 1000)


@dataclass
class Break:
    """A fault that was ordered."""

    name: str
    times: int | None  # None: for ever
    after: int  # so many that it could have met go well before
    path: str | None  # the last part of it; None: any
    symbol: str | None  # None: any
    interval: str | None
    closing: bool | None = None  # of a stream: only the event that closes a candle, or only the others
    parameters: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    hits: int = 0

    @property
    def over(self) -> bool:
        """Whether it has happened as often as it should."""
        return self.times is not None and self.hits >= self.times

    def meets(self, place: "Place") -> bool:
        """Whether it is meant for that place."""
        wanted = Place(self.path, self.symbol, self.interval, self.closing)
        return all(one is None or one == found for one, found in zip(wanted, place, strict=True))


class Place(NamedTuple):
    """Where something can break. None where the place has no such thing."""

    path: str | None = None
    symbol: str | None = None
    interval: str | None = None
    closing: bool | None = None


class Breaks:
    """All that is ordered, in the order in which it was."""

    def __init__(self) -> None:
        self._ordered: list[Break] = []

    def add(self, order: Break) -> Break:
        """One more."""
        self._ordered.append(order)
        return order

    def mend(self) -> None:
        """Nothing breaks any more."""
        self._ordered.clear()

    def due(self, names: Collection[str], place: Place) -> Iterator[Break]:
        """What could break now and is wanted now. Who lets it happen counts the hit; the others have seen one more."""
        for order in list(self._ordered):
            if order.name in names and not order.over and order.meets(place):
                order.seen += 1
                if order.seen > order.after:
                    yield order


def checked(name: str, tables: Mapping[str, Callable[..., Any]], parameters: Mapping[str, Any]) -> None:
    """A fault that nobody knows, or a parameter that it does not have, is refused when it is ordered."""
    if name not in tables:
        raise ValueError(f"{name}: no fault has this name; there are {', '.join(tables)}")
    known = {key for key, one in signature(tables[name]).parameters.items() if one.kind is Parameter.KEYWORD_ONLY}
    if not parameters.keys() <= known:
        raise TypeError(f"{name} takes {', '.join(sorted(known)) or 'nothing'}, not {', '.join(parameters)}")


@dataclass
class Asked:
    """A request of a client."""

    path: str
    parameters: dict[str, str]
    virtual_ms: int
    monotonic: float  # seconds
    status: int | None = None  # None: no answer, or none yet
    faults: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass
class Said:
    """What a client of a stream did: it opened a connection ("open", with the path), sent a text, or was gone."""

    connection: int
    what: str
    text: str
    virtual_ms: int


@dataclass
class State:
    """Everything that a control or a request changes, under the clock's lock."""

    markets: dict[str, Market]
    clock: VirtualClock
    limits: Limits
    breaks: Breaks = field(default_factory=Breaks)
    requests: list[Asked] = field(default_factory=list)
    sockets: list[Said] = field(default_factory=list)
    wrong_times: list[int] = field(default_factory=list)  # ms: so far ahead are its next answers about the time
    forming: Callable[[Cells], Cells] = lambda cells: cells  # what the candle that is not over is served as
    news: threading.Condition = field(init=False)

    def __post_init__(self) -> None:
        self.news = threading.Condition(self.clock.lock)  # one lock: who waits may ask for what is under the clock's

    def asked(self, path: str, parameters: dict[str, str]) -> Asked:
        """Log a request."""
        entry = Asked(path, parameters, self.clock.now_ms, time.monotonic())
        self.requests.append(entry)
        self.tell()
        return entry

    def said(self, connection: int, what: str, *, text: str = "") -> None:
        """Log what a client of a stream did."""
        self.sockets.append(Said(connection, what, text, self.clock.now_ms))
        self.tell()

    def tell(self) -> None:
        """Wake those who wait for something to be so."""
        with self.news:
            self.news.notify_all()

    def wait(self, so: Callable[[], bool], *, seconds: float) -> bool:
        """Wait in a thread until something is so; False if it is not in time."""
        with self.news:
            return self.news.wait_for(so, seconds)

    async def until(self, so: Callable[[], bool], *, seconds: float) -> bool:
        """The same in a loop."""
        if so():
            return True
        with ThreadPoolExecutor(1) as own:  # the loop's may do its work where it is asked for
            return await asyncio.get_running_loop().run_in_executor(own, partial(self.wait, so, seconds=seconds))
