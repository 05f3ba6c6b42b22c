"""The one gate through which every request of the process goes out (X6, R4). It counts and waits; it asks nothing."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

WINDOW = 60.0  # seconds: the minute of the limit, wherever it begins


class RateLimiter:
    """Lets at most per_minute requests through within any minute, first come, first served.

    clock    seconds, monotonic
    sleep    how it waits; to cancel the task is to end the wait, and leaves no trace (R6)
    at_once  requests in flight, of each loop; None: as many as there are
    held     seconds for which one more is held back, by how many are in flight and the time
    """

    def __init__(
        self, per_minute: int, *, clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, at_once: int | None = None,
        held: Callable[[int, float], float] = lambda in_flight, now: 0.0,
    ) -> None:  # fmt: skip
        assert per_minute >= 1
        self.sent = 0  # requests let through so far
        self.in_flight = 0  # of those that entered to come back
        self._at_once, self._held = at_once, held
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self._per_minute = per_minute
        self._clock, self._sleep = clock, sleep
        self._left: deque[float] = deque()  # when they left, within the last minute; per_minute at most
        self._last = float("-inf")
        self._opens = float("-inf")  # the end of the latest shut
        self._lock = threading.Lock()  # two loops of two threads may share a gate; never held while one waits
        self._turn = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def enter(self, *, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Returns when one request may leave, and counts it: True. False, and nothing is counted, if none is wanted.

        Who is first waits for the time, the others wait for their turn: so nobody passes anybody, and one wakes
        at a time. After each wait all is looked at anew, for the gate may have been shut meanwhile.
        """
        async with self._queue():
            while wanted():
                wait = self._passed()
                if wait <= 0:
                    return True
                await self._sleep(wait)
        return False

    async def enter_and_stay(self, *, wanted: Callable[[], bool] = lambda: True) -> bool:
        """The same of a request that is in flight until left() is called.

        Its place is given before the time is looked at: so a shut of meanwhile stops whoever waited for one.
        """
        place = self._place()
        if place is not None:
            await place.acquire()
        entered = False
        try:
            entered = await self.enter(wanted=wanted)
        finally:
            if entered:
                self._count(1)
            elif place is not None:
                place.release()
        return entered

    def left(self) -> None:
        """A request that entered to stay came back."""
        self._count(-1)
        place = self._place()
        if place is not None:
            place.release()

    def shut(self, seconds: float) -> None:
        """Nobody enters for so long; of two shuts the later end counts. Then all leave one by one for a minute (R4)."""
        assert seconds >= 0
        with self._lock:
            self._opens = max(self._opens, self._clock() + seconds)

    def spent(self) -> int:
        """Requests within the last minute."""
        with self._lock:
            self._forget(self._clock())
            return len(self._left)

    def _count(self, one: int) -> None:
        with self._lock:
            self.in_flight += one

    def _place(self) -> asyncio.Semaphore | None:
        """The places of the running loop."""
        if self._at_once is None:
            return None
        return self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._at_once))

    def _queue(self) -> asyncio.Lock:
        """The turn of the running loop: asyncio.Lock is fair, but belongs to one loop; a gate outlives loops."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._turn, self._loop = asyncio.Lock(), loop
        return self._turn

    def _passed(self) -> float:
        """0.0, and a request is counted; or the seconds until one may leave. Looked and counted in one step."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            due = self._due(now)
            if due > now:
                return due - now
            self._left.append(now)
            self._last = now
            self.sent += 1
            return 0.0

    def _due(self, now: float) -> float:
        apart = self._last + WINDOW / self._per_minute
        slowly = min(apart, self._opens + WINDOW)  # after that minute the limit alone holds
        full = self._left[0] + WINDOW if len(self._left) == self._per_minute else float("-inf")
        return max(self._opens, slowly, full, now + self._held(self.in_flight, now))

    def _forget(self, now: float) -> None:
        while self._left and self._left[0] + WINDOW <= now:
            self._left.popleft()
