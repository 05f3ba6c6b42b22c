"""Runs slow coroutines of ccxt in a thread, while the requests that they make run on the main event loop (X6).

ccxt parses the markets of an exchange inside a coroutine, between requests. For 3 000 markets that takes 0.7 s, and a
paper session could not react to anything meanwhile. The thread has an event loop of its own: it runs until the
coroutine makes a request, and goes on when the answer has come.
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
    context: Context  # of the task that makes the request
    answer: "asyncio.Future[Any]"  # belongs to the loop of the thread


class _Steps:
    """Runs a coroutine in steps, from request to request. Each step may run in another thread."""

    def __init__(self, work: Callable[[Fetch], Coroutine[Any, Any, Any]]) -> None:
        self.requests: list[_Request] = []  # made in the last step
        self.task: asyncio.Task[Any] | None = None
        self._work = work
        self._lock = threading.Lock()  # a cancelled caller may close while a step still runs
        self._closing = False
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)

    def step(self, answers: Sequence[tuple[_Request, "asyncio.Task[Any]"]]) -> None:
        """Pass the answers to the coroutine and run it until its next request or its end."""
        with self._lock:
            loop = self._runner.get_loop()
            if self.task is None:
                self.task = loop.create_task(self._work(self._fetch))
                self.task.add_done_callback(lambda _: self._pause())
            for request, done in answers:
                _pass_on(done, request.answer)
            loop.run_forever()

    def close(self) -> None:
        """Cancel what has not ended, and close the loop."""
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
    """Run the coroutine of `work` in a thread; return what it returns, raise what it raises.

    work   gets a function that makes requests. It may make several at once. While requests run, the coroutine stands
           still, until the first answer comes
    fetch  makes a request: on the loop of the caller, in the context of the task that asked for it
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
        loop.run_in_executor(None, steps.close)  # not awaited: a step may still run, and the caller may be cancelled


def _pass_on(done: "asyncio.Task[Any]", answer: "asyncio.Future[Any]") -> None:
    """Copy the result or the exception of a task of the main loop to a future of the thread's loop."""
    if answer.done():  # the coroutine was cancelled meanwhile
        return
    if done.cancelled():
        answer.cancel()
    elif (error := done.exception()) is not None:
        answer.set_exception(error)
    else:
        answer.set_result(done.result())
