"""The indicators of one symbol on all timeframes: a graph for each, and higher values at the rows of the run."""

from collections.abc import Iterable

import numpy as np

from safla.core.frames import FRAMES, Frame, begin_frame, higher_candles
from safla.core.values import Columns, Float64, Int64
from safla.strategies.indicators.graph import COMPILED_FROM, Definitions, Form, Graph, names_read, unchanged
from safla.strategies.indicators.sources import SOURCES

MAX_ROWS = 65_536  # of a block (V5)


class SymbolGraph:
    """The columns of one symbol. Each block follows the one before.

    A value of a higher timeframe stands at the rows from which its candle is closed until the next one is (V11), so a
    column of it is a step function here. Nothing is written down: after a restart the recorded candles are fed (V7).
    """

    def __init__(
        self, definitions: Definitions, wanted: Iterable[str], *, step_ms: int, compiled: Form = unchanged
    ) -> None:  # fmt: skip
        """The arguments are those of Graph; the timeframes of the definitions are multiples of step_ms."""
        names, higher = list(wanted), names_by_timeframe(definitions, wanted, step_ms=step_ms)
        self._frames = [
            _HigherGraph(definitions, of_frame, frame=FRAMES[timeframe], step_ms=step_ms, compiled=compiled)
            for timeframe, of_frame in higher.items()
        ]
        given = [name for of_frame in higher.values() for name in of_frame]
        self._graph = Graph(definitions, names, step_ms=step_ms, given=given, compiled=compiled)

    def feed(self, candles: Columns) -> dict[str, Float64]:
        """The wanted columns for a block of at most MAX_ROWS candles; NaN: not known. Valid until the next call."""
        assert len(candles.ts) <= MAX_ROWS, "a block has at most MAX_ROWS rows"
        given: dict[str, Float64] = {}
        for frame in self._frames:
            given |= frame.feed(candles)
        return self._graph.feed(candles, given)


def names_by_timeframe(definitions: Definitions, wanted: Iterable[str], *, step_ms: int) -> dict[str, list[str]]:
    """The names of higher timeframes that the wanted columns are made of, by timeframe."""
    higher: dict[str, list[str]] = {}
    names = list(dict.fromkeys(wanted))
    for name in names:  # which grows by what they are made of
        definition = definitions.get(name.partition(".")[0])
        if definition is None or name in SOURCES:
            continue
        if definition.timeframe and FRAMES[definition.timeframe].length != step_ms:
            higher.setdefault(definition.timeframe, []).append(name)
        else:
            names += [one for one in names_read(definition) if one not in names]
    return higher


class _HigherGraph:
    """The graph of a higher timeframe, fed with the candles that close, and its values at the rows of the run."""

    def __init__(
        self, definitions: Definitions, names: list[str], *, frame: Frame, step_ms: int, compiled: Form
    ) -> None:  # fmt: skip
        self._frame, self._step_ms = frame, step_ms
        self._interpreted, self._compiled = higher_candles, compiled(higher_candles)
        self._state = begin_frame()
        self._graph = Graph(definitions, names, step_ms=frame.length, compiled=compiled)
        self._last = dict.fromkeys(names, np.nan)  # the value at the last candle that closed

    def feed(self, candles: Columns) -> dict[str, Float64]:
        """The columns at the rows of a block."""
        rows, before = len(candles.ts), self._state.closed
        visible, out = np.empty(rows, np.int64), Columns(*np.empty((len(Columns._fields), rows + 1), np.int64))
        build = self._compiled if rows >= COMPILED_FROM else self._interpreted
        self._state = build(self._state, candles, self._step_ms, *self._frame, visible, out)
        made = self._state.closed - before
        if not made:
            return {name: np.full(rows, last) for name, last in self._last.items()}
        columns = self._graph.feed(Columns(*(column[:made] for column in out)))
        return {name: self._spread(name, columns[name], visible - before + 1) for name in self._last}

    def _spread(self, name: str, column: Float64, places: Int64) -> Float64:
        """A column at the rows of the run. places: of each row in the values of the last block and this one."""
        values: Float64 = np.concatenate(([self._last[name]], column))
        self._last[name] = values[-1]
        return values[places]
