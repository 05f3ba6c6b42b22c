"""The fold of many indicators of one symbol and one timeframe: columns of candles in, columns of values out, in blocks.

Equal nodes are one (V8): a node is known by its fold, its numbers and the columns that it reads, so that the simple
average inside a Bollinger band is that of an indicator `sma` of the same period and source.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from safla.core.pure import interpreted
from safla.core.values import Columns, Float64
from safla.section import Section
from safla.strategies.indicators.kind import FoldNode, FoldNumbers
from safla.strategies.indicators.register import KINDS
from safla.strategies.indicators.sources import RAW, SOURCES, source_column

COMPILED_FROM = 32  # rows of a block: for fewer, a call of compiled code costs more than the loop
LEAST_ROOM = 64  # rows that a column has room for beside those that it keeps


class Indicator(NamedTuple):
    """An indicator of a symbol.

    kind       one of KINDS
    keys       its parameters, of the kind's section
    source     the column that it reads, by name; empty where the kind has no source
    timeframe  of higher candles (timeframes.py); empty: that of the run
    """

    kind: str
    keys: Section
    source: str = ""
    timeframe: str = ""


class Computed(NamedTuple):
    """A column that a function makes of other columns.

    text         what it is: two of one text and the same inputs are one column
    inputs       the columns that it reads, by name
    function     (first, *inputs) -> float64 for each row of the block; each input has `first` rows before it: the last
                 `rows_before` ones, or all of them where there are fewer
    rows_before  how many rows before the block it reads, at most
    timeframe    as of an indicator; its inputs are of the same one, or it is that of the run
    """

    text: str
    inputs: tuple[str, ...]
    function: Callable[..., Float64]
    rows_before: int = 0
    timeframe: str = ""


Definitions = Mapping[str, Indicator | Computed]
Form = Callable[[Callable[..., Any]], Callable[..., Any]]


def names_read(definition: Indicator | Computed) -> tuple[str, ...]:
    """The names of the columns that a definition reads beside those of the candles that its kind names."""
    if isinstance(definition, Computed):
        return definition.inputs
    return (definition.source,) if definition.source else ()


class _Column:
    """The last rows of a column: those of the block, and before them those that its readers need."""

    def __init__(self, dtype: type) -> None:
        self._dtype, self.kept = dtype, 0
        self._cells: Any = np.empty(0, dtype)
        self._end = 0

    def extend(self, rows: int) -> Any:
        """Add rows, and return the view into which they are written. Views from before are no longer valid."""
        if self._end + rows > len(self._cells):
            last = self.rows(min(self.kept, self._end)).copy()
            if 2 * self.kept + rows > len(self._cells):  # twice, so that rows are moved once in as many rows
                self._cells = np.empty(2 * self.kept + max(rows, LEAST_ROOM), self._dtype)
            self._cells[: len(last)], self._end = last, len(last)
        self._end += rows
        return self._cells[self._end - rows : self._end]

    def rows(self, count: int) -> Any:
        """The last rows, as a view."""
        return self._cells[self._end - count : self._end]


class _Fold:
    """A node in a graph, with its columns and its state."""

    def __init__(
        self, node: FoldNode, numbers: FoldNumbers, inputs: list[_Column], compiled: Callable[..., Any]
    ) -> None:
        self._interpreted, self._compiled = node.feed, compiled
        self._numbers, self._inputs = numbers, inputs
        self._rows_before = node.rows_before(*numbers)
        self._has_state = node.begin is not None
        self._state = () if node.begin is None else (node.begin(*numbers),)
        self.outputs = [_Column(np.float64) for _ in node.outputs]
        keep(inputs, self._rows_before)

    def feed(self, seen: int, rows: int) -> None:
        """Feed the rows of a block, which are in the inputs. seen: rows before it."""
        first = min(seen, self._rows_before)
        feed = self._compiled if rows >= COMPILED_FROM else self._interpreted
        inputs = [column.rows(first + rows) for column in self._inputs]
        outputs = [column.extend(rows) for column in self.outputs]
        answer = feed(*self._state, *inputs, first, *self._numbers, *outputs)
        if self._has_state:
            self._state = (answer,)


class _Function:
    """A computed column in a graph."""

    def __init__(self, computed: Computed, inputs: list[_Column]) -> None:
        self._computed, self._inputs = computed, inputs
        self.outputs = [_Column(np.float64)]
        keep(inputs, computed.rows_before)

    def feed(self, seen: int, rows: int) -> None:
        """As of a fold."""
        first = min(seen, self._computed.rows_before)
        inputs = [column.rows(first + rows) for column in self._inputs]
        self.outputs[0].extend(rows)[:] = self._computed.function(first, *inputs)


def keep(columns: Iterable[_Column], rows_before: int) -> None:
    """Let columns keep the rows before a block that a reader needs."""
    for column in columns:
        column.kept = max(column.kept, rows_before)


class Graph:
    """The indicators of a symbol on one timeframe. Each block follows the one before.

    Nothing of it is written down: after a restart a new graph is fed the recorded candles (V7).
    """

    def __init__(
        self, definitions: Definitions, wanted: Iterable[str], *, step_ms: int, given: Iterable[str] = (),
        compiled: Form = interpreted,
    ) -> None:  # fmt: skip
        """The nodes that the wanted columns need, in topological order.

        definitions  checked: each name that is read is defined, without circles
        wanted       the names of columns that `feed` returns: "close", "trend", "bands.upper"
        step_ms      the length of a candle
        given        the names of columns that `feed` gets beside the candles, or in place of a source
        compiled     the form of a fold for long blocks, such as `fastest` of compiled/library.py
        """
        self._definitions, self._step_ms, self._compiled = definitions, step_ms, compiled
        self._given = {name: _Column(np.float64) for name in given}
        self._exact = RAW.keys() - self._given.keys()
        self._floats: dict[str, _Column] = {}  # sources
        self._integers: dict[str, _Column] = {}  # raw columns that are read exactly, and ts
        self._nodes: dict[Hashable, _Fold | _Function] = {}
        self._seen = 0
        self._wanted = {name: self._column(name) for name in dict.fromkeys(wanted)}

    def feed(self, candles: Columns, given: Mapping[str, Float64] | None = None) -> dict[str, Float64]:
        """The wanted columns for a block of candles; NaN: not known. They are valid until the next call.

        candles  int64[n], units of the symbol, those of the block alone
        given    float64[n] each
        """
        rows = len(candles.ts)
        for name, column in self._floats.items():
            column.extend(rows)[:] = source_column(name, candles, self._step_ms)
        for name, column in self._integers.items():
            column.extend(rows)[:] = getattr(candles, name)
        for name, column in self._given.items():
            column.extend(rows)[:] = (given or {})[name]
        for node in self._nodes.values():
            node.feed(self._seen, rows)
        self._seen += rows
        return {name: column.rows(rows) for name, column in self._wanted.items()}

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self._nodes)

    def _column(self, name: str) -> _Column:
        """The column of a name. KeyError for one that is not defined."""
        if name in self._given:
            return self._given[name]
        if name in SOURCES:
            return self._floats.setdefault(name, _Column(np.float64))
        owner, _, output = name.partition(".")
        definition = self._definitions[owner]
        if isinstance(definition, Indicator):
            return self._chain(definition)[output or str(KINDS[definition.kind].main)]
        inputs = [self._column(one) for one in definition.inputs]
        identity = (definition.text, definition.rows_before, *map(id, inputs))
        if identity not in self._nodes:
            self._nodes[identity] = _Function(definition, inputs)
        return self._nodes[identity].outputs[0]

    def _chain(self, indicator: Indicator) -> dict[str, _Column]:
        """The columns of an indicator by the names in its chain."""
        chain: dict[str, _Column] = {}
        for node in KINDS[indicator.kind].nodes:
            numbers = node.numbers(indicator.keys)
            # An output of the chain hides a source of the same name, and none of the user's names.
            outside = {one: indicator.source if one == "source" else one for one in node.inputs if one not in chain}
            if node.exact is not None and len(outside) == len(node.inputs) and self._exact >= set(outside.values()):
                node = node._replace(**node.exact._asdict())
                inputs = [self._integer(outside[one]) for one in node.inputs]
            else:
                inputs = [chain[one] if one in chain else self._input(outside[one]) for one in node.inputs]
            identity = (node.feed, numbers, *map(id, inputs))
            if identity not in self._nodes:
                self._nodes[identity] = _Fold(node, numbers, inputs, self._compiled(node.feed))
            chain.update(zip(node.outputs, self._nodes[identity].outputs, strict=True))
        return chain

    def _input(self, name: str) -> _Column:
        return self._integer(name) if name == "ts" else self._column(name)

    def _integer(self, name: str) -> _Column:
        return self._integers.setdefault(name, _Column(np.int64))
