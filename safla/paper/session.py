"""A paper session: a run that is recovered to the end of its journal and then takes candles and commands (J30-J40).

Each timestamp and each command is one batch: its lines are appended and synced before the listener is notified
(J21-J24). So nobody ever hears of a fill or a halt that a crash could take back.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from safla.candles.normalise import CandleRow
from safla.config.plan import RunPlan
from safla.core import engine
from safla.core import values as v
from safla.core.candles import NO_CANDLES, Series, align, between, digest
from safla.core.values import State
from safla.errors import HostError, JournalError
from safla.journal import reader
from safla.journal.chain import MAX_LINE, ORIGIN, Unequal, decode_event, event_bytes, verified_hash
from safla.journal.encode import NO_INPUT, Input
from safla.journal.events import Event, Filled, Halted, ModeChanged, OrderExpired, Resumed, RunEnded
from safla.journal.files import JOURNAL, open_to_read
from safla.journal.reader import Tail
from safla.observe.update import Listener, Update
from safla.paper import snapshot
from safla.runs import folder as run_folder
from safla.runs.engine_choice import EngineForms, choose
from safla.runs.incremental import Live
from safla.runs.journal_scan import Scan, scan
from safla.runs.recording import Inputs, read_events, run_of, series_of
from safla.runs.recovery import JournalAppender, recover
from safla.runs.runner import Block, Folding, Outside, failures, unasked_at
from safla.runs.signal_sources import signal_source
from safla.strategies.register import STRATEGIES, Strategy

SNAPSHOT_SECONDS = 1.0  # the shortest time between two snapshots
MOST_PENDING = 256  # timestamps of the lookback in one batch
ANCHORS = (Filled, Halted, Resumed, RunEnded)  # after these events the checkpoint `head` is renewed at once (J24)


class LastTimestamp(NamedTuple):
    """The last timestamp of a journal. A crash may have recorded only part of it, so it is folded again (J39)."""

    ts: int
    rows: tuple[CandleRow | None, ...]
    outside: tuple[Outside, ...]
    known: int  # how many symbols have a line there: their candle, or that it is missing (S6a)
    closing: bool  # there are closing lines: the run was ending (J3)

    @property
    def whole(self) -> bool:
        """Whether every symbol has its line there."""
        return self.known == len(self.rows)

    def with_later(self, rows: tuple[CandleRow | None, ...]) -> tuple[CandleRow | None, ...]:
        """The candles of this timestamp: the recorded ones, and those of a source for the other symbols (J39).

        What is recorded stays, a missing candle too: the engine has decided on it, whatever the source serves now.
        """
        return self.rows[: self.known] + rows[self.known :]


class RecordedSession(NamedTuple):
    """What a journal already holds when a session begins."""

    series: tuple[Series, ...]
    outside: tuple[Outside, ...]
    ended: bool
    tail: Tail
    last_ts: int | None  # the last timestamp with a candle line
    known: int  # how many symbols have their line at the last timestamp
    closing: bool
    commands: dict[str, int]  # the ids of the recorded commands, each with the time at which it was given, ms
    scan: Scan | None  # the result of the quick pass; None where that could not read the journal

    @property
    def last_commands(self) -> set[str]:
        """The ids of the commands at the last timestamp."""
        at_last = (outside for outside in self.outside if outside.ts == self.last_ts)
        return {outside.input.id for outside in at_last if outside.input.id is not None}


class PaperSession:
    """A paper run that takes one timestamp or one command at a time. Its caller has locked the run folder."""

    def __init__(
        self, run: RunPlan, journal: JournalAppender, *, listener: Listener, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.run = run
        self.journal = journal
        self.ended = False
        self._listener, self._clock = listener, clock
        self._live: Live | None = None
        self._pending: list[Update] = []  # timestamps of the lookback that are folded but not synced yet
        self._pending_lines: list[bytes] = []
        self._snapshot_at = -math.inf  # when the last snapshot was written

    @property
    def state(self) -> State:
        """The state of the engine. There is none before the first candle."""
        assert self._live is not None, "there is no candle yet"
        return self._live.folding.state

    def recover(self, before: RecordedSession, *, say: Callable[[str], None]) -> LastTimestamp | None:
        """Fold the recorded candles and compare the result with the journal (J39).

        Returns the last timestamp, which the caller still has to fold: it may be half recorded, and then needs the
        candles of the source. None where no candle is recorded. Raises Finding where the journal says otherwise.
        """
        last = before.last_ts
        if last is None:
            return None
        first = min((int(series.columns.ts[0]) for series in before.series if len(series.columns.ts)), default=last)
        done = tuple(series._replace(columns=between(series.columns, first, last)) for series in before.series)
        candles = sum(len(series.columns.ts) for series in done)
        forms = choose("auto", self.run.strategy, candles=candles, say=say)
        inputs = [outside for outside in before.outside if outside.ts < last]
        # The quick comparison only tells that something differs; folding into lines again tells which line.
        if not candles or before.scan is None or not self._compare(before.scan, first, done, inputs, forms=forms):
            self._refold(first, done, inputs, forms=forms)
        assert self._live is not None
        self._live.folding.interpret()
        outside = tuple(outside for outside in before.outside if outside.ts == last)
        rows = tuple(_row(series, last) for series in before.series)
        return LastTimestamp(last, rows, outside, known=before.known, closing=before.closing)

    def _compare(
        self, scan: Scan, first: int, done: Sequence[Series], inputs: Sequence[Outside], *, forms: EngineForms
    ) -> bool:
        """Fold the recorded candles and compare only their outcomes, not whole lines (J39). False where one differs."""
        live = self._begin(first, forms=forms, done=done, inputs=inputs)
        live.folding.lines.compare(scan.outcomes[: scan.before_last])
        try:
            for _ in live.fold_recorded(done, inputs, size=_block_size(done)):
                pass
            live.folding.lines.go_on(scan.last.lines, scan.last.h)
        except Unequal:
            return False
        self.journal.skip(
            offset=scan.last.offset, lines=scan.last.lines, last_hash=scan.last.h, first_hash=scan.first_hash
        )
        return True

    def _refold(self, first: int, done: Sequence[Series], inputs: Sequence[Outside], *, forms: EngineForms) -> None:
        """Fold the recorded candles into lines and compare every line with the journal."""
        live = self._begin(first, forms=forms, done=done, inputs=inputs)
        for block in live.fold_recorded(done, inputs, size=_block_size(done)):
            self._take(block, came=self._clock())

    def fold(
        self, ts: int, rows: Sequence[CandleRow | None], *, came: float | None = None, outside: Sequence[Outside] = (),
        more: bool = False,
    ) -> None:  # fmt: skip
        """Fold one timestamp, append its lines, sync them and notify the listener.

        came     when its candles arrived, seconds of the session's clock
        outside  what happened at this timestamp apart from candles, out of the journal: halts and resumes
        more     the next timestamp of the lookback is here already: they may share one sync, which makes a long
                 lookback fast, and loses nothing, for no decision is taken in the lookback
        """
        came = self._clock() if came is None else came
        if self._live is None:
            self._begin(ts, forms=choose("interpreted", self.run.strategy, candles=1, say=lambda text: None))
        assert self._live is not None
        block = self._live.fold(ts, rows, outside=outside)
        if not more and not self._pending:
            self._take(block, came=came)
            return
        # `lines` and `synced` are not known yet: _flush fills them in.
        update = Update(ts, tuple(_events(block.lines, self._lines_taken())), block.state, 0, came, came)
        self._pending.append(update)
        self._pending_lines.append(block.lines)
        if not more or len(self._pending) == MOST_PENDING:
            self._flush()

    def _lines_taken(self) -> int:
        return self.journal.lines + sum(lines.count(b"\n") for lines in self._pending_lines)

    def _flush(self) -> None:
        """Append and sync the pending timestamps of the lookback in one batch, then notify the listener of each."""
        pending, lines = self._pending, self._pending_lines
        self._pending, self._pending_lines = [], []
        before = self.journal.lines
        new = self.journal.append(b"".join(lines))
        if not new:
            return
        self.journal.commit()
        synced = self._clock()
        self.journal.renew_anchor(now=False)
        for update, text in zip(pending, lines, strict=True):
            before += text.count(b"\n")
            self._listener(update._replace(lines=before, synced=synced))

    def halt(self, given: Input) -> bool:
        """Halt the account by command (S15a). False, and no line, where such a halt is open already."""
        return self._inputs([v.OPERATOR], given, lifts=False) > 0

    def resume(self, number: int | None, given: Input) -> int:
        """Lift the open halt of a number, or all but daily_loss, the oldest first. Returns how many were lifted."""
        assert self._live is not None, "there is no candle yet"
        halts = sorted((halt, rule) for rule, halt in self._live.open_halts().items())
        lifted = [rule for halt, rule in halts if (rule != v.DAILY_LOSS if number is None else halt == number)]
        return self._inputs(lifted, given, lifts=True)

    def stop(self, given: Input = NO_INPUT) -> None:
        """Write the closing lines (J3, J19): the run has ended. given: of the command that ends it, if one does."""
        assert self._live is not None, "there is no candle yet"
        self._flush()
        recorded = before_of(self.journal.path)  # the session keeps no candles: the digest is that of the journal's
        known = digest(recorded.series, self.run.timeframe)
        self._take(self._live.folding.finish(known, given), came=self._clock())
        self.ended = True

    def first_hash(self) -> str | None:
        """The hash of the first line, which identifies the run; None before the first candle."""
        return self.journal.first_hash

    def last_ts(self) -> int | None:
        """The last timestamp that was folded."""
        return None if self._live is None else self._live.last_ts()

    def rest(self) -> None:
        """Pause: sync everything, and renew the checkpoint and the snapshot (J29). The session may go on after it."""
        self._flush()
        self.journal.commit()
        self.journal.renew_anchor(now=True)
        self._write_snapshot()

    def _write_snapshot(self) -> None:
        """Write the snapshot that `safla status` reads."""
        if self._live is not None and self.journal.complete:
            snapshot.write_snapshot(
                self.journal.path.parent, n=self.journal.lines, offset=self.journal.offset, h=self.journal.last_hash,
                state=self.state,
            )  # fmt: skip
            self._snapshot_at = self._clock()

    def _begin(
        self, ts: int, *, forms: EngineForms, done: Sequence[Series] = (), inputs: Sequence[Outside] = ()
    ) -> Live:
        """Begin the run with its recorded candles, which `fold_recorded` is to fold. ts: of the first candle, ms."""
        folding = Folding(self.run, first_ts=ts, forms=forms, timestamps=_block_size(done), check_moves=True)
        series = done or [
            Series(symbol, scale.price_decimals, scale.volume_decimals, NO_CANDLES)
            for symbol, scale in zip(self.run.symbols, self.run.scales, strict=True)
        ]
        # The check for looking ahead is off: each live answer was compared with the next when it came (C13).
        unasked = unasked_at(inputs, align([one.columns for one in series]).ts)
        source = signal_source(self.run, series, forms=forms, unasked=unasked, check=False, failed=failures(inputs))
        self._live = Live(folding, source)
        return self._live

    def _inputs(self, rules: Sequence[int], given: Input, *, lifts: bool) -> int:
        """Open or lift the halts of some rules in one batch. Returns how many of them changed."""
        assert self._live is not None, "there is no candle yet"
        self._flush()  # the lines of a command come after those of the candles before it
        last = self._live.last_ts()
        blocks = [self._live.input(Outside(last, rule, lifts=lifts, input=given)) for rule in rules]
        blocks = [block for block in blocks if block.lines]
        if blocks:
            lines, rows = b"".join(block.lines for block in blocks), np.concatenate([block.rows for block in blocks])
            self._take(blocks[-1]._replace(lines=lines, rows=rows), came=self._clock())
        return len(blocks)

    def _take(self, block: Block, *, came: float) -> None:
        """Compare lines that the journal already has; append and sync the new ones, then notify the listener.

        The order is promise 1: a listener that heard of a line before the sync could act on one that a crash removes.
        """
        before = self.journal.lines
        if not self.journal.append(block.lines):
            return
        events = tuple(_events(block.lines, before))
        self.journal.commit()
        synced = self._clock()
        self.journal.renew_anchor(now=any(isinstance(event, ANCHORS) for event in events))
        ts = int(block.state.account[v.LAST_TS])
        if synced - self._snapshot_at >= SNAPSHOT_SECONDS:
            self._write_snapshot()
        self._listener(Update(ts, events, block.state, self.journal.lines, came, synced))


@contextmanager
def session_at(
    folder: Path, *, say: Callable[[str], None], register: Mapping[str, Strategy] = STRATEGIES,
    listener: Listener = lambda update: None,
) -> Iterator[tuple["PaperSession", RecordedSession]]:  # fmt: skip
    """A paper run that no process is running, as a recovered session for the length of a `with`; and what it held.

    It takes commands but no candles. HostError where a process runs it, or where its last timestamp is half written:
    only `safla run` can complete that, for it needs the candles of the source.
    """
    path = folder / JOURNAL
    with run_folder.lock_run(folder):
        started = reader.read(path).started
        recover(path, started=started, say=say)
        before = before_of(path)
        with JournalAppender(path, say=say) as journal:
            session = PaperSession(run_of(started, register=register), journal, listener=listener)
            last = session.recover(before, say=say)
            if last is None or not last.whole:
                what = "its last timestamp is only half written; start the run: it completes that and takes the command"
                raise HostError(f"{folder}: {what}", code="run_not_ready")
            session.fold(last.ts, last.rows, outside=last.outside)
            yield session, before
            session.rest()


def first_hash(path: Path) -> str:
    """The hash of a journal's first line, which identifies the run. JournalError where there is no whole line."""
    with open_to_read(path) as file:
        text = file.read(MAX_LINE)
    line, end, _ = text.partition(b"\n")
    if not end:
        raise JournalError(f"{path}: no candle is recorded yet", code="no_candle_recorded")
    return verified_hash(line, 1, p=ORIGIN).decode("ascii")


def before_of(path: Path) -> RecordedSession:
    """The candles and commands that a journal holds (J1). Raises JournalError where its chain is broken.

    The quick scan reads columns without making an object of every event; where it cannot read the journal, the
    ordinary reader does, and names the line that is wrong.
    """
    if (found := scan(path)) is not None:
        inputs = found.inputs
        return RecordedSession(
            found.series, tuple(inputs.outside), found.ended, found.tail, inputs.last_ts, inputs.known, found.closing,
            inputs.commands, found,
        )  # fmt: skip
    journal = reader.read(path)
    inputs = Inputs(journal.started)
    closing = False
    for event in read_events(journal, inputs):
        closing = closing or _is_closing(event)
    assert journal.tail is not None, "the journal was read to its end"
    return RecordedSession(
        series_of(journal, inputs.rows), tuple(inputs.outside), journal.ended is not None, journal.tail,
        inputs.last_ts, inputs.known, closing, inputs.commands, None,
    )  # fmt: skip


def _block_size(series: Sequence[Series]) -> int:
    """How many timestamps of recorded candles are folded at once; live ones come one by one."""
    return engine.MAX_BLOCK // len(series) if any(len(one.columns.ts) for one in series) else 1


def _is_closing(event: Event) -> bool:
    """Whether a line is one of those that come after the last candle of a run that ends (J3)."""
    if isinstance(event, ModeChanged):
        return event.trigger == "stop"
    return isinstance(event, RunEnded) or (isinstance(event, OrderExpired) and event.reason == "end_of_data")


def _events(lines: bytes, before: int) -> Iterator[Event]:
    for n, line in enumerate(lines.splitlines(), before + 1):
        yield decode_event(event_bytes(line, n))


def _row(series: Series, ts: int) -> CandleRow | None:
    """The last candle of a symbol, if it opens at ts."""
    columns = series.columns
    if not len(columns.ts) or int(columns.ts[-1]) != ts:
        return None
    opened, high, low, close, volume = (int(column[-1]) for column in columns[1:])
    return opened, high, low, close, volume
