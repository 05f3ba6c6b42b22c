"""What a sentence may name, and its tree with every name resolved: units, timeframes and constants (L7, L8, V10, V13).

Sources, indicators and outputs are columns of values; a parameter is a name for a literal. A literal, or an expression
of literals alone, has no unit of its own: it takes that of what it is compared or added with.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from safla.strategies.rules.canonical import text_of_value
from safla.strategies.rules.tokens import did_you_mean
from safla.strategies.rules.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    Between,
    Call,
    Comparison,
    ConditionTree,
    Crossing,
    Literal,
    Mistake,
    Negated,
    Negative,
    Place,
    SentenceError,
    Slope,
    Test,
    Timed,
    Value,
    Variable,
    each,
)
from safla.strategies.rules.units import NUMBER, MeasureUnit, described, is_extreme, product, unit_quotient

PERCENT = Fraction(1, 100)
MAX_LISTED = 12  # known names in a message
MAX_SHOWN = 40  # characters of an operand in a message
MAX_CONSTANT = Fraction(10) ** 100  # and the least one is its inverse


class NamedColumn(NamedTuple):
    """A column of values."""

    unit: MeasureUnit
    clock: str | None = None  # whose rows it has: None for the run's candles, else a higher timeframe, such as "1d"
    whole: bool = False  # its values are whole-numbered, so that == means something


class Environment(NamedTuple):
    """The names of a strategy. `bands.upper` is an output of `bands`, which need not be a column itself."""

    names: Mapping[str, NamedColumn]
    parameters: Mapping[str, int | Decimal | Fraction]


# --- Resolved values -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same at every candle: a price in quote currency, not in units of its decimals."""

    exact: Fraction
    unit: MeasureUnit
    fixed: bool  # False: it takes the unit of what it meets, and is a number where it meets nothing
    clock: str | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """The column of a name."""

    name: str
    unit: MeasureUnit
    clock: str | None
    whole: bool


@dataclass(frozen=True, slots=True)
class Calculated:
    """An operation on two values, or `abs` and `negative` of one."""

    operation: str  # + - * / min max abs negative
    operands: "tuple[Term, ...]"
    unit: MeasureUnit
    clock: str | None  # of all its columns; None where they have different ones
    whole: bool


@dataclass(frozen=True, slots=True)
class Earlier:
    """A value some candles of its clock ago."""

    operand: "Term"
    candles: int
    unit: MeasureUnit
    clock: str | None
    whole: bool


Term = Constant | Column | Calculated | Earlier


def resolve_condition(tree: ConditionTree[Value], environment: Environment) -> ConditionTree[Term]:
    """The tree with resolved values. SentenceError tells all its mistakes."""

    def resolve(tree: ConditionTree[Value]) -> ConditionTree[Term]:
        if isinstance(tree, AllOf):
            return AllOf(tuple(each(resolve, tree.parts)), tree.place)
        if isinstance(tree, AnyOf):
            return AnyOf(tuple(each(resolve, tree.parts)), tree.place)
        if isinstance(tree, Timed):
            return Timed(resolve(tree.condition), tree.word, tree.candles, tree.place)
        if isinstance(tree, Negated):
            return Negated(resolve(tree.condition), tree.place)
        return _test(tree, environment)

    return resolve(tree)


def resolve_value(tree: Value, environment: Environment, *, unit: MeasureUnit | None = None) -> Term:
    """The tree with resolved names. SentenceError tells all its mistakes.

    unit  what the value must be in, such as PRICE for a distance; literals alone take it. None: anything
    """
    term = _term(tree, environment)
    if unit is None or _is_flexible(term):
        return _given(term, unit or NUMBER)
    if term.unit != unit:
        raise _mistaken(tree.place, f"expected {described(unit)}; {_shown(tree)} is {described(term.unit)}")
    return term


def earlier(term: Term, candles: int) -> Term:
    """The value so many candles ago; a constant is what it always is."""
    if isinstance(term, Constant):
        return term
    return Earlier(term, candles, term.unit, term.clock, term.whole)


# --- Tests -----------------------------------------------------------------------------------------------------------


def _test(tree: Test[Value], environment: Environment) -> Test[Term]:
    if isinstance(tree, Slope):
        return Slope(_term(tree.value, environment), tree.direction, tree.place)
    if isinstance(tree, Between):
        return _between(tree, environment)
    deed = "cross" if isinstance(tree, Crossing) else "be compared"
    left, right = _alike((tree.left, tree.right), environment, deed)
    if isinstance(tree, Crossing):
        return Crossing(left, tree.direction, right, tree.place)
    counted = any(term.whole and not isinstance(term, Constant) for term in (left, right))
    if tree.operator in ("==", "!=") and not counted:
        text = f"{tree.operator} is for whole-numbered values, such as hour; write is between for {_shown(tree.left)}"
        raise _mistaken(tree.place, text)
    return Comparison(left, tree.operator, right, tree.place)


def _between(tree: Between[Value], environment: Environment) -> Between[Term]:
    value, low, high = _alike((tree.value, tree.low, tree.high), environment, "be compared")
    if isinstance(low, Constant) and isinstance(high, Constant) and low.exact > high.exact:
        text = f"nothing is between {_shown(tree.low)} and {_shown(tree.high)}; write the lower one first"
        raise _mistaken(tree.low.place, text)
    return Between(value, low, high, tree.place)


# --- Values ----------------------------------------------------------------------------------------------------------


def _term(tree: Value, environment: Environment) -> Term:
    if isinstance(tree, Literal):  # 3% is a number; a literal without % takes the unit of the other side
        return _constant(Fraction(tree.digits) * (PERCENT if tree.percent else 1), tree, fixed=tree.percent)
    if isinstance(tree, Variable):
        return _named(tree, environment)
    if isinstance(tree, Arithmetic):
        return _chain(tree, environment)
    if isinstance(tree, Call):
        return _calculated(tree, tree.function, _alike(tree.operands, environment, f"have a {tree.function}"))
    operand = _term(tree.operand, environment)
    if isinstance(tree, Negative):
        return _calculated(tree, "negative", (operand,))
    return earlier(operand, tree.candles)


def _chain(tree: Arithmetic, environment: Environment) -> Term:
    term, *others = each(lambda part: _term(part, environment), (tree.first, *(part for _, part in tree.rest)))
    before = tree.first
    for number, ((sign, part), other) in enumerate(zip(tree.rest, others, strict=True), 1):
        added = _same_unit((term, other), (before, part), _ADDED[sign]) if sign in _ADDED else (term, other)
        term = _calculated(part, sign, added)
        before = Arithmetic(tree.first, tree.rest[:number], tree.place)
    return term


def _calculated(tree: Value, operation: str, operands: tuple[Term, ...]) -> Term:
    """The operation on operands whose units fit. tree: where a mistake in it is shown."""
    if operation == "/" and isinstance(operands[1], Constant) and operands[1].exact == 0:
        raise _mistaken(tree.place, f"{_shown(tree)} is 0, and nothing is divided by 0")
    constants = [operand for operand in operands if isinstance(operand, Constant)]
    if len(constants) == len(operands):
        exact = _EXACT[operation](*(constant.exact for constant in constants))
        return _constant(exact, tree, fixed=all(constant.fixed for constant in constants))
    unit = _UNITS[operation](*(operand.unit for operand in operands)) if operation in _UNITS else operands[0].unit
    if is_extreme(unit):
        raise _mistaken(tree.place, f"{described(unit)} is a product of too many")
    clocks = {operand.clock for operand in operands if not isinstance(operand, Constant)}
    whole = operation != "/" and all(operand.whole for operand in operands)
    return Calculated(operation, operands, unit, clocks.pop() if len(clocks) == 1 else None, whole)


def _constant(exact: Fraction, tree: Value, *, fixed: bool) -> Constant:
    if exact != 0 and not (abs(exact) <= MAX_CONSTANT and abs(exact) * MAX_CONSTANT >= 1):
        raise _mistaken(tree.place, f"{_shown(tree)} is farther from 1 than any price or volume")
    return Constant(exact, NUMBER, fixed, whole=exact.denominator == 1)


def _named(tree: Variable, environment: Environment) -> Term:
    names, parameters = environment
    name = tree.name
    if name in parameters:
        return _constant(Fraction(parameters[name]), tree, fixed=False)
    if name in names:
        return Column(name, *names[name])
    first, _, output = name.partition(".")
    outputs = [known for known in names if known.startswith(f"{first}.")]
    known = [*names, *parameters]
    if outputs and not output:
        raise _mistaken(tree.place, f"{name} has several outputs; write {_listed(outputs, 'or')}")
    if outputs:
        near = did_you_mean(output, [known.partition(".")[2] for known in outputs], f"{first}.")
        hint = near or f"; the outputs of {first} are {_listed(outputs, 'and')}"
    elif output and first in known:
        hint = f"; {first} has no outputs"
    else:
        hint = did_you_mean(name, known) or f"; known here: {_listed(known, 'and')}"
    raise _mistaken(tree.place, f"{name} is no name here{hint}")


_ADDED = {"+": "be added", "-": "be subtracted"}
_UNITS: dict[str, Callable[..., MeasureUnit]] = {"*": product, "/": unit_quotient}
_EXACT: dict[str, Callable[..., Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "min": min,
    "max": max,
    "abs": abs,
    "negative": operator.neg,
}


# --- Units -----------------------------------------------------------------------------------------------------------


def _alike(trees: tuple[Value, ...], environment: Environment, deed: str) -> tuple[Term, ...]:
    """The operands, resolved and in one unit."""
    return _same_unit(tuple(each(lambda tree: _term(tree, environment), trees)), trees, deed)


def _same_unit(terms: tuple[Term, ...], trees: tuple[Value, ...], deed: str) -> tuple[Term, ...]:
    """The operands in one unit. deed: what those of different units cannot do, for the message."""
    fixed = [(term.unit, tree) for term, tree in zip(terms, trees, strict=True) if not _is_flexible(term)]
    for unit, tree in fixed[1:]:
        if unit != fixed[0][0]:
            first = f"{_shown(fixed[0][1])} is {described(fixed[0][0])}"
            raise _mistaken(tree.place, f"{first} and {_shown(tree)} {described(unit)}; they cannot {deed}")
    return tuple(_given(term, fixed[0][0]) for term in terms) if fixed else terms


def _is_flexible(term: Term) -> bool:
    return isinstance(term, Constant) and not term.fixed


def _given(term: Term, unit: MeasureUnit) -> Term:
    """A value in the unit, which a flexible constant takes."""
    return replace(term, unit=unit, fixed=True) if isinstance(term, Constant) and not term.fixed else term


# --- Messages --------------------------------------------------------------------------------------------------------


def _mistaken(place: Place, text: str) -> SentenceError:
    return SentenceError(Mistake(place, text))


def _shown(tree: Value) -> str:
    text = text_of_value(tree)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _listed(names: Iterable[str], word: str) -> str:
    names = sorted(names)
    if len(names) > MAX_LISTED:
        return f"{', '.join(names[:MAX_LISTED])} and {len(names) - MAX_LISTED} more"
    return f" {word} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
