"""How far back sentences read: exactly so far."""

from typing import Any

import numpy as np
import pytest

from safla.strategies.rules.evaluate import BlockValues, ConditionEvaluator, ValueEvaluator
from safla.strategies.rules.grammar import parse_condition, parse_value
from safla.strategies.rules.look_back import look_back
from safla.strategies.rules.names import Environment, NamedColumn, resolve_condition, resolve_value
from safla.strategies.rules.units import NUMBER
from tests.strategies.rules.sentences import cut

NAMES = {
    "a": NamedColumn(NUMBER),
    "b": NamedColumn(NUMBER),
    "day": NamedColumn(NUMBER, "1d"),
    "four": NamedColumn(NUMBER, "4h"),
}
ENVIRONMENT = Environment(NAMES, {"level": 1})


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a > b", {None: 0}),
        ("a > b 3 candles ago", {None: 3}),
        ("a > (b 3 candles ago + 1) 2 candles ago", {None: 5}),
        ("a crosses above b", {None: 1}),
        ("a is rising", {None: 1}),
        ("a is between 1 and b 2 candles ago", {None: 2}),
        ("a > b for 3 candles", {None: 2}),
        ("a > b within 3 candles", {None: 3}),
        ("a crosses above b 2 candles ago within 3 candles for 2 candles", {None: 1 + 2 + 3 + 1}),
        ("not a is falling or b > 1 for 2 candles and a > 1", {None: 1}),
        ("day > 1", {None: 0, "1d": 0}),
        ("day is rising", {None: 0, "1d": 1}),
        ("day is rising for 3 candles", {None: 2, "1d": 1}),
        ("day crosses above day 2 candles ago", {None: 1, "1d": 2}),
        ("day - a is rising", {None: 1, "1d": 0}),
        ("(day 2 candles ago - a) 3 candles ago > 1", {None: 3, "1d": 2}),
        ("day 2 candles ago > four", {None: 0, "1d": 2, "4h": 0}),
        ("level crosses above 3 for 10 candles", {None: 0}),
    ],
)
def test_a_condition_reads_so_many_rows_by_timeframe(text: str, rows: dict[str | None, int]) -> None:
    assert look_back(resolve_condition(parse_condition(text), ENVIRONMENT)) == rows


def test_a_value_reads_so_many_rows_by_timeframe() -> None:
    term = resolve_value(parse_value("max(a 2 candles ago, level * day 1 candle ago)"), ENVIRONMENT)
    assert look_back(term) == {None: 2, "1d": 1}


@pytest.mark.parametrize(
    "text",
    [
        "a > b 3 candles ago",
        "a crosses above b",
        "a is rising",
        "a > 0 for 3 candles",
        "not a < 0 within 3 candles",
        "a crosses above b 2 candles ago within 3 candles for 2 candles",
        "day is rising",
        "day is rising for 3 candles",
        "day crosses above day 2 candles ago",
        "(day 2 candles ago - a) 3 candles ago > 1",
    ],
)
def test_one_row_fewer_gives_another_answer_somewhere(text: str) -> None:
    rng = np.random.default_rng(5)
    columns: dict[str | None, dict[str, Any]] = {
        None: {name: rng.normal(1, 1, 400) for name in "ab"},
        "1d": {"day": rng.normal(1, 1, 100)},
    }
    values = BlockValues(columns, {"1d": np.arange(400) // 4 - 1}, 0, 400)
    tree = resolve_condition(parse_condition(text), ENVIRONMENT)
    evaluator, rows = ConditionEvaluator(tree, {}), look_back(tree)
    whole = evaluator.truths(values).tolist()

    def answers(before: dict[str | None, int]) -> list[int]:
        return [int(evaluator.truths(cut(values, row, row + 1, before))[0]) for row in range(400)]

    assert answers(rows) == whole
    for clock, count in rows.items():
        if count:
            assert answers(rows | {clock: count - 1}) != whole


def test_a_value_without_the_rows_that_it_reads_is_not_known() -> None:
    term = resolve_value(parse_value("a 3 candles ago"), ENVIRONMENT)
    evaluator = ValueEvaluator(term, {})
    assert evaluator.doubles(BlockValues({None: {"a": np.arange(5.0)}}, {}, 3, 2)).tolist() == [0, 1]
    assert np.isnan(evaluator.doubles(BlockValues({None: {"a": np.arange(4.0)}}, {}, 2, 2))).tolist() == [True, False]
