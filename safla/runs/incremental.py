"""A paper run, one timestamp at a time: candles in, journal lines out, by the engine of a backtest (D3).

This module uses no clock and no file. The signals come from the source of a backtest, which takes one timestamp after
the other here, so that a strategy cannot look ahead.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from safla.candles.normalise import CandleRow
from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Series, align
from safla.core.values import Grid
from safla.errors import StrategyError
from safla.journal.encode import Input
from safla.runs.runner import Block, Folding, Outside, folded
from safla.runs.signal_sources import LiveStrategyError, SignalSource, unasked_signals

NO_CANDLE = (0, 0, 0, 0, 0)


class Live:
    """A paper run: the engine, and the source of its signals."""

    def __init__(self, folding: Folding, source: SignalSource) -> None:
        """source: it has given the signals of the timestamps that were folded before."""
        self.folding = folding
        self.run: RunPlan = folding.run
        self._source = source
        self._cells = [np.zeros((len(self.run.symbols), 1), np.int64) for _ in NO_CANDLE]
        self._views = [column.data for column in self._cells]

    def fold_recorded(self, series: Sequence[Series], outside: Sequence[Outside], *, size: int) -> Iterator[Block]:
        """Fold the recorded candles, with which the source was begun. size: of a block, in timestamps."""
        grid = align([one.columns for one in series])
        yield from folded(self.folding, self._source, outside=outside, grid=grid, size=size)

    def fold(self, ts: int, rows: Sequence[CandleRow | None], *, outside: Sequence[Outside] = ()) -> Block:
        """Fold one timestamp and return its lines. A strategy that fails halts the account (J17).

        rows     one for each symbol; None where the symbol has no candle
        outside  inputs that are recorded after this timestamp. If a failure of the strategy is among them, the strategy
                 is not called: it might answer this time, and the recorded halt would not come out again
        """
        block = self._grid(ts, rows)
        failed = any(entry.rule == v.STRATEGY_ERROR and not entry.lifts for entry in outside)
        inputs = list(outside)
        if failed or self._open(v.STRATEGY_ERROR):
            signals = self._source.skip(block, failed=failed)
        else:
            try:
                signals = self._source.feed(block)
            except StrategyError as error:
                signals = unasked_signals(block)
                inputs = [Outside(ts, v.STRATEGY_ERROR, lifts=False, input=Input(_note(self.run, error))), *inputs]
        result = self.folding.advance(block, signals)
        for entry in inputs:
            result = self._append_input(result, entry)
        return result

    def input(self, given: Outside) -> Block:
        """The lines of an input from outside, after the last timestamp; none if it changes nothing."""
        nothing = np.zeros(0, np.int64)
        empty = Block(b"", np.zeros((0, v.ROW_WIDTH), np.int64), nothing, nothing, nothing, self.folding.state)
        return self._append_input(empty, given)

    def open_halts(self) -> dict[int, int]:
        """The number of each open halt, by its rule."""
        account = self.folding.state.account
        numbers = {rule: int(account[v.HALT_OF_RULE + rule]) for rule in range(len(v.HALT_RULES))}
        return {rule: number for rule, number in numbers.items() if number > 0}

    def last_ts(self) -> int:
        """The last timestamp that was folded."""
        return int(self.folding.state.account[v.LAST_TS])

    def _grid(self, ts: int, rows: Sequence[CandleRow | None]) -> Grid:
        """The block of one timestamp. Its prices and volumes stand in the same arrays each time."""
        assert len(rows) == len(self.run.symbols), "one row for each symbol"
        for s, row in enumerate(rows):
            for column, number in zip(self._views, row or NO_CANDLE, strict=True):
                column[s, 0] = number
        return Grid(np.array([ts], np.int64), *self._cells)

    def _open(self, rule: int) -> bool:
        return int(self.folding.state.account[v.HALT_OF_RULE + rule]) > 0

    def _append_input(self, block: Block, entry: Outside) -> Block:
        lines, rows = self.folding.outside(entry)
        rows = np.concatenate([block.rows, rows])
        return block._replace(lines=block.lines + lines, rows=rows, state=self.folding.state)


def _note(run: RunPlan, error: StrategyError) -> str:
    """The failure as the journal records it: without paths, and without numbers that differ from run to run (J4)."""
    if isinstance(error, LiveStrategyError):
        return error.note[:200]
    cause = error.__cause__
    invalid_answer = cause is None or isinstance(cause, StrategyError)
    what = "returned what is no signal" if invalid_answer else f"raised {type(cause).__name__}"
    return f"{run.strategy_name} {what}"[:200]
