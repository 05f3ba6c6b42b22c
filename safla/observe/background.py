"""A thread with a bounded queue, for work that may be slow and must never delay the run. It decides nothing."""

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

MOST_WAITING = 10_000  # items in the queue
CLOSING_SECONDS = 0.5  # how long close() waits for the items that are still in the queue


class BackgroundWorker(Generic[Item]):
    """Calls a listener in a thread of its own. An item that comes while the queue is full is dropped and counted."""

    def __init__(self, name: str, listener: Callable[[Item], None], *, most: int = MOST_WAITING) -> None:
        self.name = name
        self.dropped = 0
        self._listener = listener
        self._reported = False
        self._queue: queue.Queue[Item | None] = queue.Queue(most)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def tell(self, item: Item) -> None:
        """Put an item into the queue, without waiting."""
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.dropped += 1

    def close(self, seconds: float | None = None) -> None:
        """End the thread after the items that wait, but wait no longer than this. None: CLOSING_SECONDS."""
        seconds = CLOSING_SECONDS if seconds is None else seconds
        end = time.monotonic() + seconds
        with suppress(queue.Full):  # the listener hangs: the thread is a daemon and ends with the process
            self._queue.put(None, timeout=max(seconds, 0.001))
            self._thread.join(max(end - time.monotonic(), 0.0))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            _, failure = attempt(partial(self._listener, item))
            if failure:
                self._report(failure)

    def _report(self, failure: str) -> None:
        if self._reported:
            return
        self._reported = True
        with suppress(OSError, ValueError):
            sys.stderr.write(f"safla: {self.name} failed, the run goes on: {failure}\n")
