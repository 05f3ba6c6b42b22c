"""What a wait is measured by: a clock that only goes forward, the clock on the wall, and the wait itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple


class Clock(NamedTuple):
    """The time as the rooms around the network get it; tests give another."""

    monotonic: Callable[[], float]  # seconds
    wall: Callable[[], float]  # seconds since 1970, UTC: for what people read, nothing is decided by it (X8)
    sleep: Callable[[float], Awaitable[None]]


SYSTEM = Clock(time.monotonic, time.time, asyncio.sleep)
