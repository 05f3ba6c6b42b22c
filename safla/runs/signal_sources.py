"""Signal sources: the signals of a run, block after block of its grid, in history and live.

A source is begun with the recorded candles: all of a backtest, those before a restart of a paper run, or none. The
blocks that it takes go over those first and then over the candles that arrive. There are three kinds: strategies with a
fold, which read each candle once, array functions, which are called with all candles so far or a window of them, and
strategies from Python that are asked candle by candle.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from safla.candles.normalise import CandleRow
from safla.compiled.library import fastest
from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import NO_CANDLES, Series, align, iso
from safla.core.pure import interpreted
from safla.core.values import Columns, Float64, Grid, Int8, Mask, Signals
from safla.errors import StrategyError
from safla.runs.candle_signals import CandleSignals
from safla.runs.engine_choice import EngineForms
from safla.runs.look_ahead import Int32, StrategyAnswer, answer_text, engine_values
from safla.runs.strategy_calls import GridSignals, ask, signals_of, strategy_window, view_of
from safla.runs.strategy_candles import Candles, CandleWindow, GrowingColumns
from safla.strategies.register import FeedFunction, Fold, SymbolSource

MOST_CANDLES = 2_000_000  # a strategy without a window is called with all candles again at each one, up to this (C13)
UNKNOWN = -2  # in place of an engine value (`look_ahead.engine_values`): the strategy was not called at this candle


class SignalSource(Protocol):
    """The signals of a run. Each block follows the one before; none goes over the end of the recorded candles."""

    def feed(self, block: Grid) -> Signals:
        """The signals at the timestamps of the next block. StrategyError if the strategy fails at a live candle."""

    def skip(self, block: Grid, *, failed: bool) -> Signals:
        """Take the next block without calling the strategy: UNASKED at each of its timestamps.

        failed  the strategy failed there when the block was live; else its halt is open
        """


def signal_source(
    run: RunPlan, series: Sequence[Series], *, forms: EngineForms, unasked: Mask | None = None, check: bool = True,
    known: str | None = None, failed: Collection[int] = (),
) -> SignalSource:  # fmt: skip
    """The source of a run's signals, begun with its recorded candles. The arguments are those of `checked_signals`.

    failed  the timestamps of `unasked` at which the strategy failed

    StrategyError and Finding of a strategy from Python, which is asked here about all recorded candles.
    """
    if run.strategy.by_symbol is not None:
        return SourceOfSymbols(run, run.strategy.by_symbol, is_compiled=forms.loop is not None)
    if run.strategy.per_candle is not None:
        return CandleSignals(run, series, unasked=unasked, failed=failed)
    if run.strategy.fold is not None:
        assert forms.feed is not None, "the forms are those of the run's strategy"
        return FoldSignals(run, series, fold=run.strategy.fold, feed=forms.feed)
    grid_ts = align([one.columns for one in series]).ts
    if not len(grid_ts):
        return ArraySignals(run, series, GridSignals(symbols=len(series), timestamps=0))
    signals = signals_of(
        run, series, columns=run.strategy.columns, grid_ts=grid_ts, unasked=unasked, check=check, known=known
    )
    return ArraySignals(run, series, signals)


class FoldSignals:
    """The signals of a strategy with a fold, whose state is carried on from the recorded candles to the live ones."""

    def __init__(self, run: RunPlan, series: Sequence[Series], *, fold: Fold, feed: FeedFunction) -> None:
        """feed: the strategy's `fold.feed` for recorded candles, interpreted or compiled."""
        self._symbols = [_SymbolFold(one.columns, fold=fold, feed=feed, parameters=run.parameters) for one in series]

    def feed(self, block: Grid) -> Signals:
        """The signals of the next block."""
        signals = Signals(np.zeros(block.open.shape, np.int8), np.zeros(block.open.shape))
        for row, symbol in enumerate(self._symbols):
            symbol.feed(block, row, signals.signal[row], signals.strength[row])
        return signals

    def skip(self, block: Grid, *, failed: bool) -> Signals:  # noqa: ARG002 - of the protocol
        """Take the next block: the state goes on."""
        self.feed(block)
        return unasked_signals(block)


class _SymbolFold:
    """The fold of one symbol."""

    def __init__(self, recorded: Columns, *, fold: Fold, feed: FeedFunction, parameters: object) -> None:
        self._recorded, self._done, self._size = recorded, 0, len(recorded.ts)
        self._feed, self._live_feed, self._parameters = feed, fold.feed, parameters
        self._rows_before = fold.rows_before(parameters)
        self._state = fold.begin(parameters)
        self._last: Any = None  # Columns of lists: the last candles, once live ones arrive

    def feed(self, block: Grid, row: int, signal: Int8, strength: Float64) -> None:
        """Write the signal and strength of a block's timestamps; where the symbol has no candle they stay 0.

        row               of the symbol
        signal, strength  [timestamps], zeros
        """
        if self._done < self._size:
            self._feed_recorded(block, signal, strength)
        elif len(block.ts) == 1 and block.open[row, 0] > 0:
            self._feed_live((block.ts.item(0), *_candle(block, row)), signal, strength)

    def _feed_recorded(self, block: Grid, signal: Int8, strength: Float64) -> None:
        rows = min(self._done, self._rows_before)  # before the block
        most = min(self._done + len(block.ts), self._size)
        end = bisect_right(self._recorded.ts, block.ts.item(-1), self._done, most)
        columns = Columns(*[column[self._done - rows : end] for column in self._recorded])
        whole = end - self._done == len(block.ts)  # else the symbol has no candle at some of the timestamps
        into = (signal, strength) if whole else (np.zeros(end - self._done, np.int8), np.zeros(end - self._done))
        self._state = self._feed(self._state, columns, rows, self._parameters, *into)
        if not whole:
            places = np.searchsorted(block.ts, columns.ts[rows:])
            signal[places], strength[places] = into
        self._done = end

    def _feed_live(self, candle: Sequence[int], signal: Int8, strength: Float64) -> None:
        """The same for a live candle, interpreted and in lists: a call of compiled code costs more than a candle."""
        if self._last is None:
            kept = slice(max(0, self._size - self._rows_before), None)
            self._last = Columns(*[column[kept].tolist() for column in self._recorded])
            self._recorded, self._done, self._size = NO_CANDLES, 0, 0
        before = len(self._last.ts)
        for column, number in zip(self._last, candle, strict=True):
            column.append(number)
        self._state = self._live_feed(self._state, self._last, before, self._parameters, signal, strength)
        if before >= 2 * self._rows_before:
            for column in self._last:
                del column[: before + 1 - self._rows_before]


class SourceOfSymbols:
    """The signals of a strategy with a source for each symbol, which takes recorded and live candles alike."""

    def __init__(self, run: RunPlan, by_symbol: Callable[..., SymbolSource], *, is_compiled: bool) -> None:
        """is_compiled: whether long blocks are fed to compiled code."""
        self._given = run.strategy.distances(run.parameters)
        form, step_ms = fastest if is_compiled else interpreted, run.plan.rules.step_ms
        self._symbols = [
            by_symbol(run.parameters, scale.price_decimals, scale.volume_decimals, step_ms, form)
            for scale in run.scales
        ]

    def feed(self, block: Grid) -> Signals:
        """The signals of the next block."""
        columns: list[Any] = [
            np.full(block.open.shape, v.NONE) if is_given else v.NOT_GIVEN for is_given in self._given
        ]
        signals = Signals(np.zeros(block.open.shape, np.int8), np.zeros(block.open.shape), *columns)
        for row in range(len(self._symbols)):
            self._feed(block, row, signals)
        return signals

    def _feed(self, block: Grid, row: int, signals: Signals) -> None:
        """Write the signals of one symbol, whose row is given."""
        places = np.flatnonzero(block.open[row])
        if not len(places):
            return
        candles = Columns(block.ts, *(column[row] for column in block[1:]))
        if len(places) < len(block.ts):
            candles = Columns(*(column[places] for column in candles))
        for column, values in zip(signals, self._symbols[row].feed(candles), strict=True):
            if column is not v.NOT_GIVEN:
                column[row, places] = values  # type: ignore[index]

    def skip(self, block: Grid, *, failed: bool) -> Signals:  # noqa: ARG002 - of the protocol
        """Take the next block: the state goes on."""
        self.feed(block)
        return unasked_signals(block)


class ArraySignals:
    """The signals of an array function: the answers for the recorded candles, then a call for each live candle."""

    def __init__(self, run: RunPlan, series: Sequence[Series], answers: GridSignals) -> None:
        """answers: for the recorded candles."""
        self._run, self._series, self._answers = run, series, answers
        self._done, self._recorded = 0, answers.signal.shape[1]
        self._strategies: list[LiveStrategy] = []  # of the symbols, once live candles arrive

    def feed(self, block: Grid) -> Signals:
        """The signals of the next block, which is a single timestamp where it is live."""
        if self._done < self._recorded:
            return self._take(block)
        present = self._add(block)
        answers = [
            strategy.answer() if has_candle else LiveAnswer(0, 0.0, 0)
            for strategy, has_candle in zip(self._strategies, present, strict=True)
        ]
        # Only now, when no symbol has failed, are the answers kept: after a failure the engine uses none of them.
        for strategy, has_candle, answer in zip(self._strategies, present, answers, strict=True):
            if has_candle:
                strategy.keep(answer)
        return Signals(
            np.array([[answer.signal] for answer in answers], np.int8),
            np.array([[answer.strength] for answer in answers]),
        )

    def skip(self, block: Grid, *, failed: bool) -> Signals:  # noqa: ARG002 - of the protocol
        """Take the next block; for these candles no answer is known later."""
        if self._done < self._recorded:
            self._take(block)
        else:
            self._add(block)
        return unasked_signals(block)

    def _take(self, block: Grid) -> Signals:
        first, self._done = self._done, self._done + len(block.ts)
        return self._answers.between(first, self._done)

    def _add(self, block: Grid) -> list[bool]:
        """Give the candles of a live timestamp to the strategies. Returns which symbols have one."""
        assert len(block.ts) == 1, "live candles come one timestamp at a time"
        if not self._strategies:
            self._strategies = list(_live_strategies(self._run, self._series, self._answers))
            self._series = ()
        present = [price > 0 for price in block.open[:, 0].tolist()]
        for row, strategy in enumerate(self._strategies):
            if present[row]:
                strategy.add(int(block.ts[0]), _candle(block, row))
        return present


class LiveAnswer(NamedTuple):
    """The answer of a strategy for the last candle of a symbol."""

    signal: int
    strength: float
    taken: int  # the same as one number, as the engine uses it (`look_ahead.engine_values`)


class LiveStrategyError(StrategyError):
    """A strategy changed an earlier answer, or would be called with too many candles. `note` is the journal's text."""

    def __init__(self, text: str, *, note: str, code: str) -> None:
        super().__init__(text, code=code)
        self.note = note


class LiveStrategy:
    """The strategy of a paper run for one symbol, called with all candles so far or a window of them (C13, C14)."""

    def __init__(self, run: RunPlan, series: Series, *, before: Int32) -> None:
        """
        series  the recorded candles
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
        values = engine_values(answer, rules=self._run.plan.rules)
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
            raise LiveStrategyError(f"strategy {note}", note=note, code="invalid_strategy")

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
            code="signal_changed",
        )


def _live_strategies(run: RunPlan, series: Sequence[Series], answers: GridSignals) -> Iterator[LiveStrategy]:
    """The strategy of each symbol, with its recorded candles and answers; UNKNOWN where it was not called."""
    grid_ts = align([one.columns for one in series]).ts
    signals = answers.between(0, len(grid_ts))
    for one, signal, strength in zip(series, signals.signal, signals.strength, strict=True):
        places = np.searchsorted(grid_ts, one.columns.ts)  # its candles on the grid
        answer = StrategyAnswer(signal[places], strength[places])
        before = engine_values(answer, rules=run.plan.rules)
        yield LiveStrategy(run, one, before=np.where(answer.signal == v.UNASKED, np.int32(UNKNOWN), before))


def unasked_signals(block: Grid) -> Signals:
    """The signals of a block at which the strategy is not called (J17)."""
    shape = block.open.shape
    return Signals(np.full(shape, v.UNASKED, np.int8), np.zeros(shape))


def _candle(block: Grid, row: int) -> CandleRow:
    """The candle of a symbol at the first timestamp of a block."""
    opened, high, low, close, volume = [column.item(row, 0) for column in block[1:]]
    return opened, high, low, close, volume
