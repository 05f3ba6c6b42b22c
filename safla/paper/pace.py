"""The pace at which recorded candles are replayed. The clock is injected, and the pace knows nothing of candles."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from safla.errors import UsageError


class Pace:
    """Waits for the time between two candles, divided by a speed; at infinity it only lets other tasks run.

    UsageError for a speed that is not above 0.
    """

    def __init__(
        self,
        speed_multiplier: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if math.isnan(speed_multiplier) or speed_multiplier <= 0:
            raise UsageError(
                f"speed_multiplier: expected a number above 0, got {speed_multiplier}; 1.0 is real time, 60.0 is a "
                "minute a second",
                code="invalid_argument",
            )
        self.unpaced = math.isinf(speed_multiplier)
        self._speed = speed_multiplier
        self._clock = clock
        self._sleep = sleep
        self._due = 0.0  # when the next candle is to come, seconds of the clock: waits do not add up their delays
        self._before: int | None = None  # the open time of the candle before, ms

    async def wait(self, ts: int) -> None:
        """Wait until the candle that opens at ts (ms) is due; the first one is due at once."""
        if self.unpaced or self._before is None:
            self._due = self._clock()
            await self._sleep(0)
        else:
            self._due += (ts - self._before) / 1000 / self._speed
            await self._sleep(max(0.0, self._due - self._clock()))
        self._before = ts
