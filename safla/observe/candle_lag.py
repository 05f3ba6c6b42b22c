"""The lag of candles: from their close, by the clock of the exchange, until they arrive. History has no lag."""

import time
from collections.abc import Callable

from safla.journal.events import CandleEvent
from safla.observe.update import Update


class Lag:
    """Measures the lag of updates against the clock of the exchange that the candles come from."""

    def __init__(
        self, now: Callable[[], float | None], *, live_from: int, step_ms: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """
        now        the exchange's clock, seconds since 1970; None if there is none, or if it was not read yet
        live_from  ms: candles that open earlier are the lookback, which was history when the run began (S16)
        step_ms    the timeframe
        """
        self.latest: float | None = None
        self._now, self._live_from, self._step_ms, self._monotonic = now, live_from, step_ms, monotonic

    def listen(self, update: Update) -> None:
        """Keep the lag of the latest candles."""
        seconds = self.of(update)
        self.latest = self.latest if seconds is None else seconds

    def of(self, update: Update) -> float | None:
        """The lag in seconds; None for an update without a candle, or of history.

        The time since the candles came is taken off, so a later call gives the same answer.
        """
        live = update.ts >= self._live_from and any(isinstance(event, CandleEvent) for event in update.events)
        now = self._now() if live else None
        return None if now is None else now - (self._monotonic() - update.came) - (update.ts + self._step_ms) / 1000
