"""How late candles come: from their close, by the exchange's clock, until they are here. History is never late."""

import time
from collections.abc import Callable

from safla.journal.events import CandleEvent
from safla.observe.update import Update


class Lag:
    """What is told of a run, measured against the clock of the exchange that its candles come from."""

    def __init__(
        self, now: Callable[[], float | None], *, live_from: int, step_ms: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """
        now        the exchange's clock, seconds since 1970; None where there is none, or it was not read yet
        live_from  ms: what opens before it is the lookback, which was over when the run began (S16)
        """
        self.latest: float | None = None
        self._now, self._live_from, self._step_ms, self._monotonic = now, live_from, step_ms, monotonic

    def listen(self, told: Update) -> None:
        """Keep that of the latest candles."""
        seconds = self.of(told)
        self.latest = self.latest if seconds is None else seconds

    def of(self, told: Update) -> float | None:
        """Seconds; None for what is no candle, or history. Whoever asks later has the same answer."""
        live = told.ts >= self._live_from and any(isinstance(event, CandleEvent) for event in told.events)
        now = self._now() if live else None
        return None if now is None else now - (self._monotonic() - told.came) - (told.ts + self._step_ms) / 1000
