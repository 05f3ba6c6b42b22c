"""What a run came to, as values: all that summaries, tables and reports are made of."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Series
from safla.core.values import Int64, State
from safla.data.coverage import RequestedPeriod
from safla.runs.runner import Block

KEPT = (v.MODE_CHANGED, v.ORDER_REJECTED, v.FILLED, v.TRADE_CLOSED, v.HALTED_ROW, v.RESUMED)  # what a summary reads


class Sources(NamedTuple):
    """What is known of where the candles of a run came from; nothing of a run that is read off its journal."""

    asked: RequestedPeriod = RequestedPeriod(None, None)
    bad_rows: tuple[int, ...] = ()  # rows left out, one number a symbol
    without_trade: tuple[int, ...] = ()
    incomplete: tuple[int, ...] = ()  # longer candles that were not built


NO_SOURCES = Sources()


class Outcome(NamedTuple):
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

    def outcome(self, sources: Sources = NO_SOURCES) -> Outcome:
        """What the blocks of a whole run come to."""
        assert self._state is not None, "a run has a last block"
        equity, trough = self._curves[:, : self._count]
        return Outcome(
            self._run, self._series, self._grid_ts(), equity, trough, np.concatenate(self._rows), self._state, sources
        )

    def _grid_ts(self) -> Int64:
        """The times of all symbols together; where they are as many as those of one, they are those of that one."""
        for one in self._series:
            if len(one.columns.ts) == self._count:
                return one.columns.ts
        return np.concatenate(self._ts)
