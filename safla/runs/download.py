"""A download that a command starts: its log and its progress. The download itself is in data/service.py."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from safla.config.model import Config
from safla.data import service
from safla.data.backfill import DownloadListener, DownloadProgress
from safla.data.service import FetchRequest, FetchResult
from safla.observe import event_log
from safla.runs.progress import bars

SECONDS_BETWEEN_LINES = 2.0


def fetch(config: Config, ask: FetchRequest, *, quiet: bool) -> FetchResult:
    """Download candles into the store, with a log and with progress on stderr. Errors as in data/service.py."""
    with event_log.of_exchange(config), show_download(quiet=quiet) as listener:
        return service.finished(service.fetch(config, ask, listener=listener))


@contextmanager
def show_download(*, quiet: bool) -> Iterator[DownloadListener]:
    """A listener that shows the progress of a download: bars on a terminal, plain lines elsewhere, nothing if quiet."""
    if quiet:
        yield lambda progress: None
    elif sys.stderr.isatty():
        with _bars() as listener:
            yield listener
    else:
        yield _lines(time.monotonic)


def facts(progress: DownloadProgress, *, seconds: float) -> str:
    """The progress of one symbol as text. seconds: since the download began."""
    weight = "" if progress.weight is None else f", weight {progress.weight}"
    rate = progress.done / max(seconds, 1e-9)
    gaps = f"{progress.gaps} gap{'' if progress.gaps == 1 else 's'}"
    return f"{progress.done} of {progress.total} candles, {rate:.0f}/s, {gaps}, {progress.requests} requests{weight}"


def _lines(clock: Callable[[], float]) -> DownloadListener:
    began = last = clock()

    def write_line(progress: DownloadProgress) -> None:
        nonlocal last
        now = clock()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            name = f"{progress.place.symbol} {progress.place.timeframe}"
            sys.stderr.write(f"{name}: {facts(progress, seconds=now - began)}\n")

    return write_line


@contextmanager
def _bars() -> Iterator[DownloadListener]:
    began = time.monotonic()
    tasks: dict[str, Any] = {}
    with bars() as drawn:

        def update(progress: DownloadProgress) -> None:
            name = f"{progress.place.symbol} {progress.place.timeframe}"
            if name not in tasks:
                tasks[name] = drawn.add_task(name, total=progress.total, facts="")
            text = facts(progress, seconds=time.monotonic() - began)
            drawn.update(tasks[name], completed=progress.done, total=progress.total, facts=text)

        yield update
