"""RSI and the stochastic of it, MACD and PPO: by hand, and in a market that does not move."""

import numpy as np
import pytest

from tests.strategies.indicators.chains import Array, candles, dead, keys_of, values


def rsi(x: list[float], **parameters: int) -> Array:
    """The RSI of a column."""
    return values("rsi", keys_of("rsi", **parameters), {"source": np.array(x, np.float64)})["value"]


def test_the_rsi_is_the_share_of_rises_in_the_averages_of_rises_and_falls() -> None:
    assert rsi([10, 13, 12, 12, 15], period=2).tolist()[2:] == [75.0, 75.0, pytest.approx(100 * 3.75 / 4)]


def test_the_rsi_is_100_where_all_rose_and_0_where_all_fell() -> None:
    rises = [float(row) for row in range(50)]
    assert rsi(rises, period=14)[14:].tolist() == [100.0] * 36
    assert rsi(rises[::-1], period=14)[14:].tolist() == [0.0] * 36


def test_the_rsi_of_a_market_that_does_not_move_is_50() -> None:
    assert rsi([7.0] * 30, period=14)[14:].tolist() == [50.0] * 16
    assert values("stoch_rsi", keys_of("stoch_rsi"), dead(60))["d"][32:].tolist() == [50.0] * 28


def test_a_row_without_a_change_leaves_the_rsi_as_it_was_so_that_its_stochastic_is_50() -> None:
    columns = candles(4, 100)
    columns["source"] = np.r_[columns["source"], np.full(60, columns["source"][-1])]
    chain = values("stoch_rsi", keys_of("stoch_rsi"), columns)
    assert set(chain["rsi"][99:]) == {chain["rsi"][99]}
    assert chain["raw"][113:].tolist() == [50.0] * 47


def test_a_row_without_a_change_is_50_where_the_averages_remember_no_other() -> None:
    assert rsi([1, 2, 2, 1, 1], period=1).tolist()[1:] == [100.0, 50.0, 0.0, 50.0]


def test_momentum_is_how_many_rows_a_change_spans() -> None:
    source = candles(5, 90)["source"]
    every_third = [rsi(source[begin::3].tolist(), period=1) for begin in range(3)]
    together = rsi(source.tolist(), period=1, momentum=3)
    assert np.array_equal(together, np.stack(every_third, axis=1).ravel(), equal_nan=True)


def test_a_change_of_which_a_row_is_not_known_is_passed_over() -> None:
    made = rsi([1, 2, np.nan, 3, 4, 3], period=2)
    assert np.flatnonzero(~np.isnan(made)).tolist() == [4, 5]
    assert made[4:].tolist() == [100.0, 50.0]


def test_both_averages_of_macd_have_their_first_value_at_the_same_row() -> None:
    made = values("macd", keys_of("macd", fast=2, slow=4, signal=1), {"source": np.array([90.0, 1, 2, 6, 7])})
    assert made["line"].tolist()[3:] == [
        4 - 99 / 4,
        pytest.approx(4 + (7 - 4) * 2 / 3 - (99 / 4 + (7 - 99 / 4) * 2 / 5)),
    ]
    assert made["histogram"].tolist()[3:] == [0.0, 0.0]


def test_macd_with_its_periods_exchanged_has_the_other_sign() -> None:
    columns = candles(6, 200)
    usual = values("macd", keys_of("macd"), columns)
    exchanged = values("macd", keys_of("macd", fast=26, slow=12), columns)
    for name in ("line", "signal", "histogram"):
        assert np.array_equal(exchanged[name], -usual[name], equal_nan=True)


def test_the_line_of_ppo_is_a_fraction_of_the_slow_average() -> None:
    made = values("ppo", keys_of("ppo", fast=1, slow=2, signal=1), {"source": np.array([3.0, 1, 4])})
    assert made["line"].tolist()[1:] == [-0.5, pytest.approx(4 / (2 + 4 / 3) - 1)]


def test_the_line_of_ppo_is_not_known_where_the_slow_average_is_0() -> None:
    made = values("ppo", keys_of("ppo", fast=1, slow=1, signal=1), {"source": np.array([0.0, 2.0])})
    assert np.isnan(made["line"]).tolist() == [True, False]


def test_macd_and_ppo_of_a_market_that_does_not_move_are_0() -> None:
    for kind in ("macd", "ppo"):
        made = values(kind, keys_of(kind), dead(60))
        assert made["line"][33:].tolist() == made["signal"][33:].tolist() == [0.0] * 27
