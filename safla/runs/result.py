"""The result of a run as values, from which summaries, tables and reports are made, and the ways to get it."""

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
from safla.runs.engine_choice import EngineForms, choose
from safla.runs.recording import read_recording, run_of
from safla.runs.runner import Block, Outside, failures, fold_blocks, unasked_at
from safla.runs.signal_sources import SignalSource, signal_source
from safla.strategies.register import STRATEGIES, Strategy

# The rows that a summary reads.
KEPT = (v.MODE_CHANGED, v.ORDER_REJECTED, v.FILLED, v.TRADE_CLOSED, v.HALTED_ROW, v.RESUMED)


class Sources(NamedTuple):
    """Facts about the source of a run's candles. They are unknown for a run that is read from its journal."""

    asked: RequestedPeriod = RequestedPeriod(None, None)
    bad_rows: tuple[int, ...] = ()  # rows that were left out, a number for each symbol
    without_trade: tuple[int, ...] = ()  # candles without a trade
    incomplete: tuple[int, ...] = ()  # longer candles that were not built, because shorter ones were missing


NO_SOURCES = Sources()


class RunResult(NamedTuple):
    """The plan, the candles, the output of the engine, and its last state."""

    run: RunPlan
    series: tuple[Series, ...]  # given to the engine, lookback included
    ts: Int64  # [timestamps], open times
    equity: Int64  # [timestamps], money units, marked at the close
    trough: Int64  # [timestamps], equity at the worst price inside the candle, with stops applied
    rows: Int64  # [rows, values.ROW_WIDTH]
    state: State
    sources: Sources = NO_SOURCES


class RunRecord:
    """What is kept of the blocks of a run until its end: equity curves, and the rows that a summary reads."""

    def __init__(self, run: RunPlan, series: Sequence[Series]) -> None:
        self._run, self._series = run, tuple(series)
        most = sum(len(one.columns.ts) for one in series)  # untouched pages of np.empty take no memory
        rules = run.plan.rules
        has_distances = rules.stop_distance or rules.trail_distance  # on which the first stop of a trade depends
        self._kept = (*KEPT, v.ORDER_PLACED) if has_distances else KEPT
        self._curves = np.empty((2, most), np.int64)
        self._ts: list[Int64] = []
        self._rows = bytearray()  # of int64; it grows in place, while arrays would be copied to join them
        self._count = 0
        self._state: State | None = None

    def add(self, block: Block) -> None:
        """Add the next block; its journal lines are not kept."""
        place = slice(self._count, self._count + len(block.ts))
        self._curves[0, place], self._curves[1, place] = block.equity, block.trough
        self._ts.append(block.ts)
        self._rows += block.rows[np.isin(block.rows[:, 0], self._kept)].data
        self._count, self._state = place.stop, block.state

    def outcome(self, sources: Sources = NO_SOURCES) -> RunResult:
        """The result of the run, once all blocks were added."""
        assert self._state is not None, "a run has a last block"
        equity, trough = self._curves[:, : self._count]
        rows = np.frombuffer(self._rows, np.int64).reshape(-1, v.ROW_WIDTH)
        return RunResult(self._run, self._series, self._grid_ts(), equity, trough, rows, self._state, sources)

    def _grid_ts(self) -> Int64:
        """The timestamps of the grid. If a symbol has a candle at each of them, its array is used, to save memory."""
        for one in self._series:
            if len(one.columns.ts) == self._count:
                return one.columns.ts
        return np.concatenate(self._ts)


class Recorder(Protocol):
    """Receives the blocks of a run while it is simulated, such as a journal. It may end the run by raising."""

    def block(self, block: Block) -> None:
        """Take the next block, with its journal lines."""


def simulate_plan(
    run: RunPlan, series: Sequence[Series], *, forms: EngineForms, recorder: Recorder | None = None,
    known: str | None = None, outside: Sequence[Outside] = (), stop: Input = NO_INPUT,
    source: SignalSource | None = None, sources: Sources = NO_SOURCES,
) -> RunResult:  # fmt: skip
    """Run a plan over candles to their end. Without a recorder no journal lines are made, which is ten times faster.

    The other arguments are those of `fold_blocks`; `sources` becomes part of the result. DataError if an amount would
    exceed the bounds of D1.
    """
    record = RunRecord(run, series)
    blocks = fold_blocks(
        run, series, forms=forms, known=known, outside=outside, stop=stop, source=source,
        with_lines=recorder is not None,
    )  # fmt: skip
    for block in blocks:
        record.add(block)
        if recorder is not None:
            recorder.block(block)
    return record.outcome(sources)


def load_result(path: Path, *, engine: str = "auto", register: Mapping[str, Strategy] = STRATEGIES) -> RunResult:
    """The result so far of a recorded run, from its folder or its journal: the recorded inputs are simulated again.

    The run may be of any mode, and need not have ended. The source of its candles is unknown (`sources` is empty).
    JournalError for a damaged journal; ConfigError if the strategy is from Python and not in the register.
    """
    recording = read_recording(path)
    run = run_of(recording.started, register=register)
    return simulate_again(run, recording.series, outside=recording.outside, stop=recording.stop, engine=engine)


def simulate_again(
    run: RunPlan, series: Sequence[Series], *, outside: Sequence[Outside], stop: Input = NO_INPUT, engine: str = "auto"
) -> RunResult:
    """The result of a run whose inputs were recorded. The look-ahead check was made when the run took place."""
    candles = sum(len(one.columns.ts) for one in series)
    forms = choose(engine, run.strategy, candles=candles, say=lambda text: None)
    unasked = unasked_at(outside, align([one.columns for one in series]).ts)
    source = signal_source(run, series, forms=forms, unasked=unasked, check=False, failed=failures(outside))
    return simulate_plan(run, series, forms=forms, outside=outside, stop=stop, source=source)
