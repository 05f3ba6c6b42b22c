"""A paper run with its listeners: logs, monitoring, the terminal. None of them can slow it down or change it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from loguru import logger

from safla.config.loader import Loaded
from safla.config.plan import RunPlan
from safla.exchange.live_symbol import BAD, CLOCK, ENDED, MISSING, REFUSED, SILENT
from safla.observe import event_log, live_view, monitoring
from safla.observe.background import BackgroundWorker
from safla.observe.candle_lag import Lag
from safla.observe.monitor import Gauges, Monitor
from safla.observe.secrets import secrets_of
from safla.observe.update import Update
from safla.paper import runner
from safla.paper.runner import Listeners
from safla.paper.sources import CandleSource, ExchangeLink
from safla.runs.interrupt import watched
from safla.strategies.register import STRATEGIES, Strategy

PATIENT_SECONDS, HURRIED_SECONDS = 10.0, 0.2  # the time for updates that are still queued at the end
ALERTED = (MISSING, REFUSED, SILENT, BAD, ENDED)  # the troubles that raise an alert; the others are only logged


def trade(
    loaded: Loaded, folder: Path, *, force: bool, quiet: bool, environment: Mapping[str, str],
    say: Callable[[str], None], register: Mapping[str, Strategy] = STRATEGIES,
) -> runner.PaperResult:  # fmt: skip
    """Run a paper run until it ends, with log, live view and monitoring.

    environment  its secrets are kept out of the logs (Z11)
    """
    attach_listeners = partial(_attach_listeners, loaded, folder, quiet=quiet, environment=environment)
    with watched() as flag:
        return runner.run_paper(
            loaded, folder, force=force, say=say, flag=flag, attach_listeners=attach_listeners, register=register
        )


@contextmanager
def _attach_listeners(
    loaded: Loaded, folder: Path, plan: RunPlan, source: CandleSource, *, quiet: bool, environment: Mapping[str, str]
) -> Iterator[Listeners]:
    """Attach the listeners. Log and terminal each have a thread and a queue; a full queue drops and counts updates."""
    with ExitStack() as stack:
        hidden = secrets_of(loaded.config, environment)
        rules = plan.plan.rules
        lag = Lag(source.line.now, live_from=rules.start_ts, step_ms=rules.step_ms)
        logged = stack.enter_context(event_log.of_run(folder, loaded.config, secrets=hidden, late=lag.of))
        workers: list[BackgroundWorker[Update]] = []
        facts = _facts(source.line, workers)
        shown, wall = partial(_shown, source.line, lag), partial(_wall, source.line)
        view = stack.enter_context(live_view.live_view(plan, quiet=quiet, facts=shown, clock=wall))
        monitor = stack.enter_context(
            monitoring.of_run(loaded.config, run=folder.name, symbols=plan.symbols, facts=facts, terminal=view.alert)
        )
        for name, listener in (("the log", logged), ("the view", view)):
            workers.append(BackgroundWorker(name, listener))
        stack.push(partial(_close, workers))  # pushed last, so that the workers end before log and view are closed

        def notify(update: Update) -> None:
            monitor.listen(update)
            lag.listen(update)
            for worker in workers:
                worker.tell(update)

        yield Listeners(notify, partial(_on_trouble, monitor))


def _close(workers: list[BackgroundWorker[Update]], kind: object, *_error: object) -> None:
    """Let the workers finish their queues when a run ends by itself; after an error or a signal there is no time."""
    end = time.monotonic() + (PATIENT_SECONDS if kind is None else HURRIED_SECONDS)
    for worker in workers:
        worker.close(end - time.monotonic())


def _facts(line: ExchangeLink, workers: list[BackgroundWorker[Update]]) -> Gauges:
    return Gauges(
        requests=lambda: line.figures()[0],
        weight=lambda: line.figures()[1],
        breaker=lambda: line.figures()[2],
        tasks=line.tasks,
        now=line.now,
        waiting=line.waiting,
        dropped=lambda: sum(worker.dropped for worker in workers),
    )


def _shown(line: ExchangeLink, lag: Lag) -> dict[str, str]:
    """What the live view shows of the connection to the exchange."""
    requests, _, breaker = line.figures()
    late = {} if lag.latest is None else {"lag": f"{lag.latest:.3f} s"}
    return {} if breaker is None else {"breaker": breaker, "requests a minute": str(requests), **late}


def _wall(line: ExchangeLink) -> float:
    """Seconds since 1970 by the exchange's clock, where it is known: this machine's may be wrong, and ages with it."""
    now = line.now()
    return time.time() if now is None else now


def _on_trouble(monitor: Monitor, kind: str, symbol: str, text: str) -> None:
    logger.bind(file="market_data", fields={"kind": kind}).warning("{}", text)
    if kind == CLOCK:
        monitor.doubted(text)
    if kind in ALERTED:
        monitor.refused(text, symbol=symbol or None)
