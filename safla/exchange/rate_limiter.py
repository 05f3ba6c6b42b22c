"""The rate limiter: every request of the process to an exchange passes it (X6, R4). It counts and waits; no I/O."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

WINDOW = 60.0  # seconds; the limit holds for every window of this length, not for minutes of the clock


class RateLimiter:
    """Lets at most per_minute requests through in any 60 seconds, first come, first served.

    clock    seconds, monotonic
    sleep    waits for so many seconds. A task that is cancelled meanwhile was not counted and leaves nothing (R6)
    at_once  the most requests in flight, for each event loop; None: no limit
    held     a further reason to wait: gets the requests in flight and the time, returns seconds
    """

    def __init__(
        self, per_minute: int, *, clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, at_once: int | None = None,
        held: Callable[[int, float], float] = lambda in_flight, now: 0.0,
    ) -> None:  # fmt: skip
        assert per_minute >= 1
        self.sent = 0  # requests let through so far
        self.in_flight = 0  # requests between enter_and_stay() and left()
        self._at_once, self._held = at_once, held
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self._per_minute = per_minute
        self._clock, self._sleep = clock, sleep
        self._passed: deque[float] = deque()  # the times of the requests in the last minute, per_minute at most
        self._last = float("-inf")  # the time of the last of them
        self._opens = float("-inf")  # when the last shut() ends
        self._lock = threading.Lock()  # loops of several threads may share a limiter; never held during a wait
        self._turn = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def enter(self, *, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Wait until a request may go out, and count it. False, and nothing is counted, as soon as it is not wanted.

        The first caller waits for the time, all others wait for their turn at the lock. So nobody overtakes, and one
        task wakes at a time. After each wait everything is checked again: shut() may have been called meanwhile.
        """
        async with self._queue():
            while wanted():
                wait = self._try_to_pass()
                if wait <= 0:
                    return True
                await self._sleep(wait)
        return False

    async def enter_and_stay(self, *, wanted: Callable[[], bool] = lambda: True) -> bool:
        """The same, and the request counts as in flight until left() is called. At most at_once may be.

        It waits for a place first, and for the time after that: if the order were reversed, a request could have been
        counted, then wait for a place, and go out although shut() was called meanwhile.
        """
        place = self._places_of_loop()
        if place is not None:
            await place.acquire()
        entered = False
        try:
            entered = await self.enter(wanted=wanted)
        finally:
            if entered:
                self._add_in_flight(1)
            elif place is not None:
                place.release()
        return entered

    def left(self) -> None:
        """A request that passed enter_and_stay() has ended."""
        self._add_in_flight(-1)
        place = self._places_of_loop()
        if place is not None:
            place.release()

    def shut(self, seconds: float) -> None:
        """Let no request through for so many seconds, and then for a minute one by one, evenly spaced (R4).

        A shorter shut() does not end a longer one.
        """
        assert seconds >= 0
        with self._lock:
            self._opens = max(self._opens, self._clock() + seconds)

    def spent(self) -> int:
        """The number of requests in the last minute."""
        with self._lock:
            self._forget_old(self._clock())
            return len(self._passed)

    def _add_in_flight(self, change: int) -> None:
        with self._lock:
            self.in_flight += change

    def _places_of_loop(self) -> asyncio.Semaphore | None:
        """The places for requests in flight of the running loop: a semaphore belongs to one loop."""
        if self._at_once is None:
            return None
        return self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._at_once))

    def _queue(self) -> asyncio.Lock:
        """The lock for turns. asyncio.Lock is fair, but belongs to one loop, and a rate limiter outlives loops."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._turn, self._loop = asyncio.Lock(), loop
        return self._turn

    def _try_to_pass(self) -> float:
        """Count a request and return 0.0, or return the seconds until one may go out. Check and count are atomic."""
        with self._lock:
            now = self._clock()
            self._forget_old(now)
            allowed_at = self._allowed_at(now)
            if allowed_at > now:
                return allowed_at - now
            self._passed.append(now)
            self._last = now
            self.sent += 1
            return 0.0

    def _allowed_at(self, now: float) -> float:
        """The time at which the next request may go out, seconds: the latest of four limits."""
        spaced = self._last + WINDOW / self._per_minute
        spaced = min(spaced, self._opens + WINDOW)  # even spacing only holds in the minute after a shut()
        window = self._passed[0] + WINDOW if len(self._passed) == self._per_minute else float("-inf")
        return max(self._opens, spaced, window, now + self._held(self.in_flight, now))

    def _forget_old(self, now: float) -> None:
        """Drop the times that are a minute old."""
        while self._passed and self._passed[0] + WINDOW <= now:
            self._passed.popleft()
