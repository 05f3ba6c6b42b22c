"""A paper run with those who look on: logs, monitoring, the terminal. None of them can hold it up or change it."""

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
from safla.paper.runner import Onlooker
from safla.paper.sources import CandleSource, ExchangeLink
from safla.runs.interrupt import watched

PATIENT_SECONDS, HURRIED_SECONDS = 10.0, 0.2  # for what waits in the queues at the end
ALERTED = (MISSING, REFUSED, SILENT, BAD, ENDED)  # the troubles for which a person is called; the others are logged


def trade(
    loaded: Loaded, folder: Path, *, force: bool, quiet: bool, environment: Mapping[str, str],
    say: Callable[[str], None],
) -> runner.PaperResult:  # fmt: skip
    """Run until it ends, with a log, a view and monitoring of it.

    environment  whose secrets stand in no log (Z11)
    """
    attend = partial(_attended, loaded, folder, quiet=quiet, environment=environment)
    with watched() as flag:
        return runner.run_paper(loaded, folder, force=force, say=say, flag=flag, attend=attend)


@contextmanager
def _attended(
    loaded: Loaded, folder: Path, plan: RunPlan, source: CandleSource, *, quiet: bool, environment: Mapping[str, str]
) -> Iterator[Onlooker]:
    """Logs and the terminal each have a thread and a queue: what they do not take in time is dropped, and counted."""
    with ExitStack() as stack:
        hidden = secrets_of(loaded.config, environment)
        rules = plan.plan.rules
        lag = Lag(source.line.now, live_from=rules.start_ts, step_ms=rules.step_ms)
        logged = stack.enter_context(event_log.of_run(folder, loaded.config, secrets=hidden, late=lag.of))
        asides: list[BackgroundWorker[Update]] = []
        facts = _facts(source.line, asides)
        shown, wall = partial(_shown, source.line, lag), partial(_wall, source.line)
        seen = stack.enter_context(live_view.live_view(plan, quiet=quiet, facts=shown, clock=wall))
        monitor = stack.enter_context(
            monitoring.of_run(loaded.config, run=folder.name, symbols=plan.symbols, facts=facts, terminal=seen.alert)
        )
        for name, listener in (("the log", logged), ("the view", seen)):
            asides.append(BackgroundWorker(name, listener))
        stack.push(partial(_close, asides))  # before what they tell is closed

        def told(one: Update) -> None:
            monitor.listen(one)
            lag.listen(one)
            for aside in asides:
                aside.tell(one)

        yield Onlooker(told, partial(_troubled, monitor))


def _close(asides: list[BackgroundWorker[Update]], kind: object, *_of_it: object) -> None:
    """At its own end a run lets its log be finished; where somebody wants it to leave, there is no time for that."""
    end = time.monotonic() + (PATIENT_SECONDS if kind is None else HURRIED_SECONDS)
    for aside in asides:
        aside.close(end - time.monotonic())


def _facts(line: ExchangeLink, asides: list[BackgroundWorker[Update]]) -> Gauges:
    return Gauges(
        requests=lambda: line.figures()[0],
        weight=lambda: line.figures()[1],
        breaker=lambda: line.figures()[2],
        tasks=line.tasks,
        now=line.now,
        waiting=line.waiting,
        dropped=lambda: sum(one.dropped for one in asides),
    )


def _shown(line: ExchangeLink, lag: Lag) -> dict[str, str]:
    """What the view shows of the way to the exchange."""
    requests, _, breaker = line.figures()
    late = {} if lag.latest is None else {"lag": f"{lag.latest:.3f} s"}
    return {} if breaker is None else {"breaker": breaker, "requests a minute": str(requests), **late}


def _wall(line: ExchangeLink) -> float:
    """Seconds since 1970 by the exchange's clock, where it is known: ages do not follow a wrong one of this machine."""
    now = line.now()
    return time.time() if now is None else now


def _troubled(monitor: Monitor, kind: str, symbol: str, text: str) -> None:
    logger.bind(file="market_data", fields={"kind": kind}).warning("{}", text)
    if kind == CLOCK:
        monitor.doubted(text)
    if kind in ALERTED:
        monitor.refused(text, symbol=symbol or None)
