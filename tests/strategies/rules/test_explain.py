"""Every leaf of a condition at one candle, with both sides."""

from typing import Any

import numpy as np
from hypothesis import given, reject
from hypothesis import strategies as st

from safla.strategies.rules.canonical import text_of_condition
from safla.strategies.rules.evaluate import BlockValues
from safla.strategies.rules.explain import Explanation, explain
from safla.strategies.rules.grammar import Written, parse_condition
from safla.strategies.rules.look_back import look_back
from safla.strategies.rules.names import Environment, NamedColumn, resolve_condition
from safla.strategies.rules.tree import SentenceError
from safla.strategies.rules.units import NUMBER, PRICE, BaseUnit
from tests.scale import examples
from tests.strategies.rules.sentences import ENVIRONMENT, SCALES, SOUND, Reference, cut, drawn_values

ARRAYS: dict[str | None, Any] = {
    None: {"close": np.array([5.0, 3.0, 4.0, 6.0]), "rsi": np.array([50.0, 47.0, 48.0, np.nan])},
    "1d": {"day": np.array([400.0, 500.0])},
}
VALUES = BlockValues(ARRAYS, {"1d": np.array([-1, 0, 0, 1])}, 3, 1)
NAMES = Environment(
    {"close": NamedColumn(PRICE), "rsi": NamedColumn(NUMBER), "day": NamedColumn(PRICE, "1d")}, {"level": 40}
)


def explained(text: str, values: BlockValues = VALUES) -> Explanation:
    tree = parse_condition(text)
    return explain(tree, resolve_condition(tree, NAMES), {BaseUnit("price"): 2}, values)


def test_each_kind_of_test_shows_its_sides() -> None:
    assert explained("close>5") == Explanation("leaf", "close > 5", False, (6.0, 500.0), PRICE, ())
    assert explained("rsi < level") == Explanation("leaf", "rsi < level", None, (None, 40.0), NUMBER, ())
    crossing = explained("close crosses above 0.05")
    assert crossing == Explanation("leaf", "close crosses above 0.05", True, (6.0, 5.0, 4.0, 5.0), PRICE, ())
    assert explained("day is rising").values == (500.0, 400.0)
    assert explained("close is between 0.01 and day").values == (6.0, 1.0, 500.0)


def test_a_timed_test_is_a_leaf_and_a_timed_bracket_is_not() -> None:
    rising = explained("close is rising for 2 candles within 1 candle")
    assert rising == Explanation("leaf", "close is rising for 2 candles within 1 candle", True, (6.0, 4.0), PRICE, ())
    both = explained("(close > 0.05 or rsi > 1) within 2 candles")
    assert (both.kind, both.truth, both.values, both.unit) == ("within", True, (), None)
    assert [part.kind for part in both.parts] == ["any"]
    assert explained("(not close > 7) for 1 candle").kind == "for"


def test_a_tree_shows_its_parts() -> None:
    tree = explained("not (rsi > 30 and close < 7) or close > 0.01")
    assert (tree.kind, tree.truth) == ("any", True)
    assert [(part.kind, part.truth, part.text) for part in tree.parts] == [
        ("not", None, "not (rsi > 30 and close < 7)"),
        ("leaf", True, "close > 0.01"),
    ]
    (inner,) = tree.parts[0].parts
    assert (inner.kind, inner.text, [part.truth for part in inner.parts]) == (
        "all", "rsi > 30 and close < 7", [None, True],
    )  # fmt: skip


def test_the_first_candle_has_none_before_it() -> None:
    first = explained("close crosses above 0.05", VALUES._replace(first=0))
    assert (first.truth, first.values) == (False, (5.0, 5.0, None, None))


@given(SOUND, st.integers(0, 10**6), st.integers(0, 20))
@examples(gate=50)
def test_every_part_has_the_truth_of_the_reference_and_its_canonical_text(tree: Written, seed: int, row: int) -> None:
    values = drawn_values(seed, 21)
    try:
        resolved = resolve_condition(tree, ENVIRONMENT)
    except SentenceError:
        reject()
    reference = Reference(values)
    whole = explain(tree, resolved, SCALES, cut(values, row, row + 1, look_back(resolved)))
    assert whole.text == text_of_condition(tree)
    stack = [whole]
    while stack:
        part = stack.pop()
        assert part.truth is reference.truth(parse_condition(part.text), row)
        assert (part.values == ()) == (part.kind != "leaf")
        stack += part.parts
