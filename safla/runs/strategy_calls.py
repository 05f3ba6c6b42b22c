"""A strategy is asked: its answers are checked, for their shape, their values, and that none looks ahead (D5)."""

import traceback
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
from safla.runs.strategy_candles import Candles, candles_of, read_only, rows_between
from safla.strategies.register import SignalFunction

OURS = "safla."  # where the strategies live that are ours: what goes wrong in them is a bug (FAULTS 30)


class GridSignals:
    """What a run's strategy answers about all candles, on their grid.

    A strength is kept where there is a signal alone: of ten years of minutes all of them are 42 MB a symbol.
    """

    def __init__(self, *, symbols: int, timestamps: int) -> None:
        self.signal = np.zeros((symbols, timestamps), np.int8)
        self._strengths = [(np.zeros(0, np.int64), np.zeros(0, np.float64))] * symbols  # where on the grid, and what

    def put(self, answer: StrategyAnswer, *, symbol: int, grid_ts: Int64, ts: Int64) -> None:
        """The answer about the candles of a symbol (its number), which open at ts."""
        self.signal[symbol] = spread(grid_ts, ts, answer.signal)
        told = np.flatnonzero(answer.signal)
        self._strengths[symbol] = np.searchsorted(grid_ts, ts[told]), answer.strength[told]

    def between(self, first: int, end: int) -> Signals:
        """Those of the timestamps first to end of the grid, end left out."""
        strength = np.zeros((len(self.signal), end - first), np.float64)
        for row, (places, values) in zip(strength, self._strengths, strict=True):
            since, to = np.searchsorted(places, (first, end))
            row[places[since:to] - first] = values[since:to]
        return Signals(self.signal[:, first:end], strength)


class CheckedSignals(NamedTuple):
    """What a run's strategy answers about all candles."""

    signals: GridSignals
    check: CutCheck | None  # None: nothing was checked


def strategy_window(run: RunPlan) -> int | None:
    """How many candles the strategy is asked about while they come; None: all since the first one of the run."""
    return run.strategy.window(run.parameters)


def is_built_in(run: RunPlan) -> bool:
    """Whether the strategy comes with safla: tests hold that it cannot look ahead, and no run spends time on that."""
    return str(getattr(run.strategy.columns, "__module__", "")).startswith(OURS)


def checked_signals(
    run: RunPlan, series: Sequence[Series], *, columns: SignalFunction, grid_ts: Int64, unasked: Mask | None = None,
    check: bool = True, known: str | None = None, say: Callable[[str], None] = lambda text: None,
) -> CheckedSignals:  # fmt: skip
    """The signals of all symbols on the grid; a strategy from Python is checked for looking ahead (C14, C15).

    columns  the form of the run's strategy that is asked for all candles
    unasked  the timestamps at which it is not asked: it failed there, or such a halt is open (J17)
    check    false where each answer was compared with those before it when it was given, as live ones are
    known    the digest of the candles (J7), where the caller has it
    say      told once where the check takes long

    StrategyError for what is no signal, Finding for a strategy that looks ahead or is not deterministic.
    """
    mask = np.zeros(len(grid_ts), bool) if unasked is None else unasked
    found = GridSignals(symbols=len(series), timestamps=len(grid_ts))
    check = check and not is_built_in(run)
    budgets = look_ahead.budgets([len(one.columns.ts) for one in series])
    notice = SlowNotice(say, cuts=sum(budgets))
    seed = (known or digest(series, run.timeframe)) if check else ""
    looked: list[CutCheck] = []
    for index, (one, budget) in enumerate(zip(series, budgets, strict=True)):
        asked = ~mask[np.searchsorted(grid_ts, one.columns.ts)]
        end = int(np.flatnonzero(asked)[-1]) + 1 if asked.any() else 0
        if end == 0:
            continue
        stretch = one._replace(columns=Columns(*(column[:end] for column in one.columns)))
        one_strategy = _SymbolStrategy(run, stretch, columns, asked=asked[:end])
        if check and one_strategy.checkable:
            own, seen = one_strategy.check(budget=budget, seed=f"{seed} {one.symbol}", notice=notice)
            looked.append(seen)
        else:
            own = one_strategy.answer()
        found.put(own, symbol=index, grid_ts=grid_ts, ts=one.columns.ts[:end])
        del own  # or the next one is asked while it is still there
    found.signal[:, mask] = v.UNASKED
    return CheckedSignals(found, CutCheck(*map(sum, zip(*looked, strict=True))) if looked else None)


def signals_of(
    run: RunPlan, series: Sequence[Series], *, columns: SignalFunction, grid_ts: Int64, unasked: Mask | None = None,
    check: bool = True, known: str | None = None,
) -> GridSignals:  # fmt: skip
    """The same, and no word of what was checked."""
    return checked_signals(
        run, series, columns=columns, grid_ts=grid_ts, unasked=unasked, check=check, known=known
    ).signals


class _SymbolStrategy:
    """The candles of one symbol up to the last at which its strategy is asked."""

    def __init__(self, run: RunPlan, series: Series, function: SignalFunction, *, asked: Mask) -> None:
        self._run, self._series, self._function = run, series, function
        self._view = view_of(run, series)
        self._asked = asked
        self._window, self._warm_up = strategy_window(run), run.plan.rules.warm_up

    @property
    def checkable(self) -> bool:
        """Not where it failed and is asked about each window by itself: there nothing ahead can be seen."""
        return self._window is None or bool(self._asked.all())

    def check(self, *, budget: int, seed: str, notice: SlowNotice) -> tuple[StrategyAnswer, CutCheck]:
        """The answer, once it was compared with those about cuts of the candles."""
        threshold_ppm = self._run.plan.rules.entry_threshold_ppm
        own, seen = look_ahead.check_look_ahead(
            self._series, self._ask, name=self._run.strategy_name, threshold_ppm=threshold_ppm,
            warm_up=self._warm_up, window=self._window, budget=budget, seed=seed, asked=self._asked, notice=notice,
        )  # fmt: skip
        return self._warm(own), seen

    def answer(self) -> StrategyAnswer:
        """The answer about all candles; with a window, where the strategy failed at some, candle by candle."""
        if self._window is None or self._asked.all():
            return self._warm(self._ask(0, len(self._asked)))
        own = StrategyAnswer(np.zeros(len(self._asked), np.int8), np.zeros(len(self._asked), np.float64))
        for row in np.flatnonzero(self._asked[self._warm_up - 1 :]) + self._warm_up - 1:
            signal, strength = self._ask(max(0, int(row) + 1 - self._window), int(row) + 1)
            own.signal[row], own.strength[row] = signal[-1], strength[-1]
        return own

    def _warm(self, answer: StrategyAnswer) -> StrategyAnswer:
        """Before the warm-up there is no signal, whatever the strategy says: live it is not asked there."""
        answer.signal[: self._warm_up - 1], answer.strength[: self._warm_up - 1] = 0, 0
        return answer

    def _ask(self, first: int, end: int) -> StrategyAnswer:
        stretch = cut(self._view, first=first, end=end)
        return ask(self._run, stretch, symbol=self._series.symbol, function=self._function)


def view_of(run: RunPlan, series: Series) -> Candles | Columns:
    """The candles in the form that the run's strategy takes; it cannot write to them."""
    return candles_of(series, run.timeframe) if run.strategy.natural else read_only(series.columns)


def cut(candles: Candles | Columns, *, first: int, end: int) -> Candles | Columns:
    """The candles of the rows first to end, end left out."""
    if isinstance(candles, Candles):
        return rows_between(candles, first=first, end=end)
    return Columns(*(column[first:end] for column in candles))


def ask(run: RunPlan, candles: Candles | Columns, *, symbol: str, function: SignalFunction) -> StrategyAnswer:
    """The answer of a form of the run's strategy, checked. Errors name strategy, symbol and candles."""
    name, ours = run.strategy_name, is_built_in(run)
    where = f"of {symbol}, asked about {len(candles.ts)} candles to {iso(int(candles.ts[-1]))}"
    try:
        told: Any = function(candles, plain_parameters(run.parameters))
    except (Exception, SystemExit) as error:  # a strategy may raise whatever there is
        if ours:
            raise
        raise StrategyError(f"strategy {name}: {_told(error)}, {where}") from error
    try:
        return checked(name, candles, answer=told)
    except StrategyError as error:
        raise (Bug if ours else StrategyError)(f"{error}, {where}") from error


def plain_parameters(parameters: Any) -> Any:
    """Parameters as a strategy from Python takes them, a new dict of int, float and text; others as they are."""
    if not isinstance(parameters, dict):
        return parameters
    return {name: float(one) if isinstance(one, Decimal) else one for name, one in parameters.items()}


def _told(error: BaseException) -> str:
    """What was raised, and the last line that did it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())[:200]
    return f"raised {type(error).__name__}{': ' if text else ''}{text} ({last.filename}:{last.lineno})"


def checked(name: str, candles: Candles | Columns, *, answer: Any) -> StrategyAnswer:
    """The two columns, if they are what a strategy may return; else StrategyError names strategy and candle."""
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise StrategyError(f"strategy {name}: returned {type(answer).__name__}, not the two columns signal, strength")
    for label, column in zip(("signal", "strength"), answer, strict=True):
        if not isinstance(column, np.ndarray) or column.dtype.kind not in "iuf":
            kind = f"an array of {column.dtype}" if isinstance(column, np.ndarray) else type(column).__name__
            raise StrategyError(f"strategy {name}: {label} is {kind}, not an array of numbers")
        if column.shape != candles.ts.shape:
            raise StrategyError(f"strategy {name}: {label} has shape {column.shape}, not {candles.ts.shape}")
    signal, strength = answer
    for label, bad in (
        ("signal is not -1, 0 or +1", _first_that_is_no_signal(signal)),
        ("strength is not a number of at least 0", _first_that_is_no_strength(signal, strength)),
    ):
        if bad is not None:
            raise StrategyError(f"strategy {name}: {label} at the candle {iso(int(candles.ts[bad]))}")
    found = np.array(strength, np.float64)
    found[np.isnan(found)] = 0  # only where there is no signal, as before a rolling average has its first value
    return StrategyAnswer(np.array(signal, np.int8), found)


def _first_that_is_no_signal(signal: "np.ndarray") -> int | None:
    bad = (signal != 1) & (signal != 0)
    if signal.dtype.kind != "u":
        bad &= signal != -1
    return int(bad.argmax()) if bad.any() else None


def _first_that_is_no_strength(signal: "np.ndarray", strength: "np.ndarray") -> int | None:
    if strength.min() >= 0 and strength.max() < np.inf:  # false for NaN; two passes, and nearly always enough
        return None
    bad = ~(np.isfinite(strength) & (strength >= 0)) & ~(np.isnan(strength) & (signal == 0))
    return int(bad.argmax()) if bad.any() else None
