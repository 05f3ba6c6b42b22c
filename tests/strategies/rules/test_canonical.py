"""The canonical text: fewest brackets, and the same tree again."""

import re

import pytest
from hypothesis import given

from safla.strategies.rules.canonical import text_of_condition, text_of_value
from safla.strategies.rules.grammar import PLAN, Written, parse_condition, parse_value, read_condition
from safla.strategies.rules.tree import SentenceError, Value
from tests.scale import examples
from tests.strategies.rules.sentences import CONDITIONS, VALUES

LARGE = PLAN._replace(characters=10**6, depth=100)


@given(CONDITIONS)
@examples(gate=100)
def test_a_printed_condition_is_read_as_the_same_tree(tree: Written) -> None:
    assert parse_condition(text_of_condition(tree), limits=LARGE) == tree


@given(VALUES)
@examples(gate=100)
def test_a_printed_value_is_read_as_the_same_tree(tree: Value) -> None:
    assert parse_value(text_of_value(tree), limits=LARGE) == tree


def read(text: str) -> Written | None:
    """The tree of a text, None where it has none."""
    try:
        return parse_condition(text, limits=LARGE)
    except SentenceError:
        return None


@given(CONDITIONS)
@examples(gate=100)
def test_without_any_of_its_brackets_the_text_is_another_sentence_or_none(tree: Written) -> None:
    text = text_of_condition(tree)
    for opening in re.finditer(r"(?<!min)(?<!max)(?<!abs)\(", text):
        at, depth = opening.end(), 1
        while depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        bare = text[: opening.start()] + text[opening.end() : at - 1] + text[at:]
        assert read(bare) != tree


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("((a<1))and(b>2   or c is rising)", "a < 1 and (b > 2 or c is rising)"),
        ("(a < 1 and b > 2) or c is rising", "a < 1 and b > 2 or c is rising"),
        ("not (a < 1)", "not a < 1"),
        ("not (a < 1 for 3 candles)", "not a < 1 for 3 candles"),
        ("(not a < 1) for 3 candles", "(not a < 1) for 3 candles"),
        ("(a < 1 for 3 candles) within 1 candles", "a < 1 for 3 candles within 1 candle"),
        ("a < ((b) + ((c * 2))) - (1 - 3)", "a < b + c * 2 - (1 - 3)"),
        ("a < (b / c) / (d / 2)", "a < b / c / (d / 2)"),
        ("a < -(b) + -(b + c) * -b", "a < -b + -(b + c) * -b"),
        ("a < (b 1 candles ago) 2 candles ago", "a < (b 1 candle ago) 2 candles ago"),
        ("a < (-b) 2 candles ago + (min(b,c)) 1 candle ago", "a < (-b) 2 candles ago + min(b, c) 1 candle ago"),
        ("a < (3) 2 candles ago + 3 %", "a < (3) 2 candles ago + 3%"),
        ("a is between (b) and (c + 1.50)", "a is between b and c + 1.50"),
        ("a crosses   above (b)", "a crosses above b"),
    ],
)
def test_the_text_has_the_fewest_brackets_and_single_spaces(text: str, canonical: str) -> None:
    assert text_of_condition(parse_condition(text)) == canonical
    assert text_of_condition(parse_condition(canonical)) == canonical


def test_a_map_becomes_a_sentence_that_is_read_with_the_limits_of_a_plan() -> None:
    given_map = {"all": ["a < 1 or b > 2", {"none": ["a < 1", "b > 2"]}, {"any": ["c > 1"]}]}
    text = "(a < 1 or b > 2) and not (a < 1 or b > 2) and c > 1"
    assert text_of_condition(read_condition(given_map)) == text
    deepest: object = "((a < 1 and b > 2) for 2 candles and c > 1) for 2 candles"
    for _ in range(6):
        deepest = {"none": [deepest, "c > 1"]}
    tree = read_condition(deepest)
    assert parse_condition(text_of_condition(tree), limits=PLAN) == tree
