"""The status of a run as another process sees it in the run folder: its journal, its process, its account (J47).

It takes no lock and changes nothing, so that it works for the run of another user, and while the run goes on.
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
from safla.journal import reader
from safla.journal.chain import MAX_LINE, alone
from safla.journal.checkpoint import HEAD, read_checkpoint
from safla.journal.events import CandleEvent, CandleMissing, Event, Halted, Resumed, RunEnded, RunStarted
from safla.journal.files import JOURNAL, journal_of, open_to_read
from safla.journal.reader import Journal, Tail
from safla.journal.verify import verify_text
from safla.observe.snapshot import AccountSnapshot, account_snapshot
from safla.paper import snapshot
from safla.paper.control import NOTHING_WAITS, Rejected, Requests, requests
from safla.paper.session import first_hash
from safla.runs.engine_choice import choose
from safla.runs.folder import CONFIG, LOCK, OURS, Holder, holder_of
from safla.runs.recording import Inputs, has_code, plan_to_show, read_events, run_of, series_of
from safla.runs.runner import fold_blocks

LAST_EVENTS = 5
SECONDS_BETWEEN_LOOKS = 1.0
TRIES = 20  # to find a snapshot that belongs to the last line, within SECONDS_BETWEEN_LOOKS
LAST_BYTES = 65_536

_MODE = re.compile(rb"^mode: (backtest|paper)\b", re.MULTILINE)
_MAX_CONFIG = 65_536  # bytes that are read
_MONITORED, _MAX_MONITORED = "performance.log", 65_536
_HASH = slice(-35, -3)  # where a line with its newline holds its own hash (J10)
_CODE = (
    "its strategy is code, which this command does not execute; `safla replay` with --until and --strategy shows the "
    "account"
)
_DIFFERS = "this version of safla decides otherwise than the journal says; `safla replay` shows where"


class RunStatus(NamedTuple):
    """The status of a run. `started` and all that follows from it are None where the journal has no whole line yet."""

    journal: Path
    mode: str | None  # backtest or paper; None: there is no config.yaml that says it
    holder: Holder
    seen: float  # when the run was looked at, seconds since 1970
    started: RunStarted | None
    ended: bool
    tail: Tail | None
    account: AccountSnapshot | None
    last: tuple[Event, ...]  # the last events that are not candles
    note: str | None  # why `account` is None or should not be trusted
    monitored: dict[str, Any] | None  # the last line of monitoring: time, text and figures; None: there is none
    requests: Requests  # the pending commands
    by_snapshot: bool  # `account` is from the snapshot of the session; the journal was not folded
    done: frozenset[str]  # the ids of the commands that the journal has


class _Folded(NamedTuple):
    """The state after a fold, and the lines that the fold would have written with the hash of the last."""

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
    """The status of a run folder or its journal. JournalError for damage, and where there is no run."""
    path = journal_of(run)
    in_folder = path.name == JOURNAL  # a journal under another name does not belong to the files beside it
    status = RunStatus(
        journal=path, mode=_mode(path.with_name(CONFIG)) if in_folder else None,
        holder=holder_of(path.with_name(LOCK)) if in_folder else Holder(None, None), seen=clock(), started=None,
        ended=False, tail=None, account=None, last=(), note=None, monitored=_monitored(path), requests=NOTHING_WAITS,
        by_snapshot=False, done=frozenset(),
    )  # fmt: skip
    if _just_begun(path):
        return status
    quick = _from_snapshot(path, status, sleep=sleep) if in_folder else None
    status = quick or _read(reader.read(path), status, say=say)
    return status._replace(requests=_requests(status))


def watch_run(
    run: Path,
    *,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[RunStatus]:
    """The status every second until the run has ended; the journal is read again only where it has grown."""
    status, known = None, None
    while status is None or not status.ended:
        if status is not None:
            sleep(SECONDS_BETWEEN_LOOKS)
        now = _mark(journal_of(run))
        if status is None or now != known:
            status, known = look(run, say=say, clock=clock, sleep=sleep), now
        else:
            lock = status.journal.with_name(LOCK)
            status = status._replace(
                seen=clock(), holder=holder_of(lock) if status.holder.held is not None else status.holder,
                monitored=_monitored(status.journal), requests=_requests(status),
            )  # fmt: skip
        yield status


def _just_begun(path: Path) -> bool:
    """Whether a run exists that has no whole line yet: only its folder, or a part of the first line."""
    head = path.with_name(HEAD)
    if not os.path.lexists(path):
        if path.name != JOURNAL or not any(os.path.lexists(path.with_name(name)) for name in OURS):
            return False  # opening it raises the right error
        if os.path.lexists(head):
            raise JournalError(f"{path}: is missing, and head says that it was there", code="journal_not_found")
        return True
    with open_to_read(path) as file:
        verdict = verify_text(file.read(MAX_LINE), read_checkpoint(head) if path.name == JOURNAL else None)
    return verdict.lines == 0 and verdict.kind in ("whole", "torn")


def _read(journal: Journal, status: RunStatus, *, say: Callable[[str], None]) -> RunStatus:
    """The status with what the lines of the journal say, which are all read and folded."""
    inputs = Inputs(journal.started)
    last: deque[Event] = deque(maxlen=LAST_EVENTS)
    ts = journal.started.ts
    for event in read_events(journal, inputs):
        ts = event.ts
        if not isinstance(event, CandleEvent | CandleMissing):
            last.append(event)
    assert journal.tail is not None, "the journal was read to its end"
    ended, done = journal.ended is not None, frozenset(inputs.commands)
    status = status._replace(started=journal.started, ended=ended, tail=journal.tail, last=tuple(last), done=done)
    series = series_of(journal, inputs.rows)
    if has_code(journal.started):
        return status._replace(note=_CODE)
    try:
        run = run_of(journal.started)
        folded = _fold_whole(run, series, inputs=inputs, ts=ts, status=status, say=say)
    except (ConfigError, DataError, Finding, StrategyError) as error:
        return status._replace(note=str(error))
    if folded is None:
        return status._replace(note="the lines of its first candle are not complete yet")
    same = folded.lines < journal.tail.lines or folded.h == journal.tail.h
    return status._replace(account=account_snapshot(run, folded.state), note=None if same else _DIFFERS)


def _fold_whole(
    run: RunPlan,
    series: Sequence[Series],
    *,
    inputs: Inputs,
    ts: int,
    status: RunStatus,
    say: Callable[[str], None],
) -> _Folded | None:
    """Fold up to the last timestamp ts, or to the one before where lines of ts are missing: it is being written.

    None where ts is the first timestamp and not complete.
    """
    assert status.tail is not None, "there are lines"
    whole = _fold(run, series, inputs=inputs, end=ts + 1, ended=status.ended, say=say)
    if whole is None or whole.lines <= status.tail.lines:
        return whole
    return _fold(run, series, inputs=inputs, end=ts, ended=False, say=say)


def _fold(
    run: RunPlan,
    series: Sequence[Series],
    *,
    inputs: Inputs,
    end: int,
    ended: bool,
    say: Callable[[str], None],
) -> _Folded | None:
    """Fold the candles that open before `end` (ms), with the closing lines where the run has ended."""
    cut = tuple(candles._replace(columns=between(candles.columns, 0, end)) for candles in series)
    candles = sum(len(candles.columns.ts) for candles in cut)
    if candles == 0:
        return None
    forms = choose("auto", run.strategy, candles=candles, say=say)
    state, lines, h = None, 0, ""
    outside = [outside for outside in inputs.outside if outside.ts < end]
    for block in fold_blocks(run, cut, forms=forms, outside=outside, stop=inputs.stop):
        if len(block.ts) or ended:
            state, lines = block.state, lines + block.lines.count(b"\n")
            h = block.lines[_HASH].decode("ascii") or h
    assert state is not None, "there is a candle"
    return _Folded(state, lines, h)


def _from_snapshot(path: Path, status: RunStatus, *, sleep: Callable[[float], None]) -> RunStatus | None:
    """The status out of the snapshot that the session wrote, without folding the journal.

    None where no snapshot belongs to the last whole line of the journal. A running session writes one within a second,
    so this waits for it that long.
    """
    started = reader.read(path).started
    for left in reversed(range(TRIES if status.holder.held else 1)):
        with open_to_read(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LAST_BYTES))
            text = file.readall()
        whole = text[: text.rfind(b"\n") + 1]
        torn = len(text) - len(whole)
        read = snapshot.read_snapshot(path.parent, symbols=len(started.symbols))
        if read is not None and size - torn == read.offset:
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
    commanded = (event for event in last if isinstance(event, Halted | Resumed | RunEnded))
    status = status._replace(
        started=started, ended=ended, tail=Tail(read.n, read.h, read.offset, torn, unended=False), by_snapshot=True,
        done=frozenset(event.id for event in commanded if event.id is not None),
        last=tuple(event for event in last if not isinstance(event, CandleEvent | CandleMissing))[-LAST_EVENTS:],
    )  # fmt: skip
    try:
        return status._replace(account=account_snapshot(plan_to_show(started), read.state))
    except ConfigError as error:
        return status._replace(note=str(error))


def _last_events(whole: bytes) -> list[Event]:
    """The events at the end of a journal, back to the first line that does not verify by itself."""
    events: list[Event] = []
    for raw in reversed(whole.splitlines()):
        event = alone(raw)
        if event is None:
            break
        events.append(event)
    return events[::-1]


def _requests(status: RunStatus) -> Requests:
    """The pending commands; none where they cannot be read: for the run of another user, or a journal alone.

    A run that has ended takes no commands: those that are left are rejected.
    """
    journal = status.journal
    if journal.name != JOURNAL or status.started is None:
        return NOTHING_WAITS
    try:
        commands, rejected = requests(journal.parent, run=first_hash(journal))
    except (HostError, JournalError):
        return NOTHING_WAITS
    commands = tuple(command for command in commands if command.id not in status.done)
    if status.ended:
        return Requests((), (*(Rejected(command.id, "the run has ended") for command in commands), *rejected))
    return Requests(commands, rejected)


def _mode(config: Path) -> str | None:
    """The mode in config.yaml, found by a pattern: nothing else of the file matters, and users may edit it."""
    try:
        with open_to_read(config) as file:
            match = _MODE.search(file.read(_MAX_CONFIG))
    except (JournalError, HostError):
        return None
    return match[1].decode("ascii") if match else None


def _monitored(journal: Path) -> dict[str, Any] | None:
    """The last whole line of the monitoring log, for what no journal says: the circuit breaker and the lag."""
    if journal.name != JOURNAL:
        return None
    try:
        with open_to_read(journal.with_name(_MONITORED)) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _MAX_MONITORED))
            line = msgspec.json.decode(file.read(_MAX_MONITORED).split(b"\n")[-2])  # [-1] may be half a line
    except (JournalError, HostError, IndexError, msgspec.MsgspecError, ValueError, RecursionError):
        return None  # the file may hold anything
    sound = isinstance(line, dict) and isinstance(line.get("time"), str) and isinstance(line.get("text"), str)
    return line if sound else None


def _mark(path: Path) -> tuple[int, int, int] | None:
    """A value that changes whenever the file does; None where there is no file."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
