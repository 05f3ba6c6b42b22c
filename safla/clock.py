"""The clocks of the program and its way to sleep, so that tests can replace them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple


class Clock(NamedTuple):
    """The clocks that the network code uses; tests pass their own."""

    monotonic: Callable[[], float]  # seconds; never goes back
    wall: Callable[[], float]  # seconds since 1970, UTC; only for display, no decision depends on it (X8)
    sleep: Callable[[float], Awaitable[None]]


SYSTEM = Clock(time.monotonic, time.time, asyncio.sleep)
