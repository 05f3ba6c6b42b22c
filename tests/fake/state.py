"""What the parts of the fake exchange share: markets, clock, limits, what is to break, what was asked."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from tests.fake.breaking import Breaks
from tests.fake.candles import Cells, Market
from tests.fake.clock import VirtualClock
from tests.fake.limits import Limits


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
