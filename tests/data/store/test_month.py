"""A month of candles is stored as bytes with the fewest decimals and read back exactly."""

import io
from typing import Any

import numpy as np
import polars as pl
import pytest

from safla.data.store import month
from safla.errors import DataError
from tests.data.series import HOUR, START, candles, same
from tests.errors import raises_code


def test_candles_are_split_at_the_ends_of_months() -> None:
    parts = dict(month.split_months(candles([0, 23, 24, 800])))
    assert [(name, len(part.columns.ts)) for name, part in parts.items()] == [
        ("2024-01", 2), ("2024-02", 1), ("2024-03", 1),
    ]  # fmt: skip
    assert list(month.split_months(candles([]))) == []


def test_a_month_begins_at_the_end_of_the_previous_month() -> None:
    names = ["2023-12", "2024-01", "2024-02", "2024-03"]
    bounds = [month.bounds_of(name) for name in names]
    assert [end for _, end in bounds[:-1]] == [start for start, _ in bounds[1:]]
    assert bounds[2][0] == START + 86_400_000
    assert (bounds[2][1] - bounds[2][0]) // 86_400_000 == 29


@pytest.mark.parametrize(("price", "volume"), [(2, 5), (4, 8), (6, 5)])
def test_a_packed_month_is_read_back_at_the_fewest_decimals(price: int, volume: int) -> None:
    packed = month.pack(candles(range(20), price=price, volume=volume))
    assert packed[:2] == month.pack(candles(range(20)))[:2]
    assert (packed.series.price_decimals, packed.series.volume_decimals) == (2, 5)
    assert packed.hash == month.hash_of(packed.content)
    columns = month.unpack(packed.content, candles=20)
    assert same(packed.series._replace(columns=columns), candles(range(20)))


def test_a_file_with_a_wrong_number_of_candles_is_rejected() -> None:
    with pytest.raises(ValueError, match="its number of candles"):
        month.unpack(month.pack(candles(range(20))).content, candles=21)
    with pytest.raises(ValueError, match="no Parquet file"):  # more than may be unpacked
        month.unpack(month.pack(candles(range(20))).content, candles=19)
    with pytest.raises(ValueError, match="no Parquet file"):
        month.unpack(b"PAR1", candles=1)


def test_zeros_need_no_decimals() -> None:
    series = candles(range(3))
    series.columns.volume[:] = 0
    assert month.least(series).volume_decimals == 0
    assert month.least(candles([]))[1:3] == (0, 0)


@pytest.mark.parametrize("late", [0, 99, 100, 149])
def test_a_single_number_with_decimals_keeps_them_wherever_it_is(late: int) -> None:
    series = candles(range(150), price=4, volume=5)
    series.columns.volume[:] = 700
    series.columns.volume[late] = 701
    series.columns.low[late] -= 1
    least = month.least(series)
    assert least[1:3] == (4, 5)
    assert same(least, series)


@pytest.mark.parametrize("change", [{"ts": pl.Int32}, {"close": pl.Float64}, {"close": pl.String}, {"close": None}])
def test_a_file_with_other_columns_or_types_is_rejected(change: dict[str, Any]) -> None:
    frame = pl.read_parquet(io.BytesIO(month.pack(candles(range(3))).content))
    for name, kind in change.items():
        frame = frame.rename({name: "other"}) if kind is None else frame.with_columns((pl.col(name) % 1000).cast(kind))
    file = io.BytesIO()
    frame.write_parquet(file)
    with pytest.raises(ValueError, match=r"its columns .* not those of"):
        month.unpack(file.getvalue(), candles=3)


def test_invalid_candles_are_rejected_with_their_row() -> None:
    series = candles(range(5))
    month.refuse_unsound(series, step_ms=HOUR, origin="a page")
    series.columns.high[2] = 1
    with raises_code(DataError, "invalid_candle", match="a page: row 3: "):
        month.refuse_unsound(series, step_ms=HOUR, origin="a page")


def test_candles_can_be_written_with_more_decimals_if_they_fit() -> None:
    finer = month.scaled(candles(range(3)), price_decimals=5, volume_decimals=5)
    assert np.array_equal(finer.columns.close, candles(range(3)).columns.close * 1000)
    series = candles(range(3))
    series.columns.volume[:] = 2**61
    with raises_code(DataError, "number_too_large", match="volume"):
        month.scaled(series, price_decimals=2, volume_decimals=6)
