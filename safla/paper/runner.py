"""A paper run: the engine of the backtest on candles as they close.

Each timestamp is on the disk before any listener hears of it (promise 1). Every start is a recovery: what the journal
holds is folded again and compared first, then the source continues from there.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, aclosing, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from safla.clock import SYSTEM, Clock
from safla.config.loader import Loaded
from safla.config.model import Config
from safla.config.plan import RunPlan, make_plan
from safla.config.plan_text import plan_texts
from safla.core.timeframes import TIMEFRAMES
from safla.errors import ConfigError, JournalError, Problem
from safla.exchange.live_candles import Arrivals, CandleBatch
from safla.exchange.outages import TroubleListener
from safla.journal import reader
from safla.journal.chain import MAX_LINE
from safla.journal.events import RunStarted
from safla.journal.files import JOURNAL, open_to_read
from safla.observe.update import Listener
from safla.paper import control as commands
from safla.paper.command import is_unfinished_paper
from safla.paper.control import Clocks, Control
from safla.paper.session import LastTimestamp, PaperSession, RecordedSession, before_of, first_hash
from safla.paper.sources import CandleSource, source_of
from safla.runs import folder as run_folder
from safla.runs.interrupt import Flag
from safla.runs.recording import run_of, symbol_scales
from safla.runs.recovery import JournalAppender, confirm_ended, recover, refuse_another_question
from safla.runs.result import RunResult, simulate_again
from safla.runs.runner import started
from safla.runs.strategy_code.kept import keep_code
from safla.strategies.register import STRATEGIES, Strategy

MOST_WAITING = 1_000  # timestamps that a source may be ahead of the fold
MOST_SHOWN = 5  # keys that differ, in the message about another account
LOOK_SECONDS = 0.05  # between two looks at signals and commands; S15a requires a second at most


class PaperResult(NamedTuple):
    """A paper run that has ended, by its source or by `safla stop`."""

    run: RunPlan
    folder: Path
    lines: int
    last_hash: str
    again: bool  # it had ended before this call, which changed nothing


def paper_folder(loaded: Loaded, *, stem: str, out: Path | None, new: bool = False) -> Path:
    """The run folder: out, or one below storage.logs_directory; same plan and symbols, same folder (docs/journal.md).

    new  begin another account even if a run of this configuration has not ended

    ConfigError where a run of this configuration under another plan has not ended and new is not set: a changed key, or
    a new version of safla, must not silently begin a second account.
    """
    if out is not None:
        return out
    runs = Path(loaded.config.storage.logs_directory)
    folder = runs / run_folder.name_of_paper(loaded, stem=stem)
    if not new and not (folder / JOURNAL).exists():
        same_name = (path for path in run_folder.names_like(runs, stem=stem) if path != folder)
        if others := [path for path in same_name if is_unfinished_paper(path)]:
            raise ConfigError([_other_account(loaded, path, folder) for path in others])
    return folder


def _other_account(loaded: Loaded, there: Path, here: Path) -> Problem:
    """What differs between a run that has not ended and the one that would begin, and what the user can do."""
    try:
        plan, mine = reader.read(there).started.plan, plan_texts(loaded.config)
        keys = [key for key in sorted({*plan, *mine}) if plan.get(key) != mine.get(key)]
        shown = [f"{key} there {plan.get(key, 'absent')}, here {mine.get(key, 'absent')}" for key in keys[:MOST_SHOWN]]
        rest = f" and {len(keys) - MOST_SHOWN} more" if len(keys) > MOST_SHOWN else ""
        differs = "; ".join(shown) + rest if shown else "other symbols"
        differs = (
            f"under another plan ({differs}); undo the change to continue it, end it with `safla stop {there}`, or"
        )
    except JournalError:
        differs = "written by another version of safla; continue it with that version, or"
    text = f"a paper run of this configuration has not ended, {differs} begin another account in {here} with --new"
    return Problem(str(there), "", text, code="plan_differs")


class Listeners(NamedTuple):
    """The listeners of a paper run: for updates that are on the disk, and for troubles with the source.

    They may neither block nor change the run.
    """

    on_update: Listener
    on_trouble: TroubleListener


AttachListeners = Callable[[RunPlan, CandleSource], AbstractContextManager[Listeners]]


def run_paper(
    loaded: Loaded, folder: Path, *, force: bool, say: Callable[[str], None], flag: Flag,
    attach_listeners: AttachListeners, register: Mapping[str, Strategy] = STRATEGIES, clock: Clock = SYSTEM,
) -> PaperResult:  # fmt: skip
    """Trade on paper until the source ends, a `stop` command comes, or a signal (Interrupted: everything is written).

    attach_listeners  makes the listeners for a plan and its source, for the length of a `with`
    """
    run_folder.make(folder, force=force)
    path = folder / JOURNAL
    with run_folder.lock_run(folder), ExitStack() as stack:
        commands.refuse_unsafe(folder)
        there = _first_line(path)
        if there is not None:
            refuse_another_question(path, there, symbols=loaded.symbols, markets=loaded.config.markets)
        source = source_of(loaded, there, say=say, clock=clock)
        plan = _plan(loaded, source, there, register=register)
        first_ts = source.first_ts if there is None else there.ts
        recover(path, started=started(plan, first_ts=first_ts), say=say)
        before = before_of(path) if there is not None else None
        if before is not None and before.ended:
            confirm_ended(path, before.tail)
            _remove_done(folder, path, before)
            say(f"{folder}: this run has ended; --force begins a new one")
            return PaperResult(plan, folder, before.tail.lines, before.tail.h, again=True)
        run_folder.keep_config(folder, loaded)
        keep_code(folder, plan.strategy.code)
        journal = stack.enter_context(JournalAppender(path, say=say))
        listeners = stack.enter_context(attach_listeners(plan, source))
        session = PaperSession(plan, journal, listener=listeners.on_update)
        last = None if before is None else session.recover(before, say=say)
        control = Control(
            folder, step=step_of(loaded.config), now=partial(_now, source, clock), say=say,
            recorded={} if before is None else before.commands, last=set() if before is None else before.last_commands,
        )  # fmt: skip
        arrivals = source.arrivals(plan, last, listeners.on_trouble)
        asyncio.run(_trade(session, arrivals, control=control, last=last, flag=flag, clock=clock))
        flag.check()  # a signal at the very end counts too
        return PaperResult(plan, folder, journal.lines, journal.last_hash, again=False)


def outcome_of(folder: Path, *, register: Mapping[str, Strategy] = STRATEGIES) -> RunResult:
    """The outcome of a paper run, by simulating its journal again."""
    before = before_of(folder / JOURNAL)  # this process has just verified its chain
    plan = run_of(reader.read(folder).started, register=register)
    return simulate_again(plan, before.series, outside=before.outside)


def _first_line(path: Path) -> RunStarted | None:
    """The first line of a journal; None where it has no valid one: recovery cuts it off, and the run begins again."""
    if not path.exists():
        return None
    with open_to_read(path) as file:
        if b"\n" not in file.read(MAX_LINE):
            return None
    try:
        return reader.read(path).started
    except JournalError:  # recovery decides: a line may be torn although it ends with a newline
        return None


def _plan(
    loaded: Loaded, source: CandleSource, there: RunStarted | None, *, register: Mapping[str, Strategy]
) -> RunPlan:
    """The plan of the configuration; scales and start are those of the journal's first line where it has one (J32)."""
    if there is None:
        return make_plan(loaded.config, loaded.symbols, scales=source.scales, start=source.start, register=register)
    return make_plan(loaded.config, loaded.symbols, scales=symbol_scales(there), start=there.start, register=register)


def step_of(config: Config) -> int | None:
    """The timeframe in ms, for whose end a command waits; None for history, where commands act at once (S15a)."""
    return None if config.paper.source == "replay" else TIMEFRAMES[config.market_data.timeframe]


def _now(source: CandleSource, clock: Clock) -> Clocks:
    exchange = source.line.now()
    return Clocks(int(clock.wall() * 1000), None if exchange is None else int(exchange * 1000))


def _remove_done(folder: Path, path: Path, before: RecordedSession) -> None:
    """Remove the files of commands that the journal of an ended run has: a crash may have left them."""
    for command in commands.requests(folder, run=first_hash(path)).commands:
        if command.id in before.commands:
            commands.remove(folder, command)


async def _trade(
    session: PaperSession, arrivals: Arrivals, *, control: Control, last: LastTimestamp | None, flag: Flag, clock: Clock
) -> None:
    """Fold the candles of the source until the run ends. The source runs as a task of its own, ahead of the fold."""
    queue: asyncio.Queue[CandleBatch | None] = asyncio.Queue(MOST_WAITING)
    try:
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(_feed(arrivals, queue))
            try:
                await _fold(session, queue, control=control, last=last, flag=flag, clock=clock)
            finally:
                feeding.cancel()
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several
    finally:
        session.rest()


async def _feed(arrivals: Arrivals, queue: "asyncio.Queue[CandleBatch | None]") -> None:
    """Put the batches of the source into the queue, and None after the last."""
    async with aclosing(arrivals):
        async for batch in arrivals:
            await queue.put(batch)
    await queue.put(None)


async def _fold(
    session: PaperSession,
    queue: "asyncio.Queue[CandleBatch | None]",
    *,
    control: Control,
    last: LastTimestamp | None,
    flag: Flag,
    clock: Clock,
) -> None:
    """The loop of a paper run: signals, commands and candles, in the order in which a replay will see them."""
    folded = -1  # the last timestamp
    # Until the last recorded timestamp is folded again no command is taken: its lines come after that timestamp.
    settled, looked = last is None, -math.inf
    while True:
        flag.check()
        now = clock.monotonic()
        if settled and now - looked >= LOOK_SECONDS and (run := session.first_hash()) is not None:
            looked = now
            control.look(run)
        if settled and _carry_out(session, control):
            return
        arrival = await _next(queue)
        if arrival is _NOTHING_YET:
            continue
        if arrival is None:  # the source has ended
            while not session.ended and (command := control.next()) is not None:
                control.carry_out(command, session)
            if not session.ended:
                session.stop()
            return
        if arrival.ts <= folded:  # the same candle came again (S2)
            continue
        if settled and control.waits_for_candles and (run := session.first_hash()) is not None:
            control.look(run)  # again: a command that was given before this candle acts before it
        if settled and _carry_out(session, control, ahead=arrival.ts):
            return
        folded = arrival.ts
        outside = last.outside if last is not None and not settled else ()
        more = arrival.ts < session.run.plan.rules.start_ts and not queue.empty()
        session.fold(arrival.ts, arrival.rows, came=arrival.came, outside=outside, more=more)
        if last is not None and not settled:
            settled, looked = True, -math.inf  # look for commands at once: a pending one precedes the next timestamp
            if last.closing:
                control.look(session.first_hash() or "")
                control.close(session)
                return


def _carry_out(session: PaperSession, control: Control, *, ahead: int | None = None) -> bool:
    """Apply the commands that may act now, in their order (S15a). Whether one of them has ended the run."""
    last_ts = session.last_ts()
    while last_ts is not None and not session.ended and (command := control.due(last_ts, ahead=ahead)) is not None:
        control.carry_out(command, session)
    return session.ended


_NOTHING_YET = CandleBatch(-1, (), 0.0)


async def _next(queue: "asyncio.Queue[CandleBatch | None]") -> CandleBatch | None:
    """The next batch; _NOTHING_YET after LOOK_SECONDS, so that signals and commands are seen; None at the end."""
    with suppress(asyncio.QueueEmpty):
        return queue.get_nowait()
    try:
        return await asyncio.wait_for(queue.get(), LOOK_SECONDS)
    except TimeoutError:
        return _NOTHING_YET
