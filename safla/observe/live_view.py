"""A paper run as it goes, for a person who watches: drawn in place on a terminal, plain lines elsewhere. stderr only.

It is told what is on the disk already (J23), decides nothing, and never raises because nobody can see it.
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
from safla.observe.format import ascii_only, event_line, standing_line, standing_lines
from safla.observe.snapshot import standing
from safla.observe.update import Update
from safla.text import counted

if TYPE_CHECKING:
    from rich.console import Console

LAST_EVENTS = 5
LAST_ALERTS = 3
SECONDS_BETWEEN_LINES = 60.0
PICTURES_A_SECOND = 2.0
INDENT = 11  # where the values of a line begin
SAID = (Filled, TradeClosed, Halted, Resumed, RunEnded)  # each is a line where there is no terminal

StatusTexts = Callable[[], Mapping[str, str]]  # what monitoring knows now: a name and a short text each (breaker, lag)
SecondsClock = Callable[[], float]


class View(Protocol):
    """What the runner and the alerts speak to."""

    def __call__(self, told: Update) -> None:
        """What one timestamp, or one input from outside, came to."""

    def alert(self, text: str) -> None:
        """A trouble that a person should know of, in one line."""


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
    """Something to be told of a run, for the length of a `with`.

    facts   asked whenever a picture or a line a minute is made; None: no monitoring
    stream  sys.stderr unless another is given
    clock   of the wall, for ages alone; monotonic paces the lines
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
    """A stream that loses what nobody takes: a closed pipe or a full disk behind stderr must not end a run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "ascii"

    def write(self, text: str) -> int:
        """Write, or lose it."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or lose it."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """Whether a person looks at it directly."""
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False


class Silent:
    """A quiet run: nothing is shown."""

    def __call__(self, told: Update) -> None:
        """Nothing."""

    def alert(self, text: str) -> None:
        """Nothing."""


class LineView:
    """A line for each fill, halt, resume and alert, else one a minute at most."""

    def __init__(self, run: RunPlan, *, facts: StatusTexts | None, stream: Unfailing, monotonic: SecondsClock) -> None:
        self._run = run
        self._facts = facts
        self._stream = stream
        self._monotonic = monotonic
        self._due = monotonic()  # the first is shown at once

    def __call__(self, told: Update) -> None:
        """Say what happened, or that it goes on."""
        lines = [event_line(event) for event in told.events if isinstance(event, SAID)]
        if self._monotonic() >= self._due:
            self._due = self._monotonic() + SECONDS_BETWEEN_LINES
            lines.append(", ".join([standing_line(standing(self._run, told.state)), *_facts(self._facts)]))
        self._say(lines)

    def alert(self, text: str) -> None:
        """Say it at once."""
        self._say([ascii_only(text)])  # it says itself that it is an alert, or the end of one

    def _say(self, lines: list[str]) -> None:
        if lines:
            self._stream.write("".join(f"{line}\n" for line in lines))  # in one piece, for alerts come from elsewhere
            self._stream.flush()


class Picture:
    """The last thing told, and what a picture of it says. Told by one thread, drawn by another."""

    def __init__(self, run: RunPlan, *, facts: StatusTexts | None, clock: SecondsClock) -> None:
        self._run = run
        self._facts = facts
        self._clock = clock
        self._lock = threading.Lock()
        self._told: Update | None = None
        self._events: tuple[Event, ...] = ()
        self._alerts: tuple[str, ...] = ()

    def __call__(self, told: Update) -> None:
        """Keep it for the next picture."""
        events = (event for event in told.events if not isinstance(event, CandleEvent | CandleMissing))
        with self._lock:
            self._told = told
            self._events = (*self._events, *events)[-LAST_EVENTS:]

    def alert(self, text: str) -> None:
        """Keep it, with the time at which it came."""
        line = f"{iso(int(self._clock()) * 1000)}  {ascii_only(text)}"
        with self._lock:
            self._alerts = (*self._alerts, line)[-LAST_ALERTS:]

    def lines(self) -> list[str]:
        """The picture as it is now."""
        with self._lock:
            told, events, alerts = self._told, self._events, self._alerts
        head = f"{self._run.name}, paper, {self._run.timeframe}"
        if told is None:
            lines = [f"{head}, waiting for the first candle"]
        else:
            at = standing_lines(standing(self._run, told.state), now=self._clock())
            lines = [
                f"{head}, {counted(told.lines, 'line')}, written in {(told.synced - told.came) * 1000:.1f} ms",
                *at,
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
    """Lines that fit into a terminal: a longer one goes on below itself, indented as the values are."""
    indent = " " * min(INDENT, width // 4)
    return [
        part
        for line in lines
        for part in textwrap.wrap(line, max(1, width), subsequent_indent=indent, break_on_hyphens=False) or [""]
    ]


def drawing_console(stream: Any) -> "Console | None":
    """A console on a stream where a picture can be taken back and drawn anew: a terminal, and no dumb one."""
    if not stream.isatty():
        return None
    from rich.console import Console

    console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
    return None if console.is_dumb_terminal else console


@contextmanager
def _drawn(picture: Picture, console: "Console", *, redirected: bool) -> Iterator[None]:
    """Drawn anew by a thread of rich's, so that ages grow; what others write to stderr meanwhile goes above it."""
    from rich.live import Live
    from rich.text import Text

    def drawn() -> Text:
        return Text("\n".join(wrapped(picture.lines(), console.width)), no_wrap=True, overflow="crop")

    with Live(
        console=console, get_renderable=drawn, refresh_per_second=PICTURES_A_SECOND, redirect_stdout=redirected,
        redirect_stderr=redirected,
    ):  # fmt: skip
        yield
