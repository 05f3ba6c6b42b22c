"""A paper run: the same fold, on candles as they close, each timestamp durable before it is told (promise 1).

Starting is recovering: what the journal holds is folded and compared first, then the source is asked from there on.
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
from safla.core.candles import align
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
from safla.paper.session import Before, Last, PaperSession, before_of, first_hash
from safla.paper.sources import CandleSource, source_of
from safla.runs import folder as run_folder
from safla.runs.engine_choice import choose
from safla.runs.interrupt import Flag
from safla.runs.recording import run_of, symbol_scales
from safla.runs.recovery import Continued, confirm_ended, recover, refuse_another_question
from safla.runs.result import Outcome, RunRecord
from safla.runs.runner import fold_blocks, started, unasked_at
from safla.runs.strategy_calls import signals_of
from safla.strategies.register import STRATEGIES, Strategy

MOST_WAITING = 1_000  # timestamps that a source may be ahead of the fold
MOST_SHOWN = 5  # keys that differ
LOOK_SECONDS = 0.05  # between two looks at signals and commands; S15a asks for a second


class PaperResult(NamedTuple):
    """A paper run that ended: by its source, or by `safla stop`."""

    run: RunPlan
    folder: Path
    lines: int
    last_hash: str
    again: bool  # it had ended before: nothing was taken


def paper_folder(loaded: Loaded, *, stem: str, out: Path | None, new: bool = False) -> Path:
    """The run folder: out, or one below storage.logs_directory: same plan, same symbols, same folder (JOURNAL 2).

    ConfigError where a run of this configuration under another plan has not ended, unless a new account is asked for:
    a changed key, or a new version, must not begin it again without a word.
    """
    if out is not None:
        return out
    runs = Path(loaded.config.storage.logs_directory)
    folder = runs / run_folder.name_of_paper(loaded, stem=stem)
    if not new and not (folder / JOURNAL).exists():
        like = (path for path in run_folder.names_like(runs, stem=stem) if path != folder)
        if others := [path for path in like if is_unfinished_paper(path)]:
            raise ConfigError([_other_account(loaded, path, folder) for path in others])
    return folder


def _other_account(loaded: Loaded, there: Path, here: Path) -> Problem:
    """What differs between a run that has not ended and the one that would begin, and the ways on."""
    try:
        plan, mine = reader.read(there).started.plan, plan_texts(loaded.config)
        keys = [key for key in sorted({*plan, *mine}) if plan.get(key) != mine.get(key)]
        shown = [f"{key} there {plan.get(key, 'absent')}, here {mine.get(key, 'absent')}" for key in keys[:MOST_SHOWN]]
        rest = f" and {len(keys) - MOST_SHOWN} more" if len(keys) > MOST_SHOWN else ""
        differs = "; ".join(shown) + rest if shown else "other symbols"
        differs = (
            f"under another plan ({differs}); undo the change to go on with it, end it by `safla stop {there}`, or"
        )
    except JournalError:
        differs = "written by another version of safla; go on with it by that version, or"
    text = f"a paper run of this configuration has not ended, {differs} begin another account in {here} by --new"
    return Problem(str(there), "", text)


class Onlooker(NamedTuple):
    """Who looks on: told what is on the disk, and of troubles with the source. It does not block or decide anything."""

    told: Listener
    trouble: TroubleListener


Attend = Callable[[RunPlan, CandleSource], AbstractContextManager[Onlooker]]


def run_paper(
    loaded: Loaded, folder: Path, *, force: bool, say: Callable[[str], None], flag: Flag, attend: Attend,
    register: Mapping[str, Strategy] = STRATEGIES, clock: Clock = SYSTEM,
) -> PaperResult:  # fmt: skip
    """Trade on paper until the source ends, somebody stops it, or a signal comes (Interrupted: all is written).

    attend  gives the onlooker of a plan and its source, for the length of a `with`
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
            say(f"{folder}: this run has ended; --force begins another")
            return PaperResult(plan, folder, before.tail.lines, before.tail.h, again=True)
        run_folder.keep_config(folder, loaded)
        journal = stack.enter_context(Continued(path, say=say))
        onlooker = stack.enter_context(attend(plan, source))
        held = PaperSession(plan, journal, listener=onlooker.told)
        last = None if before is None else held.recover(before, say=say)
        control = Control(
            folder, step=step_of(loaded.config), now=partial(_now, source, clock), say=say,
            recorded={} if before is None else before.commands, last=set() if before is None else before.last_commands,
        )  # fmt: skip
        arrivals = source.arrivals(plan, last, onlooker.trouble)
        asyncio.run(_traded(held, arrivals, control=control, last=last, flag=flag, clock=clock))
        flag.check()  # a signal that came at the very end is answered too
        return PaperResult(plan, folder, journal.lines, journal.last_hash, again=False)


def outcome_of(folder: Path, *, register: Mapping[str, Strategy] = STRATEGIES) -> Outcome:
    """What a paper run came to: its journal, folded once more."""
    before = before_of(folder / JOURNAL)  # which this process has just verified
    series, outside = before.series, before.outside
    plan = run_of(reader.read(folder).started, register=register)
    candles = sum(len(one.columns.ts) for one in series)
    forms = choose("auto", plan.strategy.columns, candles=candles, say=lambda text: None)
    grid_ts = align([one.columns for one in series]).ts
    unasked = unasked_at(outside, grid_ts)
    signals = signals_of(plan, series, columns=forms.columns, grid_ts=grid_ts, unasked=unasked, check=False)
    record = RunRecord(plan, series)
    for block in fold_blocks(plan, series, forms=forms, outside=outside, signals=signals):
        record.add(block)
    return record.outcome()


def _first_line(path: Path) -> RunStarted | None:
    """The first line of a journal, if it has a good one: a torn one is mended by recovery, and begun anew."""
    if not path.exists():
        return None
    with open_to_read(path) as file:
        if b"\n" not in file.read(MAX_LINE):
            return None
    try:
        return reader.read(path).started
    except JournalError:  # recovery judges it: the last line of a journal may be torn, though it has an end
        return None


def _plan(
    loaded: Loaded, source: CandleSource, there: RunStarted | None, *, register: Mapping[str, Strategy]
) -> RunPlan:
    """Of the configuration; scales and start are those of the first line, once there is one (J32)."""
    if there is None:
        return make_plan(loaded.config, loaded.symbols, scales=source.scales, start=source.start, register=register)
    return make_plan(loaded.config, loaded.symbols, scales=symbol_scales(there), start=there.start, register=register)


def step_of(config: Config) -> int | None:
    """The step by which a command waits for the candle that was open when it was given; None for history (S15a)."""
    return None if config.paper.source == "replay" else TIMEFRAMES[config.market_data.timeframe]


def _now(source: CandleSource, clock: Clock) -> Clocks:
    theirs = source.line.now()
    return Clocks(int(clock.wall() * 1000), None if theirs is None else int(theirs * 1000))


def _remove_done(folder: Path, path: Path, before: Before) -> None:
    """The commands that stand in the journal of a run that ended: a death may have left their files."""
    for one in commands.requests(folder, run=first_hash(path)).commands:
        if one.id in before.commands:
            commands.remove(folder, one)


async def _traded(
    held: PaperSession, arrivals: Arrivals, *, control: Control, last: Last | None, flag: Flag, clock: Clock
) -> None:
    """Fold what comes, until there is an end."""
    queue: asyncio.Queue[CandleBatch | None] = asyncio.Queue(MOST_WAITING)
    try:
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(_fed(arrivals, queue))
            try:
                await _folded(held, queue, control=control, last=last, flag=flag, clock=clock)
            finally:
                feeding.cancel()
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several
    finally:
        held.rest()


async def _fed(arrivals: Arrivals, queue: "asyncio.Queue[CandleBatch | None]") -> None:
    async with aclosing(arrivals):
        async for one in arrivals:
            await queue.put(one)
    await queue.put(None)


async def _folded(
    held: PaperSession,
    queue: "asyncio.Queue[CandleBatch | None]",
    *,
    control: Control,
    last: Last | None,
    flag: Flag,
    clock: Clock,
) -> None:
    folded = -1  # the last timestamp
    settled, looked = last is None, -math.inf  # before the last recorded timestamp stands again, no command is taken
    while True:
        flag.check()
        now = clock.monotonic()
        if settled and now - looked >= LOOK_SECONDS and (run := held.first_hash()) is not None:
            looked = now
            control.look(run)
        if settled and _commanded(held, control):
            return
        arrival = await _next(queue)
        if arrival is _NOTHING_YET:
            continue
        if arrival is None:
            while not held.ended and (command := control.next()) is not None:
                control.carry_out(command, held)
            if not held.ended:
                held.stop()
            return
        if arrival.ts <= folded:  # again (S2)
            continue
        if settled and control.waits_for_candles and (run := held.first_hash()) is not None:
            control.look(run)  # once more: what was given before this candle acts before it
        if settled and _commanded(held, control, ahead=arrival.ts):
            return
        folded = arrival.ts
        outside = last.outside if last is not None and not settled else ()
        more = arrival.ts < held.run.plan.rules.start_ts and not queue.empty()
        held.fold(arrival.ts, arrival.rows, came=arrival.came, outside=outside, more=more)
        if last is not None and not settled:
            settled, looked = True, -math.inf  # a command that waited comes before the next timestamp, as it did
            if last.closing:
                control.look(held.first_hash() or "")
                control.close(held)
                return


def _commanded(held: PaperSession, control: Control, *, ahead: int | None = None) -> bool:
    """Carry out the commands that may act now, in their order (S15a). Whether the run has ended by one."""
    last_ts = held.last_ts()
    while last_ts is not None and not held.ended and (command := control.due(last_ts, ahead=ahead)) is not None:
        control.carry_out(command, held)
    return held.ended


_NOTHING_YET = CandleBatch(-1, (), 0.0)


async def _next(queue: "asyncio.Queue[CandleBatch | None]") -> CandleBatch | None:
    with suppress(asyncio.QueueEmpty):
        return queue.get_nowait()
    try:
        return await asyncio.wait_for(queue.get(), LOOK_SECONDS)
    except TimeoutError:
        return _NOTHING_YET
