"""How far a run is, for a person who waits: a live bar on a terminal, plain lines elsewhere. stderr only."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from safla.config.shown import counted

SECONDS_BETWEEN_LINES = 2.0


class Progress(NamedTuple):
    """Where a run stands."""

    done: int  # candles folded
    total: int
    equity: str  # with its currency
    modes: str  # one for each symbol
    trades: int


Watch = Callable[[Progress], None]


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watch]:
    """Something to be told of progress: it draws on a terminal, prints lines elsewhere, or is silent."""
    if quiet:
        yield _ignore
    elif sys.stderr.isatty():
        with _bar() as watch:
            yield watch
    else:
        yield _lines()


def _ignore(_progress: Progress) -> None:
    return


def _lines() -> Watch:
    began = last = time.monotonic()

    def watch(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < SECONDS_BETWEEN_LINES:
            return
        last = now
        rate = progress.done / (now - began)
        sys.stderr.write(
            f"{progress.done} of {progress.total} candles, {rate:.0f}/s, equity {progress.equity}, {progress.modes}, "
            f"{counted(progress.trades, 'trade')}\n"
        )

    return watch


@contextmanager
def _bar() -> Iterator[Watch]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}", markup=False),
        TimeRemainingColumn(),
    )  # fmt: skip
    began = time.monotonic()
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("candles", total=None, facts="")

        def watch(progress: Progress) -> None:
            rate = progress.done / max(time.monotonic() - began, 1e-9)
            facts = (
                f"{progress.done}/{progress.total}  {rate:,.0f}/s  {progress.equity}  {progress.modes}  "
                f"{counted(progress.trades, 'trade')}"
            )
            bar.update(task, total=progress.total, completed=progress.done, facts=facts)

        yield watch
