"""What is watched while a run is up: figures of the process, the feed and the journal. It knows neither of them.

Figures come from callables that may fail; what fails is null. It can change nothing and delay nothing.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from loguru import logger

from safla.clock import SYSTEM, Clock
from safla.config.operation import MonitoringSection
from safla.core.values import HALT_OF_RULE
from safla.errors import attempt
from safla.journal.events import CandleEvent
from safla.observe import process
from safla.observe.alerts import HALTS, Alerts
from safla.observe.update import Update

LATENCIES = 1024  # of the journal, that p50 and p99 are made of
OPEN, CLOSED = "open", "closed"  # of a breaker (K4)
SHOWN = 3  # symbols that an alert of many names
STOPPING_SECONDS = 1.0  # that a look under way may take at the end


def _unknown() -> None:
    return None


class Gauges(NamedTuple):
    """Where figures come from that only the runner knows: callables without arguments, called by another thread."""

    requests: Callable[[], int | None] = _unknown  # to the exchange, within the last minute
    weight: Callable[[], int | None] = _unknown  # used within this minute, as the exchange says
    breaker: Callable[[], str | None] = _unknown  # its state
    tasks: Callable[[], int | None] = _unknown  # of asyncio
    dropped: Callable[[], int | None] = _unknown  # what found the queue of a listener full
    now: Callable[[], float | None] = _unknown  # the exchange's clock, seconds since 1970; without it there is no lag
    waiting: Callable[[], Sequence[str]] = tuple  # the symbols for which all others wait (S6); none: nobody knows


class Watched(NamedTuple):
    """The run that is watched."""

    symbols: Sequence[str] = ()
    step_ms: int = 0  # the timeframe
    pace_seconds: float | None = None  # between two candles as they come; None: they are never late
    requests_limit: int | None = None  # a minute


NO_FACTS, NO_RUN = Gauges(), Watched()


class Sample(NamedTuple):
    """One look. None: not known."""

    cpu_pct: float | None
    memory_pct: float | None
    rss_bytes: float | None
    descriptors: float | None
    threads: float | None
    tasks: float | None
    sent_bytes: float | None
    received_bytes: float | None
    gc_0: float | None
    gc_1: float | None
    gc_2: float | None
    requests: float | None
    requests_limit: float | None
    weight: float | None
    breaker: str | None
    dropped: float | None
    latency_last_ms: float | None
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    lag_seconds: Mapping[str, float | None]  # since the close of the last candle, by symbol; None for history


class Monitor:
    """Looks every interval_seconds, in a thread of its own, for the length of a `with`.

    say      told once, in one line, that a figure cannot be had
    wait     waits so many seconds, or for `stop`; whether it is to stop. None: a real wait
    """

    def __init__(
        self, config: MonitoringSection, watched: Watched = NO_RUN, *, alerts: Alerts, say: Callable[[str], None],
        facts: Gauges = NO_FACTS, clock: Clock = SYSTEM, wait: Callable[[float], bool] | None = None,
    ) -> None:  # fmt: skip
        self.latest: Sample | None = None
        self._config, self._watched, self._facts, self._alerts = config, watched, facts, alerts
        self._say, self._clock = say, clock
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # of the three that listen() writes and another thread reads
        self._latencies: deque[float] = deque(maxlen=LATENCIES)  # ms
        self._candles: dict[str, int] = {}  # the open time of the last one, ms
        self._heard = dict.fromkeys(watched.symbols, clock.monotonic())  # when it came
        self._failed: set[str] = set()
        self._readings = self._tried("psutil", process.readings) or {}

    def __enter__(self) -> Self:
        self.start(float(self._config.interval_seconds))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, interval_seconds: float) -> None:
        """Begin to look. Without a thread for it there is no monitoring, and that is said."""
        self._stopping.clear()
        thread = threading.Thread(target=self._work, args=(interval_seconds,), name="monitor", daemon=True)
        self._tried("a thread", thread.start)
        self._thread = thread if thread.ident is not None else None

    def stop(self) -> None:
        """Look no more; a look that hangs is not waited for."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOPPING_SECONDS)
            self._thread = None

    def listen(self, told: Update) -> None:
        """Hear what was synced: how late, which candles, which halts are open. It takes some microseconds."""
        candles = {event.symbol: event.ts for event in told.events if isinstance(event, CandleEvent)}
        with self._lock:
            self._latencies.append((told.synced - told.came) * 1000)
            self._candles.update(candles)
            self._heard.update(dict.fromkeys(candles, told.synced))
        for symbol in self._alerts.open("exchange") if candles else ():
            if symbol is None or symbol in candles:
                self._alerts.over("exchange", "candles come again", symbol=symbol)
        if candles:
            self._alerts.over("clock", "candles come again")
        for rule, kind in enumerate(HALTS):
            halt = int(told.state.account[HALT_OF_RULE + rule])
            self._judge(kind, halt > 0, f"halt {halt} is open, nothing is bought", over="lifted")

    def refused(self, text: str, *, symbol: str | None = None) -> None:
        """The exchange refuses, or does not serve. It is over when a candle comes."""
        self._alerts.trouble("exchange", text, symbol=symbol)

    def doubted(self, text: str) -> None:
        """The exchange's clock was not what it was believed to be. It is over when a candle comes."""
        self._alerts.trouble("clock", text)

    def sample(self) -> Sample:
        """Look once: the figures go to the log, and what is beyond its limit to the alerts."""
        figures = self.figures()
        self.latest = figures
        self._judge_all(figures)
        told = {name: value for name, value in figures._asdict().items() if value is not None}
        logger.bind(file="performance", fields=told).info("{}", _in_words(figures))
        return figures

    def figures(self) -> Sample:
        """The figures of this moment, told to nobody."""
        facts = self._facts
        values: dict[str, Any] = {name: self._tried(name, reading) for name, reading in self._readings.items()}
        for name in ("requests", "weight", "breaker", "tasks", "dropped"):
            values[name] = self._tried(name, getattr(facts, name))
        now = self._tried("now", facts.now)
        with self._lock:
            latencies = list(self._latencies)
            ends = {one: (self._candles[one] + self._watched.step_ms) / 1000 for one in self._candles}
        ordered = sorted(latencies)
        values["latency_last_ms"] = latencies[-1] if latencies else None
        values["latency_p50_ms"], values["latency_p99_ms"] = _rank(ordered, 0.5), _rank(ordered, 0.99)
        values["requests_limit"] = self._watched.requests_limit
        late = {} if now is None else {symbol: round(now - end, 3) for symbol, end in ends.items()}
        lag = {symbol: late.get(symbol) for symbol in self._watched.symbols}
        return Sample(**{**dict.fromkeys(Sample._fields), **values, "lag_seconds": lag})

    def _work(self, interval_seconds: float) -> None:
        while not self._wait(interval_seconds):
            self._tried("monitoring", self.sample)

    def _judge_all(self, figures: Sample) -> None:
        limits = self._config
        for kind, value, limit in (("cpu", figures.cpu_pct, limits.cpu_pct),
                                   ("memory", figures.memory_pct, limits.memory_pct)):  # fmt: skip
            if value is not None:
                text = f"{value:.0f} % in use, the limit is {limit} %"
                self._judge(kind, value >= limit, text, over=f"{value:.0f} %, below {limit} %")
        if figures.breaker is not None and (figures.breaker in (OPEN, CLOSED)):  # while half-open nothing is new
            text = "the exchange failed too often and is left alone for a while"
            self._judge("breaker_open", figures.breaker == OPEN, text, over="the breaker is closed")
        self._judge_feed()

    def _judge_feed(self) -> None:
        """Which symbols are silent. By our own clock that only goes forward: the wall's may jump (FAULTS 26)."""
        pace = self._watched.pace_seconds
        if pace is None:
            return
        waiting = self._tried("waiting", self._facts.waiting) or ()
        now = self._clock.monotonic()
        with self._lock:
            silent = {symbol: now - heard for symbol, heard in self._heard.items()}
        limit = self._config.stale_candles * pace
        late = {
            symbol: f"no candle for {seconds:.0f} s; nothing is decided until it comes"
            for symbol, seconds in silent.items()
            if seconds >= limit and (not waiting or symbol in waiting)
        }
        self._judge_together("stale_candles", late, of=silent, over="candles come again")

    def _judge_together(self, kind: str, troubled: Mapping[str, str], *, of: Iterable[str], over: str) -> None:
        """What several symbols are in at once is one alert and one end; a single one has its own."""
        told = self._alerts.open(kind)
        new = [symbol for symbol in troubled if symbol not in told]
        together = None in told or len(new) > 1
        for symbol, text in troubled.items():
            if symbol in told or not together:
                self._alerts.trouble(kind, text, symbol=symbol)
        if together and new:
            more = f" and {len(new) - SHOWN} more" if len(new) > SHOWN else ""
            self._alerts.trouble(kind, f"{len(new)} symbols ({', '.join(new[:SHOWN])}{more}): {troubled[new[0]]}")
        elif not new:
            self._alerts.over(kind, over)
        for symbol in of:
            if symbol not in troubled:
                self._alerts.over(kind, over, symbol=symbol)

    def _judge(self, kind: str, troubled: bool, text: str, *, over: str, symbol: str | None = None) -> None:  # noqa: FBT001
        if troubled:
            self._alerts.trouble(kind, text, symbol=symbol)
        else:
            self._alerts.over(kind, over, symbol=symbol)

    def _tried(self, name: str, call: Callable[[], Any]) -> Any:
        """What a call gives; None where it fails, which is said once for all and logged once for each."""
        given, failure = attempt(call)
        if failure and name not in self._failed:
            if not self._failed:
                self._say(f"monitoring: {name} cannot be had, the run goes on: {failure}")
            self._failed.add(name)
            logger.bind(file="performance").warning("{} cannot be had: {}", name, failure)
        return given


def _rank(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that is not below so large a share of all (nearest rank)."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None


def _in_words(figures: Sample) -> str:
    cpu, memory, lags = figures.cpu_pct, figures.memory_pct, [one for one in figures.lag_seconds.values() if one]
    parts = [
        None if cpu is None else f"processor {cpu:.0f} %",
        None if memory is None else f"memory {memory:.0f} %",
        None if figures.requests is None else f"{figures.requests:.0f} requests a minute",
        None if figures.breaker is None else f"breaker {figures.breaker}",
        f"lag {max(lags):.1f} s" if lags else None,
        None if figures.latency_p99_ms is None else f"journal p99 {figures.latency_p99_ms:.3f} ms",
    ]
    return ", ".join(filter(None, parts)) or "nothing is known"
