"""Figures of daily returns match independent formulas and known relations, or are undefined with a reason."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safla.metrics import days

UP_AND_DOWN = np.array([0.01, -0.02, 0.03] * 40)
RATED = {
    "sharpe": lambda returns: days.sharpe(returns, 0.0),
    "sortino": lambda returns: days.sortino(returns, 0.0),
    "volatility": days.volatility,
    "omega": days.omega,
    "ulcer_index": days.ulcer_index,
    "var_95": days.value_at_risk,
    "cvar_95": days.tail_loss,
}

returns_of = st.lists(st.floats(-0.2, 0.2), min_size=100, max_size=130).map(np.array)


def test_the_daily_risk_free_rate_compounds_to_the_annual_rate():
    assert (1 + days.daily_rate(0.05)) ** 365 == pytest.approx(1.05, rel=1e-12)


def test_volatility_is_the_annualised_sample_standard_deviation():
    assert days.volatility(UP_AND_DOWN).value == pytest.approx(
        statistics.stdev(UP_AND_DOWN) * math.sqrt(365), rel=1e-12
    )


def test_sharpe_is_the_annualised_mean_excess_return_over_the_sample_deviation():
    daily = 1.05 ** (1 / 365) - 1
    expected = (statistics.fmean(UP_AND_DOWN) - daily) / statistics.stdev(UP_AND_DOWN) * math.sqrt(365)
    assert days.sharpe(UP_AND_DOWN, 0.05).value == pytest.approx(expected, rel=1e-12)


def test_sortino_divides_the_downside_deviation_by_the_number_of_all_days():
    daily = 1.05 ** (1 / 365) - 1
    below = [min(value - daily, 0) ** 2 for value in UP_AND_DOWN]
    expected = (statistics.fmean(UP_AND_DOWN) - daily) / math.sqrt(sum(below) / len(below)) * math.sqrt(365)
    assert days.sortino(UP_AND_DOWN, 0.05).value == pytest.approx(expected, rel=1e-12)


def test_omega_is_the_sum_of_gains_over_the_sum_of_losses():
    assert days.omega(UP_AND_DOWN).value == pytest.approx(0.04 / 0.02, rel=1e-12)


def test_the_ulcer_index_is_the_root_mean_square_of_the_drawdowns():
    # given a fall to one half and back, for as many days as are needed
    returns = np.array([-0.5, 1.0] * 15)
    assert days.ulcer_index(returns).value == pytest.approx(math.sqrt(0.25 / 2), rel=1e-12)


def test_a_loss_on_the_first_day_is_a_drawdown_from_the_initial_balance():
    assert days.ulcer_index(np.array([-0.1] + [0.0] * 29)).value == pytest.approx(0.1, rel=1e-12)


def test_value_at_risk_is_the_fifth_percentile_of_daily_returns():
    # given 101 days that lost 0, 1, ... 100 thousandths: five days are worse than the sixth worst
    returns = -np.arange(101) / 1000.0
    assert days.value_at_risk(returns).value == pytest.approx(0.095, rel=1e-12)
    assert days.tail_loss(returns).value == pytest.approx((100 + 99 + 98 + 97 + 96 + 95) / 6 / 1000, rel=1e-12)


@given(returns_of)
def test_value_at_risk_interpolates_the_quantile_linearly(returns):
    assert days.value_at_risk(returns).value == pytest.approx(-np.quantile(returns, 0.05), abs=1e-15)


@given(returns_of)
def test_conditional_value_at_risk_is_at_least_the_value_at_risk(returns):
    assert days.tail_loss(returns).value >= days.value_at_risk(returns).value - 1e-15


@given(returns_of, st.floats(0.5, 3))
def test_ratios_of_mean_and_deviation_do_not_change_with_the_scale_of_the_returns(returns, factor):
    assume(statistics.stdev(returns) > 1e-6)
    assume(np.any(returns < -1e-6))
    for name in ("sharpe", "sortino", "omega"):
        one, other = RATED[name](returns), RATED[name](returns * factor)
        assert other.value == pytest.approx(one.value, rel=1e-6, abs=1e-6)


@given(returns_of, st.randoms(use_true_random=False))
def test_only_drawdown_figures_depend_on_the_order_of_the_days(returns, chance):
    mixed = returns.tolist()
    chance.shuffle(mixed)
    for name in RATED.keys() - {"ulcer_index"}:
        one, other = RATED[name](returns), RATED[name](np.array(mixed))
        assert one.reason == other.reason
        assert one.value is None or other.value == pytest.approx(one.value, rel=1e-9, abs=1e-12)


@given(returns_of)
def test_repeating_all_days_keeps_mean_and_tail_figures_up_to_the_sample_correction(returns):
    assume(statistics.stdev(returns) > 1e-6)
    n = len(returns)
    bias = math.sqrt((n - 0.5) / (n - 1))  # ddof = 1 of n and of 2n
    assert RATED["sharpe"](np.tile(returns, 2)).value == pytest.approx(RATED["sharpe"](returns).value * bias, rel=1e-9)
    one, other = RATED["omega"](returns), RATED["omega"](np.tile(returns, 2))
    assert one.value is None or other.value == pytest.approx(one.value, rel=1e-9)


@pytest.mark.parametrize("name", ["sharpe", "sortino", "volatility", "omega", "ulcer_index"])
def test_twenty_nine_days_are_too_few_and_the_reason_is_given(name):
    assert RATED[name](UP_AND_DOWN[:29]) == (None, "29 daily returns, at least 30 are needed")
    assert RATED[name](UP_AND_DOWN[:30]).value is not None


@pytest.mark.parametrize("name", ["var_95", "cvar_95"])
def test_value_at_risk_is_undefined_for_ninety_nine_days(name):
    assert RATED[name](UP_AND_DOWN[:99]) == (None, "99 daily returns, at least 100 are needed")
    assert RATED[name](UP_AND_DOWN[:100]).value is not None


@pytest.mark.parametrize(
    ("name", "returns", "reason"),
    [
        ("sharpe", [0.01] * 40, "the daily returns do not vary"),
        ("sortino", [0.01, 0.02] * 20, "no day earned less than the risk-free rate"),
        ("omega", [0.01, 0.0] * 20, "no day lost"),
    ],
)
def test_a_ratio_with_a_zero_denominator_is_undefined(name, returns, reason):
    assert RATED[name](np.array(returns)) == (None, reason)


def test_constant_returns_have_zero_volatility():
    assert days.volatility(np.array([0.01] * 40)).value == 0.0
