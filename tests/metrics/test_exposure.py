"""The share of equity in positions and the turnover match values computed by hand."""

import numpy as np
import pytest

from safla.metrics import exposure
from safla.metrics.metric import YEAR_MS

HOUR = 3_600_000


def ints(*values):
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("filled", "cash", "expected"),
    [
        ((), (), [100] * 5),
        ((0,), (10,), [10] * 5),
        ((1, 3), (40, 110), [100, 40, 40, 110, 110]),
        ((1, 1, 4), (110, 50, 90), [100, 50, 50, 50, 90]),  # out and in again at one candle
    ],
)
def test_cash_at_a_timestamp_is_the_cash_after_the_last_fill(filled, cash, expected):
    ts = np.arange(5, dtype=np.int64) * HOUR
    assert np.concatenate([*exposure.cash_at(ts, ints(*filled) * HOUR, ints(*cash), 100)]).tolist() == expected


def test_exposure_is_the_equity_that_is_not_cash_over_the_equity():
    found = exposure.exposure(ints(100, 80, 120, 100), [ints(100, 40, 30, 100)])
    assert found == (0.5, (0.5 + 0.75) / 4, 0.75)


def test_exposure_without_a_position_is_zero_even_at_zero_equity():
    assert exposure.exposure(ints(100, 0), [ints(100, 0)]) == (0.0, 0.0, 0.0)


def test_exposure_does_not_depend_on_the_number_of_blocks():
    ts, equity = np.arange(150_000, dtype=np.int64), np.full(150_000, 100, np.int64)
    cash = exposure.cash_at(ts, ints(0), ints(75), 100)
    assert exposure.exposure(equity, cash) == (1.0, 0.25, 0.25)


def test_cash_at_a_timestamp_does_not_depend_on_the_blocks():
    ts = np.arange(200_000, dtype=np.int64)
    filled = ints(5, 65_535, 65_536, 65_536, 131_072, 199_999)
    after = ints(10, 20, 30, 40, 50, 60)
    whole = np.concatenate([*exposure.cash_at(ts, filled, after, 100)])
    expected = np.full(len(ts), 100)
    for at, amount in zip(filled.tolist(), after.tolist(), strict=True):
        expected[at:] = amount
    assert np.array_equal(whole, expected)


def test_turnover_is_the_annualised_notional_over_the_mean_equity():
    assert exposure.turnover(600, ints(100, 200), YEAR_MS // 2).value == pytest.approx(600 / 150 * 2, rel=1e-12)


def test_turnover_at_zero_equity_is_undefined():
    assert exposure.turnover(0, ints(0, 0), HOUR) == (None, "there was no equity")
