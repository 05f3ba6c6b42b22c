"""Alerts: one trouble is one alert, and its end is said once. What is a trouble is decided in monitor.py."""

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
)  # every label that metrics can have

AlertKey = tuple[str, str | None]


class Alert(NamedTuple):
    """What a person should know now."""

    kind: str  # one of KINDS
    symbol: str | None  # None: of the account, or of the process
    text: str
    at: str  # wall clock, ISO, UTC
    over: bool  # whether this says that the trouble is gone


Sink = Callable[[Alert], None]


class Alerts:
    """Troubles that come and go. A sink that raises is said once and stops nothing.

    sinks             hear every alert, in order; they must not block
    cooldown_seconds  between two alerts of one kind and symbol; a trouble that is still there then is told then
    say               told once of a sink that fails
    """

    def __init__(
        self, sinks: Sequence[Sink], *, cooldown_seconds: float, say: Callable[[str], None], clock: Clock = SYSTEM
    ) -> None:
        self._told: Counter[AlertKey] = Counter()  # alerts by kind and symbol, their ends apart
        self._sinks, self._cooldown_seconds, self._say, self._clock = tuple(sinks), cooldown_seconds, say, clock
        self._open: dict[AlertKey, bool] = {}  # the troubles of now, and whether somebody was told
        self._last: dict[AlertKey, float] = {}  # when somebody was told last, seconds, monotonic
        self._failed = False
        self._lock = threading.Lock()

    def trouble(self, kind: str, text: str, *, symbol: str | None = None) -> None:
        """There is a trouble, new or still the same."""
        assert kind in KINDS
        key = (kind, symbol)
        with self._lock:
            if self._open.get(key, False) or self._cooling(key):
                self._open.setdefault(key, False)
                return
            self._open[key] = True
            self._last[key] = self._clock.monotonic()
            self._told[key] += 1
            self._send(Alert(kind, symbol, text, self._now(), over=False))

    def over(self, kind: str, text: str, *, symbol: str | None = None) -> None:
        """There is no such trouble, any more or still not. Said only where the trouble was told."""
        with self._lock:
            if self._open.pop((kind, symbol), False):
                self._send(Alert(kind, symbol, text, self._now(), over=True))

    def open(self, kind: str) -> list[str | None]:
        """The symbols for which there is such a trouble now."""
        with self._lock:
            return [symbol for one, symbol in self._open if one == kind]

    def counts(self) -> dict[AlertKey, int]:
        """How many alerts there were, by kind and symbol. It waits for nobody."""
        return dict(self._told)

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
                self._say(f"an alert did not reach all who should hear it, the run goes on: {failure}")


def to_log(alert: Alert) -> None:
    """The sink that is always there: the log, and as a warning that of errors too."""
    level = "INFO" if alert.over else "WARNING"
    fields = {"alert": alert.kind, "symbol": alert.symbol, "over": alert.over}
    logger.bind(file="performance", fields=fields).log(level, "{}", alert_line(alert))


def alert_line(alert: Alert) -> str:
    """An alert in one line, for a terminal or a log."""
    about = f" {alert.symbol}" if alert.symbol else ""
    return f"{'over' if alert.over else 'alert'}: {alert.kind}{about}: {alert.text}"
