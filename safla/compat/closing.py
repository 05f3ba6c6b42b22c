"""Objects that can be closed: by close() or by `async with`, and an error when they are used afterwards."""

from types import TracebackType
from typing import ClassVar, Self

from safla.errors import UsageError


class Closing:
    """An object that its user closes, by close() or at the end of an `async with`."""

    _called: ClassVar[str]  # its name in messages
    _closed = False

    async def close(self) -> None:
        """Close it: calls that are still running end at their next candle. Closing again does nothing."""
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
            raise UsageError(f"this {self._called} is closed; make another one", code="object_closed")
