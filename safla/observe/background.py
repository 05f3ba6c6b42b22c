"""Work beside a run that may be slow, and never holds it up: a thread behind a bounded queue. It decides nothing."""

import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

from safla.errors import attempt

Item = TypeVar("Item")

MOST_WAITING = 10_000
CLOSING_SECONDS = 0.5  # that what still waits may take at the end


class BackgroundWorker(Generic[Item]):
    """A listener in a thread of its own. What finds the queue full is dropped, and counted."""

    def __init__(self, name: str, listener: Callable[[Item], None], *, most: int = MOST_WAITING) -> None:
        self.name = name
        self.dropped = 0
        self._listener = listener
        self._said = False
        self._queue: queue.Queue[Item | None] = queue.Queue(most)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def tell(self, item: Item) -> None:
        """Hand something on, at once."""
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.dropped += 1

    def close(self, seconds: float | None = None) -> None:
        """Let it finish what waits, for so long at most; None: CLOSING_SECONDS."""
        seconds = CLOSING_SECONDS if seconds is None else seconds
        end = time.monotonic() + seconds
        with suppress(queue.Full):
            self._queue.put(None, timeout=max(seconds, 0.001))
            self._thread.join(max(end - time.monotonic(), 0.0))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            _, failure = attempt(partial(self._listener, item))
            if failure:
                self._say(failure)

    def _say(self, failure: str) -> None:
        if self._said:
            return
        self._said = True
        with suppress(OSError, ValueError):
            sys.stderr.write(f"safla: {self.name} failed, the run goes on: {failure}\n")
