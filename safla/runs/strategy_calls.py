"""Calls of strategies, and the checks of their answers: shape, values, and that they do not look ahead (D5).

A strategy is called with all candles of a symbol at once and answers two columns, signal and strength, with a row for
each candle. There are two forms of it: array functions over integer columns (`Columns`), and functions from Python that
take `Candles` with floats.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Series, digest, iso, spread
from safla.core.values import Columns, Int64, Mask, Signals
from safla.errors import Bug, StrategyError
from safla.runs import look_ahead
from safla.runs.look_ahead import CutCheck, SlowNotice, StrategyAnswer
from safla.runs.strategy_answers import checked
from safla.runs.strategy_candles import Candles, candles_of, read_only, rows_between
from safla.runs.strategy_code.loading import error_text
from safla.strategies.register import SignalFunction

OURS = "safla."  # modules of built-in strategies: an error in one of them is a bug of safla (fault row 30)


class GridSignals:
    """The answers of a run's strategy for all candles, on the grid: the timestamps of all symbols together.

    Strengths are kept only where there is a signal, to save memory: for ten years of minute candles a column of floats
    takes 42 MB for each symbol.
    """

    def __init__(self, *, symbols: int, timestamps: int) -> None:
        self.signal = np.zeros((symbols, timestamps), np.int8)
        self._strengths = [(np.zeros(0, np.int64), np.zeros(0, np.float64))] * symbols  # places on the grid, values

    def put(self, answer: StrategyAnswer, *, symbol: int, grid_ts: Int64, ts: Int64) -> None:
        """Store the answer for the candles of a symbol. symbol: its number; ts: the open times of the candles."""
        self.signal[symbol] = spread(grid_ts, ts, answer.signal)
        rows = np.flatnonzero(answer.signal)
        self._strengths[symbol] = np.searchsorted(grid_ts, ts[rows]), answer.strength[rows]

    def between(self, first: int, end: int) -> Signals:
        """The signals of the timestamps first to end - 1 of the grid."""
        strength = np.zeros((len(self.signal), end - first), np.float64)
        for row, (places, values) in zip(strength, self._strengths, strict=True):
            since, to = np.searchsorted(places, (first, end))
            row[places[since:to] - first] = values[since:to]
        return Signals(self.signal[:, first:end], strength)


class CheckedSignals(NamedTuple):
    """The signals of a run, and what the look-ahead check covered."""

    signals: GridSignals
    check: CutCheck | None  # None: no check was made


def strategy_window(run: RunPlan) -> int | None:
    """How many of the last candles the strategy is called with in a paper run; None: all candles of the run so far."""
    return run.strategy.window(run.parameters)


def is_built_in(run: RunPlan) -> bool:
    """Whether the strategy comes with safla. Tests of safla show that it does not look ahead, so runs skip that."""
    return str(getattr(run.strategy.columns, "__module__", "")).startswith(OURS)


def checked_signals(
    run: RunPlan, series: Sequence[Series], *, columns: SignalFunction, grid_ts: Int64, unasked: Mask | None = None,
    check: bool = True, known: str | None = None, say: Callable[[str], None] = lambda text: None,
) -> CheckedSignals:  # fmt: skip
    """The signals of all symbols on the grid; a strategy from Python is checked for looking ahead (C14, C15).

    columns  the strategy's function, interpreted or compiled
    unasked  the timestamps at which the strategy is not called: it failed there, or its halt is open (J17)
    check    False for a recorded run, whose answers were checked when they were given
    known    the digest of the candles (J7), if the caller has it
    say      takes a note for the user, once, if the check takes long

    StrategyError for invalid signals, Finding for a strategy that looks ahead or is not deterministic.
    """
    mask = np.zeros(len(grid_ts), bool) if unasked is None else unasked
    result = GridSignals(symbols=len(series), timestamps=len(grid_ts))
    check = check and not is_built_in(run)
    budgets = look_ahead.budgets([len(one.columns.ts) for one in series])
    notice = SlowNotice(say, cuts=sum(budgets))
    seed = (known or digest(series, run.timeframe)) if check else ""
    checks: list[CutCheck] = []
    for index, (symbol_series, budget) in enumerate(zip(series, budgets, strict=True)):
        asked = ~mask[np.searchsorted(grid_ts, symbol_series.columns.ts)]
        # The candles after the last call are left out: the strategy never answered for them, and it might fail there.
        end = int(np.flatnonzero(asked)[-1]) + 1 if asked.any() else 0
        if end == 0:
            continue
        until_last_call = symbol_series._replace(columns=Columns(*(column[:end] for column in symbol_series.columns)))
        strategy = _SymbolStrategy(run, until_last_call, columns, asked=asked[:end])
        if check and strategy.checkable:
            answer, covered = strategy.check(budget=budget, seed=f"{seed} {symbol_series.symbol}", notice=notice)
            checks.append(covered)
        else:
            answer = strategy.answer()
        result.put(answer, symbol=index, grid_ts=grid_ts, ts=symbol_series.columns.ts[:end])
        del answer  # free its columns before those of the next symbol are made
    result.signal[:, mask] = v.UNASKED
    return CheckedSignals(result, CutCheck(*map(sum, zip(*checks, strict=True))) if checks else None)


def signals_of(
    run: RunPlan, series: Sequence[Series], *, columns: SignalFunction, grid_ts: Int64, unasked: Mask | None = None,
    check: bool = True, known: str | None = None,
) -> GridSignals:  # fmt: skip
    """The signals of `checked_signals` alone."""
    return checked_signals(
        run, series, columns=columns, grid_ts=grid_ts, unasked=unasked, check=check, known=known
    ).signals


class _SymbolStrategy:
    """The strategy of one symbol, with the candles up to the last one at which it is called."""

    def __init__(self, run: RunPlan, series: Series, function: SignalFunction, *, asked: Mask) -> None:
        """asked: bool[n], whether the strategy is called at a candle."""
        self._run, self._series, self._function = run, series, function
        self._view = view_of(run, series)
        self._asked = asked
        self._window, self._warm_up = strategy_window(run), run.plan.rules.warm_up

    @property
    def checkable(self) -> bool:
        """Whether the look-ahead check applies.

        It does not if a strategy with a window has failed at some candles: then `answer` calls it with each window by
        itself, so that it never sees a later candle.
        """
        return self._window is None or bool(self._asked.all())

    def check(self, *, budget: int, seed: str, notice: SlowNotice) -> tuple[StrategyAnswer, CutCheck]:
        """The answer for all candles, after it was compared with the answers for cuts of them."""
        answer, covered = look_ahead.check_look_ahead(
            self._series, self._ask, ask_about=self._ask_about, name=self._run.strategy_name,
            rules=self._run.plan.rules, window=self._window,
            budget=budget, seed=seed, asked=self._asked, notice=notice,
        )  # fmt: skip
        return self._without_warm_up(answer), covered

    def answer(self) -> StrategyAnswer:
        """The answer for all candles, from a single call; with a window and failures, from a call for each candle."""
        if self._window is None or self._asked.all():
            return self._without_warm_up(self._ask(0, len(self._asked)))
        # A call for all candles would fail again at those where the strategy failed in the paper run.
        answer = StrategyAnswer(np.zeros(len(self._asked), np.int8), np.zeros(len(self._asked), np.float64))
        for row in np.flatnonzero(self._asked[self._warm_up - 1 :]) + self._warm_up - 1:
            signal, strength = self._ask(max(0, int(row) + 1 - self._window), int(row) + 1)
            answer.signal[row], answer.strength[row] = signal[-1], strength[-1]
        return answer

    def _without_warm_up(self, answer: StrategyAnswer) -> StrategyAnswer:
        """Remove signals from before the end of the warm-up: in a paper run the strategy is not called there."""
        answer.signal[: self._warm_up - 1], answer.strength[: self._warm_up - 1] = 0, 0
        return answer

    def _ask_about(self, columns: Columns) -> StrategyAnswer:
        """The answer for other candles of the symbol."""
        candles = view_of(self._run, self._series._replace(columns=columns))
        return ask(self._run, candles, symbol=self._series.symbol, function=self._function)

    def _ask(self, first: int, end: int) -> StrategyAnswer:
        candles = cut(self._view, first=first, end=end)
        return ask(self._run, candles, symbol=self._series.symbol, function=self._function)


def view_of(run: RunPlan, series: Series) -> Candles | Columns:
    """The candles in the form that the run's strategy takes, read-only."""
    return candles_of(series, run.timeframe) if run.strategy.natural else read_only(series.columns)


def cut(candles: Candles | Columns, *, first: int, end: int) -> Candles | Columns:
    """The candles of the rows first to end - 1, as views."""
    if isinstance(candles, Candles):
        return rows_between(candles, first=first, end=end)
    return Columns(*(column[first:end] for column in candles))


def ask(run: RunPlan, candles: Candles | Columns, *, symbol: str, function: SignalFunction) -> StrategyAnswer:
    """Call the run's strategy and check its answer. Errors name strategy, symbol and candles.

    function  the strategy's function, interpreted or compiled
    """
    name, built_in = run.strategy_name, is_built_in(run)
    where = f"for {symbol}, called with {len(candles.ts)} candles to {iso(int(candles.ts[-1]))}"
    try:
        answer: Any = function(candles, plain_parameters(run.parameters))
    except (Exception, SystemExit) as error:  # user code may raise anything
        if built_in:
            raise
        raise StrategyError(f"strategy {name}: {error_text(error)}, {where}", code="strategy_raised") from error
    try:
        return checked(name, candles.ts, answer=answer)
    except StrategyError as error:
        raise (Bug if built_in else StrategyError)(f"{error}, {where}") from error


def plain_parameters(parameters: Any) -> Any:
    """The parameters for a strategy from Python: a new dict of int, float and text. Others are returned unchanged."""
    if not isinstance(parameters, dict):
        return parameters
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in parameters.items()}
