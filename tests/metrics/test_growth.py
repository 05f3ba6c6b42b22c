"""Total return, CAGR and daily, monthly and yearly returns match values computed by hand on small calendars."""

import numpy as np
import pytest

from safla.metrics import growth

HOUR = 3_600_000
DAY = 24 * HOUR


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def day(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


@pytest.mark.parametrize(
    ("equity", "expected"),
    [((110,), 0.1), ((150, 75), -0.25), ((100,), 0.0), ((), 0.0)],
)
def test_the_total_return_is_the_last_equity_over_the_initial_balance(equity, expected):
    assert growth.total_return(ints(*equity), 100).value == expected


@pytest.mark.parametrize(
    ("equity", "days", "expected"),
    [
        (121, 730, 0.1),
        (110, 365, 0.1),
        (200, 30, 2 ** (365 / 30) - 1),
        (0, 365, -1.0),  # nothing left
        (50, 365, -0.5),
    ],
)
def test_cagr_compounds_to_the_total_return(equity, days, expected):
    assert growth.cagr(ints(equity), 100, days * DAY).value == pytest.approx(expected, rel=1e-12)


def test_cagr_is_undefined_for_less_than_thirty_days():
    assert growth.cagr(ints(110), 100, 30 * DAY - 1) == (None, "29 days, at least 30 are needed")


def test_cagr_is_finite_for_the_largest_possible_amounts():
    assert growth.cagr(ints(2**62), 1, 30 * DAY).value == pytest.approx(float(2**62) ** (365 / 30), rel=1e-9)


def test_a_run_lasts_from_its_first_open_to_its_last_close():
    assert growth.length_ms(ints(5 * HOUR, 9 * HOUR), HOUR) == 5 * HOUR
    assert growth.length_ms(ints(), HOUR) == 0


def test_daily_returns_take_the_last_equity_at_or_before_each_midnight():
    # given hours 22:00, 23:00, 00:00 and, after a gap of a day, 02:00; marked at their closes
    ts = ints(22 * HOUR, 23 * HOUR, 24 * HOUR, 50 * HOUR)
    equity = ints(101, 110, 120, 99)
    # when
    returns = growth.daily_returns(ts, equity, 100, HOUR)
    # then the first midnight has the mark of its own close, and the day without candles counts with the last mark
    assert returns.tolist() == [120 / 110 - 1]


def test_every_calendar_day_of_a_gap_has_a_zero_return():
    returns = growth.daily_returns(ints(0, 5 * DAY), ints(200, 100), 100, DAY)
    assert returns.tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, -0.5]


def test_a_run_that_begins_at_midnight_starts_with_the_initial_balance():
    assert growth.daily_returns(ints(0), ints(105), 100, DAY).tolist() == [105 / 100 - 1]


def test_without_candles_there_are_no_daily_returns_and_no_midnights():
    assert growth.daily_returns(ints(), ints(), 100, DAY).tolist() == []
    assert growth.midnights(ints(), DAY).tolist() == []


def test_a_day_that_begins_with_zero_equity_has_no_return():
    ts = np.arange(4, dtype=np.int64) * DAY
    assert growth.daily_returns(ts, ints(50, 0, 0, 0), 100, DAY).tolist() == [-0.5, -1.0]


def test_monthly_returns_compound_to_the_yearly_and_total_returns():
    # given the days from 20 November 2023 to 10 February 2024, each ending a unit higher
    ts = np.arange(day("2023-11-20"), day("2024-02-11"), DAY)
    equity = np.arange(len(ts), dtype=np.int64) + 1001
    # when
    first, second = growth.yearly(ts, equity, 1000, DAY)
    # then November has 11 days, December 31, January 31, February 10
    assert (first.year, second.year) == (2023, 2024)
    assert first.months == (*[None] * 10, 11 / 1000, 31 / 1011)
    assert second.months == (31 / 1042, 10 / 1073, *[None] * 10)
    assert first.whole == 42 / 1000
    assert second.whole == 41 / 1042


def test_a_month_touched_only_at_its_boundary_is_left_out():
    ts = np.arange(day("2024-01-30"), day("2024-02-01"), DAY)
    (year,) = growth.yearly(ts, ints(100, 110), 100, DAY)
    assert year.months == (0.1, *[None] * 11)


def test_a_month_without_candles_inside_the_run_has_a_zero_return():
    (year,) = growth.yearly(ints(day("2024-01-31"), day("2024-03-01")), ints(100, 110), 100, DAY)
    assert year.months[:3] == (0.0, 0.0, 0.1)


def test_a_month_that_begins_with_zero_equity_has_no_return():
    (year,) = growth.yearly(ints(day("2024-01-31"), day("2024-02-01")), ints(0, 0), 100, DAY)
    assert year.months[:3] == (-1.0, None, None)


def test_without_candles_there_are_no_yearly_returns():
    assert growth.yearly(ints(), ints(), 100, DAY) == ()
