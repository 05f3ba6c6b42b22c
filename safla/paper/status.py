"""What another process finds in a run folder: its whole lines, who holds it, where it stands (J47).

Without the lock, and without touching anything: also of another user's, and while it is written.
"""

import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from safla.config.plan import RunPlan
from safla.core.candles import Series, between
from safla.core.values import State
from safla.errors import ConfigError, DataError, Finding, HostError, JournalError, StrategyError
from safla.journal import checkpoint as anchor
from safla.journal import reader
from safla.journal.chain import MAX_LINE, alone
from safla.journal.checkpoint import HEAD
from safla.journal.events import CandleEvent, CandleMissing, Event, Halted, Resumed, RunEnded, RunStarted
from safla.journal.files import JOURNAL, journal_of, open_to_read
from safla.journal.reader import Journal, Tail
from safla.journal.verify import verify_text
from safla.observe.snapshot import AccountSnapshot, standing
from safla.paper import snapshot
from safla.paper.control import NOTHING_WAITS, Rejected, Requests, requests
from safla.paper.session import first_hash
from safla.runs.engine_choice import choose
from safla.runs.folder import CONFIG, LOCK, OURS, Holder, holder_of
from safla.runs.recording import Inputs, noting, run_of, series_of
from safla.runs.runner import fold_blocks

LAST_EVENTS = 5
SECONDS_BETWEEN_LOOKS = 1.0
TRIES = 20  # in as many seconds as lie between two snapshots
LAST_BYTES = 65_536

_MODE = re.compile(rb"^mode: (backtest|paper)\b", re.MULTILINE)
_MAX_CONFIG = 65_536  # bytes that are looked at
_MONITORED, _MAX_MONITORED = "performance.log", 65_536
_HASH = slice(-35, -3)  # where a line with its newline holds its own hash (J10)
_OTHERWISE = "this release decides otherwise than the journal tells; `safla replay` shows where"


class RunStatus(NamedTuple):
    """What was found. Of a run that has no whole line yet, `started` and what follows from it are None."""

    journal: Path
    mode: str | None  # backtest or paper; None: no config.yaml tells
    holder: Holder
    seen: float  # seconds of the wall clock
    started: RunStarted | None
    ended: bool
    tail: Tail | None
    standing: AccountSnapshot | None
    last: tuple[Event, ...]  # candles apart
    note: str | None  # why no standing is told, or not to be trusted
    monitored: dict[str, Any] | None  # what monitoring told last: time, text, and figures; None: nothing
    requests: Requests  # the commands that wait for a session
    by_snapshot: bool  # its session said where it stands; the journal was not folded
    done: frozenset[str]  # the ids of those that stand in the journal


class _Folded(NamedTuple):
    state: State
    lines: int
    h: str


def look(
    run: Path,
    *,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> RunStatus:
    """Look at a run folder or its journal once. JournalError for damage, or where nothing of a run is there."""
    path = journal_of(run)
    ours = path.name == JOURNAL  # of a journal under another name, what lies beside it is not its own
    found = RunStatus(
        journal=path, mode=_mode(path.with_name(CONFIG)) if ours else None,
        holder=holder_of(path.with_name(LOCK)) if ours else Holder(None, None), seen=clock(), started=None, ended=False,
        tail=None, standing=None, last=(), note=None, monitored=_monitored(path), requests=NOTHING_WAITS,
        by_snapshot=False, done=frozenset(),
    )  # fmt: skip
    if _just_begun(path):
        return found
    told = _from_snapshot(path, found, sleep=sleep) if ours else None
    found = told or _read(reader.read(path), found, say=say)
    return found._replace(requests=_requests(found))


def watch_run(
    run: Path,
    *,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[RunStatus]:
    """Look every second until the run has ended; the journal is read again only where it has grown."""
    found, known = None, None
    while found is None or not found.ended:
        if found is not None:
            sleep(SECONDS_BETWEEN_LOOKS)
        now = _mark(journal_of(run))
        if found is None or now != known:
            found, known = look(run, say=say, clock=clock, sleep=sleep), now
        else:
            lock = found.journal.with_name(LOCK)
            found = found._replace(
                seen=clock(), holder=holder_of(lock) if found.holder.held is not None else found.holder,
                monitored=_monitored(found.journal), requests=_requests(found),
            )  # fmt: skip
        yield found


def _just_begun(path: Path) -> bool:
    """Whether there is a run without a whole line: a folder that was made for it, or the start of a first line."""
    beside = path.with_name(HEAD)
    if not os.path.lexists(path):
        if path.name != JOURNAL or not any(os.path.lexists(path.with_name(name)) for name in OURS):
            return False  # whoever opens it says what is missing
        if os.path.lexists(beside):
            raise JournalError(f"{path}: is missing, and head says that it was there")
        return True
    with open_to_read(path) as file:
        found = verify_text(file.read(MAX_LINE), anchor.read_checkpoint(beside) if path.name == JOURNAL else None)
    return found.lines == 0 and found.kind in ("whole", "torn")


def _read(journal: Journal, found: RunStatus, *, say: Callable[[str], None]) -> RunStatus:
    """The same with what its lines tell."""
    inputs = Inputs(journal.started)
    last: deque[Event] = deque(maxlen=LAST_EVENTS)
    ts = journal.started.ts
    for event in noting(journal, inputs):
        ts = event.ts
        if not isinstance(event, CandleEvent | CandleMissing):
            last.append(event)
    assert journal.tail is not None, "the journal was read to its end"
    ended, done = journal.ended is not None, frozenset(inputs.commands)
    found = found._replace(started=journal.started, ended=ended, tail=journal.tail, last=tuple(last), done=done)
    series = series_of(journal, inputs.rows)
    try:
        run = run_of(journal.started)
        folded = _stood(run, series, inputs=inputs, ts=ts, found=found, say=say)
    except (ConfigError, DataError, Finding, StrategyError) as error:
        return found._replace(note=str(error))
    if folded is None:
        return found._replace(note="the lines of its first candle are not whole yet")
    same = folded.lines < journal.tail.lines or folded.h == journal.tail.h
    return found._replace(standing=standing(run, folded.state), note=None if same else _OTHERWISE)


def _stood(
    run: RunPlan,
    series: Sequence[Series],
    *,
    inputs: Inputs,
    ts: int,
    found: RunStatus,
    say: Callable[[str], None],
) -> _Folded | None:
    """The fold up to a timestamp, or to the one before it where lines of it are missing still: it is being written.

    None where the first timestamp is that one.
    """
    assert found.tail is not None, "there are lines"
    whole = _folded(run, series, inputs=inputs, end=ts + 1, ended=found.ended, say=say)
    if whole is None or whole.lines <= found.tail.lines:
        return whole
    return _folded(run, series, inputs=inputs, end=ts, ended=False, say=say)


def _folded(
    run: RunPlan,
    series: Sequence[Series],
    *,
    inputs: Inputs,
    end: int,
    ended: bool,
    say: Callable[[str], None],
) -> _Folded | None:
    """The fold of all candles that open before `end` (ms), closing lines included where the run has ended."""
    cut = tuple(one._replace(columns=between(one.columns, 0, end)) for one in series)
    candles = sum(len(one.columns.ts) for one in cut)
    if candles == 0:
        return None
    forms = choose("auto", run.strategy.columns, candles=candles, say=say)
    state, lines, h = None, 0, ""
    outside = [one for one in inputs.outside if one.ts < end]
    for block in fold_blocks(run, cut, forms=forms, outside=outside, stop=inputs.stop):
        if len(block.ts) or ended:
            state, lines = block.state, lines + block.lines.count(b"\n")
            h = block.lines[_HASH].decode("ascii") or h
    assert state is not None, "there is a candle"
    return _Folded(state, lines, h)


def _from_snapshot(path: Path, found: RunStatus, *, sleep: Callable[[float], None]) -> RunStatus | None:
    """The same with what a session wrote of itself, where it belongs to the last whole line of the journal.

    None where there is none, or it is older: a session that goes on writes another within a second.
    """
    started = reader.read(path).started
    for left in reversed(range(TRIES if found.holder.held else 1)):
        with open_to_read(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LAST_BYTES))
            text = file.readall()
        whole = text[: text.rfind(b"\n") + 1]
        torn = len(text) - len(whole)
        told = snapshot.read_snapshot(path.parent, symbols=len(started.symbols))
        if told is not None and size - torn == told.offset:
            break
        if not left:
            return None
        sleep(SECONDS_BETWEEN_LOOKS / TRIES)
    else:
        return None
    last = _last_events(whole)
    if not last:
        return None
    ended = isinstance(last[-1], RunEnded)
    found = found._replace(
        started=started, ended=ended, tail=Tail(told.n, told.h, told.offset, torn, unended=False), by_snapshot=True,
        done=frozenset(one.id for one in last if isinstance(one, Halted | Resumed | RunEnded) and one.id is not None),
        last=tuple(one for one in last if not isinstance(one, CandleEvent | CandleMissing))[-LAST_EVENTS:],
    )  # fmt: skip
    try:
        return found._replace(standing=standing(run_of(started), told.state))
    except ConfigError as error:
        return found._replace(note=str(error))


def _last_events(whole: bytes) -> list[Event]:
    """The events of the lines at the end of a journal, as far back as each of them verifies by itself."""
    events: list[Event] = []
    for raw in reversed(whole.splitlines()):
        event = alone(raw)
        if event is None:
            break
        events.append(event)
    return events[::-1]


def _requests(found: RunStatus) -> Requests:
    """The commands that wait; none where they cannot be looked at: the run is another user's, or only a file.

    A run that has ended takes none: what lies there still is rejected.
    """
    journal = found.journal
    if journal.name != JOURNAL or found.started is None:
        return NOTHING_WAITS
    try:
        commands, rejected = requests(journal.parent, run=first_hash(journal))
    except (HostError, JournalError):
        return NOTHING_WAITS
    commands = tuple(one for one in commands if one.id not in found.done)
    if found.ended:
        return Requests((), (*(Rejected(one.id, "the run has ended") for one in commands), *rejected))
    return Requests(commands, rejected)


def _mode(config: Path) -> str | None:
    """What config.yaml calls the run; it is there for people, so that nothing else is read out of it."""
    try:
        with open_to_read(config) as file:
            told = _MODE.search(file.read(_MAX_CONFIG))
    except (JournalError, HostError):
        return None
    return told[1].decode("ascii") if told else None


def _monitored(journal: Path) -> dict[str, Any] | None:
    """The last whole line of the log of monitoring, which knows what no journal tells: the breaker, and the lag."""
    if journal.name != JOURNAL:
        return None
    try:
        with open_to_read(journal.with_name(_MONITORED)) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _MAX_MONITORED))
            told = msgspec.json.decode(file.read(_MAX_MONITORED).split(b"\n")[-2])  # behind its newline, perhaps a half
    except (JournalError, HostError, IndexError, msgspec.MsgspecError, ValueError, RecursionError):
        return None  # anything may stand there
    sound = isinstance(told, dict) and isinstance(told.get("time"), str) and isinstance(told.get("text"), str)
    return told if sound else None


def _mark(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None where there is none."""
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
