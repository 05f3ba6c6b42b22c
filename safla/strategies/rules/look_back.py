"""How many rows a sentence reads before the row that it answers for (L3-L6, V13)."""

from safla.strategies.rules.names import Calculated, Column, Constant, Earlier, Term, earlier
from safla.strategies.rules.tree import AllOf, AnyOf, Between, ConditionTree, Crossing, Negated, Slope, Timed

RowsBack = dict[str | None, int]  # by clock; None, the candles of the run, is always there


def look_back(tree: ConditionTree[Term] | Term) -> RowsBack:
    """Rows before the one of the answer, by clock.

    Those of a higher timeframe count from the row that is visible at the earliest candle of the run which is read.
    """
    rows: RowsBack = {None: 0}
    if isinstance(tree, Constant | Column | Calculated | Earlier):
        _value(tree, None, 0, rows)
    else:
        _condition(tree, 0, rows)
    return rows


def earlier_conditions(tree: Timed[Term]) -> int:
    """How many candles before its own a timed condition asks about (L4)."""
    return tree.candles - (tree.word == "for")


def _condition(tree: ConditionTree[Term], back: int, rows: RowsBack) -> None:
    if isinstance(tree, AllOf | AnyOf):
        for part in tree.parts:
            _condition(part, back, rows)
    elif isinstance(tree, Negated):
        _condition(tree.condition, back, rows)
    elif isinstance(tree, Timed):
        _condition(tree.condition, back + earlier_conditions(tree), rows)
    elif isinstance(tree, Slope):
        _value(earlier(tree.value, 1), None, back, rows)
    elif isinstance(tree, Between):
        for value in (tree.value, tree.low, tree.high):
            _value(value, None, back, rows)
    else:
        for value in (tree.left, tree.right):
            _value(value, None, back + isinstance(tree, Crossing), rows)


def _value(term: Term, clock: str | None, back: int, rows: RowsBack) -> None:
    """clock: whose rows `back` counts; the value has the same, or is visible at the candles of the run."""
    if isinstance(term, Constant):
        return
    rows[clock] = max(rows.get(clock, 0), back)
    if term.clock != clock and term.clock is not None:
        clock, back = term.clock, 0
        rows[clock] = max(rows.get(clock, 0), back)
    if isinstance(term, Earlier):
        _value(term.operand, clock, back + term.candles, rows)
    if isinstance(term, Calculated):
        for operand in term.operands:
            _value(operand, clock, back, rows)
