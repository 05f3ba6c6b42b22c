"""Alerts: each trouble gives one alert, and one more when it is over. What counts as a trouble is in monitor.py."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from loguru import logger

from safla.clock import SYSTEM, Clock
from safla.core.values import HALT_RULES
from safla.errors import attempt

HALTS = tuple(f"halt_{rule}" for rule in HALT_RULES)
KINDS = (
    "cpu",
    "memory",
    "stale_candles",
    "breaker_open",
    "exchange",
    "clock",
    *HALTS,
)  # all values of the label `kind` on the page of metrics

AlertKey = tuple[str, str | None]


class Alert(NamedTuple):
    """A message that a person should read now."""

    kind: str  # one of KINDS
    symbol: str | None  # None: it concerns the account or the process
    text: str
    at: str  # wall clock, ISO 8601, UTC
    over: bool  # True: the trouble is over


Sink = Callable[[Alert], None]


class Alerts:
    """Keeps the open troubles, and sends alerts to the sinks. A sink that raises stops nothing.

    sinks             called with every alert, in order; they must not block
    cooldown_seconds  minimum time between two alerts of one kind and symbol; a trouble that lasts until then is sent
                      then
    say               called once, when a sink fails for the first time
    """

    def __init__(
        self, sinks: Sequence[Sink], *, cooldown_seconds: float, say: Callable[[str], None], clock: Clock = SYSTEM
    ) -> None:
        self._sent: Counter[AlertKey] = Counter()  # alerts by kind and symbol, without those that say `over`
        self._sinks, self._cooldown_seconds, self._say, self._clock = tuple(sinks), cooldown_seconds, say, clock
        self._open: dict[AlertKey, bool] = {}  # the open troubles, and whether an alert was sent
        self._last: dict[AlertKey, float] = {}  # time of the last alert, seconds, monotonic
        self._failed = False
        self._lock = threading.Lock()

    def trouble(self, kind: str, text: str, *, symbol: str | None = None) -> None:
        """Report a trouble. Reporting the same one again changes nothing until the cooldown is over."""
        assert kind in KINDS
        key = (kind, symbol)
        with self._lock:
            if self._open.get(key, False) or self._cooling(key):
                self._open.setdefault(key, False)
                return
            self._open[key] = True
            self._last[key] = self._clock.monotonic()
            self._sent[key] += 1
            self._send(Alert(kind, symbol, text, self._now(), over=False))

    def over(self, kind: str, text: str, *, symbol: str | None = None) -> None:
        """Report that there is no such trouble. An alert is sent only if one was sent for the trouble itself."""
        with self._lock:
            if self._open.pop((kind, symbol), False):
                self._send(Alert(kind, symbol, text, self._now(), over=True))

    def open(self, kind: str) -> list[str | None]:
        """The symbols that have an open trouble of this kind."""
        with self._lock:
            return [symbol for open_kind, symbol in self._open if open_kind == kind]

    def counts(self) -> dict[AlertKey, int]:
        """How many alerts were sent, by kind and symbol. It takes no lock, so a scrape never waits for a sink."""
        return dict(self._sent)

    def _cooling(self, key: AlertKey) -> bool:
        return key in self._last and self._clock.monotonic() - self._last[key] < self._cooldown_seconds

    def _now(self) -> str:
        moment = datetime.fromtimestamp(self._clock.wall(), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _send(self, alert: Alert) -> None:
        for sink in self._sinks:
            _, failure = attempt(partial(sink, alert))
            if failure and not self._failed:
                self._failed = True
                self._say(f"an alert did not reach every receiver, the run goes on: {failure}")


def to_log(alert: Alert) -> None:
    """The sink that every run has: a line in performance.log, and for a new trouble a warning in errors.log too."""
    level = "INFO" if alert.over else "WARNING"
    fields = {"alert": alert.kind, "symbol": alert.symbol, "over": alert.over}
    logger.bind(file="performance", fields=fields).log(level, "{}", alert_line(alert))


def alert_line(alert: Alert) -> str:
    """An alert in one line, for a terminal or a log."""
    symbol = f" {alert.symbol}" if alert.symbol else ""
    return f"{'over' if alert.over else 'alert'}: {alert.kind}{symbol}: {alert.text}"
