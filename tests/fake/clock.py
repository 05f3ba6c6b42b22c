"""A clock that tests move, in milliseconds UTC. The machine's own time decides nothing here."""

import asyncio
import threading
from collections.abc import Callable
from math import ceil

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
