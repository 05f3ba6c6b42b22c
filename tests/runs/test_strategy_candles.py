"""A Python strategy gets read-only candles: floats in natural units next to exact integers."""

from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from safla.core.candles import Series
from safla.core.values import Columns
from safla.runs.strategy_candles import GrowingColumns, candles_of, natural, rows_between

ROWS = [(0, 6_000_010, 6_000_110, 5_999_999, 6_000_050, 1_500), (60_000, 7, 9, 5, 8, 0), (120_000, 1, 1, 1, 1, 3)]


def series(rows=ROWS):
    return Series("BTC/USDT", 2, 3, Columns(*np.array(rows, np.int64).reshape(-1, 6).T.copy()))


def test_prices_and_volumes_are_floats_in_natural_units_next_to_the_exact_integers():
    candles = candles_of(series(), "1m")
    assert candles.open.tolist() == [60000.10, 0.07, 0.01]
    assert candles.high.tolist() == [60001.10, 0.09, 0.01]
    assert candles.low.tolist() == [59999.99, 0.05, 0.01]
    assert candles.close.tolist() == [60000.50, 0.08, 0.01]
    assert candles.volume.tolist() == [1.5, 0.0, 0.003]
    assert candles.ts.tolist() == [0, 60_000, 120_000]
    assert [column.tolist() for column in candles.units] == [list(column) for column in zip(*ROWS, strict=True)]
    assert {column.dtype.name for column in candles.units} == {"int64"}
    assert len(candles) == 3
    facts = (candles.symbol, candles.timeframe, candles.price_decimals, candles.volume_decimals)
    assert facts == ("BTC/USDT", "1m", 2, 3)
    assert repr(candles) == "<safla.Candles BTC/USDT 1m: 3 candles, 1970-01-01T00:00Z to 1970-01-01T00:02Z>"


@pytest.mark.parametrize("decimals", [0, 2, 8, 12])
def test_a_float_is_the_nearest_to_the_decimal_text(decimals, chance):
    units = [chance.randrange(10 ** chance.randrange(1, 19)) for _ in range(2_000)] + [2**53, 2**53 + 1, 2**62]
    expected = [float(Decimal(one).scaleb(-decimals)) for one in units]
    assert natural(np.array(units, np.int64), decimals).tolist() == expected


def test_candles_convert_to_a_data_frame():
    frame = candles_of(series(), "1m").frame()
    assert frame.schema == {
        "ts": pl.Datetime("ms", "UTC"),
        **dict.fromkeys("open high low close volume".split(), pl.Float64),
    }
    assert frame["close"].to_list() == [60000.50, 0.08, 0.01]
    assert frame["ts"].dt.epoch("ms").to_list() == [0, 60_000, 120_000]


@pytest.mark.parametrize("candles", [candles_of(series(), "1m"), GrowingColumns(series(), "1m").candles()])
def test_the_candles_are_read_only(candles):
    columns = [getattr(candles, name) for name in "ts open high low close volume".split()]
    for column in (*columns, *candles.units, rows_between(candles, first=1, end=3).close):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            column.setflags(write=True)
    with pytest.raises(AttributeError):
        candles.close = None


def test_growing_candles_hold_all_candles_that_arrived():
    rows = [(60_000 * n, n + 3, n + 5, n + 1, n + 2, n) for n in range(2_500)]
    growing, before = GrowingColumns(series(rows[:5]), "1m"), None
    for n, (ts, *row) in enumerate(rows[5:], 6):
        growing.add(ts, tuple(row))
        if n in (6, 1_024, 1_025, 2_048, 2_049, 2_500):
            expected = candles_of(series(rows[:n]), "1m")
            for name in "ts open high low close volume".split():
                assert np.array_equal(getattr(growing.candles(), name), getattr(expected, name))
            assert growing.candles().units.low.tolist() == expected.units.low.tolist()
        if n == 1_000:
            before = growing.candles()
    assert len(growing) == 2_500
    assert before is not None
    assert before.close.tolist() == candles_of(series(rows[:1_000]), "1m").close.tolist()
