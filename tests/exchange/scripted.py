"""Requests that end as a script says, and everything around `retry.call` on a clock of the test's own."""

from typing import Any

from safla.exchange.circuit_breaker import Breaker
from safla.exchange.rate_limiter import RateLimiter
from safla.exchange.retry import NextTry, Patience, TransientError, call
from tests.exchange.ticking import Ticking

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
