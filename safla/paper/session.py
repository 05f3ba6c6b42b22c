"""A paper run that is held: recovered as far as its journal reaches, and ready for what comes next (J30-J40).

Each timestamp and each input from outside is one batch: appended, synced, then told (J21-J24).
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
from safla.core.candles import Series, align, between, digest
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
from safla.runs.engine_choice import Forms, choose
from safla.runs.incremental import Live
from safla.runs.journal_scan import Scan, scan
from safla.runs.recording import Inputs, noting, run_of, series_of
from safla.runs.recovery import Continued, recover
from safla.runs.runner import Block, Folding, Outside, folded, unasked_at
from safla.runs.strategy_calls import GridSignals, signals_of
from safla.strategies.register import STRATEGIES, Strategy

SNAPSHOT_SECONDS = 1.0  # between two of them
MOST_PENDING = 256  # timestamps of the lookback in one batch
ANCHORS = (Filled, Halted, Resumed, RunEnded)  # behind these, head is renewed (J24)


class Last(NamedTuple):
    """The last timestamp of a journal: what is recorded of it, which may be half. It is folded once more (J39)."""

    ts: int
    rows: tuple[CandleRow | None, ...]
    outside: tuple[Outside, ...]
    known: int  # so many symbols have their line there: a candle, or that it is missing (S6a)
    closing: bool  # closing lines are there: the run was ending (J3)

    @property
    def whole(self) -> bool:
        """Whether nothing of it can come any more."""
        return self.known == len(self.rows)

    def with_later(self, rows: tuple[CandleRow | None, ...]) -> tuple[CandleRow | None, ...]:
        """The candles of this timestamp that a source has now: for symbols of which nothing is recorded (J39)."""
        return self.rows[: self.known] + rows[self.known :]


class Before(NamedTuple):
    """What a journal holds already."""

    series: tuple[Series, ...]
    outside: tuple[Outside, ...]
    ended: bool
    tail: Tail
    last_ts: int | None  # of the candle lines
    known: int  # how many symbols have their line at the last timestamp
    closing: bool
    commands: dict[str, int]  # those that stand there, each with the time at which it was given, ms
    scan: Scan | None  # where the quick pass could read it

    @property
    def last_commands(self) -> set[str]:
        """Those at the last timestamp."""
        return {one.input.id for one in self.outside if one.ts == self.last_ts and one.input.id is not None}


class PaperSession:
    """A run between two timestamps."""

    def __init__(
        self, run: RunPlan, journal: Continued, *, listener: Listener, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.run = run
        self.journal = journal
        self.ended = False
        self._listener, self._clock = listener, clock
        self._live: Live | None = None
        self._pending: list[Update] = []  # timestamps of the lookback that are not synced yet
        self._pending_lines: list[bytes] = []
        self._looked_at = -math.inf  # when the last snapshot was written

    @property
    def state(self) -> State:
        """Where the engine stands; before the first candle: with nothing but the balance."""
        assert self._live is not None, "there is no candle yet"
        return self._live.folding.state

    def recover(self, before: Before, *, say: Callable[[str], None]) -> Last | None:
        """Fold what is recorded, and compare (J39). Returns the last timestamp, which is still to be folded."""
        last = before.last_ts
        if last is None:
            return None
        first = min((int(one.columns.ts[0]) for one in before.series if len(one.columns.ts)), default=last)
        done = tuple(one._replace(columns=between(one.columns, first, last)) for one in before.series)
        candles = sum(len(one.columns.ts) for one in done)
        forms = choose("auto", self.run.strategy.columns, candles=candles, say=say)
        inputs = [one for one in before.outside if one.ts < last]
        signals = self._signals(done, inputs, forms=forms) if candles else None
        if before.scan is None or not self._compare(before.scan, done, inputs, signals=signals, forms=forms):
            self._refold(first, done, inputs, signals=signals, forms=forms)
        assert self._live is not None
        self._live = Live(self._live.folding, series=done, signals=signals)
        self._live.folding.interpret()
        outside = tuple(one for one in before.outside if one.ts == last)
        rows = tuple(_row(one, last) for one in before.series)
        return Last(last, rows, outside, known=before.known, closing=before.closing)

    def _signals(self, done: Sequence[Series], inputs: Sequence[Outside], *, forms: Forms) -> GridSignals:
        """The strategy, asked once about all that is recorded; each live answer was compared when it came (C13)."""
        grid_ts = align([one.columns for one in done]).ts
        unasked = unasked_at(inputs, grid_ts)
        return signals_of(self.run, done, columns=forms.columns, grid_ts=grid_ts, unasked=unasked, check=False)

    def _compare(
        self, scan: Scan, done: Sequence[Series], inputs: Sequence[Outside], *, signals: GridSignals | None,
        forms: Forms,
    ) -> bool:  # fmt: skip
        """Fold what is recorded, compare the outcomes alone (J39). False where one differs: the lines tell which."""
        if signals is None:
            return False
        grid = align([one.columns for one in done])
        size = max(1, engine.MAX_BLOCK // len(done))
        folding = self._begin(int(grid.ts[0]), forms=forms, timestamps=size).folding
        folding.lines.compare(scan.outcomes)
        try:
            for _ in folded(folding, signals, forms=forms, outside=inputs, grid=grid, size=size):
                pass
            folding.lines.go_on(scan.last.lines, scan.last.h)
        except Unequal:
            return False
        self.journal.skip(
            offset=scan.last.offset, lines=scan.last.lines, last_hash=scan.last.h, first_hash=scan.first_hash
        )
        return True

    def _refold(
        self, first: int, done: Sequence[Series], inputs: Sequence[Outside], *, signals: GridSignals | None,
        forms: Forms,
    ) -> None:  # fmt: skip
        """Fold what is recorded, and compare every line."""
        candles = sum(len(one.columns.ts) for one in done)
        size = max(1, engine.MAX_BLOCK // len(done))
        folding = self._begin(first, forms=forms, timestamps=size if candles else 1).folding
        if signals is None:
            return
        grid = align([one.columns for one in done])
        for block in folded(folding, signals, forms=forms, outside=inputs, grid=grid, size=size):
            self._take(block, came=self._clock())

    def fold(
        self, ts: int, rows: Sequence[CandleRow | None], *, came: float | None = None, outside: Sequence[Outside] = (),
        more: bool = False,
    ) -> None:  # fmt: skip
        """One timestamp: folded, appended, synced, told.

        came  when its candles were there
        more  others of the lookback are here already: it may be synced with them, for nothing is decided there
        """
        came = self._clock() if came is None else came
        if self._live is None:
            self._begin(ts, forms=Forms(None, self.run.strategy.columns, compiled=False), timestamps=1)
        assert self._live is not None
        block = self._live.fold(ts, rows, outside=outside)
        if not more and not self._pending:
            self._take(block, came=came)
            return
        told = Update(ts, tuple(_events(block.lines, self._lines_taken())), block.state, 0, came, came)
        self._pending.append(told)
        self._pending_lines.append(block.lines)
        if not more or len(self._pending) == MOST_PENDING:
            self._flush()

    def _lines_taken(self) -> int:
        return self.journal.lines + sum(lines.count(b"\n") for lines in self._pending_lines)

    def _flush(self) -> None:
        """What is folded of the lookback becomes durable, in one batch, and only then is it told."""
        pending, lines = self._pending, self._pending_lines
        self._pending, self._pending_lines = [], []
        before = self.journal.lines
        new = self.journal.append(b"".join(lines))
        if not new:
            return
        self.journal.commit()
        synced = self._clock()
        self.journal.renew_anchor(now=False)
        for told, text in zip(pending, lines, strict=True):
            before += text.count(b"\n")
            self._listener(told._replace(lines=before, synced=synced))

    def halt(self, given: Input) -> bool:
        """A person halts the account (S15a). False where that halt is open: no line then."""
        return self._inputs([v.OPERATOR], given, lifts=False) > 0

    def resume(self, number: int | None, given: Input) -> int:
        """A person lifts every open halt but daily_loss, the oldest first, or the one of a number. How many."""
        assert self._live is not None, "there is no candle yet"
        halts = sorted((one, rule) for rule, one in self._live.open_halts().items())
        wanted = [rule for one, rule in halts if (rule != v.DAILY_LOSS if number is None else one == number)]
        return self._inputs(wanted, given, lifts=True)

    def stop(self, given: Input = NO_INPUT) -> None:
        """The closing lines (J3, J19); the run takes nothing more. given: of the command, where one ends it."""
        assert self._live is not None, "there is no candle yet"
        self._flush()
        recorded = before_of(self.journal.path)
        known = digest(recorded.series, self.run.timeframe)
        self._take(self._live.folding.finish(known, given), came=self._clock())
        self.ended = True

    def first_hash(self) -> str | None:
        """The hash of the first line, which names the run; None before the first candle."""
        return self.journal.first_hash

    def last_ts(self) -> int | None:
        """The last timestamp that was folded."""
        return None if self._live is None else self._live.last_ts()

    def rest(self) -> None:
        """Leave it for later: everything is on the disk, and head knows it (J29)."""
        self._flush()
        self.journal.commit()
        self.journal.renew_anchor(now=True)
        self._write_snapshot()

    def _write_snapshot(self) -> None:
        """For whoever looks at the run from outside."""
        if self._live is not None and self.journal.complete:
            snapshot.write_snapshot(
                self.journal.path.parent, n=self.journal.lines, offset=self.journal.offset, h=self.journal.last_hash,
                state=self.state,
            )  # fmt: skip
            self._looked_at = self._clock()

    def _begin(self, ts: int, *, forms: Forms, timestamps: int) -> Live:
        folding = Folding(self.run, first_ts=ts, loop=forms.loop, timestamps=timestamps, check_moves=True)
        nothing = np.zeros(0, np.int64)
        empty = [Series(symbol, 0, 0, v.Columns(*(nothing,) * 6)) for symbol in self.run.symbols]
        self._live = Live(folding, series=empty)
        return self._live

    def _inputs(self, rules: Sequence[int], given: Input, *, lifts: bool) -> int:
        """One batch of what a command does to some rules; how many of them it changed."""
        assert self._live is not None, "there is no candle yet"
        self._flush()
        last = self._live.last_ts()
        blocks = [self._live.input(Outside(last, rule, lifts=lifts, input=given)) for rule in rules]
        blocks = [block for block in blocks if block.lines]
        if blocks:
            lines, rows = b"".join(block.lines for block in blocks), np.concatenate([block.rows for block in blocks])
            self._take(blocks[-1]._replace(lines=lines, rows=rows), came=self._clock())
        return len(blocks)

    def _take(self, block: Block, *, came: float) -> None:
        """Lines that are there already are compared; what is new becomes durable, and only then is it told."""
        before = self.journal.lines
        if not self.journal.append(block.lines):
            return
        events = tuple(_events(block.lines, before))
        self.journal.commit()
        synced = self._clock()
        self.journal.renew_anchor(now=any(isinstance(one, ANCHORS) for one in events))
        ts = int(block.state.account[v.LAST_TS])
        if synced - self._looked_at >= SNAPSHOT_SECONDS:
            self._write_snapshot()
        self._listener(Update(ts, events, block.state, self.journal.lines, came, synced))


@contextmanager
def resting(
    folder: Path, *, say: Callable[[str], None], register: Mapping[str, Strategy] = STRATEGIES,
    listener: Listener = lambda told: None,
) -> Iterator[tuple["PaperSession", Before]]:  # fmt: skip
    """A run that no process has, held for the length of a `with`: recovered, and ready for a command; and what it had.

    HostError where a process has it, or where its last timestamp is only half written: the run itself completes that.
    """
    path = folder / JOURNAL
    with run_folder.lock_run(folder):
        started = reader.read(path).started
        recover(path, started=started, say=say)
        before = before_of(path)
        with Continued(path, say=say) as journal:
            held = PaperSession(run_of(started, register=register), journal, listener=listener)
            last = held.recover(before, say=say)
            if last is None or not last.whole:
                what = "its last timestamp is half written; start the run: it completes that, and takes what was asked"
                raise HostError(f"{folder}: {what}")
            held.fold(last.ts, last.rows, outside=last.outside)
            yield held, before
            held.rest()


def first_hash(path: Path) -> str:
    """The hash of a journal's first line, which names the run. JournalError where there is no whole line."""
    with open_to_read(path) as file:
        text = file.read(MAX_LINE)
    line, end, _ = text.partition(b"\n")
    if not end:
        raise JournalError(f"{path}: no candle is recorded yet")
    return verified_hash(line, 1, p=ORIGIN).decode("ascii")


def before_of(path: Path) -> Before:
    """The inputs that a journal holds, whose chain was verified (J1). Raises JournalError."""
    if (found := scan(path)) is not None:
        inputs = found.inputs
        return Before(
            found.series, tuple(inputs.outside), found.ended, found.tail, inputs.last_ts, inputs.known, found.closing,
            inputs.commands, found,
        )  # fmt: skip
    journal = reader.read(path)
    inputs = Inputs(journal.started)
    closing = False
    for event in noting(journal, inputs):
        closing = closing or _is_closing(event)
    assert journal.tail is not None, "the journal was read to its end"
    return Before(
        series_of(journal, inputs.rows), tuple(inputs.outside), journal.ended is not None, journal.tail,
        inputs.last_ts, inputs.known, closing, inputs.commands, None,
    )  # fmt: skip


def _is_closing(event: Event) -> bool:
    """Whether a line stands behind the last candle of a run that was ending (J3)."""
    if isinstance(event, ModeChanged):
        return event.trigger == "stop"
    return isinstance(event, RunEnded) or (isinstance(event, OrderExpired) and event.reason == "end_of_data")


def _events(lines: bytes, before: int) -> Iterator[Event]:
    for n, line in enumerate(lines.splitlines(), before + 1):
        yield decode_event(event_bytes(line, n))


def _row(series: Series, ts: int) -> CandleRow | None:
    """The candle of a symbol that opens at ts, if it is its last."""
    columns = series.columns
    if not len(columns.ts) or int(columns.ts[-1]) != ts:
        return None
    opened, high, low, close, volume = (int(column[-1]) for column in columns[1:])
    return opened, high, low, close, volume
