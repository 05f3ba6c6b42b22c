"""Work of ccxt that takes long runs in a thread; the requests that it makes run on the event loop (X6).

ccxt parses the markets of an exchange between requests, inside a coroutine: 0.7 s for 3 000 of them, in which a paper
session would guard nothing. The thread has an event loop of its own, which runs until a request is made, and goes on
when the answer is there.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from typing import Any, NamedTuple, TypeVar

Answer = TypeVar("Answer")
Fetch = Callable[..., Coroutine[Any, Any, Any]]


class _Request(NamedTuple):
    arguments: tuple[Any, ...]
    context: Context  # of the task that makes it
    answer: "asyncio.Future[Any]"  # of the thread's loop


class _Steps:
    """A coroutine whose steps, from request to request, are run one by one, each from whatever thread."""

    def __init__(self, work: Callable[[Fetch], Coroutine[Any, Any, Any]]) -> None:
        self.requests: list[_Request] = []  # made in the last step
        self.task: asyncio.Task[Any] | None = None
        self._work = work
        self._lock = threading.Lock()  # a cancelled caller closes while a step is still under way
        self._closing = False
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)

    def step(self, answers: Sequence[tuple[_Request, "asyncio.Task[Any]"]]) -> None:
        """Hand on the answers and run until the next request, or to the end."""
        with self._lock:
            loop = self._runner.get_loop()
            if self.task is None:
                self.task = loop.create_task(self._work(self._fetch))
                self.task.add_done_callback(lambda _: self._pause())
            for request, answered in answers:
                _hand_on(answered, request.answer)
            loop.run_forever()

    def close(self) -> None:
        """Cancel what is not done."""
        with self._lock:
            self._closing = True
            self._runner.close()

    async def _fetch(self, *arguments: Any) -> Any:
        request = _Request(arguments, copy_context(), self._runner.get_loop().create_future())
        self.requests.append(request)
        self._pause()
        return await request.answer

    def _pause(self) -> None:
        if not self._closing:
            self._runner.get_loop().stop()


async def run_off_loop(work: Callable[[Fetch], Coroutine[Any, Any, Answer]], fetch: Fetch) -> Answer:
    """What the coroutine of `work` returns or raises.

    work   gets a function to make requests with, which may be called many times at once. Whatever it could do without
           the answers waits for the first of them too
    fetch  what that function does, on the loop of the caller and in the context of who called it
    """
    steps = _Steps(work)
    under_way: dict[asyncio.Task[Any], _Request] = {}
    loop = asyncio.get_running_loop()
    try:
        await asyncio.to_thread(steps.step, ())
        while steps.task is None or not steps.task.done():
            for request in steps.requests:
                task = loop.create_task(fetch(*request.arguments), context=request.context)
                under_way[task] = request
            steps.requests.clear()
            done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.to_thread(steps.step, [(under_way.pop(task), task) for task in done])
        answer: Answer = steps.task.result()
        return answer
    finally:
        for task in under_way:
            task.cancel()
        loop.run_in_executor(None, steps.close)


def _hand_on(answered: "asyncio.Task[Any]", answer: "asyncio.Future[Any]") -> None:
    if answer.done():
        return
    if answered.cancelled():
        answer.cancel()
    elif (error := answered.exception()) is not None:
        answer.set_exception(error)
    else:
        answer.set_result(answered.result())
