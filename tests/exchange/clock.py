"""A clock that moves when a test says so, or by itself when every task waits; and requests that end as a script says.

Nothing waits for real time. The requests run through `retry.call`, with all that is around it, on such a clock.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import count
from typing import Any, TypeVar

from safla.exchange.circuit_breaker import Breaker
from safla.exchange.rate_limiter import RateLimiter
from safla.exchange.retry import NextTry, Patience, TransientError, call

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


BAD = {"retried": True, "counted": True}  # as a 503
SLOW = {"retried": True, "counted": False, "shuts": True}  # as a 429
FINAL = {"retried": False, "counted": False}  # as a 451


class Scripted:
    """An exchange that answers by a list: an answer, or an exception; what it lasts, and when each request came."""

    def __init__(
        self, *script: Any, seconds: float = 0.0, attempts: int = 3, delay: float = 1.0, per_minute: int = 1_000_000,
        **breaker: Any,
    ) -> None:  # fmt: skip
        self.ticking = Ticking()
        self.script = list(script)
        self.seconds = seconds  # that each request lasts
        self.asked: list[float] = []
        self.retries: list[NextTry] = []
        self.slept: list[float] = []  # in call, not at the gate
        self.patience = Patience(attempts, delay)
        self.gate = RateLimiter(per_minute, clock=self.ticking.clock, sleep=self.ticking.sleep)
        settings = {"failure_threshold": 5, "recovery_seconds": 30.0, "success_threshold": 3, **breaker}
        self.breaker = Breaker(**settings, clock=self.ticking.clock)
        self.chance = lambda low, high: high  # the longest wait of each draw

    async def request(self) -> Any:
        self.asked.append(self.ticking.now)
        await self.ticking.sleep(self.seconds)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]  # the last one goes on for ever
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.ticking.sleep(seconds)

    async def call(self) -> Any:
        return await call(
            self.request, patience=self.patience, gate=self.gate, breaker=self.breaker, chance=self.chance,
            sleep=self.sleep, on_retry=self.retries.append,
        )  # fmt: skip

    def run(self) -> Any:
        """One call, to its end."""
        return self.ticking.run(self.call())


def trouble(what: str = "status 503", **conduct: Any) -> TransientError:
    """As BAD says, where nothing else is said."""
    return TransientError(what, **{**BAD, **conduct})
