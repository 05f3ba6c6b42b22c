"""Averages with a memory: by hand, over rows that are not known, and in a market that does not move."""

import numpy as np
import pytest

from tests.strategies.indicators.chains import Array, candles, dead, keys_of, values

AVERAGES = ("ema", "rma", "zlema", "dema", "tema", "t3", "kama")


def over(kind: str, *x: float, **parameters: float) -> list[float]:
    """The values of a kind over a column."""
    return values(kind, keys_of(kind, **parameters), {"source": np.array(x, np.float64)})["value"].tolist()


def test_an_exponential_average_begins_with_the_mean_of_its_first_rows() -> None:
    assert over("ema", 1, 2, 6, 8, 2, period=3)[2:] == [3.0, 5.5, 3.75]


def test_the_average_of_wilder_begins_with_the_mean_of_its_first_rows() -> None:
    assert over("rma", 1, 2, 6, 9, 2, period=3)[2:] == [3.0, 5.0, 4.0]


def test_an_average_without_lag_adds_the_change_within_its_lag() -> None:
    assert over("zlema", 1, 2, 4, 8, 16, 32, period=3)[3:] == [7.0, 15.5, 31.75]


def test_t3_without_volume_is_three_averages_in_a_chain() -> None:
    columns = candles(1, 200)
    chain = values("tema", keys_of("tema", period=7), columns)
    assert np.array_equal(values("t3", keys_of("t3", period=7, volume=0.0), columns)["value"][36:], chain["r"][36:])


def test_trix_is_a_fraction() -> None:
    doubling = [2.0**row for row in range(20)]
    assert over("trix", *doubling, period=1)[1:] == [1.0] * 19


def test_the_adaptive_average_follows_a_straight_move_as_its_fast_one_and_nothing_as_its_slow_one() -> None:
    assert over("kama", 0, 1, 2, 3, period=2, fast=2)[2:] == pytest.approx([13 / 9, 13 / 9 + 14 / 9 * 4 / 9])
    there_and_back = over("kama", 0, 9, 0, 9, period=2, slow=3)
    assert there_and_back[2:] == [9 - 9 / 4, 6.75 + 2.25 / 4]


@pytest.mark.parametrize("kind", AVERAGES)
def test_the_average_of_a_market_that_does_not_move_is_its_price(kind: str) -> None:
    value = values(kind, keys_of(kind, period=5), dead(100))["value"]
    assert np.allclose(value[30:], 100_000, rtol=1e-14)
    assert values("trix", keys_of("trix", period=5), dead(100))["value"][30:].tolist() == [0.0] * 70


@pytest.mark.parametrize("kind", ["ema", "rma", "dema", "tema", "t3"])
def test_an_average_over_rows_of_which_some_are_not_known_is_that_of_the_known_ones(kind: str) -> None:
    source = candles(3, 300)["source"]
    holes = np.insert(source, [0, 0, 5, 100, 100, 207], np.nan)
    keys = keys_of(kind, period=6)
    made = values(kind, keys, {"source": holes})["value"]
    assert np.array_equal(made[~np.isnan(holes)], values(kind, keys, {"source": source})["value"], equal_nan=True)
    assert np.isnan(made[np.isnan(holes)]).all()


def test_the_adaptive_average_stands_still_until_its_window_is_known_again() -> None:
    source: Array = np.arange(20.0)
    source[8] = np.nan
    made = values("kama", keys_of("kama", period=3), {"source": source})["value"]
    assert np.flatnonzero(np.isnan(made)).tolist() == [0, 1, 2, 8, 9, 10, 11]
    assert made[12] == pytest.approx(made[7] + (12 - made[7]) * 4 / 9)


def test_trix_is_not_known_behind_an_average_of_zero() -> None:
    assert np.isnan(over("trix", 0, 0, 1, 2, period=1)).tolist() == [True, True, True, False]
