"""Set up the monitoring of a run: monitor, alerts and their sinks, metrics page. A part that fails stops no other."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from safla.clock import SYSTEM, Clock
from safla.config.model import Config
from safla.core.timeframes import TIMEFRAMES
from safla.observe import alerts
from safla.observe.alerts import Alert, Alerts, Sink
from safla.observe.background import BackgroundWorker
from safla.observe.event_log import say_on_stderr
from safla.observe.monitor import NO_FACTS, Gauges, Monitor, Watched
from safla.observe.prometheus import Page
from safla.observe.webhook import Webhook

MOST_WAITING = 64  # alerts or notes that wait for a slow terminal


@contextmanager
def of_run(
    config: Config, *, run: str, symbols: tuple[str, ...], facts: Gauges = NO_FACTS,
    terminal: Callable[[str], None] | None = None, say: Callable[[str], None] = say_on_stderr, clock: Clock = SYSTEM,
) -> Iterator[Monitor]:  # fmt: skip
    """Monitor a run for the length of a `with`. The caller passes updates to `Monitor.listen`, errors to `refused`.

    run       name of the run, for the receiver of alerts
    facts     figures that only the runner knows
    terminal  called with every alert, in one line; it may be slow
    say       called once for each part of monitoring that fails
    Raises HostError at the start if the port of the metrics page is in use, or its package is not installed.
    """
    with ExitStack() as stack:
        # In a thread of its own, because a write to a terminal may hang.
        notes: BackgroundWorker[str] = BackgroundWorker("notes of monitoring", say, most=MOST_WAITING)
        stack.callback(notes.close)
        sender = Alerts(
            _sinks(config, run=run, terminal=terminal, say=notes.tell, stack=stack),
            cooldown_seconds=float(config.monitoring.alert_cooldown_seconds), say=notes.tell, clock=clock,
        )  # fmt: skip
        watched = Watched(
            symbols, TIMEFRAMES[config.market_data.timeframe], pace_seconds(config),
            config.exchange.rate_limit_per_minute,
        )  # fmt: skip
        monitor = Monitor(config.monitoring, watched, alerts=sender, say=notes.tell, facts=facts, clock=clock)
        page = config.monitoring.prometheus
        if page is not None:
            stack.enter_context(
                Page(page.bind, page.port, latest=lambda: monitor.latest, alerts=sender.counts, hosts=page.hosts)
            )
        yield stack.enter_context(monitor)


def pace_seconds(config: Config) -> float | None:
    """Expected seconds between two candles; None if a replay delivers them as fast as they are processed."""
    step = TIMEFRAMES[config.market_data.timeframe] / 1000
    if config.paper.source == "stream":
        return step
    return None if config.paper.speed == "max" else step / int(config.paper.speed.removesuffix("x"))


def _sinks(
    config: Config, *, run: str, terminal: Callable[[str], None] | None, say: Callable[[str], None], stack: ExitStack
) -> list[Sink]:
    sinks: list[Sink] = [alerts.to_log]
    if terminal is not None:
        shown: BackgroundWorker[Alert] = BackgroundWorker(
            "alerts on the terminal", lambda alert: terminal(alerts.alert_line(alert)), most=MOST_WAITING
        )
        stack.callback(shown.close)
        sinks.append(shown.tell)
    url = config.monitoring.webhook_url
    if url is not None:
        webhook = Webhook(url, run=run, say=say)
        stack.callback(webhook.close)
        sinks.append(webhook)
    return sinks
