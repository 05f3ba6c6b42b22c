"""The live view of a paper run on stderr: drawn in place on a terminal, plain lines elsewhere.

It gets updates that are on the disk already (J23), decides nothing, and never raises because stderr is closed or full.
"""

import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from safla.config.plan import RunPlan
from safla.core.candles import iso
from safla.journal.events import CandleEvent, CandleMissing, Event, Filled, Halted, Resumed, RunEnded, TradeClosed
from safla.observe.format import account_line, account_lines, ascii_only, event_line
from safla.observe.snapshot import account_snapshot
from safla.observe.update import Update
from safla.text import counted

if TYPE_CHECKING:
    from rich.console import Console

LAST_EVENTS = 5
LAST_ALERTS = 3
SECONDS_BETWEEN_LINES = 60.0  # between two status lines where there is no terminal
PICTURES_A_SECOND = 2.0
INDENT = 11  # the column in which the values begin
SAID = (Filled, TradeClosed, Halted, Resumed, RunEnded)  # events that get a line where there is no terminal

StatusTexts = Callable[[], Mapping[str, str]]  # what monitoring knows now: names (breaker, lag) and short texts
SecondsClock = Callable[[], float]


class View(Protocol):
    """The interface that the runner and the alerts use."""

    def __call__(self, update: Update) -> None:
        """Show the update of one timestamp, or of one input from outside."""

    def alert(self, text: str) -> None:
        """Show an alert in one line."""


@contextmanager
def live_view(
    run: RunPlan,
    *,
    quiet: bool,
    facts: StatusTexts | None = None,
    stream: TextIO | None = None,
    clock: SecondsClock = time.time,
    monotonic: SecondsClock = time.monotonic,
) -> Iterator[View]:
    """The view of a run, for the length of a `with`.

    quiet      show nothing
    facts      called for every picture and every status line; None: there is no monitoring
    stream     None: sys.stderr
    clock      wall clock, used for ages only
    monotonic  decides when the next status line is due
    """
    shown = Unfailing(sys.stderr if stream is None else stream)
    console = None if quiet else drawing_console(shown)
    if quiet:
        yield Silent()
    elif console is not None:
        picture = Picture(run, facts=facts, clock=clock)
        with _drawn(picture, console, redirected=stream is None):
            yield picture
    else:
        yield LineView(run, facts=facts, stream=shown, monotonic=monotonic)


class Unfailing:
    """A stream that ignores failed writes: stderr may be a closed pipe or a full disk, and that must not end a run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "ascii"

    def write(self, text: str) -> int:
        """Write the text, or lose it."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush; an error is ignored."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False


class Silent:
    """The view of a quiet run: it shows nothing."""

    def __call__(self, update: Update) -> None:
        """Do nothing."""

    def alert(self, text: str) -> None:
        """Do nothing."""


class LineView:
    """Writes a line for each fill, closed trade, halt, resume and alert, and a status line at most once a minute."""

    def __init__(self, run: RunPlan, *, facts: StatusTexts | None, stream: Unfailing, monotonic: SecondsClock) -> None:
        self._run = run
        self._facts = facts
        self._stream = stream
        self._monotonic = monotonic
        self._next_line_at = monotonic()  # the first status line is written at once

    def __call__(self, update: Update) -> None:
        """Write the events that a person should see, and the status line if it is due."""
        lines = [event_line(event) for event in update.events if isinstance(event, SAID)]
        if self._monotonic() >= self._next_line_at:
            self._next_line_at = self._monotonic() + SECONDS_BETWEEN_LINES
            lines.append(", ".join([account_line(account_snapshot(self._run, update.state)), *_facts(self._facts)]))
        self._write(lines)

    def alert(self, text: str) -> None:
        """Write the alert at once."""
        self._write([ascii_only(text)])  # the text begins with "alert" or "over"

    def _write(self, lines: list[str]) -> None:
        if lines:
            # One write: alerts come from another thread, and must not end up in the middle of a line.
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()


class Picture:
    """Keeps the last update, events and alerts, and makes the lines of the picture. Used by two threads."""

    def __init__(self, run: RunPlan, *, facts: StatusTexts | None, clock: SecondsClock) -> None:
        self._run = run
        self._facts = facts
        self._clock = clock
        self._lock = threading.Lock()
        self._update: Update | None = None
        self._events: tuple[Event, ...] = ()
        self._alerts: tuple[str, ...] = ()

    def __call__(self, update: Update) -> None:
        """Keep the update for the next picture."""
        events = (event for event in update.events if not isinstance(event, CandleEvent | CandleMissing))
        with self._lock:
            self._update = update
            self._events = (*self._events, *events)[-LAST_EVENTS:]

    def alert(self, text: str) -> None:
        """Keep the alert, with the time at which it came."""
        line = f"{iso(int(self._clock()) * 1000)}  {ascii_only(text)}"
        with self._lock:
            self._alerts = (*self._alerts, line)[-LAST_ALERTS:]

    def lines(self) -> list[str]:
        """The lines of the picture now."""
        with self._lock:
            update, events, alerts = self._update, self._events, self._alerts
        head = f"{self._run.name}, paper, {self._run.timeframe}"
        if update is None:
            lines = [f"{head}, waiting for the first candle"]
        else:
            shown = account_lines(account_snapshot(self._run, update.state), now=self._clock())
            lines = [
                f"{head}, {counted(update.lines, 'line')}, written in {(update.synced - update.came) * 1000:.1f} ms",
                *shown,
            ]
        if facts := _facts(self._facts):
            lines.append(f"exchange   {', '.join(facts)}")
        if events:
            lines += ["last events", *(f"  {event_line(event)}" for event in events)]
        if alerts:
            lines += ["alerts", *(f"  {line}" for line in alerts)]
        return lines


def _facts(facts: StatusTexts | None) -> list[str]:
    return [] if facts is None else [f"{ascii_only(name)} {ascii_only(text)}" for name, text in facts().items()]


def wrapped(lines: Iterable[str], width: int) -> list[str]:
    """Wrap lines to the width of a terminal; a continuation is indented to the column of the values."""
    indent = " " * min(INDENT, width // 4)
    return [
        part
        for line in lines
        for part in textwrap.wrap(line, max(1, width), subsequent_indent=indent, break_on_hyphens=False) or [""]
    ]


def drawing_console(stream: Any) -> "Console | None":
    """A console that can redraw a picture in place; None if the stream is no terminal, or a dumb one."""
    if not stream.isatty():
        return None
    from rich.console import Console

    console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
    return None if console.is_dumb_terminal else console


@contextmanager
def _drawn(picture: Picture, console: "Console", *, redirected: bool) -> Iterator[None]:
    """A thread of rich redraws the picture, so that ages grow; other output to stderr appears above it."""
    from rich.live import Live
    from rich.text import Text

    def render() -> Text:
        return Text("\n".join(wrapped(picture.lines(), console.width)), no_wrap=True, overflow="crop")

    with Live(
        console=console, get_renderable=render, refresh_per_second=PICTURES_A_SECOND, redirect_stdout=redirected,
        redirect_stderr=redirected,
    ):  # fmt: skip
        yield
