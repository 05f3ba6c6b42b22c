"""Send alerts as JSON to a webhook: own thread, bounded queue, few tries. The URL is a secret (Z11)."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from loguru import logger
from pydantic import SecretStr

from safla.errors import attempt
from safla.observe.alerts import Alert

MOST_WAITING = 64  # alerts in the queue; when more come, the oldest are dropped
TRIES = 3
TIMEOUT_SECONDS = 5.0  # of one try, from the connection to the headers of the answer
BACKOFF_SECONDS = 1.0  # before the second try; twice as long before the third
CLOSING_SECONDS = 1.0  # how long close() waits for alerts that are still in the queue
AGAIN = {408, 425, 429}  # statuses that are worth another try, beside 5xx

Post = Callable[[dict[str, object]], int]


class Webhook:
    """A sink of alerts that never blocks. An alert that cannot be delivered is logged, and reported once.

    run   name of the run, for the receiver
    say   called once, with a line for a person, when an alert is given up
    post  sends one message and returns the status of the answer; None: `posted`
    wait  waits for that many seconds between two tries, or until close(), for which it returns True; None: a real wait
    """

    def __init__(
        self, url: SecretStr, *, run: str, say: Callable[[str], None], post: Post | None = None,
        wait: Callable[[float], bool] | None = None,
    ) -> None:  # fmt: skip
        self.dropped = 0  # alerts dropped because the queue was full
        self.failed = 0  # alerts given up after their tries
        self._run, self._say = run, say
        self._post = post or (lambda message: posted(url, message))
        self._ending = threading.Event()
        self._wait = wait or self._ending.wait
        self._waiting: deque[Alert] = deque()
        self._changed = threading.Condition()  # an alert waits, or close() was called
        self._thread = threading.Thread(target=self._work, name="webhook", daemon=True)
        self._thread.start()

    def __call__(self, alert: Alert) -> None:
        """Put an alert into the queue."""
        with self._changed:
            if len(self._waiting) == MOST_WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(alert)
            self._changed.notify()

    def close(self) -> None:
        """Send the alerts that wait, each with one try, and wait for that at most CLOSING_SECONDS."""
        with self._changed:
            self._ending.set()
            self._changed.notify()
        self._thread.join(CLOSING_SECONDS)

    def _work(self) -> None:
        while (alert := self._next()) is not None:
            failure = self._deliver(alert)
            if failure:
                self._give_up(alert, failure)

    def _next(self) -> Alert | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending.is_set())
            return self._waiting.popleft() if self._waiting else None

    def _deliver(self, alert: Alert) -> str:
        """Try to deliver an alert. Returns why it failed in the end, or "" if it was delivered."""
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
    """Post a message and return the status of the answer; its body is not read. Raises OSError if there is no answer.

    No redirect is followed, no proxy is taken from the environment, and certificates are checked (Z18). The error
    contains neither URL nor host, because both may be secret.
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
