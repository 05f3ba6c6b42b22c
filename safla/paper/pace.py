"""The pace at which candles pass as though they came live. The clock is injected; nothing is known of what passes."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from safla.errors import UsageError


class Pace:
    """Waits as long as lay between two candles, so many times shorter; infinity only lets others run in between."""

    def __init__(
        self,
        speed_multiplier: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if math.isnan(speed_multiplier) or speed_multiplier <= 0:
            raise UsageError(
                f"speed_multiplier: {speed_multiplier} is not above 0; 1.0 is real time, 60.0 a minute a second"
            )
        self.unpaced = math.isinf(speed_multiplier)
        self._speed = speed_multiplier
        self._clock = clock
        self._sleep = sleep
        self._due = 0.0
        self._before: int | None = None

    async def wait(self, ts: int) -> None:
        """Come back when it is the turn of the candle that opens at ts; of the first at once."""
        if self.unpaced or self._before is None:
            self._due = self._clock()
            await self._sleep(0)
        else:
            self._due += (ts - self._before) / 1000 / self._speed
            await self._sleep(max(0.0, self._due - self._clock()))
        self._before = ts
