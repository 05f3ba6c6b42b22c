"""Buy and hold matches values computed by hand; beta, correlation and alpha match numpy and known relations."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safla.core.values import NONE, Columns
from safla.metrics import benchmark
from safla.metrics.metric import Metric

DAY = 86_400_000

returns_of = st.lists(st.floats(-0.2, 0.2), min_size=40, max_size=40).map(np.array)


def columns(opens, closes, volumes=None, *, first=0):
    ts = (np.arange(len(opens), dtype=np.int64) + first) * DAY
    volume = np.array(volumes if volumes is not None else [1] * len(opens), np.int64)
    o, c = (np.array(prices, np.int64) for prices in (opens, closes))
    return Columns(ts, o, np.maximum(o, c), np.minimum(o, c), c, volume)


UP = columns([100, 110, 120], [110, 120, 150])
DOWN = columns([200, 200, 100], [200, 100, 100], [0, 0, 5])
DEAD = columns([100, 100], [100, 300], [0, 0])


@pytest.mark.parametrize(("candles", "start", "first"), [(UP, 0, 0), (UP, DAY, 1), (DOWN, 0, 2), (DEAD, 0, NONE)])
def test_the_benchmark_is_bought_at_the_first_open_with_volume_after_the_start(candles, start, first):
    assert benchmark.market(candles, start).first == first


@pytest.mark.parametrize(
    ("candles", "commission", "expected"),
    [
        ([UP], 0, 0.5),
        ([UP], 100_000, 1.5 * 0.9 / 1.1 - 1),
        ([UP, DOWN], 0, 0.25),  # equal parts: one half gains a half, the other is bought at 100 and stays
        ([UP, DEAD], 0, 0.25),  # the part that cannot be bought stays in cash
    ],
)
def test_the_benchmark_return_sums_its_parts_with_commission_at_entry_and_exit(candles, commission, expected):
    markets = [benchmark.market(one, 0) for one in candles]
    assert benchmark.held_return(markets, commission).value == pytest.approx(expected, rel=1e-12)


def test_without_a_candle_with_volume_the_benchmark_is_undefined():
    assert benchmark.held_return([benchmark.market(DEAD, 0)], 0) == (None, "no candle had volume")


def test_the_benchmark_has_daily_returns_from_midnight_to_midnight_after_its_purchase():
    midnights = np.arange(5, dtype=np.int64) * DAY
    markets = [benchmark.market(one, 0) for one in (columns([100, 100], [120, 90], first=1), DEAD)]
    returns = benchmark.held_returns(markets, 0, midnights, DAY)
    # half of it: cash, cash, 1.2, 0.9, 0.9; the other half is cash
    assert returns == pytest.approx([0, 2.2 / 2 - 1, 1.9 / 2.2 - 1, 0])


def test_the_commission_of_the_purchase_counts_on_the_day_of_the_purchase():
    returns = benchmark.held_returns([benchmark.market(UP, 0)], 100_000, np.array([0, DAY, 2 * DAY]), DAY)
    assert returns == pytest.approx([1.1 / 1.1 - 1, 120 / 110 - 1])


@given(returns_of, returns_of)
def test_beta_and_correlation_match_numpy(returns, held):
    assume(np.std(returns) > 1e-4)
    assume(np.std(held) > 1e-4)
    covariance = np.cov(returns, held)
    assert benchmark.beta(returns, held).value == pytest.approx(covariance[0, 1] / covariance[1, 1], abs=1e-9)
    assert benchmark.correlation(returns, held).value == pytest.approx(np.corrcoef(returns, held)[0, 1], abs=1e-9)


@given(returns_of, st.floats(-2, 2), st.floats(-0.001, 0.001))
def test_returns_linear_in_the_benchmark_have_that_slope_as_beta_and_the_rest_as_alpha(held, slope, above):
    assume(np.std(held) > 1e-3)
    returns = held * slope + above
    beta = benchmark.beta(returns, held)
    assert beta.value == pytest.approx(slope, abs=1e-9)
    assert benchmark.alpha(returns, held, beta, 0.0).value == pytest.approx((1 + above) ** 365 - 1, abs=1e-9)


def test_the_risk_free_rate_is_subtracted_on_both_sides_of_alpha():
    held = np.array([0.02, -0.01] * 20)
    rate = 1.05 ** (1 / 365) - 1
    returns = 0.5 * (held - rate) + rate + 0.0001
    beta = benchmark.beta(returns, held)
    assert benchmark.alpha(returns, held, beta, 0.05).value == pytest.approx(1.0001**365 - 1, rel=1e-6)


@pytest.mark.parametrize(
    ("returns", "held", "beta", "correlation"),
    [
        ([0.1] * 29, [0.1] * 29, "29 daily returns", "29 daily returns"),
        ([0.1, 0.2] * 20, [0.0] * 40, "the market does not vary", "the market does not vary"),
        ([0.1] * 40, [0.1, 0.2] * 20, None, "the daily returns do not vary"),
    ],
)
def test_constant_returns_have_undefined_beta_and_correlation_with_a_reason(returns, held, beta, correlation):
    slope = benchmark.beta(np.array(returns), np.array(held))
    assert str(slope.reason).startswith(str(beta))
    assert benchmark.alpha(np.array(returns), np.array(held), slope, 0.0).reason == slope.reason
    assert str(benchmark.correlation(np.array(returns), np.array(held)).reason).startswith(str(correlation))


@pytest.mark.parametrize("daily", [-1.0, -3.0, 1e6])
def test_an_annual_figure_that_overflows_is_undefined(daily):
    returns, held = np.array([daily] * 40), np.array([0.1, -0.1] * 20)
    assert benchmark.alpha(returns, held, Metric(0.0), 0.0).reason == "a year of it is beyond what a float can hold"
