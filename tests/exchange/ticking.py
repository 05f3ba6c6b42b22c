"""A clock that moves when a test says so, or by itself when every task waits. Nothing waits for real time."""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import count
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Ticking:
    """Seconds that pass only here. `clock` and `sleep` are what the code under test gets.

    Without a loop, or in `asyncio.run`, the test moves it: `advance` wakes all who are due by then.

    In `ticking.run(coroutine)` it moves by itself: when no task can go on, it jumps to the earliest sleeper. So whoever
    awaits `sleep(7)` there goes on behind all that happens within 7 seconds. Sockets are looked at before a jump, for
    `grace` real seconds, lest what is under way on the loopback is taken for waiting: 0 for tests without sockets and
    threads, some hundredths for those with them. The timers of the loop itself (asyncio.timeout) run in real time.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()  # who sleeps to the same moment wakes in the order of falling asleep

    def clock(self) -> float:
        """The time, seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Until the clock has moved so far. To cancel it ends it at once and leaves no sleeper."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), woken))
        await woken

    def sleeping(self) -> list[float]:
        """When those who sleep will wake, the earliest first."""
        return sorted(due for due, _, woken in self._sleepers if not woken.done())

    def advance(self, seconds: float) -> None:
        """Move the clock in one step."""
        assert seconds >= 0
        self._to(self.now + seconds)

    def run(self, main: Coroutine[Any, Any, Answer], *, grace: float = 0.0) -> Answer:
        """asyncio.run, on a loop in which the clock jumps when every task waits."""
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_Jumping(self, grace))) as runner:
            runner.get_loop().set_default_executor(_AtOnce())  # the clock does not move while a thread works
            return runner.run(main)

    def jump(self) -> bool:
        """Move the clock to the earliest sleeper. Whether there was one."""
        due = self._next()
        if due is not None:
            self._to(due)
        return due is not None

    def _next(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _to(self, moment: float) -> None:
        self.now = max(self.now, moment)
        while (due := self._next()) is not None and due <= self.now:
            heapq.heappop(self._sleepers)[2].set_result(None)


class _AtOnce(ThreadPoolExecutor):
    """Whoever gives work to a thread waits until it is done, and the loop with them."""

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> "Future[Any]":
        """Its outcome, which is there already."""
        future = super().submit(work, *given, **named)
        wait([future])
        return future


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Where a loop waits when nothing can run: exactly then the clock jumps."""

    def __init__(self, ticking: Ticking, grace: float) -> None:
        super().__init__()
        self._ticking, self._grace = ticking, grace

    def select(self, timeout: float | None = None) -> Any:
        """What a loop asks: with 0 while something can run, else with the time to its next timer, or None."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        found = super().select(self._grace if timeout is None else min(timeout, self._grace))
        if found or self._ticking.jump():
            return found
        assert timeout is not None or self._grace > 0, "every task waits, and none of them for the clock"
        return super().select(timeout)
