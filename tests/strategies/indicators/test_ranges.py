"""ATR, Keltner channel and chandelier exit: by hand, and in a market that does not move."""

import numpy as np
import pytest

from tests.strategies.indicators.chains import Array, candles, dead, keys_of, values, with_sources


def market(*rows: tuple[float, float, float]) -> dict[str, Array]:
    """Candles of high, low and close."""
    high, low, close = np.array(rows, np.float64).T
    return with_sources(close, high, low, close, close)


ROWS = market((12, 10, 11), (15, 14, 14), (13, 12, 13), (13, 9, 10), (11, 10, 10))  # true ranges 4, 2, 4, 1


def test_the_average_true_range_counts_the_gap_to_the_close_before_and_not_the_first_row() -> None:
    assert values("atr", keys_of("atr", period=2), ROWS)["value"].tolist()[2:] == [3.0, 3.5, 2.25]


def test_the_averages_of_a_keltner_channel_have_their_first_value_at_the_same_row() -> None:
    later_range = values("keltner", keys_of("keltner", period=2, atr_period=3, multiplier=2.0), ROWS)
    assert later_range["middle"].tolist()[3] == (38 / 3 + 32 / 3) / 2
    assert later_range["atr"].tolist()[3:] == [10 / 3, (20 / 3 + 1) / 3]
    later_middle = values("keltner", keys_of("keltner", period=4, atr_period=1, multiplier=2.0), ROWS)
    assert later_middle["middle"].tolist()[3] == pytest.approx((11 + 43 / 3 + 38 / 3 + 32 / 3) / 4)
    assert later_middle["upper"].tolist()[3] == later_middle["middle"].tolist()[3] + 8
    assert later_middle["lower"].tolist()[3] == later_middle["middle"].tolist()[3] - 8
    assert np.flatnonzero(np.isnan(later_middle["atr"])).tolist() == [0, 1, 2]


def test_a_chandelier_exit_hangs_from_the_highest_high_and_stands_on_the_lowest_low() -> None:
    made = values("chandelier", keys_of("chandelier", period=2, multiplier=2.0), ROWS)
    assert made["long"].tolist()[2:] == [15 - 6.0, 13 - 7.0, 13 - 4.5]
    assert made["short"].tolist()[2:] == [12 + 6.0, 9 + 7.0, 9 + 4.5]


def test_in_a_market_that_does_not_move_the_range_is_0_and_the_bands_are_at_the_price() -> None:
    assert values("atr", keys_of("atr"), dead(40))["value"][14:].tolist() == [0.0] * 26
    for kind, names in (("keltner", ("upper", "middle", "lower")), ("chandelier", ("long", "short"))):
        made = values(kind, keys_of(kind), dead(40))
        for name in names:
            assert made[name][22:].tolist() == [100_000.0] * 18


def test_a_price_that_is_not_known_leaves_the_average_range_as_it_was() -> None:
    columns = candles(2, 60)
    whole, columns["close"][30] = values("atr", keys_of("atr", period=5), columns)["value"], np.nan
    made = values("atr", keys_of("atr", period=5), columns)["value"]
    assert np.flatnonzero(np.isnan(made)).tolist() == [0, 1, 2, 3, 4, 31]
    assert made[30] == whole[30]
