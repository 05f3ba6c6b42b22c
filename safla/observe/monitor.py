"""The monitor of a run: figures of the process, the candle feed and the journal, and the alerts that follow from them.

Figures come from callables that may fail; a figure that fails is null. The monitor cannot change or delay a run.
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

LATENCIES = 1024  # how many latencies of the journal p50 and p99 are computed from
OPEN, CLOSED = "open", "closed"  # states of the circuit breaker (K4)
SHOWN = 3  # how many symbols an alert about several symbols names
STOPPING_SECONDS = 1.0  # how long stop() waits for a sample in progress


def _unknown() -> None:
    return None


class Gauges(NamedTuple):
    """Figures that only the runner knows, as callables without arguments. The thread of the monitor calls them."""

    requests: Callable[[], int | None] = _unknown  # number of requests to the exchange in the last minute
    weight: Callable[[], int | None] = _unknown  # request weight used in this minute, as the exchange reports it
    breaker: Callable[[], str | None] = _unknown  # state of the circuit breaker
    tasks: Callable[[], int | None] = _unknown  # number of asyncio tasks
    dropped: Callable[[], int | None] = _unknown  # updates dropped because the queue of a listener was full
    now: Callable[[], float | None] = _unknown  # the exchange's clock, seconds since 1970; without it there is no lag
    waiting: Callable[[], Sequence[str]] = tuple  # symbols whose candle all others wait for (S6); empty: not known


class Watched(NamedTuple):
    """What the monitor needs to know about the run."""

    symbols: Sequence[str] = ()
    step_ms: int = 0  # the timeframe
    pace_seconds: float | None = None  # expected time between two candles; None: candles are never late
    requests_limit: int | None = None  # per minute


NO_FACTS, NO_RUN = Gauges(), Watched()


class Sample(NamedTuple):
    """The figures of one moment. None: not known."""

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
    lag_seconds: Mapping[str, float | None]  # by symbol: since the close of the last candle; None: not known


class Monitor:
    """Takes a sample every interval_seconds, in a thread of its own, for the length of a `with`.

    say      called once, with a line for a person, when a figure is not available
    wait     waits for that many seconds, or until `stop` is called, which it returns True for. None: a real wait
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
        self._lock = threading.Lock()  # of the next three, which listen() writes and the thread of the monitor reads
        self._latencies: deque[float] = deque(maxlen=LATENCIES)  # ms
        self._candles: dict[str, int] = {}  # by symbol: open time of the last candle, ms
        self._last_came = dict.fromkeys(watched.symbols, clock.monotonic())  # when it came, seconds
        self._failed: set[str] = set()  # figures that were reported as not available
        self._readings = self._try("psutil", process.readings) or {}

    def __enter__(self) -> Self:
        self.start(float(self._config.interval_seconds))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, interval_seconds: float) -> None:
        """Start the thread. If the system gives none, there is no monitoring, and `say` is called."""
        self._stopping.clear()
        thread = threading.Thread(target=self._work, args=(interval_seconds,), name="monitor", daemon=True)
        self._try("a thread", thread.start)
        self._thread = thread if thread.ident is not None else None

    def stop(self) -> None:
        """Stop the thread. A sample that hangs is not waited for."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOPPING_SECONDS)
            self._thread = None

    def listen(self, update: Update) -> None:
        """Take an update: its latency, its candles, and the open halts. This takes a few microseconds."""
        candles = {event.symbol: event.ts for event in update.events if isinstance(event, CandleEvent)}
        with self._lock:
            self._latencies.append((update.synced - update.came) * 1000)
            self._candles.update(candles)
            self._last_came.update(dict.fromkeys(candles, update.synced))
        for symbol in self._alerts.open("exchange") if candles else ():
            if symbol is None or symbol in candles:
                self._alerts.over("exchange", "candles come again", symbol=symbol)
        if candles:
            self._alerts.over("clock", "candles come again")
        for rule, kind in enumerate(HALTS):
            halt = int(update.state.account[HALT_OF_RULE + rule])
            self._report(kind, halt > 0, f"halt {halt} is open, nothing is bought", over="lifted")

    def refused(self, text: str, *, symbol: str | None = None) -> None:
        """Report that the exchange rejects requests or does not answer. The next candle ends this trouble."""
        self._alerts.trouble("exchange", text, symbol=symbol)

    def doubted(self, text: str) -> None:
        """Report that the exchange's clock is not as it was assumed. The next candle ends this trouble."""
        self._alerts.trouble("clock", text)

    def sample(self) -> Sample:
        """Take a sample: log the figures, and report those that are beyond their limits."""
        figures = self.figures()
        self.latest = figures
        self._check_limits(figures)
        known = {name: value for name, value in figures._asdict().items() if value is not None}
        logger.bind(file="performance", fields=known).info("{}", _summary(figures))
        return figures

    def figures(self) -> Sample:
        """The figures of this moment, without logs and alerts."""
        facts = self._facts
        values: dict[str, Any] = {name: self._try(name, reading) for name, reading in self._readings.items()}
        for name in ("requests", "weight", "breaker", "tasks", "dropped"):
            values[name] = self._try(name, getattr(facts, name))
        now = self._try("now", facts.now)
        with self._lock:
            latencies = list(self._latencies)
            closes = {symbol: (ts + self._watched.step_ms) / 1000 for symbol, ts in self._candles.items()}
        ordered = sorted(latencies)
        values["latency_last_ms"] = latencies[-1] if latencies else None
        values["latency_p50_ms"], values["latency_p99_ms"] = _rank(ordered, 0.5), _rank(ordered, 0.99)
        values["requests_limit"] = self._watched.requests_limit
        known_lag = {} if now is None else {symbol: round(now - close, 3) for symbol, close in closes.items()}
        lag = {symbol: known_lag.get(symbol) for symbol in self._watched.symbols}
        return Sample(**{**dict.fromkeys(Sample._fields), **values, "lag_seconds": lag})

    def _work(self, interval_seconds: float) -> None:
        while not self._wait(interval_seconds):
            self._try("monitoring", self.sample)

    def _check_limits(self, figures: Sample) -> None:
        limits = self._config
        for kind, value, limit in (("cpu", figures.cpu_pct, limits.cpu_pct),
                                   ("memory", figures.memory_pct, limits.memory_pct)):  # fmt: skip
            if value is not None:
                text = f"{value:.0f} % in use, the limit is {limit} %"
                self._report(kind, value >= limit, text, over=f"{value:.0f} %, below {limit} %")
        if figures.breaker is not None and (figures.breaker in (OPEN, CLOSED)):  # half-open neither begins nor ends it
            text = "too many requests to the exchange failed; the circuit breaker sends none for a while"
            self._report("breaker_open", figures.breaker == OPEN, text, over="the breaker is closed")
        self._check_feed()

    def _check_feed(self) -> None:
        """Report symbols without new candles. It uses the monotonic clock: the wall clock may jump (fault row 26)."""
        pace = self._watched.pace_seconds
        if pace is None:
            return
        waiting = self._try("waiting", self._facts.waiting) or ()
        now = self._clock.monotonic()
        with self._lock:
            silent = {symbol: now - came for symbol, came in self._last_came.items()}  # seconds
        limit = self._config.stale_candles * pace
        # Where one symbol holds up all others, only that one is reported.
        stale = {
            symbol: f"no candle for {seconds:.0f} s; nothing is decided until it comes"
            for symbol, seconds in silent.items()
            if seconds >= limit and (not waiting or symbol in waiting)
        }
        self._report_symbols("stale_candles", stale, of=silent, over="candles come again")

    def _report_symbols(self, kind: str, troubled: Mapping[str, str], *, of: Iterable[str], over: str) -> None:
        """Report a trouble of several symbols at once as one alert, and that of a single symbol as its own.

        troubled  by symbol: the text
        of        all symbols; the trouble is over for those that are not in `troubled`
        """
        already_open = self._alerts.open(kind)
        new = [symbol for symbol in troubled if symbol not in already_open]
        together = None in already_open or len(new) > 1  # None: the alert for several symbols
        for symbol, text in troubled.items():
            if symbol in already_open or not together:
                self._alerts.trouble(kind, text, symbol=symbol)
        if together and new:
            more = f" and {len(new) - SHOWN} more" if len(new) > SHOWN else ""
            self._alerts.trouble(kind, f"{len(new)} symbols ({', '.join(new[:SHOWN])}{more}): {troubled[new[0]]}")
        elif not new:
            self._alerts.over(kind, over)
        for symbol in of:
            if symbol not in troubled:
                self._alerts.over(kind, over, symbol=symbol)

    def _report(self, kind: str, troubled: bool, text: str, *, over: str, symbol: str | None = None) -> None:  # noqa: FBT001
        if troubled:
            self._alerts.trouble(kind, text, symbol=symbol)
        else:
            self._alerts.over(kind, over, symbol=symbol)

    def _try(self, name: str, call: Callable[[], Any]) -> Any:
        """The result of a call; None if it fails. `say` gets the first failure, the log the first of each name."""
        result, failure = attempt(call)
        if failure and name not in self._failed:
            if not self._failed:
                self._say(f"monitoring: {name} is not available, the run goes on: {failure}")
            self._failed.add(name)
            logger.bind(file="performance").warning("{} is not available: {}", name, failure)
        return result


def _rank(ordered: Sequence[float], share: float) -> float | None:
    """The quantile of sorted values by the nearest-rank method; share from 0 to 1. None if there are no values."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None


def _summary(figures: Sample) -> str:
    cpu, memory, lags = figures.cpu_pct, figures.memory_pct, [lag for lag in figures.lag_seconds.values() if lag]
    parts = [
        None if cpu is None else f"processor {cpu:.0f} %",
        None if memory is None else f"memory {memory:.0f} %",
        None if figures.requests is None else f"{figures.requests:.0f} requests a minute",
        None if figures.breaker is None else f"breaker {figures.breaker}",
        f"lag {max(lags):.1f} s" if lags else None,
        None if figures.latency_p99_ms is None else f"journal p99 {figures.latency_p99_ms:.3f} ms",
    ]
    return ", ".join(filter(None, parts)) or "no figure is available"
