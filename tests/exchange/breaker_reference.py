"""The breaker once more, as a list of what happened: slow, plain, and written from K3 to K7 alone."""

from itertools import pairwise
from typing import Any

from safla.exchange.circuit_breaker import Breaker, CircuitOpen
from tests.exchange.clock import Ticking

THRESHOLD, RECOVERY, PROBES = 2, 10.0, 2


class Model:
    """What a breaker should do; a token is the number of the state in which it was given."""

    def __init__(self) -> None:
        self.now = 0.0
        self.states = ["closed"]  # all there were; a token is the length of this list
        self.began = 0.0  # the last of them
        self.failures = 0
        self.successes = 0
        self.probe: float | None = None  # when the one in flight left

    @property
    def state(self) -> str:
        return self.states[-1]

    def enter(self, state: str) -> None:
        self.states.append(state)
        self.began = self.now
        self.failures = self.successes = 0
        self.probe = None

    def acquire(self) -> int | None:
        if self.state == "open" and self.now >= self.began + RECOVERY:
            self.enter("half_open")
        if self.state == "open" or self.probe is not None:
            return None
        if self.state == "half_open":
            self.probe = self.now
        return len(self.states)

    def end(self, token: int, how: str) -> None:
        if token != len(self.states):
            return
        self.probe = None
        if how == "failure":
            self.failures += 1
            if self.state == "half_open" or self.failures == THRESHOLD:
                self.enter("open")
        if how == "success":
            self.failures = 0
            self.successes += self.state == "half_open"
            if self.successes == PROBES:
                self.enter("closed")


class Pair:
    """A breaker and its model, told the same; after each step they have to agree."""

    def __init__(self) -> None:
        self.ticking = Ticking()
        self.model = Model()
        self.moves: list[tuple[str, str]] = []
        self.tokens: list[tuple[Any, int]] = []  # alive: ours and the model's
        self.breaker = Breaker(
            failure_threshold=THRESHOLD,
            recovery_seconds=RECOVERY,
            success_threshold=PROBES,
            clock=self.ticking.clock,
        )
        self.breaker.listen(lambda move: self.moves.append((move.source, move.target)))

    def step(self, what: str, which: int = 0, seconds: float = RECOVERY / 2) -> None:
        """One event: acquire, advance, or success, failure, release of one of the living tokens."""
        if what == "advance":
            self.ticking.advance(seconds)
            self.model.now = self.ticking.now
        elif what == "acquire":
            self.acquire()
        else:
            token, number = self.tokens.pop(which)
            token.failure("as told") if what == "failure" else getattr(token, what)()
            self.model.end(number, what)
        self.agree()

    def acquire(self) -> None:
        expected, rest = self.model.acquire(), 0.0
        try:
            token = self.breaker.acquire()
        except CircuitOpen as refusal:
            rest = refusal.retry_after
        else:
            assert expected is not None
            self.tokens.append((token, expected))
        assert (rest == 0.0) == (expected is not None)
        assert 0 <= rest <= RECOVERY * (1 + 1e-12)  # as floats add up
        if self.model.state == "open":
            assert rest == self.model.began + RECOVERY - self.model.now

    def agree(self) -> None:
        states = self.model.states
        assert self.breaker.state == states[-1]
        assert len(self.moves) == len(states) - 1
        assert self.moves[-1:] == list(pairwise(states[-2:]))
        assert all(token.holds() == (number == len(states)) for token, number in self.tokens)
