"""How a command brings a wish to a run: to the process that has it, or, where none has, by its own hand (J45).

What came of it is read out of the journal: a wish is done when its lines are there, whatever became of its file.
"""

import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from safla.config.read import read_file
from safla.errors import Finding, HostError, JournalError, UsageError
from safla.journal import reader
from safla.journal.events import Event, Halted, Resumed, RunEnded
from safla.journal.files import JOURNAL, journal_of, open_to_read
from safla.journal.line import MAX_LINE, decode, verified
from safla.runtime import wishes
from safla.runtime.folder import CONFIG, LOCK, holder_of
from safla.runtime.resting import resting
from safla.runtime.wishes import Wish

OPERATOR, DAILY_LOSS = "operator", "daily_loss"  # the rules that a wish treats in its own way


class Answer(NamedTuple):
    """What came of a wish."""

    wish: Wish
    changed: bool  # a line was written
    halts: tuple[int, ...]  # opened, lifted, or open already
    text: str


class _End(NamedTuple):
    """Where the whole lines of a journal end."""

    offset: int  # bytes
    ended: bool  # the last of them is run_ended


def ask(
    run: Path,
    wish: Wish,
    *,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """Bring a wish to a paper run, and wait until it is done.

    UsageError for a backtest and a run that ended, Finding for a halt that is not open, HostError where the process
    that has the run did not take the wish in time: then it is withdrawn.
    """
    path = journal_of(run)
    _refuse_all_but_paper(path)
    end = _end(path)
    if end.ended:
        raise _has_ended(path)
    holder = holder_of(path.with_name(LOCK))
    if not holder.held:  # a lock that cannot be told of is refused where it is taken (J30)
        end = _by_own_hand(path, wish, say=say)
        return _outcome(path, wish, end.offset)
    wishes.put(path.parent, wish)
    if not wishes.answered(path.parent, clock=clock, sleep=sleep):
        wishes.taken(path.parent)
        if not _done(path, wish, end.offset):
            late = f"pid {holder.pid or '?'} did not take the wish within {wishes.SECONDS:g} s, and it is withdrawn"
            raise HostError(f"{path.parent}: {late}; `safla status` tells where the run stands")
    return _outcome(path, wish, end.offset)


def _refuse_all_but_paper(path: Path) -> None:
    """Raise UsageError for a backtest, and for what is not known to be a paper run."""
    if path.name != JOURNAL or not path.parent.is_dir():
        open_to_read(path).close()  # says so where there is nothing
        raise UsageError(f"{path}: not the {JOURNAL} of a run folder; name the folder of a paper run")
    config = path.with_name(CONFIG)
    if _whole_lines(path) and reader.read(path).started.detail != "candles":
        raise _not_paper(path, "a backtest")
    if not config.exists():
        open_to_read(path).close()
        raise _not_paper(path, f"there is no {CONFIG} that calls it a paper run")
    mode = read_file(config, str(config), problems=[]).value.get("mode")
    if mode is None or mode.value != "paper":
        raise _not_paper(path, "a backtest")


def _not_paper(path: Path, what: str) -> UsageError:
    return UsageError(f"{path.parent}: {what}; halt, resume and stop are for a run with mode: paper that goes on")


def _has_ended(path: Path) -> UsageError:
    return UsageError(f"{path.parent}: this run has ended and takes nothing more; `safla replay` reads it (J41)")


def _whole_lines(path: Path) -> bool:
    """Whether a run has begun to write; the process that has it may still be waiting for its first candle."""
    if not os.path.lexists(path):
        return False
    with open_to_read(path) as file:
        return b"\n" in file.read(MAX_LINE)


def _end(path: Path) -> _End:
    """Where the whole lines end, by the last of them alone: a wish does not wait until a year was read."""
    if not os.path.lexists(path):
        return _End(0, ended=False)
    with open_to_read(path) as file:
        begin = max(0, file.seek(0, io.SEEK_END) - 2 * MAX_LINE)
        file.seek(begin)
        text = file.readall()
    whole = text[: text.rfind(b"\n") + 1]
    last = whole[whole[:-1].rfind(b"\n") + 1 : -1]
    return _End(begin + len(whole), ended=isinstance(_event(last), RunEnded))


def _by_own_hand(path: Path, wish: Wish, *, say: Callable[[str], None]) -> _End:
    """Recover the run and carry the wish out: behind one that was left for a process that is no more, if there is one.

    Returns where the journal ended before.
    """
    with resting(path.parent, say=say) as held:
        left = wishes.waiting(path.parent)
        if left is not None:
            say(f"{path.parent}: a wish was waiting: {wishes.act(left, held)}")
            wishes.taken(path.parent)
            if left.kind == "stop":
                raise _has_ended(path)
        end = _end(path)
        wishes.act(wish, held)
        return end


def _done(path: Path, wish: Wish, offset: int) -> bool:
    return any(_of(wish, event) is not None for event in _events(path, offset))


def _outcome(path: Path, wish: Wish, offset: int) -> Answer:
    """What the journal says behind a byte; where it says nothing of the wish, whether there was nothing to say."""
    numbers = [_of(wish, event) for event in _events(path, offset)]
    halts = tuple(one for one in numbers if one)
    if any(one is not None for one in numbers):
        return Answer(wish, changed=True, halts=halts, text=_told(wish, halts))
    there = {} if wish.kind == "stop" else _open_halts(path)
    return Answer(wish, changed=False, halts=tuple(there.values()), text=_nothing(path, wish, there))


def _of(wish: Wish, event: Event) -> int | None:
    """The number of the halt that a line opened or lifted for the wish; 0 for the end of a run; None: not for it."""
    if wish.kind == "halt" and isinstance(event, Halted) and event.rule == OPERATOR:
        return event.halt
    if wish.kind == "resume" and isinstance(event, Resumed) and event.by == OPERATOR:
        return event.halt
    return 0 if wish.kind == "stop" and isinstance(event, RunEnded) else None


def _told(wish: Wish, halts: tuple[int, ...]) -> str:
    numbers = ", ".join(map(str, halts))
    return {
        "halt": f"halted: halt {numbers}; `safla resume` lifts it",
        "resume": f"lifted: halt {numbers}",
        "stop": "stopped for good: the run has ended",
    }[wish.kind]


def _nothing(path: Path, wish: Wish, there: dict[str, int]) -> str:
    """Why no line was written. HostError where one should have been, Finding for a halt that is not open."""
    if wish.kind == "halt" and OPERATOR in there:
        return f"halt {there[OPERATOR]} by an operator was open already; no line was written"
    if wish.kind == "resume" and wish.halt is not None and wish.halt not in there.values():
        told = ", ".join(f"{number} ({rule})" for rule, number in there.items()) or "none"
        raise Finding(f"{path.parent}: halt {wish.halt} is not open; open halts: {told}")
    if wish.kind == "resume" and wish.halt is None and not there.keys() - {DAILY_LOSS}:
        daily = f"; halt {there[DAILY_LOSS]} (daily_loss) goes with the UTC day" if there else ""
        return f"there was nothing to lift; no line was written{daily}"
    raise HostError(f"{path.parent}: the wish was taken, and its lines are not there; ask again")


def _open_halts(path: Path) -> dict[str, int]:
    """The number of each halt that is open, by its rule, the oldest first."""
    found: dict[str, int] = {}
    for line in reader.read(path):
        if isinstance(line.event, Halted):
            found[line.event.rule] = line.event.halt
        if isinstance(line.event, Resumed):
            found = {rule: number for rule, number in found.items() if number != line.event.halt}
    return found


def _events(path: Path, offset: int) -> Iterator[Event]:
    """The events of the whole lines behind a byte, each verified by itself (J35)."""
    if not os.path.lexists(path):
        return
    with io.BufferedReader(open_to_read(path)) as file:
        file.seek(offset)
        while (raw := file.readline(MAX_LINE)).endswith(b"\n"):
            event = _event(raw[:-1])
            if event is None:
                raise JournalError(f"{path}: a line behind byte {offset} is damaged; `safla replay` tells which")
            yield event


class _Line(msgspec.Struct, frozen=True):
    """The envelope, its event as bytes."""

    n: int
    p: str
    e: msgspec.Raw


def _event(raw: bytes) -> Event | None:
    """The event of a line that verifies by itself."""
    try:
        line = msgspec.json.decode(raw, type=_Line)
        return decode(bytes(line.e)) if verified(raw, line.n, p=line.p.encode()) else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
