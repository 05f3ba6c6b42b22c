"""Depth and duration of drawdowns, on closes and intrabar, match values computed by hand and a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.values import NONE
from safla.metrics import drawdown
from safla.metrics.metric import Metric

HOUR = 3_600_000

amounts = st.lists(st.integers(0, 10**6), min_size=1, max_size=40)


def falls_of(equity, *, trough=None, balance=100):
    closes = np.array(equity, np.int64)
    lows = closes if trough is None else np.array(trough, np.int64)
    ts = np.arange(len(closes), dtype=np.int64) * HOUR
    return drawdown.falls(ts, closes, lows, balance, HOUR)


@pytest.mark.parametrize(
    ("equity", "expected"),
    [
        ((100, 110, 120), (0.0, NONE, NONE, NONE)),
        ((90,), (0.1, NONE, 0, NONE)),  # the peak is the balance
        ((90, 100), (0.1, NONE, 0, 1)),
        ((200, 150, 300, 240), (0.25, 0, 1, 2)),
        ((200, 100, 50, 400), (0.75, 0, 2, 3)),
        ((200, 150, 200, 150), (0.25, 0, 1, 2)),  # the first of two that are as deep
        ((200, 200, 180, 100), (0.5, 1, 3, NONE)),  # the fall begins at the last candle at the peak
    ],
)
def test_the_max_drawdown_has_its_peak_trough_and_recovery(equity, expected):
    assert falls_of(equity).deepest == expected


def test_an_intrabar_drawdown_is_measured_from_the_peak_before_the_candle():
    # given a candle that dips to 80 and closes at a new peak of 160
    falls = falls_of((100, 160, 150), trough=(100, 80, 144))
    assert falls.inside == 0.2
    assert falls.deepest.share == 10 / 160


@pytest.mark.parametrize(
    ("equity", "share", "hours"),
    [
        ((100, 110, 120), 0.0, 0),
        ((90,), 1.0, 1),  # from the start of the run to its end
        ((110, 100, 105, 110, 109), 0.6, 3),  # closes at 1 h, regained at 4 h; the last is not over
        ((90, 95, 100, 99, 98), 0.8, 3),
        ((110, 120, 100), 1 / 3, 1),
    ],
)
def test_time_under_water_lasts_from_a_peak_to_the_close_that_regains_it(equity, share, hours):
    falls = falls_of(equity)
    assert falls.under_share == share
    assert falls.longest_ms == hours * HOUR


def test_a_drawdown_across_several_blocks_is_a_single_drawdown():
    equity = np.full(200_000, 1000, np.int64)
    equity[70_000:150_000] = 900
    equity[140_000] = 600
    falls = falls_of(equity, balance=1000)
    assert falls.deepest == (0.4, 69_999, 140_000, 150_000)
    assert falls.longest_ms == 80_001 * HOUR


@given(amounts, st.integers(1, 10**6))
def test_the_max_drawdown_matches_a_plain_loop(equity, balance):
    peak, worst, under = balance, 0.0, 0
    for value in equity:
        peak = max(peak, value)
        worst = max(worst, (peak - value) / peak)
        under += value < peak
    falls = falls_of(equity, balance=balance)
    assert falls.deepest.share == worst
    assert falls.under_share == under / len(equity)


@given(amounts, st.integers(0, 1000), st.integers(1, 10**6))
def test_the_intrabar_drawdown_is_at_least_the_drawdown_on_closes(equity, dip, balance):
    falls = falls_of(equity, trough=[max(0, value - dip) for value in equity], balance=balance)
    assert falls.inside >= falls.deepest.share


@given(amounts, st.integers(1, 10**6), st.integers(2, 1000))
def test_drawdowns_do_not_depend_on_the_unit_of_money(equity, balance, factor):
    one, other = (
        falls_of(equity, balance=balance),
        falls_of([value * factor for value in equity], balance=balance * factor),
    )
    assert one == other


@pytest.mark.parametrize(
    ("growth", "share", "expected"),
    [
        (Metric(0.3), 0.2, Metric(0.3 / 0.2)),
        (Metric(-0.3), 0.2, Metric(-0.3 / 0.2)),
        (Metric(0.3), 0.0, Metric(None, "the equity never fell")),
        (Metric(None, "5 days, at least 30 are needed"), 0.2, Metric(None, "5 days, at least 30 are needed")),
    ],
)
def test_calmar_is_cagr_over_max_drawdown_and_undefined_without_either(growth, share, expected):
    assert drawdown.calmar(growth, share) == expected
