"""The circuit breaker: three states, every legal move between them, and who may call (K1-K10). No I/O, no sleep."""

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
    ("probe", "open", "half_open"),  # the recovery time is over, and somebody calls (K4)
    ("close", "half_open", "closed"),  # enough probes came back well (K5)
    ("trip", "half_open", "open"),  # a probe failed
)
TRIP, PROBE, CLOSE = dict.fromkeys(trigger for trigger, _, _ in TABLE)

SHORTEST_TURN = 0.001  # seconds: what is left of a probe's turn is never told as less

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
    """What the machine moves: one state, for the length of one call."""

    __slots__ = ("state",)

    def __init__(self, state: str) -> None:
        self.state = state


def next_state(state: str, trigger: str) -> str:
    """The state after a trigger, by the machine itself. MachineError for a move that TABLE does not have."""
    cursor = _Cursor(state)
    _MACHINE.events[trigger].trigger(cursor)
    return cursor.state


MOVES = {(source, trigger): next_state(source, trigger) for trigger, source, _ in TABLE}  # a look-up is quicker


class CircuitOpen(Exception):
    """Nothing may be asked now. No request was made. Its cause is the last failure that was counted, where known."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after  # seconds, above 0: until a probe may pass, or the rest of a probe's turn
        self.tried = False  # whether the call that is rejected has failed itself before

    def __str__(self) -> str:
        return f"the breaker is open; a call may pass in {self.retry_after:.3f} s"


class Move(NamedTuple):
    """One change of state, as the log and the metrics hear it (K9)."""

    source: str
    target: str
    cause: str  # of the last counted failure, or what else led to it
    # Failures in a row, or successes of probes, that led to it; 0 where only time did. It hides a method of tuples.
    count: int  # type: ignore[assignment]


class Breaker:
    """Guards the calls to one exchange: closed, open, half-open. For tasks and threads alike (K1).

    failure_threshold  counted failures in a row that open it, at least 1
    recovery_seconds   how long it stays open, above 0; also the turn of a probe, by which CircuitOpen is told
    success_threshold  probes in a row that close it, at least 1
    clock              seconds, monotonic
    """

    __slots__ = (
        "_clock", "_era", "_failure_threshold", "_last", "_listeners", "_lock", "_moves", "_recovery_seconds",
        "_success_threshold", "_telling",
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
        self._last: Exception | None = None  # the last failure that was counted: the reason why it is open
        self._lock = threading.Lock()  # held for a few assignments, never while a call or a listener runs (K7)
        self._listeners: list[Callable[[Move], None]] = []
        self._moves: deque[Move] = deque()  # made and not told yet
        self._telling = threading.Lock()

    @property
    def state(self) -> str:
        """One of STATES. An open breaker stays open until somebody calls, however long that takes (K4)."""
        return self._era.state

    def listen(self, listener: Callable[[Move], None]) -> Callable[[], None]:
        """Hear of every move, after it and in order. What a listener raises is dropped: it changes nothing (K8).

        returns  what ends it: a breaker lives as long as the process, a listener need not
        """
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    def acquire(self) -> "Token":
        """Leave for one call, to be ended once. CircuitOpen, at once, where none is given (K2)."""
        era = self._era  # one read: its state and its identity belong together, without a lock
        if era.state == CLOSED:
            return Token(self, era)
        return self._probe()

    def _probe(self) -> "Token":
        with self._lock:
            now = self._clock()
            if self._era.state == OPEN and now >= self._era.until:
                self._move(PROBE, "recovery time over", 0)
            era = self._era
            if era.state == OPEN:
                raise CircuitOpen(era.until - now) from self._last
            if era.probing:
                turn = self._recovery_seconds
                raise CircuitOpen(max(turn - (now - era.began) % turn, SHORTEST_TURN)) from self._last
            if era.state == HALF_OPEN:
                era.probing, era.began = True, now
        self._tell()
        return Token(self, era)

    def _succeeded(self, era: "_Era") -> None:
        with self._lock:
            if era is not self._era:  # of an earlier state (K6)
                return
            if era.state == CLOSED:
                era.count = 0
                return
            era.probing = False
            era.count += 1
            if era.count < self._success_threshold:
                return
            self._move(CLOSE, "probes succeeded", era.count)
        self._tell()

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
        self._tell()

    def _released(self, era: "_Era") -> None:
        with self._lock:
            era.probing = False

    def _move(self, trigger: str, cause: str, count: int) -> None:
        """Under the lock."""
        source = self._era.state
        target = MOVES[source, trigger]
        self._era = _Era(target, self._clock() + self._recovery_seconds)
        self._moves.append(Move(source, target, cause, count))

    def _tell(self) -> None:
        """Outside the lock. One thread tells at a time, so that nobody hears of the second move before the first."""
        while self._moves and self._telling.acquire(blocking=False):
            try:
                while self._moves:
                    self._tell_all(self._moves.popleft())
            finally:
                self._telling.release()

    def _tell_all(self, move: Move) -> None:
        for listener in tuple(self._listeners):
            attempt(partial(listener, move))  # whatever it raises: the breaker has moved, and the others shall hear it


class _Era:
    """The time between two moves. A new one is the next generation: what belongs to an older one is not heard (K6)."""

    __slots__ = ("began", "count", "probing", "state", "until")

    def __init__(self, state: str, until: float = 0.0) -> None:
        self.state = state  # never written again
        self.until = until  # the end of an open one
        self.count = 0  # failures in a row while closed, successes while half-open
        self.probing = False  # whether a probe is in flight
        self.began = 0.0  # when it left


class Token:
    """Leave for one call. It ends once: a second end is a bug of ours."""

    __slots__ = ("_breaker", "_ended", "_era")

    def __init__(self, breaker: Breaker, era: _Era) -> None:
        self._breaker = breaker
        self._era = era
        self._ended = False

    def holds(self) -> bool:
        """Whether the breaker is still in the state that gave it."""
        return self._era is self._breaker._era

    def success(self) -> None:
        """The call came back well."""
        assert not self._ended, "a token ends once"
        self._ended = True
        if self._era.count or self._era.state != CLOSED:  # else there is nothing to set to zero, and no lock is needed
            self._breaker._succeeded(self._era)

    def failure(self, cause: str, error: Exception | None = None) -> None:
        """The call failed in a way that counts (X7). error: what is told to those who are rejected because of it."""
        assert not self._ended, "a token ends once"
        self._ended = True
        self._breaker._failed(self._era, cause, error)

    def release(self) -> None:
        """The call was cancelled, or ended in what is not counted: the slot is free, no count moves (K7)."""
        assert not self._ended, "a token ends once"
        self._ended = True
        self._breaker._released(self._era)
