"""How `safla halt`, `resume` and `stop` reach a paper run: they write a command, and its session applies it (S15a).

Only `stop` needs no session: where no process runs the run, it ends the run itself, as a session without candles.
"""

import io
import os
import time
from collections.abc import Callable, Mapping
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
from safla.paper.session import first_hash, session_at
from safla.runs.folder import CONFIG, LOCK, Holder, holder_of
from safla.strategies.register import STRATEGIES, Strategy

RegisterOf = Callable[[str], Mapping[str, Strategy]]

BY_LOCAL_CLOCK = "by this machine's clock; a session uses the exchange's as soon as it knows it"


class CommandOutcome(NamedTuple):
    """What a command did, or when it will act."""

    command: Command
    acts_at: int | None  # ms: the open of the first candle at which it can act; None: as soon as a session sees it
    running: bool | None  # whether a process runs the run; None: unknown
    done: bool  # whether it is applied already
    text: str


def give_command(
    run: Path, kind: CommandKind, *, say: Callable[[str], None], halt: int | None = None, note: str | None = None,
    wall: Callable[[], float] = time.time, register_of: RegisterOf = lambda name: STRATEGIES,
) -> CommandOutcome:  # fmt: skip
    """Write a command for a paper run. It reads only the first and the last line of the journal, so it is fast.

    register_of  the strategies by name, for the name of the run's; called only where `stop` ends the run itself

    UsageError for a backtest and for a run that has ended, HostError for a run that has no candle yet.
    """
    path = journal_of(run)
    source = _paper_source(path)
    if _has_ended(path):
        raise _has_ended_already(path.parent)
    if not _has_begun(path):
        raise HostError(
            f"{path.parent}: the run has just begun and has no candle yet; try again in a moment", code="run_not_ready"
        )
    holder = holder_of(path.with_name(LOCK))
    command = control.new_command(path.parent, kind, run=first_hash(path), halt=halt, note=note, wall=wall)
    control.put_command(path.parent, command)
    if kind == "stop" and holder.held is False:
        try:
            return _finish(path.parent, command, say=say, register_of=register_of)
        except HostError:  # a process may have started the run meanwhile: its session applies the command
            holder = holder_of(path.with_name(LOCK))
            if not holder.held:
                raise
    step = None if source == "replay" else TIMEFRAMES[reader.read(path).started.timeframe]
    acts_at = None if step is None else (command.given // step + 1) * step
    return CommandOutcome(command, acts_at, holder.held, done=False, text=_requested_text(command, step, holder))


def _requested_text(command: Command, step: int | None, holder: Holder) -> str:
    what = {"halt": "a halt", "resume": "a resume", "stop": "the end of the run"}[command.kind]
    when = control.acts(command.given, step)
    clock = "" if step is None else f" ({BY_LOCAL_CLOCK})"
    if holder.held is False:
        return f"{what} is requested; no process runs it now: it waits for the next start, and then {when}{clock}"
    return f"{what} is requested; {when}{clock}; `safla status` lists it until then"


def _finish(folder: Path, stop: Command, *, say: Callable[[str], None], register_of: RegisterOf) -> CommandOutcome:
    """Recover the run, apply all pending commands in their order, and end it. The command stays pending on an error.

    UsageError where another process has ended the run by another command meanwhile.
    """
    register = register_of(reader.read(folder).started.plan.get("strategy.name", ""))
    with session_at(folder, say=say, register=register) as (session, before):
        if before.ended:
            control.remove(folder, stop)
            if stop.id not in before.commands:
                raise _has_ended_already(folder)
            return _ended(stop)
        waiting = control.Control(
            folder, step=None, now=_local, recorded=before.commands, last=before.last_commands, say=say
        )
        waiting.look(first_hash(folder / JOURNAL))
        if before.closing:
            waiting.close(session)
        while not session.ended and (command := waiting.next()) is not None:
            waiting.carry_out(command, session)
    control.remove(folder, stop)
    return _ended(stop)


def _ended(stop: Command) -> CommandOutcome:
    return CommandOutcome(stop, None, running=False, done=True, text="stopped for good: the run has ended")


def _has_ended_already(folder: Path) -> UsageError:
    return UsageError(
        f"{folder}: this run has ended and takes no commands; `safla replay` verifies it", code="run_ended"
    )


def _local() -> control.Clocks:
    return control.Clocks(int(time.time() * 1000), None)


def _paper_source(path: Path) -> str:
    """The paper.source of a run. UsageError for a backtest, and for a folder that may not be that of a paper run."""
    if path.name != JOURNAL or not path.parent.is_dir():
        open_to_read(path).close()  # raises where there is nothing
        raise UsageError(
            f"{path}: not the {JOURNAL} of a run folder; name the folder of a paper run", code="not_a_run_folder"
        )
    config = path.with_name(CONFIG)
    if _has_begun(path) and reader.read(path).started.detail != "candles":
        raise _not_paper(path, "a backtest")
    if not config.exists():
        open_to_read(path).close()
        raise _not_paper(path, f"there is no {CONFIG} that calls it a paper run")
    keys = read_file(config, str(config), problems=[]).value
    mode, paper = keys.get("mode"), keys.get("paper")
    if mode is None or mode.value != "paper":
        raise _not_paper(path, "a backtest")
    source = paper.value.get("source") if paper is not None and isinstance(paper.value, dict) else None
    return "stream" if source is None else str(source.value)


def _not_paper(path: Path, what: str) -> UsageError:
    return UsageError(
        f"{path.parent}: {what}; halt, resume and stop need a paper run (mode: paper) that has not ended",
        code="not_a_paper_run",
    )


def _has_begun(path: Path) -> bool:
    """Whether the journal has a whole line: before its first candle a run has none."""
    if not os.path.lexists(path):
        return False
    with open_to_read(path) as file:
        return b"\n" in file.read(MAX_LINE)


def is_unfinished_paper(folder: Path) -> bool:
    """Whether a folder holds a paper run that has begun and not ended, written by any version of safla."""
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
