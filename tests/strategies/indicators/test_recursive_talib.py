"""The recursive kinds that name a function of TA-Lib have its values, from the same first row, wherever that is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import talib

from safla.compiled.library import fastest
from safla.strategies.indicators import exponential, momentum, ranges, smoothed, trend
from safla.strategies.indicators.register import KINDS
from tests.strategies.indicators.chains import Array, behind, candles, keys_of, values
from tests.strategies.indicators.real import BTC, ETH, hours

Columns = dict[str, Array]

FILES = (exponential, smoothed, ranges, momentum, trend)
NAMED = {name for file in FILES for name, kind in file.KINDS.items() if kind.reference.startswith("TA-Lib")}


def hlc(c: Columns) -> tuple[Array, Array, Array]:
    return c["high"], c["low"], c["close"]


def adx(c: Columns, period: int) -> Columns:
    plus, minus = talib.PLUS_DI(*hlc(c), period), talib.MINUS_DI(*hlc(c), period)
    return {"adx": talib.ADX(*hlc(c), period), "plus": plus, "minus": minus}


def supertrend(c: Columns, period: int, multiplier: float) -> Columns:
    line, direction = talib.SUPERTREND(*hlc(c), period, multiplier)
    return {"line": line, "direction": np.where(direction == 0, np.nan, direction)}


def of_source(function: Callable[[Array, int], Array]) -> tuple[list[dict[str, Any]], Callable[..., Columns]]:
    """For a kind with a period and one output."""
    return [{"period": 2}, {"period": 9}, {"period": 20}], lambda c, period: {"value": function(c["source"], period)}


def psar(c: Columns, start: float, step: float, most: float) -> Columns:
    """SAREXT is negative in a fall. Its numbers are those of a rise, then those of a fall."""
    numbers = (min(start, most), step, most)
    line = talib.SAREXT(c["high"], c["low"], 0, 0, *numbers, *numbers)
    return {"line": abs(line), "direction": np.sign(line)}


# By kind: parameters with which it is compared, and what TA-Lib gives.
REFERENCES: dict[str, tuple[list[dict[str, Any]], Callable[..., Columns]]] = {
    "ema": of_source(talib.EMA),
    "rma": of_source(talib.RMA),
    "zlema": of_source(talib.ZLEMA),
    "dema": of_source(talib.DEMA),
    "tema": of_source(talib.TEMA),
    "rsi": of_source(talib.RSI),
    # Where nothing moved in all of its rows, TA-Lib says that the move was straight.
    "kama": ([{"period": 9}, {"period": 20}], of_source(talib.KAMA)[1]),
    "t3": (
        [{"period": 5}, {"period": 9, "volume": 0.0}, {"period": 20, "volume": 1.0}],
        lambda c, period, volume=0.7: {"value": talib.T3(c["source"], period, volume)},
    ),
    "trix": ([{"period": 5}, {"period": 15}], lambda c, period: {"value": talib.TRIX(c["source"], period) / 100}),
    "stoch_rsi": (
        [{}, {"period": 9, "stoch": 5, "smooth": 4, "signal": 2}],
        lambda c, period=14, stoch=14, smooth=3, signal=3: dict(
            zip(("raw", "k"), talib.STOCHRSI(c["source"], period, stoch, smooth, 0), strict=True)
        ),
    ),
    "macd": (
        [{}, {"fast": 5, "slow": 9, "signal": 4}],
        lambda c, fast=12, slow=26, signal=9: dict(
            zip(("line", "signal", "histogram"), talib.MACD(c["source"], fast, slow, signal), strict=True)
        ),
    ),
    "ppo": (
        [{}, {"fast": 5, "slow": 9}],
        lambda c, fast=12, slow=26: {"line": talib.PPO(c["source"], fast, slow, talib.MA_Type.EMA) / 100},
    ),
    "atr": ([{}, {"period": 2}, {"period": 30}], lambda c, period=14: {"value": talib.ATR(*hlc(c), period)}),
    "keltner": (
        [{}, {"period": 5, "atr_period": 10, "multiplier": 1.5}, {"period": 10, "atr_period": 9}],
        lambda c, period=20, atr_period=10, multiplier=2.0: dict(
            zip(("upper", "middle", "lower"), talib.KC(*hlc(c), period, atr_period, multiplier), strict=True)
        ),
    ),
    "adx": ([{"period": 2}, {"period": 14}, {"period": 30}], adx),
    "supertrend": (
        [{"period": 10, "multiplier": 3.0}, {"period": 4, "multiplier": 0.7}, {"period": 20, "multiplier": 6.0}],
        supertrend,
    ),
    "psar": (
        [
            {"start": 0.02, "step": 0.02, "most": 0.2},
            {"start": 0.01, "step": 0.03, "most": 0.25},
            {"start": 0.3, "step": 0.1, "most": 0.2},
        ],
        psar,
    ),
}


def compare(kind: str, columns: Columns) -> None:
    """Every output that TA-Lib has, at every row where it has one."""
    sets, reference = REFERENCES[kind]
    for parameters in sets:
        made = values(kind, keys_of(kind, **parameters), columns, form=fastest)
        for name, column in reference(columns, **parameters).items():
            known = ~np.isnan(column)
            assert known[-1000:].all()
            np.testing.assert_allclose(made[name][known], column[known], 1e-9, 1e-7, err_msg=f"{name} {parameters}")
            begins = {"line", "raw"} & {name}  # TA-Lib lets these wait for the signal, and for its fastd
            assert begins or np.array_equal(known, ~np.isnan(made[name])), f"{name} {parameters}"


def test_every_recursive_kind_that_names_a_function_of_talib_is_compared() -> None:
    assert set(REFERENCES) == NAMED
    assert all(KINDS[kind].auto is not None for kind in NAMED)


@pytest.mark.parametrize("kind", REFERENCES)
@pytest.mark.parametrize("first", [0, 1, 7, 40])
def test_a_recursive_kind_has_the_values_of_talib_from_the_same_first_row(kind: str, first: int) -> None:
    compare(kind, behind(candles(first, 2_000), first))


@pytest.mark.parametrize("kind", REFERENCES)
@pytest.mark.parametrize(("name", "first"), [(BTC, 0), (BTC, 4_096), (BTC, 48_321), (ETH, 0), (ETH, 30_007)])
def test_a_recursive_kind_has_the_values_of_talib_on_real_hours(
    kind: str, name: str, first: int, real_data: Path
) -> None:
    compare(kind, {column: rows[:8_000] for column, rows in behind(hours(real_data, name), first).items()})
