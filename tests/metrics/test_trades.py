"""Figures of closed trades match hand values and known relations; some are undefined with wins or losses alone."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core import exits
from safla.core.values import NONE, Rules
from safla.metrics import trades

RULES = Rules(**dict.fromkeys(Rules._fields, 0))
MIXED = (30, -10, 0, -5, 20) * 6

nets = st.lists(st.integers(-(10**9), 10**9), min_size=30, max_size=50)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("net", "rate", "factor", "payoff"),
    [
        ((), None, None, None),
        ((5,), 1.0, None, None),  # no trade lost: never infinity
        ((0,), 0.0, None, None),
        ((-5,), 0.0, 0.0, None),
        ((30, -10, 0, -5), 0.25, 2.0, 4.0),
        ((2**61, -(2**60)), 0.5, 2.0, 2.0),
    ],
)
def test_win_rate_profit_factor_and_payoff_count_net_profits(net, rate, factor, payoff):
    assert trades.win_rate(ints(*net)).value == rate
    assert trades.profit_factor(ints(*net)).value == factor
    assert trades.payoff(ints(*net)).value == payoff


@pytest.mark.parametrize(
    ("net", "reason"), [((), "no trade was closed"), ((5, 0), "no trade lost"), ((-5, 0), "no trade won")]
)
def test_a_payoff_needs_wins_and_losses_and_names_what_is_missing(net, reason):
    assert trades.payoff(ints(*net)).reason == reason


def test_kelly_combines_win_rate_and_payoff_ratio():
    # 12 of 30 win, 25 to 7.5 in the mean
    assert trades.kelly(ints(*MIXED)).value == pytest.approx(0.4 - 0.6 / (25 / 7.5), rel=1e-12)


@pytest.mark.parametrize(
    ("net", "reason"), [(MIXED[:29], "29 trades, at least 30 are needed"), ((5,) * 30, "no trade lost")]
)
def test_kelly_is_undefined_for_few_trades_and_for_wins_or_losses_alone(net, reason):
    assert trades.kelly(ints(*net)) == (None, reason)


def test_expectancy_is_the_mean_profit_of_a_trade():
    assert trades.expectancy(np.array([3.0, -1.0, 1.0])).value == 1.0
    assert trades.expectancy(np.zeros(0)).reason == "no trade was closed"


def test_the_system_quality_number_is_the_t_statistic_of_the_r_multiples():
    multiples = np.array([1.5, -1.0, 0.5] * 10)
    expected = math.sqrt(30) * statistics.fmean(multiples) / statistics.stdev(multiples)
    assert trades.sqn(multiples).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("multiples", "reason"), [([1.0] * 29, "29 trades, at least 30 are needed"), ([1.0] * 30, "the trades do not vary")]
)
def test_the_system_quality_number_needs_thirty_trades_with_different_results(multiples, reason):
    assert trades.sqn(np.array(multiples)) == (None, reason)


@pytest.mark.parametrize(
    ("stop_loss", "trailing", "activation", "expected"),
    [
        (50_000, 0, 0, 9_500),
        (0, 0, 0, NONE),
        (50_000, 20_000, 0, 9_800),  # the trailing stop is in force at once, and nearer
        (50_000, 20_000, 10_000, 9_500),  # it is not armed yet
        (0, 20_000, 10_000, NONE),
    ],
)
def test_the_initial_stop_is_the_stop_in_force_at_the_fill(stop_loss, trailing, activation, expected):
    rules = RULES._replace(
        stop_loss_ppm=stop_loss, trailing_stop_ppm=trailing, trailing_activation_ppm=activation, take_profit_ppm=1_000
    )
    stops = np.zeros(2, np.int64)
    distances = np.full((2, 3), NONE)
    trades.first_stops(rules, np.array([1, 1]), np.array([10_000, 10_000]), distances, stops)
    assert stops.tolist() == [expected, expected]
    levels = exits.levels_from(rules, 1, 10_000, exits.Distances(NONE, NONE, NONE))
    assert expected in (NONE, levels.stop, levels.trail)


def test_the_initial_stop_is_at_the_distance_that_the_strategy_gave():
    rules = RULES._replace(stop_loss_ppm=0, stop_distance=1, trail_distance=1)
    stops = np.zeros(2, np.int64)
    distances = np.array([[300, NONE, 400], [300, NONE, 200]])
    trades.first_stops(rules, np.array([1, 1]), np.array([10_000, 10_000]), distances, stops)
    assert stops.tolist() == [9_700, 9_800]


def test_a_trade_that_loses_its_initial_risk_loses_one_r():
    assert trades.r_multiple(-5_000, 10_000, 9_500, 10, 1) == -1.0
    assert trades.r_multiple(10_000_000, 10_000, 9_500, 10, 1_000) == 2.0
    assert trades.r_multiple(5_000, 10_000, NONE, 10, 1) is None


@pytest.mark.parametrize(("won", "longest"), [("", 0), ("0", 0), ("1", 1), ("0110111010", 3), ("1111", 4)])
def test_max_consecutive_wins_and_losses_are_the_longest_streaks(won, longest):
    assert trades.longest_streak([one == "1" for one in won]) == longest


@given(nets, st.integers(2, 1000))
def test_trade_ratios_do_not_depend_on_the_unit_of_money(net, factor):
    for figure in (trades.win_rate, trades.profit_factor, trades.payoff, trades.kelly):
        one, other = figure(ints(*net)), figure(ints(*(value * factor for value in net)))
        assert one.reason == other.reason
        assert one.value is None or other.value == pytest.approx(one.value, rel=1e-12)


@given(nets, st.randoms(use_true_random=False))
def test_trade_ratios_do_not_change_by_reordering_or_repeating_all_trades(net, chance):
    mixed = [*net, *net]
    chance.shuffle(mixed)
    for figure in (trades.win_rate, trades.profit_factor, trades.payoff, trades.kelly):
        one, other = figure(ints(*net)), figure(ints(*mixed))
        assert one.value is None or other.value == pytest.approx(one.value, rel=1e-12)
