"""How much a client may ask: weight by the minute of the virtual clock, refusals, bans. No request is read here."""

from typing import NamedTuple

from tests.fake.clock import VirtualClock

MINUTE = 60_000
BAN_SECONDS = 120
WEIGHTS = {"ping": 1, "time": 1, "klines": 2, "exchangeInfo": 20}


class Refusal(NamedTuple):
    """Why a request gets nothing, and when one may."""

    status: int
    retry_after: int  # seconds
    code: int
    message: str


class Limits:
    """Counts, refuses, and bans who goes on all the same."""

    def __init__(self, clock: VirtualClock, *, weight_limit: int, patience: int) -> None:
        self.weight_limit = weight_limit
        self.patience = patience  # so many requests that come too soon are refused; the next one is banned
        self._clock = clock
        self._minute = 0
        self._used = 0
        self._too_soon = 0
        self._refused_until = self._banned_until = 0

    @property
    def used(self) -> int:
        """Weight used in this minute."""
        minute = self._clock.now_ms // MINUTE
        if minute != self._minute:
            self._minute, self._used = minute, 0
        return self._used

    def ask(self, path: str) -> Refusal | None:
        """Count a request; None if it may have its answer."""
        now = self._clock.now_ms
        self._used = self.used + WEIGHTS.get(path, 1)
        if now < self._banned_until:
            return self._banned()
        if now < self._refused_until:
            self._too_soon += 1
            if self._too_soon > self.patience:
                self.ban(BAN_SECONDS)
                return self._banned()
            return self._refused()
        self._too_soon = 0
        if self._used > self.weight_limit:
            self._refused_until = (self._minute + 1) * MINUTE
            return self._refused()
        return None

    def refuse(self, seconds: float) -> None:
        """Refuse everybody for so long."""
        self._refused_until = max(self._refused_until, self._clock.now_ms + int(seconds * 1000))

    def ban(self, seconds: float) -> None:
        """Ban everybody for so long."""
        self._banned_until = max(self._banned_until, self._clock.now_ms + int(seconds * 1000))

    def forgive(self) -> None:
        """As if nobody had asked too much."""
        self._used = self._too_soon = self._refused_until = self._banned_until = 0

    def _refused(self) -> Refusal:
        text = "Too much request weight used; current limit is {} request weight per 1 MINUTE."
        return Refusal(429, self._seconds(self._refused_until), -1003, text.format(self.weight_limit))

    def _banned(self) -> Refusal:
        text = f"Way too much request weight used; IP banned until {self._banned_until}."
        return Refusal(418, self._seconds(self._banned_until), -1003, text)

    def _seconds(self, until: int) -> int:
        return -((self._clock.now_ms - until) // 1000)
