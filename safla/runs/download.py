"""A download as a command runs it: its log, and how far it is. What is asked for is data/service.py."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from safla.config.model import Config
from safla.data import service
from safla.data.backfill import DownloadListener, DownloadProgress
from safla.data.service import Fetched, FetchRequest
from safla.observe import event_log
from safla.runs.progress import bars

SECONDS_BETWEEN_LINES = 2.0


def fetch(config: Config, ask: FetchRequest, *, quiet: bool) -> Fetched:
    """Bring candles into the store, with a log and with progress on stderr. Errors as in data/service.py."""
    with event_log.of_exchange(config), show_download(quiet=quiet) as told:
        return service.finished(service.fetch(config, ask, told=told))


@contextmanager
def show_download(*, quiet: bool) -> Iterator[DownloadListener]:
    """Something to be told how far a download is: bars on a terminal, plain lines elsewhere, or silence."""
    if quiet:
        yield lambda standing: None
    elif sys.stderr.isatty():
        with _bars() as told:
            yield told
    else:
        yield _lines(time.monotonic)


def facts(standing: DownloadProgress, *, seconds: float) -> str:
    """How far one symbol is, in words."""
    weight = "" if standing.weight is None else f", weight {standing.weight}"
    rate = standing.done / max(seconds, 1e-9)
    gaps = f"{standing.gaps} gap{'' if standing.gaps == 1 else 's'}"
    return f"{standing.done} of {standing.total} candles, {rate:.0f}/s, {gaps}, {standing.requests} requests{weight}"


def _lines(clock: Callable[[], float]) -> DownloadListener:
    began = last = clock()

    def told(standing: DownloadProgress) -> None:
        nonlocal last
        now = clock()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            name = f"{standing.place.symbol} {standing.place.timeframe}"
            sys.stderr.write(f"{name}: {facts(standing, seconds=now - began)}\n")

    return told


@contextmanager
def _bars() -> Iterator[DownloadListener]:
    began = time.monotonic()
    tasks: dict[str, Any] = {}
    with bars() as drawn:

        def told(standing: DownloadProgress) -> None:
            name = f"{standing.place.symbol} {standing.place.timeframe}"
            if name not in tasks:
                tasks[name] = drawn.add_task(name, total=standing.total, facts="")
            told_now = facts(standing, seconds=time.monotonic() - began)
            drawn.update(tasks[name], completed=standing.done, total=standing.total, facts=told_now)

        yield told
