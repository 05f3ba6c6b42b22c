"""Figures by hand, by relations, and what is undefined says why (SEMANTICS 7)."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core import metrics

HOUR = 3_600_000
DAY = 24 * HOUR


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("equity", "expected"),
    [((110,), 0.1), ((150, 75), -0.25), ((100,), 0.0), ((), 0.0)],
)
def test_the_return_is_the_last_equity_over_the_balance(equity, expected):
    assert metrics.total_return(ints(*equity), 100).value == expected


@pytest.mark.parametrize(
    ("equity", "expected"),
    [
        ((), 0.0),
        ((100, 110, 120), 0.0),
        ((90,), 0.1),  # the peak begins at the balance
        ((200, 150, 300, 240), 0.25),
        ((200, 100, 50, 400), 0.75),
    ],
)
def test_the_drawdown_is_the_deepest_fall_from_a_peak(equity, expected):
    assert metrics.max_drawdown(ints(*equity), 100).value == expected


def test_daily_returns_take_the_last_equity_at_or_before_each_midnight():
    # given hours 22:00, 23:00, 00:00 and, after a hole of a day, 02:00; marked at their closes
    ts = ints(22 * HOUR, 23 * HOUR, 24 * HOUR, 50 * HOUR)
    equity = ints(101, 110, 120, 99)
    # when
    returns = metrics.daily_returns(ts, equity, 100, HOUR)
    # then the first midnight has the mark of its own close, and the day without candles counts with the last mark
    assert returns.tolist() == [120 / 110 - 1]


def test_every_calendar_day_of_a_hole_counts_as_a_day_without_return():
    ts = ints(0, 5 * DAY)
    returns = metrics.daily_returns(ts, ints(200, 100), 100, DAY)
    assert returns.tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, -0.5]


def test_a_run_that_begins_at_midnight_has_the_balance_there():
    assert metrics.daily_returns(ints(0), ints(105), 100, DAY).tolist() == [105 / 100 - 1]


def test_no_candles_have_no_daily_returns():
    assert metrics.daily_returns(ints(), ints(), 100, DAY).tolist() == []


def test_sharpe_is_the_mean_excess_over_the_sample_deviation_of_a_year():
    returns = np.array([0.01, -0.02, 0.03] * 10)
    daily = 1.05 ** (1 / 365) - 1
    expected = (statistics.fmean(returns) - daily) / statistics.stdev(returns) * math.sqrt(365)
    assert metrics.sharpe(returns, 0.05).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("returns", "reason"),
    [([0.01, -0.01] * 14, "28 daily returns"), ([0.0] * 40, "do not vary")],
)
def test_sharpe_is_undefined_for_few_or_equal_returns_and_says_why(returns, reason):
    found = metrics.sharpe(np.array(returns), 0.0)
    assert found.value is None
    assert reason in str(found.reason)


@given(st.lists(st.floats(-0.2, 0.2), min_size=30, max_size=60), st.floats(0.5, 3))
def test_sharpe_does_not_change_with_the_scale_of_the_returns(values, factor):
    one, other = metrics.sharpe(np.array(values), 0.0), metrics.sharpe(np.array(values) * factor, 0.0)
    if one.value is not None and other.value is not None and statistics.stdev(values) > 1e-6:
        assert other.value == pytest.approx(one.value, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("net", "rate", "factor"),
    [
        ((), None, None),
        ((5,), 1.0, None),  # no trade lost: never infinity
        ((0,), 0.0, None),
        ((-5,), 0.0, 0.0),
        ((30, -10, 0, -5), 0.25, 2.0),
        ((2**61, -(2**60)), 0.5, 2.0),
    ],
)
def test_win_rate_and_profit_factor_count_net_profits(net, rate, factor):
    assert metrics.win_rate(ints(*net)).value == rate
    assert metrics.profit_factor(ints(*net)).value == factor


@pytest.mark.parametrize(
    ("value", "text"), [(1 / 3, "0.333333333333"), (-0.0, "0.0"), (123456789.123456789, "123456789.123")]
)
def test_a_figure_is_written_with_twelve_significant_digits(value, text):
    assert repr(metrics.significant(value)) == text
