"""Evaluate sentences over columns of values: conditions in three truth values, values as doubles.

1 is true, 0 not known, -1 false, so that `and` is the minimum, `or` the maximum and `not` the negative (L2). A value
that is not known is NaN (V15); whatever is not finite counts as that. A sentence is built once into functions of a
block, and each of them knows which rows before the block it reads. Every row is worked out by itself, so the answer for
a row is the same however the candles are cut into blocks.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np

from safla.core.values import Float64, Float64Table, Int8, Int64, Mask
from safla.strategies.rules.look_back import earlier_conditions, look_back
from safla.strategies.rules.names import Column, Constant, Earlier, Term, earlier
from safla.strategies.rules.tree import (
    AllOf,
    AnyOf,
    Between,
    Comparison,
    ConditionTree,
    Crossing,
    Negated,
    Slope,
    Timed,
)
from safla.strategies.rules.units import UnitDecimals, literal_in_units

MAX_ROWS = 8192  # worked out at once

ColumnsByName = Mapping[str, Float64]
Answers = TypeVar("Answers", Int8, Float64)


class BlockValues(NamedTuple):
    """The columns of a block of candles.

    columns  by clock, then by name. Those of the run's candles (clock None) have first + rows rows. Those of a higher
             timeframe have the rows that are visible here, and before the earliest of them as many as `look_back`
             says, or all that there are
    visible  by higher timeframe: int64[first + rows], the row of its columns that is visible at each candle, -1 for
             none; it never descends
    first    candles before the block: as many as `look_back` says or more, or all that there are
    rows     candles of the block, at least 1
    """

    columns: Mapping[str | None, ColumnsByName]
    visible: Mapping[str, Int64]
    first: int
    rows: int


class _Block(NamedTuple):
    """The rows that a sentence reads, at fixed places: those before the block come first, NaN where there are none."""

    tables: list[Float64Table]  # by clock, then by name
    places: list[Int64]  # by clock: where in a result of its rows the one is that is visible
    candles: int  # of the run: look_back + rows


Truth = Callable[[_Block], Int8]
Doubles = Callable[[_Block], Float64]


class ConditionEvaluator:
    """A condition, built for columns with these decimals."""

    def __init__(self, tree: ConditionTree[Term], scales: UnitDecimals) -> None:
        """scales: the decimals of every base unit that a literal of the sentence has."""
        self._builder = _Builder(look_back(tree), scales)
        self._truth = self._builder.condition(tree, 0)

    def truths(self, values: BlockValues) -> Int8:
        """int8[rows]: 1 true, 0 not known, -1 false."""
        return _in_parts(values, lambda part: self._truth(self._builder.block(part)))


class ValueEvaluator:
    """A value, built for columns with these decimals."""

    def __init__(self, term: Term, scales: UnitDecimals) -> None:
        """scales: the decimals of every base unit that a literal of the sentence has."""
        self._builder = _Builder(look_back(term), scales)
        self._doubles = self._builder.value(term, None, 0, 0)

    def doubles(self, values: BlockValues) -> Float64:
        """float64[rows], in units of 10**-decimals of the value's unit; NaN where it is not known."""
        return _in_parts(values, self._rows)

    def _rows(self, values: BlockValues) -> Float64:
        return self._doubles(self._builder.block(values)) + np.zeros(values.rows)  # no -0.0, and a row each


def _in_parts(values: BlockValues, function: Callable[[BlockValues], Answers]) -> Answers:
    """The function of a block, of so many candles at a time that what it works with stays in the processor's cache."""
    with np.errstate(all="ignore"):
        if values.rows <= MAX_ROWS:
            return function(values)
        parts = range(0, values.rows, MAX_ROWS)
        cut = [(values.first + start, min(MAX_ROWS, values.rows - start)) for start in parts]
        return np.concatenate([function(values._replace(first=first, rows=rows)) for first, rows in cut])


class _Builder:
    """Builds the functions of a sentence. `back` is how many rows before the block a result begins."""

    def __init__(self, rows_before: dict[str | None, int], scales: UnitDecimals) -> None:
        self.scales = scales
        self.clocks = list(rows_before)
        self.before = list(rows_before.values())
        self.names: list[list[str]] = [[] for _ in self.clocks]
        self.memory = _Memory(len(self.clocks))

    # --- Conditions

    def condition(self, tree: ConditionTree[Term], back: int) -> Truth:
        if isinstance(tree, AllOf | AnyOf):
            combine = np.minimum if isinstance(tree, AllOf) else np.maximum
            first, *rest = [self.condition(part, back) for part in tree.parts]
            return _chained(combine, first, rest)
        if isinstance(tree, Negated):
            return _negated(self.condition(tree.condition, back))
        if isinstance(tree, Timed):
            more = earlier_conditions(tree)
            combine = np.minimum if tree.word == "for" else np.maximum
            return _sliding(combine, self.condition(tree.condition, back + more), more + 1)
        if isinstance(tree, Slope):
            sign = ">" if tree.direction == "rising" else "<"
            return self.condition(Comparison(tree.value, sign, earlier(tree.value, 1)), back)
        if isinstance(tree, Between):
            bounds = Comparison(tree.value, ">=", tree.low), Comparison(tree.value, "<=", tree.high)
            return self.condition(AllOf(bounds), back)
        if isinstance(tree, Crossing):
            sign = ">" if tree.direction == "above" else "<"
            return _crossing(self.condition(Comparison(tree.left, sign, tree.right), back + 1))
        left, right = (self.value(term, None, back, 0) for term in (tree.left, tree.right))
        if isinstance(tree.left, Constant) and isinstance(tree.right, Constant):
            left = _repeated(left, self.before[0] - back)
        return _compared(left, right, *_TRUTHS[tree.operator])

    # --- Values

    def value(self, term: Term, clock: str | None, back: int, lag: int) -> Doubles:
        """clock: whose rows are meant; the result ends `lag` rows before the end of the block."""
        if isinstance(term, Constant):
            return _constant(np.array([literal_in_units(term.exact, term.unit, self.scales)]))
        if term.clock not in (None, clock):
            number = self.clocks.index(term.clock)
            return _visible(self.value(term, term.clock, 0, 0), number - 1, self.rows(clock, back, lag))
        if isinstance(term, Earlier):
            return self.value(term.operand, clock, back + term.candles, lag + term.candles)
        if isinstance(term, Column):
            return self.column(term.name, clock, self.rows(clock, back, lag))
        operands = [self.value(operand, clock, back, lag) for operand in term.operands]
        operation = _OPERATIONS[term.operation]
        calculated = _of_one(operation, *operands) if len(operands) == 1 else _of_two(operation, *operands)
        return calculated if term.operation in _STAYS_KNOWN else _known(calculated)

    def column(self, name: str, clock: str | None, rows: slice) -> Doubles:
        number = self.clocks.index(clock)
        names = self.names[number]
        if name not in names:
            names.append(name)
        return _column(number, (names.index(name), rows))

    def rows(self, clock: str | None, back: int, lag: int) -> slice:
        """The rows of a table that a result has which begins `back` before the block and ends `lag` before its end."""
        return slice(self.before[self.clocks.index(clock)] - back, -lag or None)

    # --- Rows

    def block(self, values: BlockValues) -> _Block:
        """The rows that the sentence reads."""
        start, stop = values.first - self.before[0], values.first + values.rows
        tables = [self.memory.table(0, values.columns.get(None, {}), self.names[0], (start, stop))]
        places = []
        for number, clock in enumerate(self.clocks[1:], 1):
            assert clock is not None, "the candles of the run are the first clock"
            visible = values.visible[clock][max(start, 0) : stop]
            if start < 0:
                visible = np.concatenate((np.full(-start, -1), visible))
            earliest = int(visible[0])
            rows = earliest - self.before[number], int(visible[-1]) + 1
            tables.append(self.memory.table(number, values.columns[clock], self.names[number], rows))
            places.append(visible - earliest)
        return _Block(tables, places, stop - start)


class _Memory:
    """Where the rows that a sentence reads are gathered, block after block: fresh memory costs more than the work."""

    def __init__(self, clocks: int) -> None:
        self.kept = [(np.empty(0), np.empty(0))] * clocks

    def table(self, clock: int, columns: ColumnsByName, names: list[str], rows: tuple[int, int]) -> Float64Table:
        """The rows of the columns, NaN before the first; what is not finite is NaN."""
        start, stop = rows
        size = len(names) * (stop - start)
        if len(self.kept[clock][0]) < size:
            self.kept[clock] = np.empty(size), np.empty(size)
        values, differences = (array[:size] for array in self.kept[clock])
        if start < 0:
            before = np.full(-start, np.nan)
            parts = [part for name in names for part in (before, columns[name][:stop])]
        else:
            parts = [columns[name][start:stop] for name in names]
        if parts:
            np.concatenate(parts, out=values)
        np.subtract(values, values, out=differences)
        np.subtract(values, differences, out=values)
        return values.reshape(len(names), stop - start)


# --- Functions of a block --------------------------------------------------------------------------------------------


def _column(clock: int, rows: tuple[int, slice]) -> Doubles:
    return lambda block: block.tables[clock][rows]


def _constant(constant: Float64) -> Doubles:
    return lambda block: constant


def _repeated(constant: Doubles, start: int) -> Doubles:
    """A constant at each candle, from a place of the table on."""
    return lambda block: np.repeat(constant(block), block.candles - start)


def _visible(value: Doubles, clock: int, rows: slice) -> Doubles:
    """A value of a higher timeframe, at the candles of the run at which it is visible."""
    return lambda block: value(block)[block.places[clock][rows]]


def _of_one(operation: np.ufunc, operand: Doubles) -> Doubles:
    return lambda block: operation(operand(block))


def _of_two(operation: np.ufunc, left: Doubles, right: Doubles) -> Doubles:
    return lambda block: operation(left(block), right(block))


def _known(value: Doubles) -> Doubles:
    """NaN where an operation went beyond all doubles, as a division by zero does."""

    def known(block: _Block) -> Float64:
        result = value(block)
        return result - (result - result)

    return known


def _compared(left: Doubles, right: Doubles, true: Callable[..., Mask], false: Callable[..., Mask]) -> Truth:
    def compared(block: _Block) -> Int8:
        a, b = left(block), right(block)
        return true(a, b).view(np.int8) - false(a, b).view(np.int8)

    return compared


def _crossing(beyond: Truth) -> Truth:
    """True where the side is reached here and was not at the candle before (S21)."""

    def crossing(block: _Block) -> Int8:
        truth = beyond(block)
        return np.minimum(truth[1:], -truth[:-1])

    return crossing


def _negated(condition: Truth) -> Truth:
    return lambda block: -condition(block)


def _chained(combine: np.ufunc, first: Truth, rest: list[Truth]) -> Truth:
    def chained(block: _Block) -> Int8:
        truth = first(block)
        for condition in rest:
            truth = combine(truth, condition(block))
        return truth

    return chained


def _sliding(combine: np.ufunc, condition: Truth, candles: int) -> Truth:
    """The least or greatest of so many candles that end at each: of twice as many, until they are enough."""
    shifts, covered = [], 1
    while covered < candles:
        shifts.append(min(covered, candles - covered))
        covered += shifts[-1]

    def sliding(block: _Block) -> Int8:
        truth = condition(block)
        for shift in shifts:
            truth = combine(truth[shift:], truth[:-shift])
        return truth

    return sliding


def _unequal(left: Float64, right: Float64) -> Mask:
    """Not numpy's: NaN is not known, so it differs from nothing."""
    return np.less(left, right) | np.greater(left, right)


_TRUTHS: dict[str, tuple[Callable[..., Mask], Callable[..., Mask]]] = {  # where it is true, where it is false
    "<": (np.less, np.greater_equal),
    "<=": (np.less_equal, np.greater),
    ">": (np.greater, np.less_equal),
    ">=": (np.greater_equal, np.less),
    "==": (np.equal, _unequal),
    "!=": (_unequal, np.equal),
}
_OPERATIONS: dict[str, np.ufunc] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "min": np.minimum,  # NaN where a side is
    "max": np.maximum,
    "abs": np.absolute,
    "negative": np.negative,
}
_STAYS_KNOWN = {"min", "max", "abs", "negative"}  # finite operands give a finite result
