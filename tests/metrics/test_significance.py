"""Student's t matches published tables and scipy; the probabilistic Sharpe ratio matches values computed by hand."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.metrics import significance
from safla.metrics.metric import Metric

RETURNS = np.array([0.02, -0.01, 0.005, -0.02, 0.03] * 24)

TABLE = (  # t, degrees of freedom, p of both sides: the tables of every textbook
    (12.706, 1, 0.05),
    (4.303, 2, 0.05),
    (2.228, 10, 0.05),
    (3.169, 10, 0.01),
    (2.045, 29, 0.05),
    (2.756, 29, 0.01),
    (1.984, 100, 0.05),
    (1.960, 1_000_000, 0.05),
    (2.576, 1_000_000, 0.01),
)


@pytest.mark.parametrize(("t", "degrees", "p"), TABLE)
def test_the_p_value_matches_published_tables(t, degrees, p):
    assert significance.two_sided(t, degrees) == pytest.approx(p, rel=2e-3)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 5.0, 200.0])
def test_the_p_value_for_one_and_two_degrees_of_freedom_matches_the_closed_form(t):
    assert significance.two_sided(t, 1) == pytest.approx(1 - 2 * math.atan(t) / math.pi, abs=1e-14)
    assert significance.two_sided(t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), abs=1e-14)


@given(st.floats(-50, 50), st.integers(1, 5000))
def test_the_p_value_matches_scipy(t, degrees):
    stats = pytest.importorskip("scipy.stats", reason="an independent t distribution")
    assert significance.two_sided(t, degrees) == pytest.approx(2 * stats.t.sf(abs(t), degrees), rel=1e-9, abs=1e-300)


@given(st.floats(0.1, 200), st.floats(0.1, 200), st.floats(0.001, 0.999))
def test_the_incomplete_beta_and_its_mirror_image_sum_to_one(a, b, x):
    one, other = significance.incomplete_beta(a, b, x, 1 - x), significance.incomplete_beta(b, a, 1 - x, x)
    assert one + other == pytest.approx(1, abs=1e-9)


def test_the_incomplete_beta_is_zero_and_one_at_its_bounds():
    assert significance.incomplete_beta(2.0, 0.5, 0.0, 1.0) == 0.0
    assert significance.incomplete_beta(2.0, 0.5, 1.0, 0.0) == 1.0


@given(st.floats(0.1, 50), st.floats(0.001, 0.999))
def test_the_incomplete_beta_with_a_parameter_of_one_matches_the_closed_form(b, x):
    assert significance.incomplete_beta(1.0, b, x, 1 - x) == pytest.approx(1 - (1 - x) ** b, rel=1e-9)


def test_a_step_of_the_continued_fraction_never_divides_by_zero():
    assert significance._away_from_zero(0.0) == significance.TINY


def test_the_t_statistic_is_the_mean_over_its_standard_error():
    expected = statistics.fmean(RETURNS) / (statistics.stdev(RETURNS) / math.sqrt(len(RETURNS)))
    found = significance.t_statistic(RETURNS)
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert significance.p_value(found, len(RETURNS)).value == significance.two_sided(found.value, len(RETURNS) - 1)


def test_the_probabilistic_sharpe_ratio_matches_the_published_paper():
    n, mean, rate = len(RETURNS), statistics.fmean(RETURNS), 1.02 ** (1 / 365) - 1
    moments = [statistics.fmean([(value - mean) ** power for value in RETURNS]) for power in (2, 3, 4)]
    skewness, kurtosis = moments[1] / moments[0] ** 1.5, moments[2] / moments[0] ** 2
    ratio = (mean - rate) / statistics.stdev(RETURNS)
    score = ratio * math.sqrt(n - 1) / math.sqrt(1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2)
    expected = statistics.NormalDist().cdf(score)
    assert significance.probabilistic_sharpe(RETURNS, 0.02).value == pytest.approx(expected, rel=1e-12)


def test_negated_returns_negate_the_t_statistic():
    one, other = significance.t_statistic(RETURNS), significance.t_statistic(-RETURNS)
    assert other.value == -one.value
    chance = [significance.probabilistic_sharpe(returns, 0.0).value for returns in (RETURNS, -RETURNS)]
    assert sum(chance) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    ("returns", "statistic", "chance"),
    [
        ([0.01] * 29, "29 daily returns, at least 30 are needed", "29 daily returns, at least 100 are needed"),
        ([0.01] * 120, "the daily returns do not vary", "the daily returns do not vary"),
        ([0.01, -0.01] * 49, None, "98 daily returns, at least 100 are needed"),
    ],
)
def test_few_or_equal_returns_leave_both_statistics_undefined_with_a_reason(returns, statistic, chance):
    found = significance.t_statistic(np.array(returns))
    assert found.reason == statistic
    assert significance.p_value(found, len(returns)).reason == statistic
    assert significance.probabilistic_sharpe(np.array(returns), 0.0).reason == chance


def test_the_p_value_of_an_undefined_statistic_is_undefined_for_the_same_reason():
    assert significance.p_value(Metric(None, "so"), 40) == (None, "so")


def test_a_skewness_that_makes_the_standard_error_zero_leaves_the_ratio_undefined():
    # given a tenth at 3 deviations above the mean, the rest at a third below: skewness 8 / 3, and a ratio of 2 over it
    returns = np.array([3.0] * 10 + [-1 / 3] * 90) + 0.75 * math.sqrt(100 / 99)
    found = significance.probabilistic_sharpe(returns, 0.0)
    assert found == (None, "two values alone leave its error undefined")
