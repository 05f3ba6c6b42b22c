"""How often and how long after a failure a request is tried again (R1-R9). What a failure means is judged elsewhere."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import NamedTuple, TypeVar

from safla.exchange.circuit_breaker import Breaker, CircuitOpen, Token
from safla.exchange.rate_limiter import RateLimiter

LONGEST_WAIT = 300.0  # seconds; a Retry-After above it is an answer (R3)
UNSAID_WAIT = 60.0  # seconds, where Retry-After is due and says nothing that can be read (R3)
LARGEST_EXPONENT = 30  # far above any cap, and 2**n stays small

SECONDS = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,12})?")  # as every number from outside (Z5)
DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} (GMT|UTC|[+-][0-9]{4})")

Answer = TypeVar("Answer")


class TransientError(Exception):
    """One request that failed, as whoever made it judged it.

    retried      whether it may be tried again
    counted      whether the breaker counts it
    retry_after  seconds below which it must not be tried again; None: nobody said, and it is 0, or 60 where it shuts
    shuts        whether the gate is shut for that long, for everybody (R4)
    """

    def __init__(
        self, what: str, *, retried: bool, counted: bool, retry_after: float | None = None, shuts: bool = False
    ) -> None:
        super().__init__(what)
        self.retried, self.counted, self.shuts = retried, counted, shuts
        self.floor = (UNSAID_WAIT if shuts else 0.0) if retry_after is None else retry_after

    def bare(self) -> "TransientError":
        """The same without the frames that it came through: to be kept."""
        return TransientError(
            str(self), retried=self.retried, counted=self.counted, retry_after=self.floor, shuts=self.shuts
        )


class Patience(NamedTuple):
    """How often it is tried again, and how long the first wait is at most; each further one twice as long."""

    attempts: int  # further tries
    delay_seconds: float
    cap_seconds: float = 60.0


class Again(NamedTuple):
    """What is said before each further try."""

    attempt: int  # the first further try is 1
    wait: float  # seconds
    cause: str


async def call(
    request: Callable[[], Awaitable[Answer]], *, patience: Patience, gate: RateLimiter, breaker: Breaker,
    chance: Callable[[float, float], float], sleep: Callable[[float], Awaitable[None]], told: Callable[[Again], None],
) -> Answer:  # fmt: skip
    """The answer to a request, tried again as long as patience lasts. Each try passes the gate and the breaker.

    Raises the last TransientError as it is; CircuitOpen at once (R7), caused by the last TransientError of this call if
    it had one; whatever else the request raises. A cancelled task ends in any of its waits (R6).
    """
    attempt, last = 0, None
    while True:
        attempt += 1
        try:
            return await _tried(request, gate=gate, breaker=breaker)
        except CircuitOpen as rejected:
            rejected.tried = last is not None
            raise rejected from last or rejected.__cause__
        except TransientError as trouble:
            last = trouble.bare()
            if not trouble.retried or attempt > patience.attempts or trouble.floor > LONGEST_WAIT:
                raise
            wait = max(chance(0.0, _longest(patience, attempt)), trouble.floor)
            told(Again(attempt, wait, str(trouble)))
        await sleep(wait)


async def _tried(request: Callable[[], Awaitable[Answer]], *, gate: RateLimiter, breaker: Breaker) -> Answer:
    token = await _admitted(gate, breaker)
    end = token.release  # cancelled, or whatever is not counted (K7)
    try:
        answer = await request()
        end = token.success
        return answer
    except TransientError as trouble:
        if trouble.shuts:  # before anybody else can leave; no longer than is waited, else others would stand for days
            gate.shut(min(trouble.floor, LONGEST_WAIT))
        if trouble.counted:
            end = partial(token.failure, str(trouble), trouble.bare())
        raise
    finally:
        gate.left()
        end()


async def _admitted(gate: RateLimiter, breaker: Breaker) -> Token:
    """Leave for a request that goes out now, past the gate.

    The breaker is asked before the gate: who is refused does not stand in line, and a probe keeps its slot while it
    stands there, so that all others are refused. If the breaker moves meanwhile, the place in line is given up and it
    is asked anew: else those who stood there when it opened would leave while it is open.
    """
    while True:
        token = breaker.acquire()
        left = False
        try:
            left = await gate.enter_and_stay(wanted=token.holds)
        finally:
            if not left:
                token.release()
        if left:
            return token


def _longest(patience: Patience, attempt: int) -> float:
    return min(patience.cap_seconds, patience.delay_seconds * 2.0 ** min(attempt - 1, LARGEST_EXPONENT))


def retry_after(text: str | None, *, now: datetime) -> float:
    """Seconds that a Retry-After header asks for: a number, or a date; 60 where it says nothing of use (R3)."""
    text = (text or "").strip()
    if SECONDS.fullmatch(text):
        return float(text)
    if not DATE.fullmatch(text):
        return UNSAID_WAIT
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return UNSAID_WAIT
    if when.tzinfo is None:  # `-0000`: a time in UTC that does not tell where it was made
        when = when.replace(tzinfo=UTC)
    seconds = (when - now).total_seconds()
    return seconds if seconds >= 0 else UNSAID_WAIT
