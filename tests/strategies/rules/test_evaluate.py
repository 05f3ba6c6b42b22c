"""Sentences over columns: truth tables, single rules, and random sentences against a reference that goes row by row."""

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from safla.strategies.rules.evaluate import MAX_ROWS, BlockValues, ConditionEvaluator, ValueEvaluator
from safla.strategies.rules.grammar import Written, parse_condition, parse_value
from safla.strategies.rules.look_back import look_back
from safla.strategies.rules.names import Environment, NamedColumn, resolve_condition, resolve_value
from safla.strategies.rules.tree import SentenceError
from safla.strategies.rules.units import NUMBER, PRICE, VOLUME, BaseUnit
from tests.scale import examples
from tests.strategies.rules.sentences import ENVIRONMENT, SCALES, SOUND, Reference, cut, drawn_values, values_of

nan, inf = np.nan, np.inf
WORDS = {True: 1, None: 0, False: -1}


def run_values(**columns: list[float]) -> BlockValues:
    """Columns of the run's candles alone."""
    arrays = {name: np.array(column, float) for name, column in columns.items()}
    return BlockValues({None: arrays}, {}, 0, len(next(iter(arrays.values()))))


def environment(values: BlockValues, **named: NamedColumn) -> Environment:
    """The names of the columns: numbers, unless something else is said."""
    names = {name: NamedColumn(NUMBER, clock) for clock, columns in values.columns.items() for name in columns}
    return Environment(names | named, {"zero": 0, "level": 2})


def truths(text: str, values: BlockValues, **named: NamedColumn) -> list[int]:
    tree = resolve_condition(parse_condition(text), environment(values, **named))
    return ConditionEvaluator(tree, {}).truths(values).tolist()


def doubles(text: str, values: BlockValues, scales: Any = None, **named: NamedColumn) -> list[float | None]:
    term = resolve_value(parse_value(text), environment(values, **named))
    found = ValueEvaluator(term, scales or {}).doubles(values)
    return [None if np.isnan(one) else one for one in found.tolist()]


# --- Rules -----------------------------------------------------------------------------------------------------------

NINE = list(product((1, 0, -1), repeat=2))


def test_and_is_the_least_or_the_greatest_and_not_the_opposite() -> None:
    rows = {1: 1.0, 0: nan, -1: -1.0}
    values = run_values(a=[rows[a] for a, _ in NINE], b=[rows[b] for _, b in NINE])
    assert truths("a > 0 and b > 0", values) == [1, 0, -1, 0, 0, -1, -1, -1, -1]
    assert truths("a > 0 or b > 0", values) == [1, 1, 1, 1, 0, 0, 1, 0, -1]
    assert truths("not a > 0", values) == [-1, -1, -1, 0, 0, 0, 1, 1, 1]
    assert truths("a > 0 and b > 0", values) == [min(pair) for pair in NINE]
    assert truths("a > 0 or b > 0", values) == [max(pair) for pair in NINE]


@pytest.mark.parametrize(
    ("sign", "expected"),
    [
        ("<", [1, -1, -1]), ("<=", [1, 1, -1]), (">", [-1, -1, 1]),
        (">=", [-1, 1, 1]), ("==", [-1, 1, -1]), ("!=", [1, -1, 1]),
    ],
)  # fmt: skip
def test_a_comparison_with_an_unknown_or_infinite_side_is_not_known(sign: str, expected: list[int]) -> None:
    whole = NamedColumn(NUMBER, None, whole=True)
    values = run_values(a=[1, 2, 3, nan, 2, inf, 2, -inf, 2, inf, nan], b=[2, 2, 2, 2, nan, 2, inf, 2, -inf, inf, nan])
    assert truths(f"a {sign} b", values, a=whole, b=whole) == [*expected, *[0] * 8]


def test_a_cross_is_from_the_other_side_or_from_equality_and_needs_the_candle_before() -> None:
    values = run_values(a=[3, 1, 2, 3, 3, 1, 3, nan, 3, 1, 2, 1], b=[2] * 12)
    assert truths("a crosses above b", values) == [0, -1, -1, 1, -1, -1, 1, -1, 0, -1, -1, -1]
    assert truths("a crosses below b", values) == [-1, 1, -1, -1, -1, 1, -1, 0, -1, 1, -1, 1]


def test_for_counts_the_candle_itself_and_within_those_before_it() -> None:
    values = run_values(a=[1, 1, 1, -1, nan, 1, 1, 1, -1, -1, -1])
    assert truths("a > 0 for 3 candles", values) == [0, 0, 1, -1, -1, -1, 0, 1, -1, -1, -1]
    assert truths("a > 0 for 1 candle", values) == truths("a > 0", values)
    assert truths("a > 0 within 2 candles", values) == [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1]
    assert truths("a < 0 within 1 candle", values) == [0, -1, -1, 1, 1, 0, -1, -1, 1, 1, 1]
    assert truths("a > 0 for 2 candles within 1 candle", values) == [0, 1, 1, 1, -1, 0, 1, 1, 1, -1, -1]


@pytest.mark.parametrize("candles", [1, 2, 3, 5, 8, 13, 999, 1000])
def test_a_long_window_is_that_of_each_candle(candles: int) -> None:
    rng = np.random.default_rng(candles)
    values = run_values(a=rng.choice([-1.0, 1.0, 1.0, 1.0, nan], 1200).tolist())
    truth = truths("a > 0", values)
    windows = [[0] * max(0, candles - 1 - i) + truth[max(0, i - candles + 1) : i + 1] for i in range(1200)]
    assert truths(f"a > 0 for {candles} candles", values) == [min(window) for window in windows]
    assert truths(f"a > 0 within {candles} candles", values)[candles:] == [
        max(truth[i - candles : i + 1]) for i in range(candles, 1200)
    ]


def test_a_slope_compares_with_the_candle_before_and_a_range_has_both_its_ends() -> None:
    values = run_values(a=[1, 2, 2, 1, nan, 1, 3])
    assert truths("a is rising", values) == [0, 1, -1, -1, 0, 0, 1]
    assert truths("a is falling", values) == [0, -1, -1, 1, 0, 0, -1]
    assert truths("a is between 2 and 3", values) == [-1, 1, 1, -1, 0, -1, 1]
    assert truths("2 is between 1 and a", values) == [-1, 1, 1, -1, 0, -1, 1]
    assert truths("a > a 2 candles ago", values) == [0, 0, 1, -1, 0, -1, 0]


def test_a_day_rises_from_day_to_day_and_not_from_hour_to_hour() -> None:
    columns = {None: {"a": np.arange(8.0)}, "1d": {"day": np.array([5.0, 6.0, 5.0])}}
    values = BlockValues(columns, {"1d": np.array([-1, -1, 0, 0, 1, 1, 2, 2])}, 0, 8)
    day = NamedColumn(NUMBER, "1d")
    assert truths("day is rising", values, day=day) == [0, 0, 0, 0, 1, 1, -1, -1]
    assert truths("day > day 1 candle ago", values, day=day) == [0, 0, 0, 0, 1, 1, -1, -1]
    assert truths("day + 0 * a is rising", values, day=day) == [0, 0, 0, -1, 1, -1, -1, -1]
    assert truths("day crosses above 5.5", values, day=day) == [0, 0, -1, -1, 1, -1, -1, -1]
    assert truths("day > 5.5 for 3 candles", values, day=day) == [0, 0, -1, -1, -1, -1, -1, -1]
    assert doubles("(day 1 candle ago + a) 1 candle ago", values, day=day) == [None] * 5 + [9, 10, 12]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a / b", [0.5, None, None, -2, None]),
        ("1 / b", [0.5, None, 1, 1, 1 / 3]),
        ("min(a, b)", [1, 0, None, -2, None]),
        ("max(a, b)", [2, 1, None, 1, None]),
        ("abs(a)", [1, 1, None, 2, None]),
        ("-a", [-1, -1, None, 2, None]),
        ("a - b * 2", [-3, 1, None, -4, None]),
        ("(a - b) * 2", [-2, 2, None, -6, None]),
        ("a * 1" + " * 1000000000000" * 26 + " * level", [None, None, None, None, None]),
        ("level + 3%", [2.03] * 5),
        ("7", [7.0] * 5),
        ("-(2 - 2) 1 candle ago", [0.0] * 5),
    ],
)
def test_what_has_no_value_is_not_known(text: str, expected: list[float | None]) -> None:
    values = run_values(a=[1, 1, nan, -2, inf], b=[2, 0, 1, 1, 3])
    assert doubles(text, values) == expected


def test_a_condition_of_constants_is_the_same_at_every_candle() -> None:
    values = run_values(a=[1, nan, 2])
    assert truths("2 > 1", values) == [1, 1, 1]
    assert truths("level is rising", values) == [-1, -1, -1]
    assert truths("level crosses above 1 within 2 candles", values) == [-1, -1, -1]
    assert truths("a > 0 and not level < 1 for 2 candles", values) == [1, 0, 1]


def test_a_literal_is_in_quote_currency_whatever_the_decimals() -> None:
    price, volume = NamedColumn(PRICE), NamedColumn(VOLUME)
    values = run_values(close=[7.0, 5000000.0, 5000001.0], volume=[3.0, 4.0, 5.0])
    env = environment(values, close=price, volume=volume)
    scales = {BaseUnit("price"): 2, BaseUnit("volume"): 3}

    def at(text: str) -> list[int]:
        return ConditionEvaluator(resolve_condition(parse_condition(text), env), scales).truths(values).tolist()

    assert at("close >= 0.07") == [1, 1, 1]  # 0.07 * 100 would be 7.000000000000001
    assert at("close > 50000") == [-1, -1, 1]
    assert at("close / close 1 candle ago > 1") == [0, 1, 1]
    assert at("close * volume >= 200") == [-1, 1, 1]
    assert at("volume / close < 0.00000008") == [-1, -1, -1]
    assert at("1 / close <= 0.00002") == [-1, 1, 1]
    assert at("close > level * 25000") == [-1, -1, 1]
    term = resolve_value(parse_value("level * 3"), env, unit=PRICE)
    assert ValueEvaluator(term, scales).doubles(values).tolist() == [600.0] * 3


def test_a_value_has_no_negative_zero() -> None:
    values = run_values(a=[0.0, -0.0])
    found = ValueEvaluator(resolve_value(parse_value("-a"), environment(values)), {}).doubles(values)
    assert not np.signbit(found).any()


# --- Random sentences ------------------------------------------------------------------------------------------------


@given(SOUND, st.integers(0, 10**6))
@examples(gate=100)
def test_a_condition_means_what_the_reference_says_at_every_candle(tree: Written, seed: int) -> None:
    values = drawn_values(seed, 25)
    try:
        resolved = resolve_condition(tree, ENVIRONMENT)
    except SentenceError:
        reject()
    reference = Reference(values)
    expected = [WORDS[reference.truth(tree, row)] for row in range(values.rows)]
    assert ConditionEvaluator(resolved, SCALES).truths(values).tolist() == expected


@given(values_of(PRICE), st.integers(0, 10**6))
@examples(gate=100)
def test_a_value_is_what_the_reference_says_at_every_candle(tree: Any, seed: int) -> None:
    values = drawn_values(seed, 25)
    try:
        term = resolve_value(tree, ENVIRONMENT, unit=PRICE)
    except SentenceError:
        reject()
    reference = Reference(values)
    found = ValueEvaluator(term, SCALES).doubles(values).tolist()
    assert [None if np.isnan(one) else one for one in found] == [
        reference.value(tree, row, None) for row in range(values.rows)
    ]


@given(SOUND, st.integers(0, 10**6), st.lists(st.integers(1, 30), max_size=4))
@examples(gate=100)
def test_however_the_candles_are_cut_the_answer_is_the_same(tree: Written, seed: int, cuts: list[int]) -> None:
    values = drawn_values(seed, 31)
    try:
        resolved = resolve_condition(tree, ENVIRONMENT)
    except SentenceError:
        reject()
    evaluator, before = ConditionEvaluator(resolved, SCALES), look_back(resolved)
    whole = evaluator.truths(values).tolist()
    bounds = sorted({0, *cuts, 31})
    blocks = [cut(values, start, stop, before) for start, stop in pairwise(bounds)]
    assert [truth for block in blocks for truth in evaluator.truths(block).tolist()] == whole
    rows = [cut(values, row, row + 1, before) for row in range(31)]
    assert [int(evaluator.truths(row)[0]) for row in rows] == whole


def test_a_long_block_is_worked_out_in_parts_with_the_same_answer() -> None:
    rng = np.random.default_rng(1)
    values = run_values(a=rng.normal(size=2 * MAX_ROWS + 5).tolist())
    found = truths("a crosses above 0 within 3 candles", values)
    tree = resolve_condition(parse_condition("a crosses above 0 within 3 candles"), environment(values))
    evaluator = ConditionEvaluator(tree, {})
    assert found == [int(evaluator.truths(cut(values, row, row + 1, look_back(tree)))[0]) for row in range(values.rows)]


def test_an_answer_stays_what_it_is_when_the_next_block_is_asked_about() -> None:
    tree = resolve_value(parse_value("a"), environment(run_values(a=[1])))
    evaluator = ValueEvaluator(tree, {})
    first, second = (evaluator.doubles(run_values(a=column)) for column in ([1, 2], [3, 4]))
    assert (first.tolist(), second.tolist()) == ([1, 2], [3, 4])


def test_the_longest_sentences_are_evaluated() -> None:
    values = run_values(a=[1, 2])
    longest = "a > " + "a*" * 240 + "a"
    deepest = "not " * 3 + "(a > " + "-" * 3 + "min(a, 1 - a))" + " for 1 candle" * 3
    assert truths(longest, values) == [-1, -1]
    assert truths(deepest, values) == [-1, -1]
    assert doubles("a-" * 249 + "a", values) == [-248, -496]


def test_evaluation_leaves_the_columns_as_they_are() -> None:
    values = drawn_values(3, 20)
    copies = {(c, n): column.copy() for c, columns in values.columns.items() for n, column in columns.items()}
    tree = resolve_condition(parse_condition("close > day and -four < abs(open) 1 candle ago"), ENVIRONMENT)
    ConditionEvaluator(tree, SCALES).truths(values)
    for (clock, name), column in copies.items():
        np.testing.assert_array_equal(values.columns[clock][name], column)
        assert len(column) == len(values.columns[clock][name])
