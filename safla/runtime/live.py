"""A run one timestamp at a time: candles in, lines out, by the same fold (D3). No clock and no file is known here."""

from collections.abc import Sequence

import numpy as np

from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Series
from safla.core.values import Columns, Grid, Int64, Signals
from safla.data.units import Row
from safla.errors import StrategyError
from safla.journal.rows import Input
from safla.runtime.fold import Block, Folding, Outside
from safla.runtime.signals import signals_at

FIELDS = len(Columns._fields)


class Window:
    """The last candles of one symbol: as many as the strategy needs."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._cells: Int64 = np.zeros((FIELDS, 2 * size), np.int64)
        self._end = 0

    def add(self, ts: int, row: Row) -> None:
        """One candle more; the oldest goes."""
        if self._end == self._cells.shape[1]:
            self._cells[:, : self._size] = self._cells[:, -self._size :]
            self._end = self._size
        self._cells[:, self._end] = (ts, *row)
        self._end += 1

    def fill(self, columns: Columns) -> None:
        """The last of many candles."""
        kept = min(self._size, len(columns.ts))
        for cells, column in zip(self._cells, columns, strict=True):
            cells[:kept] = column[len(column) - kept :]
        self._end = kept

    def columns(self) -> Columns:
        """What it holds: views, until the next candle comes."""
        first = max(0, self._end - self._size)
        return Columns(*(cells[first : self._end] for cells in self._cells))


class Live:
    """A run under way, and the windows of its strategy."""

    def __init__(self, folding: Folding, *, series: Sequence[Series]) -> None:
        """series: the candles that were folded before, with the last of which the windows begin."""
        self.folding = folding
        self.run: RunPlan = folding.run
        self._series = [one._replace(columns=Columns(*(column[:0] for column in one.columns))) for one in series]
        self._windows = [Window(max(1, self.run.plan.rules.warm_up)) for _ in series]
        for window, one in zip(self._windows, series, strict=True):
            window.fill(one.columns)

    def fold(self, ts: int, rows: Sequence[Row | None], *, outside: Sequence[Outside] = ()) -> Block:
        """The lines of a timestamp: None for a symbol that has no candle there. A strategy that fails halts (J17).

        outside  inputs that are known to stand behind it; a failure of the strategy among them is not made anew
        """
        for window, row in zip(self._windows, rows, strict=True):
            if row is not None:
                window.add(ts, row)
        failed = any(one.rule == v.STRATEGY_ERROR and not one.lifts for one in outside)
        given = list(outside)
        if failed or self._open(v.STRATEGY_ERROR):
            signals = self._unasked()
        else:
            try:
                signals = self._asked(rows)
            except StrategyError as error:
                signals = self._unasked()
                given = [Outside(ts, v.STRATEGY_ERROR, lifts=False, input=Input(_note(self.run, error))), *given]
        block = self.folding.advance(_grid(ts, rows), 0, end=1, signals=signals)
        for one in given:
            block = self._behind(block, one)
        return block

    def input(self, given: Outside) -> Block:
        """The lines of an input from outside, behind the last timestamp; none where it changes nothing."""
        nothing = np.zeros(0, np.int64)
        empty = Block(b"", np.zeros((0, v.ROW_WIDTH), np.int64), nothing, nothing, nothing, self.folding.state)
        return self._behind(empty, given)

    def open_halts(self) -> dict[int, int]:
        """The number of each open halt, by its rule."""
        account = self.folding.state.account
        numbers = {rule: int(account[v.HALT_OF_RULE + rule]) for rule in range(len(v.HALT_RULES))}
        return {rule: number for rule, number in numbers.items() if number > 0}

    def last_ts(self) -> int:
        """The last timestamp that was folded."""
        return int(self.folding.state.account[v.LAST_TS])

    def _open(self, rule: int) -> bool:
        return int(self.folding.state.account[v.HALT_OF_RULE + rule]) > 0

    def _behind(self, block: Block, given: Outside) -> Block:
        lines, rows = self.folding.outside(given)
        rows = np.concatenate([block.rows, rows])
        return block._replace(lines=block.lines + lines, rows=rows, state=self.folding.state)

    def _asked(self, rows: Sequence[Row | None]) -> Signals:
        windows = [None if row is None else window.columns() for window, row in zip(self._windows, rows, strict=True)]
        return signals_at(self.run, windows, series=self._series)

    def _unasked(self) -> Signals:
        symbols = len(self._windows)
        return Signals(np.full((symbols, 1), v.UNASKED, np.int8), np.zeros((symbols, 1), np.float64))


def _grid(ts: int, rows: Sequence[Row | None]) -> Grid:
    cells = np.array([(0, 0, 0, 0, 0) if row is None else row for row in rows], np.int64)
    return Grid(np.array([ts], np.int64), *(cells[:, field : field + 1] for field in range(FIELDS - 1)))


def _note(run: RunPlan, error: StrategyError) -> str:
    """What failed, as it may stand in a journal: no path, no number that differs from run to run (J4)."""
    cause = error.__cause__
    answered = cause is None or isinstance(cause, StrategyError)
    what = "returned what is no signal" if answered else f"raised {type(cause).__name__}"
    return f"{run.strategy_name} {what}"[:200]
