"""The signals of a rules strategy for one symbol, block after block, in history and live (V5, V19, L10, L11)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from safla.core.frames import FRAMES, begin_frame, higher_candles
from safla.core.scale import LIMIT
from safla.core.values import ENTER_SIGNAL, EXIT_SIGNAL, NONE, NOT_GIVEN, Columns, Float64, Int64
from safla.errors import StrategyError
from safla.strategies.indicators.graph import COMPILED_FROM, Computed, Definitions, Form, Graph
from safla.strategies.register import SymbolSignals
from safla.strategies.rules.evaluate import BlockValues, ConditionEvaluator, ValueEvaluator
from safla.strategies.rules.look_back import columns_read, look_back
from safla.strategies.rules.rule_keys import ComputedSource, RuleSet
from safla.strategies.rules.units import BaseUnit, UnitDecimals


class SymbolScales(NamedTuple):
    """The decimals of one symbol's prices and volumes."""

    price_decimals: int
    volume_decimals: int


class SymbolRules:
    """The rules of one symbol. Each block of candles follows the one before.

    Nothing of it is written down: after a restart the recorded candles are fed again (V7).
    """

    def __init__(self, rules: RuleSet, scales: SymbolScales, *, step_ms: int, compiled: Form) -> None:
        """compiled: the form of a fold for long blocks, such as `fastest` of compiled/library.py."""
        assert rules.entry is not None, "a run has no keys with a problem"
        decimals = {BaseUnit("price"): scales.price_decimals, BaseUnit("volume"): scales.volume_decimals}
        self._most_volume = LIMIT // rules.volume_factor
        self._warm_up, self._seen = rules.warm_up, 0
        self._entry = ConditionEvaluator(rules.entry, decimals)
        self._exit = None if rules.exit is None else ConditionEvaluator(rules.exit, decimals)
        self._strength = None if rules.strength is None else ValueEvaluator(rules.strength, decimals)
        distances = (rules.stop, rules.target, rules.trail)
        self._distances = [None if term is None else ValueEvaluator(term, decimals) for term in distances]
        parts = [part for part in (rules.entry, rules.exit, rules.strength, *distances) if part is not None]
        backs: dict[str | None, int] = {None: 0}
        wanted: dict[str | None, list[str]] = {None: []}
        for part in parts:
            for clock, rows in look_back(part).items():
                backs[clock] = max(backs.get(clock, 0), rows)
            for read in columns_read(part):
                wanted.setdefault(read.column.clock, []).append(read.column.name)
        definitions: Definitions = {**rules.indicators, **_computed(rules.sources, decimals)}
        self._back = backs[None]
        self._own = _Kept(Graph(_of(definitions, ""), wanted[None], step_ms=step_ms, compiled=compiled), backs[None])
        self._higher = {
            clock: _Higher(_of(definitions, clock), names, clock=clock, step_ms=step_ms, compiled=compiled,
                           backs=(backs[None], backs[clock]))
            for clock, names in wanted.items()
            if clock is not None
        }  # fmt: skip

    def feed(self, candles: Columns) -> SymbolSignals:
        """The signals of the candles of a block. StrategyError if a volume is too large for exact sums (V3)."""
        rows = len(candles.ts)
        if int(candles.volume.max()) > self._most_volume:
            raise StrategyError("a volume is too large for the sums of its indicators", code="strategy_error")
        columns, first = self._own.feed(candles), min(self._seen, self._back)
        clocks: dict[str | None, Mapping[str, Float64]] = {None: columns}
        visible: dict[str, Int64] = {}
        for clock, higher in self._higher.items():
            clocks[clock], visible[clock] = higher.feed(candles)
        values = BlockValues(clocks, visible, first, rows)
        strength = np.ones(rows)
        if self._strength is not None:
            strength = np.nan_to_num(self._strength.doubles(values), nan=0.0)
        signal = np.where((self._entry.truths(values) == 1) & (strength > 0), ENTER_SIGNAL, 0).astype(np.int8)
        strength = np.where(signal == ENTER_SIGNAL, strength, 0.0)
        if self._exit is not None:
            leaves = self._exit.truths(values) == 1
            signal[leaves], strength[leaves] = EXIT_SIGNAL, 1.0
        warming = max(0, self._warm_up - 1 - self._seen)
        signal[:warming], strength[:warming] = 0, 0.0
        self._seen += rows
        given = (NOT_GIVEN if one is None else to_prices(one.doubles(values)) for one in self._distances)
        return SymbolSignals(signal, strength, *given)


def to_prices(values: Float64) -> Int64:
    """Values in price units as integers, each as `scale.to_price` makes it; NONE where one is not known or below 0."""
    known = values >= 0
    units = np.clip(np.rint(np.where(known, values, 0)), 0, LIMIT).astype(np.int64)
    prices: Int64 = np.where(known, units, NONE)
    return prices


class _Kept:
    """A graph whose last rows are kept, because sentences read candles before the block."""

    def __init__(self, graph: Graph, back: int) -> None:
        self._graph, self._back = graph, back
        self._last: dict[str, Float64] = {}

    def feed(self, candles: Columns) -> Mapping[str, Float64]:
        """The columns of a block, with the rows before it."""
        columns = self._graph.feed(candles)
        if not self._back:
            return columns
        joined = {name: np.concatenate((self._last.get(name, rows[:0]), rows)) for name, rows in columns.items()}
        self._last = {name: rows[-self._back :] for name, rows in joined.items()}
        return joined


class _Higher:
    """The columns of a higher timeframe, fed with its candles as they close (V11)."""

    def __init__(
        self, definitions: Definitions, names: list[str], *, clock: str, step_ms: int, compiled: Form,
        backs: tuple[int, int],
    ) -> None:  # fmt: skip
        """backs: rows before a candle that sentences read, of the run and of this timeframe."""
        self._frame, self._step_ms, (self._own_back, self._back) = FRAMES[clock], step_ms, backs
        self._interpreted, self._compiled = higher_candles, compiled(higher_candles)
        self._graph = Graph(definitions, names, step_ms=self._frame.length, compiled=compiled)
        self._state = begin_frame()
        self._begin = 0  # the number of the first candle that is kept
        self._columns = {name: np.zeros(0) for name in names}
        self._visible = np.zeros(0, np.int64)  # of the last candles of the run

    def feed(self, candles: Columns) -> tuple[Mapping[str, Float64], Int64]:
        """The columns, and the row of them that is visible at each candle of the run, those before the block first."""
        rows, before = len(candles.ts), self._state.closed
        seen, out = np.empty(rows, np.int64), Columns(*np.empty((len(Columns._fields), rows + 1), np.int64))
        build = self._compiled if rows >= COMPILED_FROM else self._interpreted
        self._state = build(self._state, candles, self._step_ms, *self._frame, seen, out)
        made = self._state.closed - before
        if made:
            new = self._graph.feed(Columns(*(column[:made] for column in out)))
            self._columns = {name: np.concatenate((self._columns[name], new[name])) for name in self._columns}
        visible = np.concatenate((self._visible, seen))
        columns, begin = self._columns, self._begin
        self._visible = visible[len(visible) - min(self._own_back, len(visible)) :]
        oldest = int(self._visible[0]) if len(self._visible) else int(seen[-1])
        self._begin = max(begin, oldest - self._back)
        self._columns = {name: column[self._begin - begin :] for name, column in columns.items()}
        return columns, np.where(visible < 0, -1, visible - begin)


def _of(definitions: Definitions, timeframe: str) -> dict[str, Any]:
    """The definitions of one timeframe, as a graph of its own candles takes them."""
    return {
        name: definition._replace(timeframe="")
        for name, definition in definitions.items()
        if definition.timeframe == timeframe
    }


def _computed(sources: Mapping[str, ComputedSource], decimals: UnitDecimals) -> dict[str, Computed]:
    """The columns of sources that are more than a name."""
    return {name: _source(name, source, decimals) for name, source in sources.items()}


def _source(name: str, source: ComputedSource, decimals: UnitDecimals) -> Computed:
    inputs = tuple(dict.fromkeys(read.column.name for read in columns_read(source.term)))
    evaluator = ValueEvaluator(source.term, decimals)

    def values(first: int, *columns: Float64) -> Float64:
        named = dict(zip(inputs, columns, strict=True))
        return evaluator.doubles(BlockValues({None: named}, {}, first, len(columns[0]) - first))

    function: Callable[..., Float64] = values
    return Computed(name, inputs, function, look_back(source.term)[None], source.timeframe)
