"""The progress of a run for the user who waits: a live bar on a terminal, plain lines elsewhere. On stderr only."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from safla.text import counted, printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

SECONDS_BETWEEN_LINES = 2.0
BAR_WIDTH = 12  # so that bar and text of one symbol fit into 80 columns


class Progress(NamedTuple):
    """How far a run is."""

    done: int  # candles that are processed, of all symbols
    total: int
    equity: str  # with its currency
    modes: str  # one for each symbol
    trades: int


ProgressListener = Callable[[Progress], None]
Notify = Callable[[str], None]  # takes a line of text for the user


class Display(NamedTuple):
    """Where progress and notes are shown, so that neither is written into the other."""

    watch: ProgressListener
    note: Callable[[str], None]  # shows a line of text, above the bar if there is one


@contextmanager
def show_progress(*, quiet: bool) -> Iterator[Display]:
    """Show progress and notes on stderr: a bar on a terminal, lines elsewhere, nothing if quiet."""
    if quiet:
        yield Display(_ignore, _ignore)
    elif sys.stderr.isatty():
        with _bar() as display:
            yield display
    else:
        yield Display(_lines(), _write)


def _write(note: str) -> None:
    sys.stderr.write(f"{printable(note)}\n")


def _ignore(_update: Progress | str) -> None:
    return


def _lines() -> ProgressListener:
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


def bars() -> "Bars":
    """Progress bars on stderr, one line each; text that does not fit ends with an ellipsis. At the end they vanish."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars
    from rich.table import Column

    one_line = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=BAR_WIDTH),
        TextColumn("{task.fields[facts]}", markup=False, table_column=one_line), TimeRemainingColumn(),
    )  # fmt: skip
    return Bars(*columns, console=Console(stderr=True), transient=True, expand=True)


@contextmanager
def _bar() -> Iterator[Display]:
    from rich.text import Text

    began = time.monotonic()
    with bars() as bar:
        task = bar.add_task("candles", total=None, facts="")

        def watch(progress: Progress) -> None:
            rate = progress.done / max(time.monotonic() - began, 1e-9)
            facts = (
                f"{progress.done}/{progress.total}  {rate:,.0f}/s  {progress.equity}  "
                f"{counted(progress.trades, 'trade')}  {progress.modes}"
            )
            bar.update(task, total=progress.total, completed=progress.done, facts=facts)

        def note(text: str) -> None:
            bar.console.print(Text(printable(text)), soft_wrap=True)

        yield Display(watch, note)
