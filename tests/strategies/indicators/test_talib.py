"""The kinds over windows that name a function of TA-Lib have its values, from the same first row, wherever that is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import talib

from safla.strategies.indicators import averages, changes, choppiness, extremes, smoothed_candles, spread, volume
from safla.strategies.indicators.register import KINDS
from tests.strategies.indicators.chains import Array, behind, candles, drawn_keys, keys_of, values

Columns = dict[str, Array]

FILES = (averages, changes, choppiness, extremes, smoothed_candles, spread, volume)
NAMED = {name for file in FILES for name, kind in file.KINDS.items() if kind.reference.startswith("TA-Lib")}


def hlc(c: Columns) -> tuple[Array, Array, Array]:
    return c["high"], c["low"], c["close"]


def stochastic(keys: Any, c: Columns) -> tuple[Array, ...]:
    return talib.STOCH(*hlc(c), keys.period, keys.smooth, talib.MA_Type.SMA, keys.signal, talib.MA_Type.SMA)


def aroon(keys: Any, c: Columns) -> tuple[Array, ...]:
    down, up = talib.AROON(c["high"], c["low"], keys.period)
    return up, down, talib.AROONOSC(c["high"], c["low"], keys.period)


def bollinger(keys: Any, c: Columns) -> tuple[Array, ...]:
    upper, middle, lower = talib.BBANDS(c["source"], keys.period, keys.deviations, keys.deviations)
    return middle, upper, lower


def linear(keys: Any, c: Columns) -> tuple[Array, ...]:
    x, n = c["source"], keys.period
    return talib.LINEARREG(x, n), talib.LINEARREG_SLOPE(x, n), talib.CORREL(np.arange(float(len(x))), x, n)


# By kind: what TA-Lib gives for the outputs in their order, as far as it has them.
REFERENCES: dict[str, Callable[[Any, Columns], Any]] = {
    "sma": lambda keys, c: talib.SMA(c["source"], keys.period),
    "sum": lambda keys, c: talib.SUM(c["source"], keys.period),
    "wma": lambda keys, c: talib.WMA(c["source"], keys.period),
    "hma": lambda keys, c: talib.HMA(c["source"], keys.period),
    "vwma": lambda keys, c: talib.VWMA(c["source"], c["volume"], keys.period),
    "highest": lambda keys, c: talib.MAX(c["source"], keys.period),
    "lowest": lambda keys, c: talib.MIN(c["source"], keys.period),
    "donchian": lambda keys, c: [talib.DONCHIAN(c["high"], c["low"], keys.period)[at] for at in (0, 2, 1)],
    "williams_r": lambda keys, c: talib.WILLR(*hlc(c), keys.period),
    "stochastic": stochastic,
    "aroon": aroon,
    "stdev": lambda keys, c: talib.STDDEV(c["source"], keys.period),
    "bollinger": bollinger,
    "cci": lambda keys, c: talib.CCI(*hlc(c), keys.period),
    "linear": linear,
    "roc": lambda keys, c: talib.ROCP(c["source"], keys.period),
    "change": lambda keys, c: talib.MOM(c["source"], keys.period),
    "true_range": lambda keys, c: talib.TRANGE(*hlc(c)),
    "mfi": lambda keys, c: talib.MFI(*hlc(c), c["volume"], keys.period),
    "cmf": lambda keys, c: talib.CMF(*hlc(c), c["volume"], keys.period),
    "obv": lambda keys, c: talib.OBV(c["close"], c["volume"]),
    "heikin_ashi": lambda keys, c: talib.HA(c["open"], *hlc(c)),
}


def test_every_kind_that_names_a_function_of_talib_is_compared() -> None:
    assert set(REFERENCES) == NAMED


@pytest.mark.parametrize("kind", REFERENCES)
@pytest.mark.parametrize("first", [0, 1, 7, 40])
def test_a_kind_has_the_values_of_talib_from_the_same_first_row(kind: str, first: int) -> None:
    columns = candles(first, 400)
    columns = behind({**columns, "volume": columns["volume"] + 1}, first)
    if kind == "cci":
        columns["source"] = columns["hlc3"]
    for seed in range(5):
        keys = drawn_keys(kind, seed)
        if getattr(keys, "period", 2) < 2 or getattr(keys, "sample", False):
            keys = keys_of(kind, period=9)  # TA-Lib has neither
        answer = REFERENCES[kind](keys, columns)
        made, columns_there = values(kind, keys, columns), answer if isinstance(answer, tuple | list) else [answer]
        for name, column in zip(outputs(kind), columns_there, strict=False):
            known = ~np.isnan(column)  # TA-Lib's k begins with its d
            assert np.count_nonzero(known) > 300
            np.testing.assert_allclose(made[name][known], column[known], rtol=1e-9, atol=1e-7, err_msg=f"{name} {keys}")


def outputs(kind: str) -> list[str]:
    """The outputs of a kind, in their order."""
    return list(KINDS[kind].outputs)
