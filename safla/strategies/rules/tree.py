"""The tree of a sentence: values, conditions over them, and the place of each in what was written (L1-L8).

A condition is generic in its values: those that were written (`Value`), and later those whose names are resolved
(`Term` of names.py). Places do not count when trees are compared.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar


class Place(NamedTuple):
    """Where a word stands: in which sentence of a map of conditions, and at which character of it."""

    path: tuple[str | int, ...] = ()  # such as ("all", 2): the third of the list, counted from 0
    offset: int = 0


class Mistake(NamedTuple):
    """One thing that is wrong in a sentence."""

    place: Place
    text: str


class SentenceError(ValueError):
    """A sentence that is not valid. Whoever knows the file tells its author all mistakes."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("\n".join(mistake.text for mistake in mistakes))
        self.mistakes = mistakes


Part = TypeVar("Part")
Result = TypeVar("Result")
NOWHERE = Place()


def each(function: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
    """The function of each part. SentenceError with the mistakes of all of them."""
    results: list[Result] = []
    mistakes: list[Mistake] = []
    for part in parts:
        try:
            results.append(function(part))
        except SentenceError as error:
            mistakes.extend(error.mistakes)
    if mistakes:
        raise SentenceError(*mistakes)
    return results


# --- Values ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal, as it was written: 50000, 0.5, 3%."""

    digits: str
    percent: bool = False
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """A source, a parameter, an indicator or an output of it: close, bands.upper."""

    name: str
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A chain of + and -, or one of * and /, from left to right. Its first operand is no chain of the same kind."""

    first: "Value"
    rest: tuple[tuple[str, "Value"], ...]  # at least one
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """A value with a minus before it."""

    operand: "Value"
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """min(a, b), max(a, b) or abs(a)."""

    function: str
    operands: tuple["Value", ...]
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Ago:
    """A value some candles ago (L6)."""

    operand: "Value"
    candles: int
    place: Place = field(default=NOWHERE, compare=False)


Value = Literal | Variable | Arithmetic | Negative | Call | Ago

# --- Conditions ------------------------------------------------------------------------------------------------------

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Comparison(Generic[V]):
    """left < right, and the like."""

    left: V
    operator: str
    right: V
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Crossing(Generic[V]):
    """left crosses above or below right (L3)."""

    left: V
    direction: str  # above, below
    right: V
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Slope(Generic[V]):
    """A value is rising or falling (L5)."""

    value: V
    direction: str  # rising, falling
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Between(Generic[V]):
    """A value is between two others, both included."""

    value: V
    low: V
    high: V
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Timed(Generic[V]):
    """A condition for so many candles, or within so many (L4)."""

    condition: "ConditionTree[V]"
    word: str  # for, within
    candles: int
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Negated(Generic[V]):
    """not a condition."""

    condition: "ConditionTree[V]"
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class AllOf(Generic[V]):
    """Conditions joined by `and`; none of them is an AllOf itself."""

    parts: tuple["ConditionTree[V]", ...]  # at least two
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class AnyOf(Generic[V]):
    """Conditions joined by `or`; none of them is an AnyOf itself."""

    parts: tuple["ConditionTree[V]", ...]  # at least two
    place: Place = field(default=NOWHERE, compare=False)


Test = Comparison[V] | Crossing[V] | Slope[V] | Between[V]  # a leaf
ConditionTree = (
    Comparison[V] | Crossing[V] | Slope[V] | Between[V] | Timed[V] | Negated[V] | AllOf[V] | AnyOf[V]
)  # fmt: skip


def all_of(parts: "list[ConditionTree[V]]") -> "ConditionTree[V]":
    """The conditions joined by `and`, in one flat chain; a single one stays what it is."""
    flat = tuple(inner for part in parts for inner in (part.parts if isinstance(part, AllOf) else (part,)))
    return flat[0] if len(flat) == 1 else AllOf(flat, flat[0].place)


def any_of(parts: "list[ConditionTree[V]]") -> "ConditionTree[V]":
    """The conditions joined by `or`, in one flat chain; a single one stays what it is."""
    flat = tuple(inner for part in parts for inner in (part.parts if isinstance(part, AnyOf) else (part,)))
    return flat[0] if len(flat) == 1 else AnyOf(flat, flat[0].place)


def arithmetic(first: Value, rest: "list[tuple[str, Value]]") -> Value:
    """A chain of operands from left to right. A chain of the same kind in brackets at its left becomes part of it."""
    if not rest:
        return first
    if isinstance(first, Arithmetic) and (first.rest[0][0] in "+-") == (rest[0][0] in "+-"):
        return Arithmetic(first.first, (*first.rest, *rest), first.place)
    return Arithmetic(first, tuple(rest), first.place)


def variables_of(value: Value) -> Iterator[Variable]:
    """The names in a value."""
    if isinstance(value, Variable):
        yield value
    elif isinstance(value, Arithmetic):
        for part in (value.first, *(operand for _, operand in value.rest)):
            yield from variables_of(part)
    elif isinstance(value, Call):
        for part in value.operands:
            yield from variables_of(part)
    elif isinstance(value, Negative | Ago):
        yield from variables_of(value.operand)
