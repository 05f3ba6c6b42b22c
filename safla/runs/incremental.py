"""A paper run, one timestamp at a time: candles in, journal lines out, by the engine of a backtest (D3).

This module uses no clock and no file. A strategy is called with the candles that have closed so far, so it cannot
look ahead. If it changes an earlier answer when a new candle comes, a backtest would differ, so that is an error.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from safla.candles.normalise import CandleRow
from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Series, align, iso
from safla.core.values import Columns, Grid, Int64, Signals
from safla.errors import StrategyError
from safla.journal.encode import Input
from safla.runs.look_ahead import Int32, StrategyAnswer, answer_text, engine_values
from safla.runs.runner import Block, Folding, Outside
from safla.runs.strategy_calls import GridSignals, ask, strategy_window, view_of
from safla.runs.strategy_candles import Candles, GrowingColumns

FIELDS = len(Columns._fields)
MOST_CANDLES = 2_000_000  # a strategy without a window is called with all candles again at each one, up to this (C13)
UNKNOWN = -2  # in place of an engine value (`look_ahead.engine_values`): the strategy was not called at this candle


class CandleWindow:
    """The last candles of one symbol: as many as the strategy needs.

    The buffer has room for twice as many, so that the candles are moved to its start only once every `size` candles and
    the columns are always contiguous views.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._cells: Int64 = np.zeros((FIELDS, 2 * size), np.int64)
        self._end = 0

    def add(self, ts: int, row: CandleRow) -> None:
        """Add a candle; the oldest one drops out."""
        if self._end == self._cells.shape[1]:
            self._cells[:, : self._size] = self._cells[:, -self._size :]
            self._end = self._size
        self._cells[:, self._end] = (ts, *row)
        self._end += 1

    def fill(self, columns: Columns) -> None:
        """Start with the last candles of the columns."""
        kept = min(self._size, len(columns.ts))
        for cells, column in zip(self._cells, columns, strict=True):
            cells[:kept] = column[len(column) - kept :]
        self._end = kept

    def columns(self) -> Columns:
        """The candles in the window, as views that are valid until the next `add`."""
        first = max(0, self._end - self._size)
        return Columns(*(cells[first : self._end] for cells in self._cells))


class LiveAnswer(NamedTuple):
    """The answer of a strategy for the last candle of a symbol."""

    signal: int
    strength: float
    taken: int  # the same as one number, as the engine uses it (`look_ahead.engine_values`)


class LiveStrategyError(StrategyError):
    """A strategy changed an earlier answer, or would be called with too many candles. `note` is the journal's text."""

    def __init__(self, text: str, *, note: str) -> None:
        super().__init__(text)
        self.note = note


class LiveStrategy:
    """The strategy of a paper run for one symbol, called with all candles so far or a window of them (C13, C14)."""

    def __init__(self, run: RunPlan, series: Series, *, before: Int32) -> None:
        """
        series  the candles that were folded before
        before  int32[n]: the engine value of each of them, UNKNOWN where the strategy was not called
        """
        self._run = run
        self._series = series._replace(columns=Columns(*(column[:0] for column in series.columns)))
        window = strategy_window(run)
        self._window = None if window is None else CandleWindow(window)
        # With a window only the last candles are kept. Without one, all candles and all earlier answers are kept: the
        # strategy answers for every candle each time, and each earlier answer must come out unchanged.
        self._all = GrowingColumns(series if window is None else self._series, run.timeframe)
        self._before = before if window is None else before[:0]
        self._known = len(self._before)
        if self._window is not None:
            self._window.fill(series.columns)

    def add(self, ts: int, row: CandleRow) -> None:
        """Add a candle."""
        if self._window is None:
            self._all.add(ts, row)
        else:
            self._window.add(ts, row)

    def answer(self) -> LiveAnswer:
        """Call the strategy for the last candle. StrategyError if it fails or changes an earlier answer."""
        candles = self._candles()
        if len(candles.ts) < self._run.plan.rules.warm_up:
            return LiveAnswer(0, 0.0, 0)
        self._check_candle_count(len(candles.ts))
        answer = ask(self._run, candles, symbol=self._series.symbol, function=self._run.strategy.columns)
        values = engine_values(answer, threshold_ppm=self._run.plan.rules.entry_threshold_ppm)
        if self._window is None:
            self._check_unchanged(candles, values)
        return LiveAnswer(int(answer.signal[-1]), float(answer.strength[-1]), int(values[-1]))

    def keep(self, answer: LiveAnswer) -> None:
        """Remember the answer for the last candle, which the engine uses: later answers are compared with it."""
        if self._window is not None:
            return
        size = len(self._all)
        if size > len(self._before):
            room = max(size, 2 * len(self._before)) - self._known
            self._before = np.pad(self._before[: self._known], (0, room), constant_values=UNKNOWN)
        self._before[size - 1] = answer.taken
        self._known = size

    def _candles(self) -> Candles | Columns:
        if self._window is not None:
            return view_of(self._run, self._series._replace(columns=self._window.columns()))
        candles = self._all.candles()
        return candles if self._run.strategy.natural else candles.units

    def _check_candle_count(self, size: int) -> None:
        if size > MOST_CANDLES:
            note = f"{self._run.strategy_name} is not asked about more than {MOST_CANDLES} candles; give it a window"
            raise LiveStrategyError(f"strategy {note}", note=note)

    def _check_unchanged(self, candles: Candles | Columns, values: Int32) -> None:
        """Raise LiveStrategyError if an earlier answer has changed.

        In a paper run this is how looking ahead shows: the answer changes when the later candles that it uses arrive.
        """
        first = self._run.plan.rules.warm_up - 1
        before, now = self._before[first : self._known], values[first : self._known]
        changed = np.flatnonzero((before != UNKNOWN) & (before != now))
        if not len(changed):
            return
        at, name = int(changed[0]), self._run.strategy_name
        where = f"{self._series.symbol} at {iso(int(candles.ts[first + at]))}"
        raise LiveStrategyError(
            f"strategy {name} looks ahead: for {where} it returned signal {answer_text(int(before[at]))} when that "
            f"candle was the last, and now it returns {answer_text(int(now[at]))}",
            note=f"{name} looks ahead: it changed its signal of {where}",
        )


class Live:
    """A paper run: the engine and the strategies of its symbols."""

    def __init__(self, folding: Folding, *, series: Sequence[Series], signals: GridSignals | None = None) -> None:
        """
        series   the candles that were folded before
        signals  the signals that the engine was given at their timestamps; None: there are no candles yet
        """
        self.folding = folding
        self.run: RunPlan = folding.run
        self._strategies = [
            LiveStrategy(self.run, symbol_series, before=before)
            for symbol_series, before in zip(series, _values_before(self.run, series, signals), strict=True)
        ]

    def fold(self, ts: int, rows: Sequence[CandleRow | None], *, outside: Sequence[Outside] = ()) -> Block:
        """Fold one timestamp and return its lines. A strategy that fails halts the account (J17).

        rows     one for each symbol; None where the symbol has no candle
        outside  inputs that are recorded after this timestamp. If a failure of the strategy is among them, the strategy
                 is not called: it might answer this time, and the recorded halt would not come out again
        """
        for strategy, row in zip(self._strategies, rows, strict=True):
            if row is not None:
                strategy.add(ts, row)
        failed = any(entry.rule == v.STRATEGY_ERROR and not entry.lifts for entry in outside)
        inputs = list(outside)
        if failed or self._open(v.STRATEGY_ERROR):
            signals = self._no_signals()
        else:
            try:
                signals = self._call_strategies(rows)
            except StrategyError as error:
                signals = self._no_signals()
                inputs = [Outside(ts, v.STRATEGY_ERROR, lifts=False, input=Input(_note(self.run, error))), *inputs]
        block = self.folding.advance(_grid(ts, rows), 0, end=1, wishes=signals)
        for entry in inputs:
            block = self._append_input(block, entry)
        return block

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

    def _open(self, rule: int) -> bool:
        return int(self.folding.state.account[v.HALT_OF_RULE + rule]) > 0

    def _append_input(self, block: Block, entry: Outside) -> Block:
        lines, rows = self.folding.outside(entry)
        rows = np.concatenate([block.rows, rows])
        return block._replace(lines=block.lines + lines, rows=rows, state=self.folding.state)

    def _call_strategies(self, rows: Sequence[CandleRow | None]) -> Signals:
        answers = [
            LiveAnswer(0, 0.0, 0) if row is None else strategy.answer()
            for strategy, row in zip(self._strategies, rows, strict=True)
        ]
        # Only now, when no symbol has failed, are the answers kept: after a failure the engine uses none of them.
        for strategy, row, answer in zip(self._strategies, rows, answers, strict=True):
            if row is not None:
                strategy.keep(answer)
        return Signals(
            np.array([[answer.signal] for answer in answers], np.int8),
            np.array([[answer.strength] for answer in answers]),
        )

    def _no_signals(self) -> Signals:
        symbols = len(self._strategies)
        return Signals(np.full((symbols, 1), v.UNASKED, np.int8), np.zeros((symbols, 1), np.float64))


def _values_before(run: RunPlan, series: Sequence[Series], signals: GridSignals | None) -> list[Int32]:
    """The engine value of each candle of each symbol, UNKNOWN where the strategy was not called."""
    if signals is None:
        return [np.zeros(0, np.int32) for _ in series]
    grid_ts = align([one.columns for one in series]).ts
    values = []
    for symbol_series, signal, strength in zip(series, *signals.between(0, len(grid_ts)), strict=True):
        places = np.searchsorted(grid_ts, symbol_series.columns.ts)  # its candles on the grid
        answer = StrategyAnswer(signal[places], strength[places])
        before = engine_values(answer, threshold_ppm=run.plan.rules.entry_threshold_ppm)
        values.append(np.where(answer.signal == v.UNASKED, np.int32(UNKNOWN), before))
    return values


def _grid(ts: int, rows: Sequence[CandleRow | None]) -> Grid:
    cells = np.array([(0, 0, 0, 0, 0) if row is None else row for row in rows], np.int64)
    return Grid(np.array([ts], np.int64), *(cells[:, field : field + 1] for field in range(FIELDS - 1)))


def _note(run: RunPlan, error: StrategyError) -> str:
    """The failure as the journal records it: without paths, and without numbers that differ from run to run (J4)."""
    if isinstance(error, LiveStrategyError):
        return error.note[:200]
    cause = error.__cause__
    invalid_answer = cause is None or isinstance(cause, StrategyError)
    what = "returned what is no signal" if invalid_answer else f"raised {type(cause).__name__}"
    return f"{run.strategy_name} {what}"[:200]
