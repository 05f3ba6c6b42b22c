"""Monitoring of a run put together: monitor, alerts and their sinks, the page of metrics. Each part may fail alone."""

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

MOST_WAITING = 64  # alerts or notes that a terminal has not taken


@contextmanager
def of_run(
    config: Config, *, run: str, symbols: tuple[str, ...], facts: Gauges = NO_FACTS,
    terminal: Callable[[str], None] | None = None, say: Callable[[str], None] = say_on_stderr, clock: Clock = SYSTEM,
) -> Iterator[Monitor]:  # fmt: skip
    """Watch a run for the length of a `with`; tell the Monitor what was synced (`listen`) and refused (`refused`).

    run       its name, for the receiver of alerts
    facts     what only the runner knows
    terminal  told every alert, in a line; it may be slow
    say       told once of each part of monitoring that fails
    HostError, before anything is watched: the port of metrics is taken, or their package is not there.
    """
    with ExitStack() as stack:
        # A terminal may hang.
        notes: BackgroundWorker[str] = BackgroundWorker("notes of monitoring", say, most=MOST_WAITING)
        stack.callback(notes.close)
        told = Alerts(
            _sinks(config, run=run, terminal=terminal, say=notes.tell, stack=stack),
            cooldown_seconds=float(config.monitoring.alert_cooldown_seconds), say=notes.tell, clock=clock,
        )  # fmt: skip
        watched = Watched(
            symbols, TIMEFRAMES[config.market_data.timeframe], pace_seconds(config),
            config.exchange.rate_limit_per_minute,
        )  # fmt: skip
        monitor = Monitor(config.monitoring, watched, alerts=told, say=notes.tell, facts=facts, clock=clock)
        page = config.monitoring.prometheus
        if page is not None:
            stack.enter_context(
                Page(page.bind, page.port, latest=lambda: monitor.latest, told=told.counts, hosts=page.hosts)
            )
        yield stack.enter_context(monitor)


def pace_seconds(config: Config) -> float | None:
    """Seconds between two candles as they come; None where they come as fast as they are taken."""
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
