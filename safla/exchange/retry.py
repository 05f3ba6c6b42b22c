"""Retries: how often, and how long after a failure, a request is tried again (R1-R9).

What a failure means is decided by whoever makes the request: it raises TransientError with the answer (failures.py).
"""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import NamedTuple, TypeVar

from safla.exchange.circuit_breaker import Breaker, CircuitOpen, Token
from safla.exchange.rate_limiter import RateLimiter

LONGEST_WAIT = 300.0  # seconds; a longer Retry-After is not waited for: the call fails (R3)
UNSAID_WAIT = 60.0  # seconds; the wait if Retry-After is expected, and is absent or unreadable (R3)
LARGEST_EXPONENT = 30  # keeps 2**n small; any cap is reached long before

SECONDS = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,12})?")  # plain decimals, like every number from outside (Z5)
DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} (GMT|UTC|[+-][0-9]{4})")

Answer = TypeVar("Answer")


class TransientError(Exception):
    """A failed request, with what the caller decided about it.

    retried      whether it may be tried again
    counted      whether the breaker counts it
    retry_after  seconds to wait at least before the next try; None: the exchange did not say, which means 60 s if
                 `shuts`, else 0
    shuts        whether the rate limiter lets nobody through for that long (R4)
    """

    def __init__(
        self, what: str, *, retried: bool, counted: bool, retry_after: float | None = None, shuts: bool = False
    ) -> None:
        super().__init__(what)
        self.retried, self.counted, self.shuts = retried, counted, shuts
        self.floor = (UNSAID_WAIT if shuts else 0.0) if retry_after is None else retry_after

    def bare(self) -> "TransientError":
        """Return a copy without traceback, to be kept: a traceback would keep all its frames alive."""
        return TransientError(
            str(self), retried=self.retried, counted=self.counted, retry_after=self.floor, shuts=self.shuts
        )


class Patience(NamedTuple):
    """How often a request is retried, and the longest random wait before each retry."""

    attempts: int  # retries after the first try
    delay_seconds: float  # the longest wait before the first retry; it doubles with each further one
    cap_seconds: float = 60.0  # the doubling ends here


class NextTry(NamedTuple):
    """What `on_retry` gets before each retry."""

    attempt: int  # the number of the retry, from 1
    wait: float  # seconds before it
    cause: str  # the text of the failure


async def call(
    request: Callable[[], Awaitable[Answer]], *, patience: Patience, gate: RateLimiter, breaker: Breaker,
    chance: Callable[[float, float], float], sleep: Callable[[float], Awaitable[None]],
    on_retry: Callable[[NextTry], None],
) -> Answer:  # fmt: skip
    """Make a request, retry it after failures, and return the answer. Each try passes the breaker and the gate.

    patience  how often it is retried, and with what waits
    gate      the rate limiter
    chance    a random number between two bounds
    on_retry  called before each retry
    Raises the last TransientError when no retry is left or allowed. CircuitOpen, when the breaker rejects, is not
    retried (R7); its __cause__ is the last failure of this call, or else the one that opened the breaker. Other
    exceptions of the request pass through. The task can be cancelled in every wait (R6).
    """
    attempt, last = 0, None
    while True:
        attempt += 1
        try:
            return await _try_once(request, gate=gate, breaker=breaker)
        except CircuitOpen as rejected:
            rejected.tried = last is not None
            raise rejected from last or rejected.__cause__
        except TransientError as error:
            last = error.bare()
            if not error.retried or attempt > patience.attempts or error.floor > LONGEST_WAIT:
                raise
            # A random wait, so that many tasks that failed together do not come back together.
            wait = max(chance(0.0, _longest(patience, attempt)), error.floor)
            on_retry(NextTry(attempt, wait, str(error)))
        await sleep(wait)  # outside of except: the error and its frames are free by now


async def _try_once(request: Callable[[], Awaitable[Answer]], *, gate: RateLimiter, breaker: Breaker) -> Answer:
    """Make a request once, past breaker and gate. However it ends, it gives back its token and its place in flight."""
    token = await _admitted(gate, breaker)
    end = token.release  # for a cancelled task, and for errors that are not counted (K7)
    try:
        answer = await request()
        end = token.success
        return answer
    except TransientError as error:
        if error.shuts:
            # At once, before another request can go out. At most LONGEST_WAIT: a request with a longer Retry-After
            # fails, and the others would else wait for days.
            gate.shut(min(error.floor, LONGEST_WAIT))
        if error.counted:
            end = partial(token.failure, str(error), error.bare())
        raise
    finally:
        gate.left()
        end()


async def _admitted(gate: RateLimiter, breaker: Breaker) -> Token:
    """Return a token of the breaker once the gate is passed as well: the request must go out now.

    The breaker comes first: a rejected request does not wait in the queue of the gate, and a probe holds its slot while
    it waits there, so that all others are rejected. If the breaker changes its state during the wait, the request
    leaves the queue and asks the breaker again. Else all in the queue would still go out after the breaker opened.
    """
    while True:
        token = breaker.acquire()
        passed = False
        try:
            passed = await gate.enter_and_stay(wanted=token.holds)
        finally:
            if not passed:
                token.release()
        if passed:
            return token


def _longest(patience: Patience, attempt: int) -> float:
    """The longest wait before a retry, seconds (R2)."""
    return min(patience.cap_seconds, patience.delay_seconds * 2.0 ** min(attempt - 1, LARGEST_EXPONENT))


def retry_after(text: str | None, *, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks for, as a number or as a date; 60 if it is unusable (R3)."""
    text = (text or "").strip()
    if SECONDS.fullmatch(text):
        return float(text)
    if not DATE.fullmatch(text):
        return UNSAID_WAIT
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return UNSAID_WAIT
    if when.tzinfo is None:  # `-0000` in a date means UTC without a statement of the local zone
        when = when.replace(tzinfo=UTC)
    seconds = (when - now).total_seconds()
    return seconds if seconds >= 0 else UNSAID_WAIT
