"""Random sentences, columns for their names, and what a sentence means, worked out row by row with None for not known.

`Reference` shares nothing with safla but the tree: it looks at one candle after the other, and its truth values are
True, False and None.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from safla.strategies.rules.evaluate import BlockValues
from safla.strategies.rules.grammar import Written
from safla.strategies.rules.names import Environment, NamedColumn
from safla.strategies.rules.tree import (
    Ago,
    AllOf,
    AnyOf,
    Arithmetic,
    Between,
    Call,
    Comparison,
    Crossing,
    Literal,
    Negated,
    Negative,
    Slope,
    Timed,
    Value,
    Variable,
    all_of,
    any_of,
    arithmetic,
)
from safla.strategies.rules.units import NUMBER, PRICE, BaseUnit, MeasureUnit

NAMES = {
    "close": NamedColumn(PRICE),
    "open": NamedColumn(PRICE),
    "day": NamedColumn(PRICE, "1d"),
    "day.high": NamedColumn(PRICE, "1d"),
    "four": NamedColumn(PRICE, "4h"),
    "rsi": NamedColumn(NUMBER),
    "day_rsi": NamedColumn(NUMBER, "1d"),
    "hour": NamedColumn(NUMBER, None, whole=True),
}
PARAMETERS = {"level": 3, "share": Fraction(1, 3)}
ENVIRONMENT = Environment(NAMES, PARAMETERS)
SCALES = {BaseUnit("price"): 0}

# --- Trees of any kind, for the text ---------------------------------------------------------------------------------

COUNTS = st.integers(1, 1000)
LITERALS = st.builds(Literal, st.sampled_from(["0", "1", "007", "1.50", "60000.10"]), st.booleans())
ANY_NAMES = st.builds(Variable, st.sampled_from([*NAMES, *PARAMETERS, "a_1.b_2"]))


def _chains(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    rests = [st.lists(st.tuples(st.sampled_from(signs), values), min_size=1, max_size=3) for signs in ("+-", "*/")]
    return st.builds(arithmetic, values, st.one_of(rests))


def _more_values(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.one_of(
        _chains(values),
        st.builds(Negative, values),
        st.builds(Call, st.sampled_from(["min", "max"]), st.tuples(values, values)),
        st.builds(Call, st.just("abs"), st.tuples(values)),
        st.builds(Ago, values, COUNTS),
    )


VALUES: st.SearchStrategy[Value] = st.recursive(st.one_of(LITERALS, ANY_NAMES), _more_values, max_leaves=6)


def conditions(tests: st.SearchStrategy[Any], counts: st.SearchStrategy[int]) -> st.SearchStrategy[Written]:
    """Conditions of these tests."""

    def more(inner: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
        several = st.lists(inner, min_size=1, max_size=3)
        timed = st.builds(Timed, inner, st.sampled_from(["for", "within"]), counts)
        return st.one_of(several.map(all_of), several.map(any_of), st.builds(Negated, inner), timed)

    return st.recursive(tests, more, max_leaves=5)


def tests_of(values: st.SearchStrategy[Value], operators: str) -> st.SearchStrategy[Any]:
    """Tests of values that may meet."""
    return st.one_of(
        st.builds(Comparison, values, st.sampled_from(operators.split()), values),
        st.builds(Crossing, values, st.sampled_from(["above", "below"]), values),
        st.builds(Slope, values, st.sampled_from(["rising", "falling"])),
        st.builds(Between, values, values, values),
    )


CONDITIONS = conditions(tests_of(VALUES, "< <= > >= == !="), COUNTS)

# --- Trees whose units fit, for what they mean -----------------------------------------------------------------------

SMALL = st.integers(1, 3)
PLAIN = st.builds(Literal, st.sampled_from(["0", "1", "2", "0.5"]))


def values_of(unit: MeasureUnit) -> st.SearchStrategy[Value]:
    """Values in a unit, and literals and parameters, which fit everywhere."""
    names = st.sampled_from([name for name, named in NAMES.items() if named.unit == unit])
    leaf = st.one_of(
        st.builds(Variable, names),
        st.builds(Variable, names),
        PLAIN,
        st.builds(Variable, st.sampled_from([*PARAMETERS])),
    )

    def more(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
        numbers = PLAIN if unit == PRICE else values
        sums = st.lists(st.tuples(st.sampled_from("+-"), values), min_size=1, max_size=2)
        products = st.lists(st.tuples(st.sampled_from("*/"), numbers), min_size=1, max_size=2)
        return st.one_of(
            st.builds(arithmetic, values, sums),
            st.builds(arithmetic, values, products),
            st.builds(Negative, values),
            st.builds(Call, st.sampled_from(["min", "max"]), st.tuples(values, values)),
            st.builds(Call, st.just("abs"), st.tuples(values)),
            st.builds(Ago, values, SMALL),
        )

    return st.recursive(leaf, more, max_leaves=4)


WHOLE = st.builds(Comparison, st.just(Variable("hour")), st.sampled_from(["==", "!="]), PLAIN)
SOUND = conditions(
    st.one_of(tests_of(values_of(PRICE), "< <= > >="), tests_of(values_of(NUMBER), "< <= > >="), WHOLE), SMALL
)


def drawn_values(seed: int, rows: int) -> BlockValues:
    """Columns of few different values, so that ties and zeros are met; some are not known, some not finite."""
    rng = np.random.default_rng(seed)
    visible = {}
    for clock, step in (("1d", 5), ("4h", 2)):
        steps = rng.random(rows) < 1 / step
        visible[clock] = np.cumsum(steps) + np.where(rng.random() < 0.5, -1, rng.integers(0, 4))
    columns: dict[str | None, dict[str, Any]] = {None: {}, "1d": {}, "4h": {}}
    for name, named in NAMES.items():
        length = rows if named.clock is None else int(visible[named.clock][-1]) + 1
        column = rng.choice([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0], length)
        column[rng.random(length) < 0.1] = np.nan
        column[rng.random(length) < 0.03] = rng.choice([np.inf, -np.inf])
        columns[named.clock][name] = column
    return BlockValues(columns, visible, 0, rows)


def cut(values: BlockValues, start: int, stop: int, before: Mapping[str | None, int]) -> BlockValues:
    """The block of these candles, with as many rows before it as there must be, and not one more."""
    begin = max(0, start - before[None])
    columns = {None: {name: column[begin:stop] for name, column in values.columns[None].items()}}
    visible = {}
    for clock, rows in values.visible.items():
        seen = rows[begin:stop]
        earliest = max(0, int(seen[0]) - before.get(clock, 0))
        held = values.columns[clock]
        columns[clock] = {name: column[earliest : int(seen[-1]) + 1] for name, column in held.items()}
        visible[clock] = np.maximum(seen - earliest, -1)
    return BlockValues(columns, visible, start - begin, stop - start)


class Reference:
    """What sentences mean at each candle."""

    def __init__(self, values: BlockValues) -> None:
        self.values = values

    def truth(self, tree: Written, row: int) -> bool | None:
        """A condition at a candle: True, False, or None for not known."""
        if isinstance(tree, AllOf):
            return self.every([self.truth(part, row) for part in tree.parts])
        if isinstance(tree, AnyOf):
            return self.no(self.every([self.no(self.truth(part, row)) for part in tree.parts]))
        if isinstance(tree, Negated):
            return self.no(self.truth(tree.condition, row))
        if isinstance(tree, Timed) and tree.word == "for":
            return self.every([self.truth(tree.condition, row - back) for back in range(tree.candles)])
        if isinstance(tree, Timed):
            truths = [self.truth(tree.condition, row - back) for back in range(tree.candles + 1)]
            return True if True in truths else None if None in truths else False
        if isinstance(tree, Crossing):
            here, before = (self.beyond(tree, at) for at in (row, row - 1))
            if here is False or before is True:
                return False
            return None if None in (here, before) else True
        if isinstance(tree, Slope):
            now, ago = self.value(tree.value, row, None), self.value(Ago(tree.value, 1), row, None)
            return self.compared(now, ">" if tree.direction == "rising" else "<", ago)
        if isinstance(tree, Between):
            value, low, high = (self.value(part, row, None) for part in (tree.value, tree.low, tree.high))
            return self.every([self.compared(low, "<=", value), self.compared(value, "<=", high)])
        return self.compared(self.value(tree.left, row, None), tree.operator, self.value(tree.right, row, None))

    def beyond(self, tree: Crossing[Value], row: int) -> bool | None:
        sign = ">" if tree.direction == "above" else "<"
        return self.compared(self.value(tree.left, row, None), sign, self.value(tree.right, row, None))

    @staticmethod
    def compared(left: float | None, sign: str, right: float | None) -> bool | None:
        if left is None or right is None:
            return None
        order = (left > right) - (left < right)
        return order in {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (1, 0), "==": (0,), "!=": (-1, 1)}[sign]

    @staticmethod
    def every(truths: list[bool | None]) -> bool | None:
        return False if False in truths else None if None in truths else True

    @staticmethod
    def no(truth: bool | None) -> bool | None:
        return None if truth is None else not truth

    def value(self, tree: Value, row: int, clock: str | None) -> float | None:
        """A value at a row of a clock; None for not known."""
        clocks = {NAMES[name].clock for name in names_in(tree)}
        if not clocks:
            return float(constant(tree))
        if clock is None and len(clocks) == 1 and None not in clocks:
            (clock,) = clocks
            assert clock is not None
            row = int(self.values.visible[clock][row]) if row >= 0 else -1
        if isinstance(tree, Variable):
            own = NAMES[tree.name].clock
            if own != clock:
                assert own is not None
                row = int(self.values.visible[own][row]) if row >= 0 else -1
            return finite(self.values.columns[own][tree.name][row]) if row >= 0 else None
        if isinstance(tree, Ago):
            return self.value(tree.operand, row - tree.candles, clock)
        if isinstance(tree, Negative):
            operand = self.value(tree.operand, row, clock)
            return None if operand is None else -operand
        if isinstance(tree, Call):
            operands = [self.value(operand, row, clock) for operand in tree.operands]
            known = [operand for operand in operands if operand is not None]
            return (
                {"min": min, "max": max, "abs": lambda one: abs(*one)}[tree.function](known)
                if known == operands
                else None
            )
        assert isinstance(tree, Arithmetic)
        return self.chain(tree, row, clock)

    def chain(self, tree: Arithmetic, row: int, clock: str | None) -> float | None:
        """From left to right; operands of literals alone at the left are one literal."""
        value, done = self.value(tree.first, row, clock), tree.first
        for number, (sign, operand) in enumerate(tree.rest, 1):
            other = self.value(operand, row, clock)
            done = Arithmetic(tree.first, tree.rest[:number])
            if not names_in(done):
                value = float(constant(done))
            elif value is None or other is None or (sign == "/" and other == 0):
                value = None
            else:
                value = finite(OPERATIONS[sign](value, other))
        return value


OPERATIONS: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def finite(value: float) -> float | None:
    """The value, or None for what is not finite."""
    return float(value) if np.isfinite(value) else None


def names_in(tree: Value) -> set[str]:
    """The names of columns in a value."""
    if isinstance(tree, Variable):
        return {tree.name} - PARAMETERS.keys()
    if isinstance(tree, Literal):
        return set()
    if isinstance(tree, Arithmetic):
        return names_in(tree.first).union(*(names_in(operand) for _, operand in tree.rest))
    return set().union(*map(names_in, tree.operands if isinstance(tree, Call) else (tree.operand,)))


def constant(tree: Value) -> Fraction:
    """A value of literals and parameters."""
    if isinstance(tree, Literal):
        return Fraction(tree.digits) / (100 if tree.percent else 1)
    if isinstance(tree, Variable):
        return Fraction(PARAMETERS[tree.name])
    if isinstance(tree, Ago):
        return constant(tree.operand)
    if isinstance(tree, Negative):
        return -constant(tree.operand)
    if isinstance(tree, Call):
        return {"min": min, "max": max, "abs": lambda one: abs(*one)}[tree.function](
            [constant(part) for part in tree.operands]
        )
    value = constant(tree.first)
    for sign, operand in tree.rest:
        value = OPERATIONS[sign](value, constant(operand))
    return value
