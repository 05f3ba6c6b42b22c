"""The breaker by itself: what a call costs that it lets pass, and one that it refuses."""

from typing import NamedTuple

from safla.exchange.circuit_breaker import Breaker, CircuitOpen
from tests.bench.timing import seconds


class Costs(NamedTuple):
    """Of one call, us."""

    closed: float  # acquired, and its success
    refused: float  # asked, and CircuitOpen caught


def measure(calls: int, runs: int) -> Costs:
    """So many calls in a row: of a closed breaker, and of an open one."""
    closed, opened = (
        Breaker(failure_threshold=1, recovery_seconds=3600.0, success_threshold=1) for _ in ("closed", "open")
    )
    opened.acquire().failure("measured")
    passed = seconds(lambda: _passing(closed, calls), runs)
    refused = seconds(lambda: _refused(opened, calls), runs)
    return Costs(passed / calls * 1e6, refused / calls * 1e6)


def _passing(breaker: Breaker, calls: int) -> None:
    for _ in range(calls):
        breaker.acquire().success()


def _refused(breaker: Breaker, calls: int) -> None:
    for _ in range(calls):
        try:
            breaker.acquire()
        except CircuitOpen:
            continue
