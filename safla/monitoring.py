"""PerformanceMonitor: the resources and exchange requests that your own program uses."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Self

from safla.api.configuration import ConfigSource, load_config
from safla.config.model import Config
from safla.errors import UsageError
from safla.exchange.client import feed_of
from safla.observe import alerts
from safla.observe.alerts import Alert, Alerts
from safla.observe.event_log import say_on_stderr
from safla.observe.monitor import Gauges, Monitor, Sample, Watched
from safla.observe.webhook import Webhook

MOST_ALERTS = 100  # kept in `alerts`
SHORTEST, LONGEST = 0.01, 3600.0  # seconds between two samples

SampleValue = float | int | None


class PerformanceMonitor:
    """Watches this process while your program runs; alerts at monitoring.cpu_pct (80) and memory_pct (90).

    config  a path, a dict, what load_config gives; None for ./config.yaml if it exists, else the defaults

    An alert is printed on stderr, kept in `alerts` (the newest last), and posted to monitoring.webhook_url where that
    is set. One trouble gives one alert. The monitor runs in a thread, whatever the event loop is busy with.
    ConfigError for an invalid configuration; UsageError for an invalid interval.

        async with PerformanceMonitor() as monitor:
            print(monitor.snapshot()["cpu_pct"])
    """

    def __init__(self, config: ConfigSource = None) -> None:
        loaded = load_config(config)
        self.alerts: deque[Alert] = deque(maxlen=MOST_ALERTS)
        self._config = loaded.config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._webhook: Webhook | None = None
        outlets = Alerts(
            (self._keep, self._post),
            cooldown_seconds=float(self._config.monitoring.alert_cooldown_seconds),
            say=say_on_stderr,
        )
        self._monitor = Monitor(
            self._config.monitoring,
            Watched(requests_limit=self._config.exchange.rate_limit_per_minute),
            alerts=outlets,
            say=say_on_stderr,
            facts=Gauges(requests=lambda: _requests(self._config), tasks=self._tasks),
        )
        self._watching = False

    async def start_monitoring(self, interval_seconds: float = 5.0) -> None:
        """Take a sample every interval_seconds. Starting again changes the interval."""
        if not SHORTEST <= interval_seconds <= LONGEST:
            raise UsageError(
                f"interval_seconds: expected {SHORTEST} to {LONGEST:.0f}, got {interval_seconds}",
                code="invalid_argument",
            )
        await self.stop_monitoring()
        self._loop = asyncio.get_running_loop()
        url = self._config.monitoring.webhook_url
        if url is not None:
            self._webhook = Webhook(url, run=self._config.system.name, say=say_on_stderr)
        self._monitor.start(interval_seconds)
        self._watching = True

    async def stop_monitoring(self) -> None:
        """Stop taking samples. Stopping again does nothing."""
        if self._watching:
            self._watching = False
            await asyncio.to_thread(self._monitor.stop)
        if self._webhook is not None:
            webhook, self._webhook = self._webhook, None
            await asyncio.to_thread(webhook.close)

    def snapshot(self) -> dict[str, SampleValue]:
        """The last sample while the monitor runs, else the values of this moment. None: unknown.

        cpu_pct of this process, of one core; memory_pct of the machine; rss_bytes; descriptors; threads; active_tasks;
        api_requests_per_second and api_limit_per_second, over the last minute; bytes_sent and bytes_received by the
        machine; gc_0, gc_1, gc_2: collections by generation.
        """
        latest = self._monitor.latest if self._watching else None
        return _figures(latest or self._monitor.figures())

    async def __aenter__(self) -> Self:
        await self.start_monitoring(float(self._config.monitoring.interval_seconds))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop_monitoring()

    def _keep(self, alert: Alert) -> None:
        self.alerts.append(alert)
        say_on_stderr(alerts.alert_line(alert))

    def _post(self, alert: Alert) -> None:
        webhook = self._webhook
        if webhook is not None:
            webhook(alert)

    def _tasks(self) -> int | None:
        return None if self._loop is None or self._loop.is_closed() else len(asyncio.all_tasks(self._loop))


def _requests(config: Config) -> int:
    """The requests of this process to the exchange in the last minute: all feeds share one rate limiter (X6)."""
    return feed_of(config.exchange).spent()


def _figures(sample: Sample) -> dict[str, SampleValue]:
    requests, limit = sample.requests, sample.requests_limit
    return {
        "cpu_pct": sample.cpu_pct,
        "memory_pct": sample.memory_pct,
        "rss_bytes": sample.rss_bytes,
        "descriptors": sample.descriptors,
        "threads": sample.threads,
        "active_tasks": sample.tasks,
        "api_requests_per_second": None if requests is None else requests / 60,
        "api_limit_per_second": None if limit is None else limit / 60,
        "bytes_sent": sample.sent_bytes,
        "bytes_received": sample.received_bytes,
        "gc_0": sample.gc_0,
        "gc_1": sample.gc_1,
        "gc_2": sample.gc_2,
    }
