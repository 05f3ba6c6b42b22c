"""How many rows a sentence reads before the row that it answers for (L3-L6, V13)."""

from collections.abc import Iterator
from typing import NamedTuple

from safla.strategies.rules.names import Calculated, Column, Constant, Earlier, Term, earlier
from safla.strategies.rules.tree import AllOf, AnyOf, Between, ConditionTree, Crossing, Negated, Slope, Timed

RowsBack = dict[str | None, int]  # by clock; None, the candles of the run, is always there


class ColumnRead(NamedTuple):
    """One place where a sentence reads a column."""

    column: Column
    candles: int  # of the run, before the one of the answer
    rows: int  # of a higher timeframe, before the one that is visible at that candle


def look_back(tree: ConditionTree[Term] | Term) -> RowsBack:
    """Rows before the one of the answer, by clock.

    Those of a higher timeframe count from the row that is visible at the earliest candle of the run which is read.
    """
    back: RowsBack = {None: 0}
    for read in columns_read(tree):
        back[None] = max(back[None], read.candles)
        clock = read.column.clock
        if clock is not None:
            back[clock] = max(back.get(clock, 0), read.rows)
    return back


def columns_read(tree: ConditionTree[Term] | Term) -> Iterator[ColumnRead]:
    """All places where a sentence reads a column."""
    if isinstance(tree, Constant | Column | Calculated | Earlier):
        yield from _of_value(tree, None, 0, 0)
    else:
        yield from _of_condition(tree, 0)


def earlier_conditions(tree: Timed[Term]) -> int:
    """How many candles before its own a timed condition asks about (L4)."""
    return tree.candles - (tree.word == "for")


def _of_condition(tree: ConditionTree[Term], candles: int) -> Iterator[ColumnRead]:
    if isinstance(tree, AllOf | AnyOf):
        for part in tree.parts:
            yield from _of_condition(part, candles)
    elif isinstance(tree, Negated):
        yield from _of_condition(tree.condition, candles)
    elif isinstance(tree, Timed):
        yield from _of_condition(tree.condition, candles + earlier_conditions(tree))
    elif isinstance(tree, Slope):
        yield from _of_value(tree.value, None, candles, 0)
        yield from _of_value(earlier(tree.value, 1), None, candles, 0)
    elif isinstance(tree, Between):
        for value in (tree.value, tree.low, tree.high):
            yield from _of_value(value, None, candles, 0)
    else:
        for value in (tree.left, tree.right):
            yield from _of_value(value, None, candles + isinstance(tree, Crossing), 0)


def _of_value(term: Term, clock: str | None, candles: int, rows: int) -> Iterator[ColumnRead]:
    """clock: whose rows are counted; the value has the same, or is visible at the candles of the run."""
    if isinstance(term, Constant):
        return
    clock = clock if term.clock is None else term.clock
    if isinstance(term, Column):
        yield ColumnRead(term, candles, rows)
    elif isinstance(term, Earlier):
        more = (term.candles, 0) if clock is None else (0, term.candles)
        yield from _of_value(term.operand, clock, candles + more[0], rows + more[1])
    else:
        for operand in term.operands:
            yield from _of_value(operand, clock, candles, rows)
