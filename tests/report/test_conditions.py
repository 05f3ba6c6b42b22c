"""Conditions METRIC OP NUMBER: which are accepted, which are rejected, and what an undefined figure means."""

import pytest

from safla.errors import UsageError
from safla.report.conditions import holds, parse
from tests.errors import raises_code

METRICS = ("sharpe", "max_drawdown", "trades")


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("max_drawdown > 0.2", 0.2, False),
        ("max_drawdown >= 0.2", 0.2, True),
        ("max_drawdown<0.2", 0.1, True),
        (" trades <= 5 ", 6, False),
        ("trades == 5", 5, True),
        ("trades != 5", 5, False),
        ("sharpe < -1.5", -2.0, True),
        ("sharpe > 100", None, True),  # nobody may rely on an undefined figure
        ("sharpe < 100", None, True),
    ],
)
def test_a_condition_compares_a_figure_with_a_number(text, value, expected):
    condition = parse(text, METRICS)
    assert holds(condition, {condition.metric: value}) is expected


@pytest.mark.parametrize(
    "text",
    ["", "sharpe", "sharpe >", "sharpe ~ 1", "sharpe > x", "sharpe > 1e5", "sharpe > +1", "sharpe > 01", "1 < sharpe",
     "sharpe > 1 2", "sharpe => 1"],
)  # fmt: skip
def test_an_invalid_condition_is_rejected(text):
    with raises_code(UsageError, "invalid_condition"):
        parse(text, METRICS)


def test_an_unknown_figure_is_rejected_with_the_known_figures():
    with pytest.raises(UsageError, match="profit: no such figure; one of sharpe max_drawdown trades"):
        parse("profit > 1", METRICS)


def test_a_misspelled_figure_is_rejected_with_the_nearest_name():
    with pytest.raises(UsageError, match=r"max_drawdwon: no such figure; did you mean max_drawdown\?"):
        parse("max_drawdwon > 1", METRICS)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("max drawdown > 0.1", "max_drawdown > 0.1"),
        ("Sharpe<1", "sharpe <1"),
        ("Trades ==5", "trades ==5"),
    ],
)
def test_a_label_of_the_table_is_rejected_with_the_condition_that_it_means(text, meant):
    with pytest.raises(UsageError, match=f"METRIC OP NUMBER.*; did you mean '{meant}'\\?$"):
        parse(text, METRICS)


@pytest.mark.parametrize("text", ["sharpe > 1e5", "Sharpe", "max drawdown > 20 %", "luck of it > 1", "\n> 1"])
def test_a_text_that_resembles_no_condition_is_rejected_with_an_example(text):
    with pytest.raises(UsageError, match=r"METRIC OP NUMBER.*, such as 'max_drawdown > 0\.2'$"):
        parse(text, METRICS)
