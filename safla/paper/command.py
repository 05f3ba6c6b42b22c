"""How a command of a person reaches a paper run: it is left in `requests/`, and a session applies it (S15a).

`stop` alone needs no session: where no process has the run, it finishes the run as a session that takes no candles.
"""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from safla.config.yaml_reader import read_file
from safla.core.timeframes import TIMEFRAMES
from safla.errors import HostError, SaflaError, UsageError
from safla.journal import reader
from safla.journal.chain import MAX_LINE, alone
from safla.journal.events import RunEnded
from safla.journal.files import JOURNAL, journal_of, open_to_read
from safla.paper import control
from safla.paper.control import Command, CommandKind
from safla.paper.session import first_hash, resting
from safla.runs.folder import CONFIG, LOCK, Holder, holder_of

BY_LOCAL_CLOCK = "by this machine's clock; a session that knows the exchange's goes by that"


class CommandOutcome(NamedTuple):
    """What becomes of a command."""

    command: Command
    acts_at: int | None  # ms: the open of the candle at which it acts at the earliest; None: as soon as it is seen
    running: bool | None  # a process has the run; None: it cannot be told
    done: bool  # it is applied already
    text: str


def give_command(
    run: Path, kind: CommandKind, *, say: Callable[[str], None], halt: int | None = None, note: str | None = None,
    wall: Callable[[], float] = time.time,
) -> CommandOutcome:  # fmt: skip
    """Leave a command for a paper run. Only its first and last lines are read, so it takes no time for a long run.

    UsageError for a backtest and for a run that ended, HostError for a run that has no candle yet.
    """
    path = journal_of(run)
    source = _paper_source(path)
    if _has_ended(path):
        raise _has_ended_already(path.parent)
    if not _has_begun(path):
        raise HostError(f"{path.parent}: the run has just begun and has no candle yet; ask again in a moment")
    holder = holder_of(path.with_name(LOCK))
    one = control.new_command(path.parent, kind, run=first_hash(path), halt=halt, note=note, wall=wall)
    control.put_command(path.parent, one)
    if kind == "stop" and holder.held is False:
        try:
            return _finish(path.parent, one, say=say)
        except HostError:
            holder = holder_of(path.with_name(LOCK))
            if not holder.held:
                raise
    step = None if source == "replay" else TIMEFRAMES[reader.read(path).started.timeframe]
    acts_at = None if step is None else (one.given // step + 1) * step
    return CommandOutcome(one, acts_at, holder.held, done=False, text=_told(one, step, holder))


def _told(one: Command, step: int | None, holder: Holder) -> str:
    what = {"halt": "a halt", "resume": "a resume", "stop": "the end of the run"}[one.kind]
    when = control.acts(one.given, step)
    clock = "" if step is None else f" ({BY_LOCAL_CLOCK})"
    if holder.held is False:
        return f"{what} is asked for; no process has the run: it waits for the next start, and then {when}{clock}"
    return f"{what} is asked for; {when}{clock}; `safla status` lists it until then"


def _finish(folder: Path, one: Command, *, say: Callable[[str], None]) -> CommandOutcome:
    """Recover the run, apply what waits in its order, and end it. Where that fails, the command waits still.

    UsageError where another process has ended the run by another command meanwhile.
    """
    with resting(folder, say=say) as (held, before):
        if before.ended:
            control.remove(folder, one)
            if one.id not in before.commands:
                raise _has_ended_already(folder)
            return _ended(one)
        waiting = control.Control(
            folder, step=None, now=_local, recorded=before.commands, last=before.last_commands, say=say
        )
        waiting.look(first_hash(folder / JOURNAL))
        if before.closing:
            waiting.close(held)
        while not held.ended and (command := waiting.next()) is not None:
            waiting.carry_out(command, held)
    control.remove(folder, one)
    return _ended(one)


def _ended(one: Command) -> CommandOutcome:
    return CommandOutcome(one, None, running=False, done=True, text="stopped for good: the run has ended")


def _has_ended_already(folder: Path) -> UsageError:
    return UsageError(f"{folder}: this run has ended and takes nothing more; `safla replay` reads it")


def _local() -> control.Clocks:
    return control.Clocks(int(time.time() * 1000), None)


def _paper_source(path: Path) -> str:
    """Where a paper run has its candles from. UsageError for a backtest, and for what may be none."""
    if path.name != JOURNAL or not path.parent.is_dir():
        open_to_read(path).close()  # says so where there is nothing
        raise UsageError(f"{path}: not the {JOURNAL} of a run folder; name the folder of a paper run")
    config = path.with_name(CONFIG)
    if _has_begun(path) and reader.read(path).started.detail != "candles":
        raise _not_paper(path, "a backtest")
    if not config.exists():
        open_to_read(path).close()
        raise _not_paper(path, f"there is no {CONFIG} that calls it a paper run")
    told = read_file(config, str(config), problems=[]).value
    mode, paper = told.get("mode"), told.get("paper")
    if mode is None or mode.value != "paper":
        raise _not_paper(path, "a backtest")
    source = paper.value.get("source") if paper is not None and isinstance(paper.value, dict) else None
    return "stream" if source is None else str(source.value)


def _not_paper(path: Path, what: str) -> UsageError:
    return UsageError(f"{path.parent}: {what}; halt, resume and stop are for a run with mode: paper that goes on")


def _has_begun(path: Path) -> bool:
    """Whether there is a whole line; the process that has the run may still be waiting for its first candle."""
    if not os.path.lexists(path):
        return False
    with open_to_read(path) as file:
        return b"\n" in file.read(MAX_LINE)


def is_unfinished_paper(folder: Path) -> bool:
    """Whether a folder is that of a paper run that has begun and not ended, of whatever version of safla."""
    try:
        mode = read_file(folder / CONFIG, str(folder / CONFIG), problems=[]).value.get("mode")
        if mode is None or mode.value != "paper" or not _has_begun(folder / JOURNAL):
            return False
        return b'"type":"run_ended"' not in _last_line(folder / JOURNAL)
    except (SaflaError, OSError):
        return False


def _has_ended(path: Path) -> bool:
    """Whether the last whole line is run_ended; only the end of the file is read."""
    return os.path.lexists(path) and isinstance(alone(_last_line(path)), RunEnded)


def _last_line(path: Path) -> bytes:
    """The last whole line, without its newline."""
    with open_to_read(path) as file:
        file.seek(max(0, file.seek(0, io.SEEK_END) - 2 * MAX_LINE))
        text = file.readall()
    whole = text[: text.rfind(b"\n") + 1]
    return whole[whole[:-1].rfind(b"\n") + 1 : -1]
