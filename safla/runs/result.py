"""What a run came to, as values: all that summaries, tables and reports are made of. And the ways to have it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Series, align
from safla.core.values import Int64, State
from safla.data.coverage import RequestedPeriod
from safla.journal.encode import NO_INPUT, Input
from safla.runs.engine_choice import Forms, choose
from safla.runs.recording import read_recording, run_of
from safla.runs.runner import Block, Outside, fold_blocks, unasked_at
from safla.runs.strategy_calls import GridSignals, signals_of
from safla.strategies.register import STRATEGIES, Strategy

KEPT = (v.MODE_CHANGED, v.ORDER_REJECTED, v.FILLED, v.TRADE_CLOSED, v.HALTED_ROW, v.RESUMED)  # what a summary reads


class Sources(NamedTuple):
    """What is known of where the candles of a run came from; nothing of a run that is read off its journal."""

    asked: RequestedPeriod = RequestedPeriod(None, None)
    bad_rows: tuple[int, ...] = ()  # rows left out, one number a symbol
    without_trade: tuple[int, ...] = ()
    incomplete: tuple[int, ...] = ()  # longer candles that were not built


NO_SOURCES = Sources()


class RunResult(NamedTuple):
    """The plan, the candles, what the engine told, and where it ended."""

    run: RunPlan
    series: tuple[Series, ...]  # given to the engine, lookback included
    ts: Int64  # [timestamps], open times
    equity: Int64  # [timestamps], money units, marked at the close
    trough: Int64  # [timestamps], the same at the worst price inside the candle that the stops leave
    rows: Int64  # [rows, values.ROW_WIDTH]
    state: State
    sources: Sources = NO_SOURCES


class RunRecord:
    """What is kept of the blocks of a run until its end: the curves, and the rows that a summary reads."""

    def __init__(self, run: RunPlan, series: Sequence[Series]) -> None:
        self._run, self._series = run, tuple(series)
        most = sum(len(one.columns.ts) for one in series)  # what is not written to takes no memory
        self._curves = np.empty((2, most), np.int64)
        self._ts: list[Int64] = []
        self._rows: list[Int64] = []
        self._count = 0
        self._state: State | None = None

    def add(self, block: Block) -> None:
        """The next block; nothing of its lines is kept."""
        own = slice(self._count, self._count + len(block.ts))
        self._curves[0, own], self._curves[1, own] = block.equity, block.trough
        self._ts.append(block.ts)
        self._rows.append(block.rows[np.isin(block.rows[:, 0], KEPT)])
        self._count, self._state = own.stop, block.state

    def outcome(self, sources: Sources = NO_SOURCES) -> RunResult:
        """What the blocks of a whole run come to."""
        assert self._state is not None, "a run has a last block"
        equity, trough = self._curves[:, : self._count]
        return RunResult(
            self._run, self._series, self._grid_ts(), equity, trough, np.concatenate(self._rows), self._state, sources
        )

    def _grid_ts(self) -> Int64:
        """The times of all symbols together; where they are as many as those of one, they are those of that one."""
        for one in self._series:
            if len(one.columns.ts) == self._count:
                return one.columns.ts
        return np.concatenate(self._ts)


class Recorder(Protocol):
    """What is told of a run while it is simulated: a journal, a progress bar. It may end the run by raising."""

    def block(self, block: Block) -> None:
        """The next block, with the lines of the journal that it came to."""


def simulate(
    run: RunPlan, series: Sequence[Series], *, forms: Forms, recorder: Recorder | None = None, known: str | None = None,
    outside: Sequence[Outside] = (), stop: Input = NO_INPUT, signals: GridSignals | None = None,
    sources: Sources = NO_SOURCES,
) -> RunResult:  # fmt: skip
    """Run a plan over candles to their end. Without a recorder no line of a journal is made, which is ten times faster.

    The other arguments are those of `fold_blocks`; sources is handed on. DataError where a bound of D1 would break.
    """
    record = RunRecord(run, series)
    blocks = fold_blocks(
        run, series, forms=forms, known=known, outside=outside, stop=stop, signals=signals,
        with_lines=recorder is not None,
    )  # fmt: skip
    for block in blocks:
        record.add(block)
        if recorder is not None:
            recorder.block(block)
    return record.outcome(sources)


def load_result(path: Path, *, engine: str = "auto", register: Mapping[str, Strategy] = STRATEGIES) -> RunResult:
    """What the run of a folder, or of its journal, came to so far: its recorded inputs, simulated again.

    A run of any mode, ended or not. Where the candles are from is not known (`sources` is empty). JournalError for a
    damaged journal; ConfigError where the strategy came from Python and is not in the register.
    """
    recording = read_recording(path)
    run = run_of(recording.started, register=register)
    return simulate_again(run, recording.series, outside=recording.outside, stop=recording.stop, engine=engine)


def simulate_again(
    run: RunPlan, series: Sequence[Series], *, outside: Sequence[Outside], stop: Input = NO_INPUT, engine: str = "auto"
) -> RunResult:
    """The result of a run whose inputs were recorded. Its signals were checked when they were given."""
    candles = sum(len(one.columns.ts) for one in series)
    forms = choose(engine, run.strategy.columns, candles=candles, say=lambda text: None)
    grid_ts = align([one.columns for one in series]).ts
    unasked = unasked_at(outside, grid_ts)
    signals = signals_of(run, series, columns=forms.columns, grid_ts=grid_ts, unasked=unasked, check=False)
    return simulate(run, series, forms=forms, outside=outside, stop=stop, signals=signals)
