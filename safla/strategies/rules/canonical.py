"""The canonical text of a sentence (L12): the fewest brackets, single spaces, numbers as written.

The tree that it was printed from is read from it again, so two spellings of a condition are one text in the plan.
"""

from safla.strategies.rules.tree import (
    Ago,
    AllOf,
    AnyOf,
    Arithmetic,
    Call,
    Comparison,
    ConditionTree,
    Crossing,
    Literal,
    Negated,
    Negative,
    Slope,
    Timed,
    Value,
    Variable,
)


def text_of_condition(tree: ConditionTree[Value]) -> str:
    """The text of a condition."""
    if isinstance(tree, AnyOf):
        return " or ".join(text_of_condition(part) for part in tree.parts)
    if isinstance(tree, AllOf):
        return " and ".join(_inside(part, AnyOf) for part in tree.parts)
    if isinstance(tree, Negated):
        return f"not {_inside(tree.condition, AnyOf, AllOf)}"
    if isinstance(tree, Timed):
        return f"{_inside(tree.condition, AnyOf, AllOf, Negated)} {tree.word} {_count(tree.candles)}"
    if isinstance(tree, Comparison):
        return f"{text_of_value(tree.left)} {tree.operator} {text_of_value(tree.right)}"
    if isinstance(tree, Crossing):
        return f"{text_of_value(tree.left)} crosses {tree.direction} {text_of_value(tree.right)}"
    if isinstance(tree, Slope):
        return f"{text_of_value(tree.value)} is {tree.direction}"
    return f"{text_of_value(tree.value)} is between {text_of_value(tree.low)} and {text_of_value(tree.high)}"


def text_of_value(tree: Value) -> str:
    """The text of a value."""
    if isinstance(tree, Literal):
        return tree.digits + "%" * tree.percent
    if isinstance(tree, Variable):
        return tree.name
    if isinstance(tree, Call):
        return f"{tree.function}({', '.join(map(text_of_value, tree.operands))})"
    if isinstance(tree, Negative):
        return f"-{_operand(tree.operand, 3)}"
    if isinstance(tree, Ago):
        return f"{_operand(tree.operand, 4)} {_count(tree.candles)} ago"
    own = 1 if tree.rest[0][0] in "+-" else 2
    return " ".join([_operand(tree.first, own), *(f"{sign} {_operand(part, own + 1)}" for sign, part in tree.rest)])


def _inside(tree: ConditionTree[Value], *bracketed: type) -> str:
    text = text_of_condition(tree)
    return f"({text})" if isinstance(tree, bracketed) else text


def _operand(tree: Value, least: int) -> str:
    """The text of an operand, in brackets where it binds less than its place asks for."""
    text = text_of_value(tree)
    return f"({text})" if _binding(tree) < least else text


def _binding(tree: Value) -> int:
    """1 sums, 2 products, 3 what may stand in a product or after a minus, 4 what `ago` may follow."""
    if isinstance(tree, Arithmetic):
        return 1 if tree.rest[0][0] in "+-" else 2
    return 4 if isinstance(tree, Variable | Call) else 3


def _count(candles: int) -> str:
    return f"{candles} candle{'s' * (candles > 1)}"
