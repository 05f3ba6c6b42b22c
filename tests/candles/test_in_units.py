"""Candles of an exchange are converted to the scale of a run (S3, D1)."""

import numpy as np
import pytest

from safla.candles.normalise import ScaledCandles, in_units
from safla.core.candles import Scale, Series
from safla.core.scale import LIMIT
from safla.core.values import Columns
from safla.errors import DataError


def page(*prices: int, volume: int = 1500, price_decimals: int = 2, volume_decimals: int = 3) -> Series:
    columns = Columns(*(np.array([number], np.int64) for number in (0, *prices, volume)))
    return Series("BTC/USDT", price_decimals, volume_decimals, columns)


def scale(price_decimals: int, volume_decimals: int) -> Scale:
    return Scale(price_decimals, 5, volume_decimals, 1, 1, 0)


def units(series: Series, price_decimals: int, volume_decimals: int, *, price_limit: int = LIMIT) -> ScaledCandles:
    return in_units(series, scale(price_decimals, volume_decimals), price_limit=price_limit, origin="binance")


@pytest.mark.parametrize(
    ("price_decimals", "volume_decimals", "row", "cut"),
    [
        (2, 3, (10050, 11000, 9000, 10000, 1500), 0),
        (4, 5, (1005000, 1100000, 900000, 1000000, 150000), 0),
        (1, 2, (1005, 1100, 900, 1000, 150), 0),
        (2, 0, (10050, 11000, 9000, 10000, 1), 1),
    ],
)
def test_amounts_are_rescaled_and_a_finer_volume_is_truncated(
    price_decimals: int, volume_decimals: int, row: tuple[int, ...], cut: int
) -> None:
    assert units(page(10050, 11000, 9000, 10000), price_decimals, volume_decimals) == ([(0, row)], cut)


def test_a_price_finer_than_the_scale_is_an_error_that_names_the_price() -> None:
    with pytest.raises(DataError, match=r"^binance: candle 0: open 100\.55 has more decimals than this run's 1$"):
        units(page(10055, 11000, 9000, 10000), 1, 3)


@pytest.mark.parametrize(("limit", "volume"), [(10999, 1), (11000, LIMIT)])
def test_volumes_whose_sum_would_overflow_are_an_error(limit: int, volume: int) -> None:
    assert units(page(10050, 11000, 9000, 10000, volume=LIMIT - 1), 2, 3, price_limit=11000).cut == 0
    with pytest.raises(DataError, match=r"high 110\.00, volume .*: too large for the scale of this run"):
        units(page(10050, 11000, 9000, 10000, volume=volume), 2, 3, price_limit=limit)
