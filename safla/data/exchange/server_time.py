"""What time it is at an exchange: asked at first and every hour, and carried on by our own clock in between (X8)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from loguru import logger

from safla.resilience.clock import Clock

BELIEVED_SECONDS, DOUBTED_SECONDS = 3600.0, 60.0  # between two questions
SKEW_SECONDS = 1.0  # a difference of the clocks above it is said


class Now(NamedTuple):
    """The exchange's clock, ms: between these two, for the way of an answer takes time."""

    least: int
    most: int


class Read(NamedTuple):
    """When the exchange's clock was asked, and what it said."""

    server: int  # ms
    sent: float  # seconds, monotonic
    came: float


class ServerTime:
    """The clock of one exchange."""

    def __init__(self, name: str, *, clock: Clock, ask: Callable[[], Awaitable[Read]]) -> None:
        self.skew_seconds: float | None = None  # this machine's wall clock is so far ahead; None: not known
        self._name, self._clock, self._ask = name, clock, ask
        self._read: Read | None = None
        self._doubted = False
        self._asking = asyncio.Lock()

    async def now(self) -> Now:
        """Its now, read anew where that is due. Errors are those of the question."""
        async with self._asking:  # whoever comes meanwhile has that answer too
            good_for = DOUBTED_SECONDS if self._doubted else BELIEVED_SECONDS
            if self._read is None or self._clock.monotonic() - self._read.came > good_for:
                self._read = await self._ask()
                self._doubted = False
                self._compare(self._read)
        return self._carried(self._read)

    def doubt(self) -> None:
        """Let it be asked anew, though not twice a minute: the line broke, or the clock seems to be elsewhere."""
        self._doubted = True

    @property
    def known(self) -> bool:
        """Whether it was read, so that latest() has something to go by."""
        return self._read is not None

    def latest(self) -> int:
        """Its now at most, ms, by what it said last."""
        assert self._read is not None, "now() comes first"
        return self._carried(self._read).most

    def _carried(self, read: Read) -> Now:
        here = self._clock.monotonic()
        return Now(read.server + int((here - read.came) * 1000), read.server + int((here - read.sent) * 1000) + 1)

    def _compare(self, read: Read) -> None:
        self.skew_seconds = self._clock.wall() - read.server / 1000 - (read.came - read.sent) / 2
        if abs(self.skew_seconds) > SKEW_SECONDS:
            logger.warning("{}: its clock and this machine's differ by {:.1f} s", self._name, self.skew_seconds)
