"""The circuit breaker: while an exchange keeps failing, calls to it are rejected at once (K1-K10). No I/O, no sleep.

Closed, every call passes. After several failures in a row the breaker opens, and every call is rejected for a while.
Then it is half-open: one call at a time passes as a probe. Enough successful probes close it; a failed one opens it
again.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from transitions import Machine

from safla.errors import attempt

STATES = ("closed", "open", "half_open")
CLOSED, OPEN, HALF_OPEN = STATES

TABLE = (
    # trigger  from       to
    ("trip", "closed", "open"),  # too many counted failures in a row (K3)
    ("probe", "open", "half_open"),  # the recovery time is over and a call comes (K4)
    ("close", "half_open", "closed"),  # enough probes succeeded (K5)
    ("trip", "half_open", "open"),  # a probe failed
)
TRIP, PROBE, CLOSE = dict.fromkeys(trigger for trigger, _, _ in TABLE)

SHORTEST_TURN = 0.001  # seconds: the least retry_after that a call gets while a probe is in flight

_MACHINE = Machine(
    model=None,
    states=list(STATES),
    initial=None,
    transitions=[list(row) for row in TABLE],
    auto_transitions=False,
    queued=False,
    send_event=False,
    ignore_invalid_triggers=False,
)


class _Cursor:
    """The model of the machine: it holds one state during one call."""

    __slots__ = ("state",)

    def __init__(self, state: str) -> None:
        self.state = state


def next_state(state: str, trigger: str) -> str:
    """Return the state after a trigger. Raises MachineError for a move that TABLE does not have."""
    cursor = _Cursor(state)
    _MACHINE.events[trigger].trigger(cursor)
    return cursor.state


MOVES = {(source, trigger): next_state(source, trigger) for trigger, source, _ in TABLE}  # faster than the machine


class CircuitOpen(Exception):
    """The breaker rejected a call; no request was made. Its __cause__ is the last counted failure, if there was one."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after  # seconds, above 0, until a call may pass (an estimate during a probe)
        self.tried = False  # whether an earlier try of the rejected call has failed itself

    def __str__(self) -> str:
        return f"the breaker is open; a call may pass in {self.retry_after:.3f} s"


class StateChange(NamedTuple):
    """One change of state, as listeners get it for the log and the metrics (K9)."""

    source: str
    target: str
    cause: str  # the text of the last counted failure, or another reason
    # The failures in a row or the successful probes that led to it; 0 if only time passed. Overrides tuple.count.
    count: int  # type: ignore[assignment]


class Breaker:
    """Guards the calls to one exchange. Safe for tasks and for threads (K1).

    failure_threshold  counted failures in a row that open it, at least 1
    recovery_seconds   how long it stays open, above 0; also the time after which a call that is rejected because a
                       probe is in flight should ask again (CircuitOpen.retry_after)
    success_threshold  successful probes in a row that close it, at least 1
    clock              seconds, monotonic
    """

    __slots__ = (
        "_clock", "_era", "_failure_threshold", "_last", "_listeners", "_lock", "_moves", "_notifying",
        "_recovery_seconds", "_success_threshold",
    )  # fmt: skip

    def __init__(
        self, *, failure_threshold: int, recovery_seconds: float, success_threshold: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        assert failure_threshold >= 1
        assert success_threshold >= 1
        assert recovery_seconds > 0
        self._failure_threshold = failure_threshold
        self._recovery_seconds = recovery_seconds
        self._success_threshold = success_threshold
        self._clock = clock
        self._era = _Era(CLOSED)  # a restart begins closed (K9)
        self._last: Exception | None = None  # the last counted failure: the reason why it is open
        self._lock = threading.Lock()  # held for a few assignments, never while a call or a listener runs (K7)
        self._listeners: list[Callable[[StateChange], None]] = []
        self._moves: deque[StateChange] = deque()  # moves that the listeners have not got yet
        self._notifying = threading.Lock()  # held by the thread that calls the listeners

    @property
    def state(self) -> str:
        """One of STATES. An open breaker stays open until the next call, however late that comes (K4)."""
        return self._era.state

    def listen(self, listener: Callable[[StateChange], None]) -> Callable[[], None]:
        """Call the listener after every move, in order. An exception of a listener is dropped and changes nothing (K8).

        returns  a function that removes the listener: a breaker lives as long as the process, a listener need not
        """
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    def acquire(self) -> "Token":
        """Return a token for one call; it must be ended once. Raises CircuitOpen at once to reject the call (K2)."""
        era = self._era  # read once, so that state and token belong to the same era: the usual case needs no lock
        if era.state == CLOSED:
            return Token(self, era)
        return self._probe()

    def _probe(self) -> "Token":
        """Return a token for a probe, or raise CircuitOpen. An open breaker becomes half-open here when it is time."""
        with self._lock:
            now = self._clock()
            if self._era.state == OPEN and now >= self._era.until:
                self._move(PROBE, "recovery time over", 0)
            era = self._era
            if era.state == OPEN:
                raise CircuitOpen(era.until - now) from self._last
            if era.probing:
                # Nobody knows when the probe comes back. Callers ask again once in each recovery time after its start.
                turn = self._recovery_seconds
                raise CircuitOpen(max(turn - (now - era.began) % turn, SHORTEST_TURN)) from self._last
            if era.state == HALF_OPEN:  # it may also have closed since acquire() looked: then this is a usual call
                era.probing, era.began = True, now
        self._notify()
        return Token(self, era)

    def _succeeded(self, era: "_Era") -> None:
        with self._lock:
            if era is not self._era:  # the call began before the last move: its result says nothing about now (K6)
                return
            if era.state == CLOSED:
                era.count = 0
                return
            era.probing = False
            era.count += 1
            if era.count < self._success_threshold:
                return
            self._move(CLOSE, "probes succeeded", era.count)
        self._notify()

    def _failed(self, era: "_Era", cause: str, error: Exception | None) -> None:
        with self._lock:
            if era is not self._era:
                return
            self._last = error
            count = 1
            if era.state == CLOSED:
                count = era.count = era.count + 1
                if count < self._failure_threshold:
                    return
            self._move(TRIP, cause, count)
        self._notify()

    def _released(self, era: "_Era") -> None:
        with self._lock:
            era.probing = False

    def _move(self, trigger: str, cause: str, count: int) -> None:
        """Change the state. The caller holds the lock."""
        source = self._era.state
        target = MOVES[source, trigger]
        self._era = _Era(target, self._clock() + self._recovery_seconds)
        self._moves.append(StateChange(source, target, cause, count))

    def _notify(self) -> None:
        """Call the listeners for all new moves. The caller does not hold the lock: a listener may be slow.

        One thread does it at a time, so that moves arrive in order. A thread that finds another at work leaves its
        move to that one. The outer loop is for a move that is added after the inner loop ended and before the release.
        """
        while self._moves and self._notifying.acquire(blocking=False):
            try:
                while self._moves:
                    self._notify_all(self._moves.popleft())
            finally:
                self._notifying.release()

    def _notify_all(self, move: StateChange) -> None:
        for listener in tuple(self._listeners):  # a copy: a listener may remove itself
            attempt(partial(listener, move))  # drops an exception: the move has happened, and the others must get it


class _Era:
    """The time between two moves, with its counts. A move begins a new era; results of an old one are ignored (K6)."""

    __slots__ = ("began", "count", "probing", "state", "until")

    def __init__(self, state: str, until: float = 0.0) -> None:
        self.state = state  # never changes
        self.until = until  # when an open breaker may become half-open, seconds, monotonic
        self.count = 0  # failures in a row while closed, successes while half-open
        self.probing = False  # whether a probe is in flight
        self.began = 0.0  # when that probe began, seconds, monotonic


class Token:
    """The permission for one call. It is ended once, by success(), failure() or release(); AssertionError if twice."""

    __slots__ = ("_breaker", "_ended", "_era")

    def __init__(self, breaker: Breaker, era: _Era) -> None:
        self._breaker = breaker
        self._era = era
        self._ended = False

    def holds(self) -> bool:
        """Whether the breaker has not changed its state since it gave this token."""
        return self._era is self._breaker._era

    def success(self) -> None:
        """End it: the call succeeded."""
        assert not self._ended, "a token ends once"
        self._ended = True
        if self._era.count or self._era.state != CLOSED:  # else nothing changes, so no lock is needed
            self._breaker._succeeded(self._era)

    def failure(self, cause: str, error: Exception | None = None) -> None:
        """End it: the call failed in a way that counts (X7). error: the __cause__ of the rejections that follow."""
        assert not self._ended, "a token ends once"
        self._ended = True
        self._breaker._failed(self._era, cause, error)

    def release(self) -> None:
        """End it: the call was cancelled, or failed in a way that does not count. No count changes (K7)."""
        assert not self._ended, "a token ends once"
        self._ended = True
        self._breaker._released(self._era)
