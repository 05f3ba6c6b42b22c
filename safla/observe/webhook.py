"""Alerts as JSON to a webhook: a thread of its own, a bounded queue, few tries. Its URL is a secret (Z11)."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from loguru import logger
from pydantic import SecretStr

from safla.errors import attempt
from safla.observe.alerts import Alert

MOST_WAITING = 64  # alerts; when more come, the oldest go
TRIES = 3
TIMEOUT_SECONDS = 5.0  # of one try, from dialling to the answer's headers
BACKOFF_SECONDS = 1.0  # before the second try; twice as long before the third
CLOSING_SECONDS = 1.0  # that what still waits may take at the end
AGAIN = {408, 425, 429}  # beside 5xx: what may go well a little later

Post = Callable[[dict[str, object]], int]


class Webhook:
    """A sink of alerts that never blocks. What cannot be delivered is logged, and said once.

    run   its name, as the receiver reads it
    post  sends one message and gives the status of the answer
    wait  between two tries: waits so many seconds or for the end, and says whether it is the end
    """

    def __init__(
        self, url: SecretStr, *, run: str, say: Callable[[str], None], post: Post | None = None,
        wait: Callable[[float], bool] | None = None,
    ) -> None:  # fmt: skip
        self.dropped = 0  # alerts that found no room
        self.failed = 0  # alerts that were tried and given up
        self._run, self._say = run, say
        self._post = post or (lambda message: posted(url, message))
        self._ending = threading.Event()
        self._wait = wait or self._ending.wait
        self._waiting: deque[Alert] = deque()
        self._some = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="webhook", daemon=True)
        self._thread.start()

    def __call__(self, alert: Alert) -> None:
        """Send an alert some time."""
        with self._some:
            if len(self._waiting) == MOST_WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(alert)
            self._some.notify()

    def close(self) -> None:
        """Let it send what waits, for a while; nothing is tried twice any more."""
        with self._some:
            self._ending.set()
            self._some.notify()
        self._thread.join(CLOSING_SECONDS)

    def _work(self) -> None:
        while (alert := self._next()) is not None:
            failure = self._delivered(alert)
            if failure:
                self._give_up(alert, failure)

    def _next(self) -> Alert | None:
        with self._some:
            self._some.wait_for(lambda: self._waiting or self._ending.is_set())
            return self._waiting.popleft() if self._waiting else None

    def _delivered(self, alert: Alert) -> str:
        """Why an alert was not delivered in the end; nothing if it was."""
        text = f"over: {alert.text}" if alert.over else alert.text
        message: dict[str, object] = {
            "run": self._run,
            "kind": alert.kind,
            "symbol": alert.symbol,
            "text": text,
            "at": alert.at,
        }
        failure = ""
        for number in range(TRIES):
            if number and self._wait(BACKOFF_SECONDS * 2 ** (number - 1)):
                return failure
            status, failure = attempt(lambda: self._post(message))
            if status is not None:
                if 200 <= status < 300:
                    return ""
                failure = f"status {status}"
                if not (status in AGAIN or status >= 500):
                    return failure
        return failure

    def _give_up(self, alert: Alert, failure: str) -> None:
        self.failed += 1
        logger.bind(file="performance").warning("webhook: an alert ({}) was not delivered: {}", alert.kind, failure)
        if self.failed == 1:
            self._say(f"webhook: an alert was not delivered, the run goes on: {failure}")


def posted(url: SecretStr, message: dict[str, object]) -> int:
    """Post a message and give the status of the answer, whose body is not read. OSError where there is none.

    No redirect is followed, no proxy is taken from the environment, and certificates are checked (Z18). What is raised
    holds neither URL nor host.
    """
    return asyncio.run(_posted(url.get_secret_value(), message))


async def _posted(url: str, message: dict[str, object]) -> int:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.post(url, json=message, allow_redirects=False) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise OSError(type(error).__name__) from None
