"""A month of candles as bytes: split at the month's end, at the fewest decimals, and back exactly."""

import numpy as np
import pytest

from safla.data.store import month
from safla.errors import DataError
from tests.data.kept import START, candles, same


def test_candles_are_split_where_a_month_ends() -> None:
    parts = dict(month.split(candles([0, 23, 24, 800])))
    assert [(name, len(part.columns.ts)) for name, part in parts.items()] == [
        ("2024-01", 2), ("2024-02", 1), ("2024-03", 1),
    ]  # fmt: skip
    assert list(month.split(candles([]))) == []


def test_a_month_begins_where_the_one_before_ends() -> None:
    names = ["2023-12", "2024-01", "2024-02", "2024-03"]
    bounds = [month.bounds_of(name) for name in names]
    assert [end for _, end in bounds[:-1]] == [start for start, _ in bounds[1:]]
    assert bounds[2][0] == START + 86_400_000
    assert (bounds[2][1] - bounds[2][0]) // 86_400_000 == 29


@pytest.mark.parametrize(("price", "volume"), [(2, 5), (4, 8), (6, 5)])
def test_a_packed_month_gives_its_candles_back_at_the_fewest_decimals(price: int, volume: int) -> None:
    packed = month.pack(candles(range(20), price=price, volume=volume))
    assert packed[:2] == month.pack(candles(range(20)))[:2]
    assert (packed.series.price_decimals, packed.series.volume_decimals) == (2, 5)
    assert packed.hash == month.hash_of(packed.content)
    columns = month.unpack(packed.content, candles=20)
    assert same(packed.series._replace(columns=columns), candles(range(20)))


def test_a_file_with_another_number_of_candles_is_refused() -> None:
    with pytest.raises(ValueError, match="another number of candles"):
        month.unpack(month.pack(candles(range(20))).content, candles=19)
    with pytest.raises(ValueError, match="no Parquet file"):
        month.unpack(b"PAR1", candles=1)


def test_numbers_of_zero_need_no_decimals() -> None:
    series = candles(range(3))
    series.columns.volume[:] = 0
    assert month.least(series).volume_decimals == 0
    assert month.least(candles([]))[1:3] == (0, 0)


def test_candles_are_written_with_more_decimals_where_they_fit() -> None:
    finer = month.scaled(candles(range(3)), price_decimals=5, volume_decimals=5)
    assert np.array_equal(finer.columns.close, candles(range(3)).columns.close * 1000)
    series = candles(range(3))
    series.columns.volume[:] = 2**61
    with pytest.raises(DataError, match=r"volume .* do not fit"):
        month.scaled(series, price_decimals=2, volume_decimals=6)
