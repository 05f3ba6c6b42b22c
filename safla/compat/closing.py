"""What can be closed: an `async with` of it, and the rejection of work afterwards."""

from types import TracebackType
from typing import ClassVar, Self

from safla.errors import UsageError


class Closing:
    """A face that its user closes, by close() or at the end of an `async with`."""

    _called: ClassVar[str]  # what a message calls it
    _closed = False

    async def close(self) -> None:
        """Do no more: what is under way ends at its next candle. Closing twice is closing once."""
        self._closed = True

    async def __aenter__(self) -> Self:
        self._refuse_closed()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise UsageError(f"this {self._called} is closed; make another")
