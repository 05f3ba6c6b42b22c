"""ADX, SuperTrend and parabolic SAR: by hand, upside down, and in a market that does not move."""

import numpy as np
import pytest

from tests.strategies.indicators.chains import Array, candles, dead, keys_of, values, with_sources


def market(*rows: tuple[float, float, float]) -> dict[str, Array]:
    """Candles of high, low and close."""
    high, low, close = np.array(rows, np.float64).T
    return with_sources(close, high, low, close, close)


def upside_down(columns: dict[str, Array]) -> dict[str, Array]:
    """The market in which each fall is a rise."""
    open_, high, low, close = (200_000 - columns[name] for name in ("open", "low", "high", "close"))
    return with_sources(open_, high, low, close, columns["volume"])


def steps(count: int, step: float) -> dict[str, Array]:
    """A market that moves by the same step in each row."""
    return market(*((100 + step * row + 1, 100 + step * row, 100 + step * row) for row in range(count)))


# --- ADX -------------------------------------------------------------------------------------------------------------


def test_in_a_market_that_only_rises_the_index_is_100_and_no_move_is_a_fall() -> None:
    made = values("adx", keys_of("adx", period=5), steps(40, 2.0))
    assert made["adx"][9:].tolist() == [100.0] * 31
    assert made["minus"][5:].tolist() == [0.0] * 35
    assert made["plus"][5:] == pytest.approx(100 * 2 / 3)  # of a true range of 3


def test_rising_and_falling_moves_change_places_in_the_market_upside_down() -> None:
    columns = candles(1, 300)
    made, turned = (values("adx", keys_of("adx"), one) for one in (columns, upside_down(columns)))
    assert np.array_equal(made["plus"], turned["minus"], equal_nan=True)
    assert np.array_equal(made["minus"], turned["plus"], equal_nan=True)
    assert np.array_equal(made["adx"], turned["adx"], equal_nan=True)


def test_a_candle_that_moved_as_far_to_both_sides_moved_to_none() -> None:
    made = values("adx", keys_of("adx", period=1), market((12, 10, 11), (14, 8, 11), (15, 8, 11)))
    assert made["plus"].tolist()[1:] == [0.0, pytest.approx(100 / 7)]
    assert made["adx"].tolist()[1:] == [0.0, 100.0]


def test_the_index_of_a_market_that_does_not_move_is_0() -> None:
    made = values("adx", keys_of("adx", period=5), dead(40))
    assert made["adx"][9:].tolist() == made["plus"][9:].tolist() == made["minus"][9:].tolist() == [0.0] * 31


# --- SuperTrend ------------------------------------------------------------------------------------------------------


def test_a_rise_ends_at_a_close_below_the_lower_band_and_not_at_it() -> None:
    flat = (101.0, 99.0, 100.0)
    made = values("supertrend", keys_of("supertrend", period=1, multiplier=1.0), market(flat, flat, (100, 98, 98)))
    assert made["line"].tolist()[1:] == [98.0, 98.0]
    assert made["direction"].tolist()[1:] == [1.0, 1.0]
    made = values("supertrend", keys_of("supertrend", period=1, multiplier=1.0), market(flat, flat, (100, 97, 97)))
    assert made["line"].tolist()[2] == 98.5 + 3
    assert made["direction"].tolist()[2] == -1.0


def test_in_a_rise_the_line_does_not_fall_and_in_a_fall_it_does_not_rise() -> None:
    made = values("supertrend", keys_of("supertrend"), candles(2, 2_000))
    line, direction = made["line"][10:], made["direction"][10:]
    same = direction[1:] == direction[:-1]
    moved = np.diff(line) * direction[1:]
    beyond = (candles(2, 2_000)["close"][10:-1] - line[:-1]) * direction[1:] < 0  # after a turn, for one row
    assert (moved[same & ~beyond] >= 0).all()
    assert set(direction) == {1.0, -1.0}


def test_the_line_of_a_market_that_does_not_move_is_its_price_and_the_direction_that_of_the_first_row() -> None:
    made = values("supertrend", keys_of("supertrend"), dead(40))
    assert made["line"][10:].tolist() == [100_000.0] * 30
    assert made["direction"][10:].tolist() == [1.0] * 30


# --- Parabolic SAR ---------------------------------------------------------------------------------------------------


def test_the_line_goes_faster_with_each_new_extreme_up_to_the_most() -> None:
    made = values("psar", keys_of("psar", start=0.1, step=0.2, most=0.4), steps(6, 10.0))
    # From the low of the first row, 100, to the high of the second, 111; then to 121, 131, 141 by 0.3, 0.4, 0.4.
    lines = [100.0, 101.1]
    lines.append(101.1 + 0.3 * (121 - 101.1))
    lines.append(lines[-1] + 0.4 * (131 - lines[-1]))
    lines.append(lines[-1] + 0.4 * (141 - lines[-1]))
    assert made["line"][1:] == pytest.approx(np.array(lines))
    assert made["direction"][1:].tolist() == [1.0] * 5


def test_where_a_candle_touches_the_line_it_turns_to_the_extreme_of_the_move() -> None:
    made = values("psar", keys_of("psar"), market((101, 100, 100), (111, 110, 110), (109, 100, 100)))
    assert made["line"].tolist()[1:] == [100.0, 111.0]
    assert made["direction"].tolist()[1:] == [1.0, -1.0]


def test_the_line_mirrors_in_the_market_upside_down() -> None:
    for seed in range(20):
        columns = candles(seed, 300)
        made, turned = (values("psar", keys_of("psar"), one) for one in (columns, upside_down(columns)))
        if made["direction"][1] == -turned["direction"][1]:  # else neither side moved further: a rise in both
            assert np.allclose(made["line"][1:], 200_000 - turned["line"][1:], rtol=1e-14)
            assert np.array_equal(made["direction"][1:], -turned["direction"][1:])


def test_a_start_above_the_most_is_the_most() -> None:
    columns = candles(3, 200)
    made, least = (values("psar", keys_of("psar", start=start, most=0.1), columns) for start in (0.5, 0.1))
    assert np.array_equal(made["line"], least["line"], equal_nan=True)


def test_the_line_of_a_market_that_does_not_move_is_its_price() -> None:
    made = values("psar", keys_of("psar"), dead(40))
    assert made["line"][1:].tolist() == [100_000.0] * 39
    assert set(made["direction"][1:]) == {1.0, -1.0}, "each candle touches it"
