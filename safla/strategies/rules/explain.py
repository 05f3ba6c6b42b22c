"""Explain a condition at one candle: every leaf of it with the values of its sides (L14)."""

from typing import NamedTuple

import numpy as np

from safla.strategies.rules.canonical import text_of_condition
from safla.strategies.rules.evaluate import BlockValues, ConditionEvaluator, ValueEvaluator
from safla.strategies.rules.names import Term, earlier
from safla.strategies.rules.tree import (
    AllOf,
    AnyOf,
    Between,
    Comparison,
    ConditionTree,
    Crossing,
    Negated,
    Slope,
    Test,
    Timed,
    Value,
)
from safla.strategies.rules.units import MeasureUnit, UnitDecimals

_KNOWN = {1: True, 0: None, -1: False}


class Explanation(NamedTuple):
    """A condition, or a part of it, at one candle. A test that is timed is a leaf, as it is without `for` or `within`.

    values  of a leaf, in units of 10**-decimals of their unit, None where not known: left and right; of a crossing
            also left and right at the candle before; of a rising or falling value it and it one candle ago; of a range
            the value, the low and the high bound
    """

    kind: str  # all, any, not, for, within, or leaf
    text: str  # canonical
    truth: bool | None  # None: not known
    values: tuple[float | None, ...]
    unit: MeasureUnit | None  # of the values
    parts: "tuple[Explanation, ...]"


def explain(
    tree: ConditionTree[Value], resolved: ConditionTree[Term], scales: UnitDecimals, values: BlockValues
) -> Explanation:
    """The condition at the last candle of the block, before which there are as many as `look_back` says.

    resolved  the same tree with its names resolved
    """
    row = values.first + values.rows - 1
    truth = _KNOWN[int(ConditionEvaluator(resolved, scales).truths(values._replace(first=row, rows=1))[0])]
    text = text_of_condition(tree)
    test = resolved
    while isinstance(test, Timed):
        test = test.condition
    if isinstance(test, Comparison | Crossing | Slope | Between):
        sides = _sides(test)
        numbers = [_value(side, scales, values, row) for side in sides]
        if isinstance(test, Crossing):
            numbers += [_value(side, scales, values, row - 1) for side in sides]
        return Explanation("leaf", text, truth, tuple(numbers), sides[0].unit, ())
    kind, pairs = _parts(tree, resolved)
    return Explanation(kind, text, truth, (), None, tuple(explain(*pair, scales, values) for pair in pairs))


def _parts(
    tree: ConditionTree[Value], resolved: ConditionTree[Term]
) -> tuple[str, list[tuple[ConditionTree[Value], ConditionTree[Term]]]]:
    """The kind of a condition that is no leaf, and its parts with the resolved ones."""
    if isinstance(tree, AllOf | AnyOf) and isinstance(resolved, AllOf | AnyOf):
        return "all" if isinstance(tree, AllOf) else "any", list(zip(tree.parts, resolved.parts, strict=True))
    assert isinstance(tree, Negated | Timed), "a test is a leaf"
    assert isinstance(resolved, Negated | Timed), "resolved is the same tree"
    return tree.word if isinstance(tree, Timed) else "not", [(tree.condition, resolved.condition)]


def _sides(test: Test[Term]) -> tuple[Term, ...]:
    if isinstance(test, Slope):
        return test.value, earlier(test.value, 1)
    if isinstance(test, Between):
        return test.value, test.low, test.high
    return test.left, test.right


def _value(term: Term, scales: UnitDecimals, values: BlockValues, row: int) -> float | None:
    """The value at a candle of the block or before it; None where it is not known or there is no candle."""
    if row < 0:
        return None
    (found,) = ValueEvaluator(term, scales).doubles(values._replace(first=row, rows=1)).tolist()
    return None if np.isnan(found) else found
