"""A run one timestamp at a time: candles in, lines out, by the same fold (D3). No clock and no file is known here."""

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
MOST_CANDLES = 2_000_000  # about which a strategy without a window is asked again and again (C13)
UNKNOWN = -2  # what the engine took at a candle at which the strategy was not asked


class CandleWindow:
    """The last candles of one symbol: as many as the strategy needs."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._cells: Int64 = np.zeros((FIELDS, 2 * size), np.int64)
        self._end = 0

    def add(self, ts: int, row: CandleRow) -> None:
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


class LiveAnswer(NamedTuple):
    """What a strategy says of the last candle of a symbol, and what the engine takes of it."""

    signal: int
    strength: float
    taken: int


class LiveStrategyError(StrategyError):
    """A strategy that takes back what it said, or is asked about too many candles; `note` says so in a journal."""

    def __init__(self, text: str, *, note: str) -> None:
        super().__init__(text)
        self.note = note


class LiveStrategy:
    """The strategy of a run under way, asked about one symbol: all its candles so far, or the last ones (C13, C14)."""

    def __init__(self, run: RunPlan, series: Series, *, before: Int32) -> None:
        """
        series  the candles that were folded before
        before  int32[n]: what the engine took at each of them, UNKNOWN where the strategy was not asked
        """
        self._run = run
        self._series = series._replace(columns=Columns(*(column[:0] for column in series.columns)))
        window = strategy_window(run)
        self._window = None if window is None else CandleWindow(window)
        self._all = GrowingColumns(series if window is None else self._series, run.timeframe)
        self._before = before if window is None else before[:0]
        self._known = len(self._before)
        if self._window is not None:
            self._window.fill(series.columns)

    def add(self, ts: int, row: CandleRow) -> None:
        """One candle more."""
        if self._window is None:
            self._all.add(ts, row)
        else:
            self._window.add(ts, row)

    def answer(self) -> LiveAnswer:
        """What it says of the last candle. StrategyError where it fails, or takes back what it said before."""
        candles = self._candles()
        if len(candles.ts) < self._run.plan.rules.warm_up:
            return LiveAnswer(0, 0.0, 0)
        self._refuse_too_many(len(candles.ts))
        own = ask(self._run, candles, symbol=self._series.symbol, function=self._run.strategy.columns)
        found = engine_values(own, threshold_ppm=self._run.plan.rules.entry_threshold_ppm)
        if self._window is None:
            self._refuse_change(candles, found)
        return LiveAnswer(int(own.signal[-1]), float(own.strength[-1]), int(found[-1]))

    def keep(self, answer: LiveAnswer) -> None:
        """The engine takes this answer about the last candle."""
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

    def _refuse_too_many(self, size: int) -> None:
        if size > MOST_CANDLES:
            note = f"{self._run.strategy_name} is not asked about more than {MOST_CANDLES} candles; give it a window"
            raise LiveStrategyError(f"strategy {note}", note=note)

    def _refuse_change(self, candles: Candles | Columns, found: Int32) -> None:
        """Live, a look-ahead is an answer that changes once the candles are there that it depends on."""
        first = self._run.plan.rules.warm_up - 1
        before, now = self._before[first : self._known], found[first : self._known]
        changed = np.flatnonzero((before != UNKNOWN) & (before != now))
        if not len(changed):
            return
        at, name = int(changed[0]), self._run.strategy_name
        where = f"{self._series.symbol} at {iso(int(candles.ts[first + at]))}"
        raise LiveStrategyError(
            f"strategy {name} looks ahead: of {where} it gave signal {answer_text(int(before[at]))} when that candle "
            f"was the last, and now gives {answer_text(int(now[at]))}",
            note=f"{name} looks ahead: it changed its signal of {where}",
        )


class Live:
    """A run under way, and its strategy."""

    def __init__(self, folding: Folding, *, series: Sequence[Series], signals: GridSignals | None = None) -> None:
        """
        series   the candles that were folded before
        signals  those that the engine took at each of their timestamps; None: there are no candles yet
        """
        self.folding = folding
        self.run: RunPlan = folding.run
        self._strategies = [
            LiveStrategy(self.run, one, before=one_before)
            for one, one_before in zip(series, _taken_before(self.run, series, signals), strict=True)
        ]

    def fold(self, ts: int, rows: Sequence[CandleRow | None], *, outside: Sequence[Outside] = ()) -> Block:
        """The lines of a timestamp: None for a symbol that has no candle there. A strategy that fails halts (J17).

        outside  inputs that are known to stand behind it; a failure of the strategy among them is not made anew
        """
        for one, row in zip(self._strategies, rows, strict=True):
            if row is not None:
                one.add(ts, row)
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
        block = self.folding.advance(_grid(ts, rows), 0, end=1, wishes=signals)
        for outside_one in given:
            block = self._behind(block, outside_one)
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

    def _asked(self, rows: Sequence[CandleRow | None]) -> Signals:
        answers = [
            LiveAnswer(0, 0.0, 0) if row is None else one.answer()
            for one, row in zip(self._strategies, rows, strict=True)
        ]
        for one, row, answer in zip(self._strategies, rows, answers, strict=True):
            if row is not None:  # all of them answered, so the engine takes all of it
                one.keep(answer)
        return Signals(
            np.array([[one.signal] for one in answers], np.int8), np.array([[one.strength] for one in answers])
        )

    def _unasked(self) -> Signals:
        symbols = len(self._strategies)
        return Signals(np.full((symbols, 1), v.UNASKED, np.int8), np.zeros((symbols, 1), np.float64))


def _taken_before(run: RunPlan, series: Sequence[Series], signals: GridSignals | None) -> list[Int32]:
    """What the engine took at each candle of each symbol."""
    if signals is None:
        return [np.zeros(0, np.int32) for _ in series]
    grid_ts = align([one.columns for one in series]).ts
    found = []
    for one, signal, strength in zip(series, *signals.between(0, len(grid_ts)), strict=True):
        own = np.searchsorted(grid_ts, one.columns.ts)
        answer = StrategyAnswer(signal[own], strength[own])
        before = engine_values(answer, threshold_ppm=run.plan.rules.entry_threshold_ppm)
        found.append(np.where(answer.signal == v.UNASKED, np.int32(UNKNOWN), before))
    return found


def _grid(ts: int, rows: Sequence[CandleRow | None]) -> Grid:
    cells = np.array([(0, 0, 0, 0, 0) if row is None else row for row in rows], np.int64)
    return Grid(np.array([ts], np.int64), *(cells[:, field : field + 1] for field in range(FIELDS - 1)))


def _note(run: RunPlan, error: StrategyError) -> str:
    """What failed, as it may stand in a journal: no path, no number that differs from run to run (J4)."""
    if isinstance(error, LiveStrategyError):
        return error.note[:200]
    cause = error.__cause__
    answered = cause is None or isinstance(cause, StrategyError)
    what = "returned what is no signal" if answered else f"raised {type(cause).__name__}"
    return f"{run.strategy_name} {what}"[:200]
