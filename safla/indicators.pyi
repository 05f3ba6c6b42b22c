# ruff: noqa: A001, A002, E501
# fmt: off
"""The indicators of safla for Python: functions of float arrays, and classes that take one row at a time.

Made by `python -m pytest tests/test_indicators.py --update-golden`.
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float64]
_Times = npt.NDArray[np.int64]

def sma(source: _Array, period: int) -> _Array:
    """sma: the mean of the last `period` rows.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Sma:
    """sma: the mean of the last `period` rows.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def sum(source: _Array, period: int) -> _Array:
    """sum: the sum of the last `period` rows.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Sum:
    """sum: the sum of the last `period` rows.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def wma(source: _Array, period: int) -> _Array:
    """wma: the mean of the last `period` rows, weighted from 1 for the oldest to `period` for the latest.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Wma:
    """wma: the mean of the last `period` rows, weighted from 1 for the oldest to `period` for the latest.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def hma(source: _Array, period: int) -> _Array:
    """hma: the Hull average: the wma over floor(sqrt(period)) rows of 2 wma(period // 2) - wma(period).

    period       rows of the longer average: an integer from 2 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Hma:
    """hma: the Hull average: the wma over floor(sqrt(period)) rows of 2 wma(period // 2) - wma(period).

    period       rows of the longer average: an integer from 2 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def ema(source: _Array, period: int) -> _Array:
    """ema: the exponential average, seeded by the mean of the first `period` rows: (x - s) a + s, a = 2 / (period + 1).

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Ema:
    """ema: the exponential average, seeded by the mean of the first `period` rows: (x - s) a + s, a = 2 / (period + 1).

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def highest(source: _Array, period: int) -> _Array:
    """highest: the highest of the last `period` rows, this one included.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Highest:
    """highest: the highest of the last `period` rows, this one included.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def lowest(source: _Array, period: int) -> _Array:
    """lowest: the lowest of the last `period` rows, this one included.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Lowest:
    """lowest: the lowest of the last `period` rows, this one included.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def since_highest(source: _Array, period: int) -> _Array:
    """since_highest: rows since the latest one that attains the highest of the last `period`, 0 to period - 1.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class SinceHighest:
    """since_highest: rows since the latest one that attains the highest of the last `period`, 0 to period - 1.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def since_lowest(source: _Array, period: int) -> _Array:
    """since_lowest: rows since the latest one that attains the lowest of the last `period`, 0 to period - 1.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class SinceLowest:
    """since_lowest: rows since the latest one that attains the lowest of the last `period`, 0 to period - 1.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

class _DonchianArrays(NamedTuple):
    upper: _Array
    lower: _Array
    middle: _Array

class _DonchianValues(NamedTuple):
    upper: float
    lower: float
    middle: float

def donchian(high: _Array, low: _Array, period: int = 20) -> _DonchianArrays:
    """donchian: the highest high and the lowest low of the last `period` rows, this one included, and their middle; a breakout is `close > channel.upper 1 candle ago`.

    period       rows of the channel: an integer from 1 to 5000

    Returns upper, lower, middle.

    NaN: not known, before the first value and where an input is NaN.
    """

class Donchian:
    """donchian: the highest high and the lowest low of the last `period` rows, this one included, and their middle; a breakout is `close > channel.upper 1 candle ago`.

    period       rows of the channel: an integer from 1 to 5000

    Returns upper, lower, middle.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 20) -> None: ...
    def step(self, high: float, low: float) -> _DonchianValues:
        """The value at the next row."""

def williams_r(high: _Array, low: _Array, close: _Array, period: int = 14) -> _Array:
    """williams_r: -100 (highest - close) / (highest - lowest) of the last `period` rows; -50 where both are the same.

    period       rows of the window: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class WilliamsR:
    """williams_r: -100 (highest - close) / (highest - lowest) of the last `period` rows; -50 where both are the same.

    period       rows of the window: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 14) -> None: ...
    def step(self, high: float, low: float, close: float) -> float:
        """The value at the next row."""

class _StochasticArrays(NamedTuple):
    k: _Array
    d: _Array

class _StochasticValues(NamedTuple):
    k: float
    d: float

def stochastic(high: _Array, low: _Array, close: _Array, period: int = 14, smooth: int = 3, signal: int = 3) -> _StochasticArrays:
    """stochastic: 100 (close - lowest) / (highest - lowest) of the last `period` rows, 50 where both are the same; `k` its mean over `smooth` rows, `d` the mean of k over `signal`.

    period       rows of the window: an integer from 1 to 5000
    smooth       rows of the mean that makes `k`: an integer from 1 to 5000
    signal       rows of the mean of `k` that makes `d`: an integer from 1 to 5000

    Returns k, d.

    NaN: not known, before the first value and where an input is NaN.
    """

class Stochastic:
    """stochastic: 100 (close - lowest) / (highest - lowest) of the last `period` rows, 50 where both are the same; `k` its mean over `smooth` rows, `d` the mean of k over `signal`.

    period       rows of the window: an integer from 1 to 5000
    smooth       rows of the mean that makes `k`: an integer from 1 to 5000
    signal       rows of the mean of `k` that makes `d`: an integer from 1 to 5000

    Returns k, d.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 14, smooth: int = 3, signal: int = 3) -> None: ...
    def step(self, high: float, low: float, close: float) -> _StochasticValues:
        """The value at the next row."""

class _AroonArrays(NamedTuple):
    up: _Array
    down: _Array
    oscillator: _Array

class _AroonValues(NamedTuple):
    up: float
    down: float
    oscillator: float

def aroon(high: _Array, low: _Array, period: int = 14) -> _AroonArrays:
    """aroon: `up` 100 (period - rows since the highest high of period + 1 rows) / period, `down` the same of the lowest low, `oscillator` up - down.

    period       rows of the window: an integer from 1 to 5000

    Returns up, down, oscillator.

    NaN: not known, before the first value and where an input is NaN.
    """

class Aroon:
    """aroon: `up` 100 (period - rows since the highest high of period + 1 rows) / period, `down` the same of the lowest low, `oscillator` up - down.

    period       rows of the window: an integer from 1 to 5000

    Returns up, down, oscillator.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 14) -> None: ...
    def step(self, high: float, low: float) -> _AroonValues:
        """The value at the next row."""

class _IchimokuArrays(NamedTuple):
    conversion: _Array
    base: _Array
    span_a: _Array
    span_b: _Array

class _IchimokuValues(NamedTuple):
    conversion: float
    base: float
    span_a: float
    span_b: float

def ichimoku(high: _Array, low: _Array, conversion: int = 9, base: int = 26, span: int = 52) -> _IchimokuArrays:
    """ichimoku: `conversion`, `base`: the middle of highest high and lowest low; `span_a` their mean and `span_b` the middle over `span` rows, as they are drawn here: those of base - 1 rows ago.

    conversion   rows of the conversion line: an integer from 1 to 5000
    base         rows of the base line, and how far the cloud is drawn ahead, this row counted: an integer from 1 to 5000
    span         rows of the second line of the cloud: an integer from 1 to 5000

    Returns conversion, base, span_a, span_b.

    NaN: not known, before the first value and where an input is NaN.
    """

class Ichimoku:
    """ichimoku: `conversion`, `base`: the middle of highest high and lowest low; `span_a` their mean and `span_b` the middle over `span` rows, as they are drawn here: those of base - 1 rows ago.

    conversion   rows of the conversion line: an integer from 1 to 5000
    base         rows of the base line, and how far the cloud is drawn ahead, this row counted: an integer from 1 to 5000
    span         rows of the second line of the cloud: an integer from 1 to 5000

    Returns conversion, base, span_a, span_b.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, conversion: int = 9, base: int = 26, span: int = 52) -> None: ...
    def step(self, high: float, low: float) -> _IchimokuValues:
        """The value at the next row."""

def swing_high(source: _Array, left: int = 5, right: int = 5) -> _Array:
    """swing_high: the latest row, at least `right` rows ago, that exceeds the `left` rows before it and is not exceeded by the `right` after it; known that late, it never changes.

    left         rows before a swing that it exceeds: an integer from 1 to 5000
    right        rows after a swing that do not exceed it: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class SwingHigh:
    """swing_high: the latest row, at least `right` rows ago, that exceeds the `left` rows before it and is not exceeded by the `right` after it; known that late, it never changes.

    left         rows before a swing that it exceeds: an integer from 1 to 5000
    right        rows after a swing that do not exceed it: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, left: int = 5, right: int = 5) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def swing_low(source: _Array, left: int = 5, right: int = 5) -> _Array:
    """swing_low: the latest row, at least `right` rows ago, that is below the `left` rows before it and not above the `right` after it; known that late, it never changes.

    left         rows before a swing that it exceeds: an integer from 1 to 5000
    right        rows after a swing that do not exceed it: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class SwingLow:
    """swing_low: the latest row, at least `right` rows ago, that is below the `left` rows before it and not above the `right` after it; known that late, it never changes.

    left         rows before a swing that it exceeds: an integer from 1 to 5000
    right        rows after a swing that do not exceed it: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, left: int = 5, right: int = 5) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def stdev(source: _Array, period: int, sample: bool = False) -> _Array:
    """stdev: the standard deviation of the last `period` rows: the square root of the mean of (x - m)(x - m), m their mean.

    period       rows of the window: an integer from 2 to 5000
    sample       divide by period - 1 in place of period: true or false

    NaN: not known, before the first value and where an input is NaN.
    """

class Stdev:
    """stdev: the standard deviation of the last `period` rows: the square root of the mean of (x - m)(x - m), m their mean.

    period       rows of the window: an integer from 2 to 5000
    sample       divide by period - 1 in place of period: true or false

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int, sample: bool = False) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

class _BollingerArrays(NamedTuple):
    middle: _Array
    upper: _Array
    lower: _Array
    width: _Array
    percent: _Array

class _BollingerValues(NamedTuple):
    middle: float
    upper: float
    lower: float
    width: float
    percent: float

def bollinger(source: _Array, period: int = 20, deviations: float = 2.0, sample: bool = False) -> _BollingerArrays:
    """bollinger: `middle` the mean, `upper` and `lower` so many standard deviations from it, `width` (upper - lower) / middle, `percent` (x - lower) / (upper - lower), 0.5 where they meet.

    period       rows of the window: an integer from 2 to 5000
    deviations   standard deviations from the middle to a band: a number from 0.01 to 100
    sample       divide by period - 1 in place of period: true or false

    Returns middle, upper, lower, width, percent.

    NaN: not known, before the first value and where an input is NaN.
    """

class Bollinger:
    """bollinger: `middle` the mean, `upper` and `lower` so many standard deviations from it, `width` (upper - lower) / middle, `percent` (x - lower) / (upper - lower), 0.5 where they meet.

    period       rows of the window: an integer from 2 to 5000
    deviations   standard deviations from the middle to a band: a number from 0.01 to 100
    sample       divide by period - 1 in place of period: true or false

    Returns middle, upper, lower, width, percent.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 20, deviations: float = 2.0, sample: bool = False) -> None: ...
    def step(self, source: float) -> _BollingerValues:
        """The value at the next row."""

def zscore(source: _Array, period: int = 20) -> _Array:
    """zscore: (x - mean) / standard deviation of the last `period` rows; 0 where they are all the same.

    period       rows of the window: an integer from 2 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Zscore:
    """zscore: (x - mean) / standard deviation of the last `period` rows; 0 where they are all the same.

    period       rows of the window: an integer from 2 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 20) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def cci(source: _Array, period: int = 20) -> _Array:
    """cci: (x - m) / (0.015 mean of abs(x - m)), m the mean of the last `period` rows; 0 where that is 0.

    period       rows of the window: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Cci:
    """cci: (x - m) / (0.015 mean of abs(x - m)), m the mean of the last `period` rows; 0 where that is 0.

    period       rows of the window: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 20) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

class _LinearArrays(NamedTuple):
    value: _Array
    slope: _Array
    r: _Array

class _LinearValues(NamedTuple):
    value: float
    slope: float
    r: float

def linear(source: _Array, period: int) -> _LinearArrays:
    """linear: the line of least squares through the last `period` rows: its `value` here, its `slope` a row, its correlation `r` with them, not known where they are all the same.

    period       rows of the window: an integer from 2 to 5000

    Returns value, slope, r.

    NaN: not known, before the first value and where an input is NaN.
    """

class Linear:
    """linear: the line of least squares through the last `period` rows: its `value` here, its `slope` a row, its correlation `r` with them, not known where they are all the same.

    period       rows of the window: an integer from 2 to 5000

    Returns value, slope, r.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> _LinearValues:
        """The value at the next row."""

def percent_rank(source: _Array, period: int) -> _Array:
    """percent_rank: the share of the period - 1 rows before this one that are below it, 0 to 1.

    period       rows of the window: an integer from 2 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class PercentRank:
    """percent_rank: the share of the period - 1 rows before this one that are below it, 0 to 1.

    period       rows of the window: an integer from 2 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def roc(source: _Array, period: int = 10) -> _Array:
    """roc: (x - x[period]) / x[period], a fraction.

    period       rows between the two that are compared: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Roc:
    """roc: (x - x[period]) / x[period], a fraction.

    period       rows between the two that are compared: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 10) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def change(source: _Array, period: int = 1) -> _Array:
    """change: x - x[period].

    period       rows between the two that are compared: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Change:
    """change: x - x[period].

    period       rows between the two that are compared: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 1) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def value(source: _Array) -> _Array:
    """value: the source itself, for one of another timeframe or symbol.

    NaN: not known, before the first value and where an input is NaN.
    """

class Value:
    """value: the source itself, for one of another timeframe or symbol.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def true_range(high: _Array, low: _Array, close: _Array) -> _Array:
    """true_range: max(high, close before) - min(low, close before).

    NaN: not known, before the first value and where an input is NaN.
    """

class TrueRange:
    """true_range: max(high, close before) - min(low, close before).

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self) -> None: ...
    def step(self, high: float, low: float, close: float) -> float:
        """The value at the next row."""

def choppiness(high: _Array, low: _Array, close: _Array, period: int = 14) -> _Array:
    """choppiness: 100 log10(sum of true ranges / (highest high - lowest low)) / log10(period) over `period` rows; 100 where highest and lowest are the same.

    period       rows of the window: an integer from 2 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Choppiness:
    """choppiness: 100 log10(sum of true ranges / (highest high - lowest low)) / log10(period) over `period` rows; 100 where highest and lowest are the same.

    period       rows of the window: an integer from 2 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 14) -> None: ...
    def step(self, high: float, low: float, close: float) -> float:
        """The value at the next row."""

def vwma(source: _Array, volume: _Array, period: int) -> _Array:
    """vwma: the mean of the last `period` rows, weighted by volume; not known where there is no volume.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Vwma:
    """vwma: the mean of the last `period` rows, weighted by volume; not known where there is no volume.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float, volume: float) -> float:
        """The value at the next row."""

def mfi(high: _Array, low: _Array, close: _Array, volume: _Array, period: int = 14) -> _Array:
    """mfi: 100 up / (up + down), the sums over `period` rows of hlc3 times volume where hlc3 rose and where it fell; 50 where both are 0.

    period       rows of the sums: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Mfi:
    """mfi: 100 up / (up + down), the sums over `period` rows of hlc3 times volume where hlc3 rose and where it fell; 50 where both are 0.

    period       rows of the sums: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 14) -> None: ...
    def step(self, high: float, low: float, close: float, volume: float) -> float:
        """The value at the next row."""

def cmf(high: _Array, low: _Array, close: _Array, volume: _Array, period: int = 20) -> _Array:
    """cmf: the sum of volume ((close - low) - (high - close)) / (high - low) over `period` rows, a row whose high is its low counting 0, over the sum of volume; not known where there is no volume.

    period       rows of the sums: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Cmf:
    """cmf: the sum of volume ((close - low) - (high - close)) / (high - low) over `period` rows, a row whose high is its low counting 0, over the sum of volume; not known where there is no volume.

    period       rows of the sums: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 20) -> None: ...
    def step(self, high: float, low: float, close: float, volume: float) -> float:
        """The value at the next row."""

def obv(close: _Array, volume: _Array) -> _Array:
    """obv: the first row's volume, then plus or minus each row's volume by the direction of the close; its level depends on the first candle of the run.

    NaN: not known, before the first value and where an input is NaN.
    """

class Obv:
    """obv: the first row's volume, then plus or minus each row's volume by the direction of the close; its level depends on the first candle of the run.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self) -> None: ...
    def step(self, close: float, volume: float) -> float:
        """The value at the next row."""

def vwap(ts: _Times, high: _Array, low: _Array, close: _Array, volume: _Array, anchor: Literal["day", "week"] = 'day', period: int | None = None) -> _Array:
    """vwap: the mean of hlc3, weighted by volume, since the UTC day or ISO week began, or of the last `period` rows.

    anchor       where it begins: the UTC day, or the ISO week: day or week
    period       over so many rows, in place of an anchor: an integer from 1 to 5000, or null

    NaN: not known, before the first value and where an input is NaN.
    """

class Vwap:
    """vwap: the mean of hlc3, weighted by volume, since the UTC day or ISO week began, or of the last `period` rows.

    anchor       where it begins: the UTC day, or the ISO week: day or week
    period       over so many rows, in place of an anchor: an integer from 1 to 5000, or null

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, anchor: Literal["day", "week"] = 'day', period: int | None = None) -> None: ...
    def step(self, ts: int, high: float, low: float, close: float, volume: float) -> float:
        """The value at the next row."""

class _SessionArrays(NamedTuple):
    open: _Array
    high: _Array
    low: _Array

class _SessionValues(NamedTuple):
    open: float
    high: float
    low: float

def session(ts: _Times, open: _Array, high: _Array, low: _Array, close: _Array, anchor: Literal["day", "week"] = 'day') -> _SessionArrays:
    """session: open, highest high and lowest low since the UTC day or ISO week began.

    anchor       where it begins: the UTC day, or the ISO week: day or week

    Returns open, high, low.

    NaN: not known, before the first value and where an input is NaN.
    """

class Session:
    """session: open, highest high and lowest low since the UTC day or ISO week began.

    anchor       where it begins: the UTC day, or the ISO week: day or week

    Returns open, high, low.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, anchor: Literal["day", "week"] = 'day') -> None: ...
    def step(self, ts: int, open: float, high: float, low: float, close: float) -> _SessionValues:
        """The value at the next row."""

class _PivotsArrays(NamedTuple):
    p: _Array
    r1: _Array
    s1: _Array
    r2: _Array
    s2: _Array
    r3: _Array
    s3: _Array

class _PivotsValues(NamedTuple):
    p: float
    r1: float
    s1: float
    r2: float
    s2: float
    r3: float
    s3: float

def pivots(ts: _Times, open: _Array, high: _Array, low: _Array, close: _Array, anchor: Literal["day", "week"] = 'day') -> _PivotsArrays:
    """pivots: of the day or week before: `p` (H + L + C) / 3, `r1` 2 p - L, `s1` 2 p - H, `r2`, `s2` p ± (H - L), `r3` H + 2 (p - L), `s3` L - 2 (H - p).

    anchor       where it begins: the UTC day, or the ISO week: day or week

    Returns p, r1, s1, r2, s2, r3, s3.

    NaN: not known, before the first value and where an input is NaN.
    """

class Pivots:
    """pivots: of the day or week before: `p` (H + L + C) / 3, `r1` 2 p - L, `s1` 2 p - H, `r2`, `s2` p ± (H - L), `r3` H + 2 (p - L), `s3` L - 2 (H - p).

    anchor       where it begins: the UTC day, or the ISO week: day or week

    Returns p, r1, s1, r2, s2, r3, s3.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, anchor: Literal["day", "week"] = 'day') -> None: ...
    def step(self, ts: int, open: float, high: float, low: float, close: float) -> _PivotsValues:
        """The value at the next row."""

class _HeikinAshiArrays(NamedTuple):
    open: _Array
    high: _Array
    low: _Array
    close: _Array

class _HeikinAshiValues(NamedTuple):
    open: float
    high: float
    low: float
    close: float

def heikin_ashi(open: _Array, high: _Array, low: _Array, close: _Array) -> _HeikinAshiArrays:
    """heikin_ashi: `close` ohlc4; `open` the mean of open and close of the row before, at first (open + close) / 2; `high`, `low` the extremes of these and of the row.

    Returns open, high, low, close.

    NaN: not known, before the first value and where an input is NaN.
    """

class HeikinAshi:
    """heikin_ashi: `close` ohlc4; `open` the mean of open and close of the row before, at first (open + close) / 2; `high`, `low` the extremes of these and of the row.

    Returns open, high, low, close.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self) -> None: ...
    def step(self, open: float, high: float, low: float, close: float) -> _HeikinAshiValues:
        """The value at the next row."""

class _SslArrays(NamedTuple):
    up: _Array
    down: _Array

class _SslValues(NamedTuple):
    up: float
    down: float

def ssl(high: _Array, low: _Array, close: _Array, period: int = 10) -> _SslArrays:
    """ssl: `up` the mean of the highs and `down` that of the lows of `period` rows, swapped from a close below both until one above both.

    period       rows of the averages: an integer from 1 to 5000

    Returns up, down.

    NaN: not known, before the first value and where an input is NaN.
    """

class Ssl:
    """ssl: `up` the mean of the highs and `down` that of the lows of `period` rows, swapped from a close below both until one above both.

    period       rows of the averages: an integer from 1 to 5000

    Returns up, down.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 10) -> None: ...
    def step(self, high: float, low: float, close: float) -> _SslValues:
        """The value at the next row."""

def rma(source: _Array, period: int) -> _Array:
    """rma: Wilder's average, seeded by the mean of the first `period` rows: (s (period - 1) + x) / period.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Rma:
    """rma: Wilder's average, seeded by the mean of the first `period` rows: (s (period - 1) + x) / period.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def zlema(source: _Array, period: int) -> _Array:
    """zlema: the exponential average of x + (x - x[(period - 1) // 2]).

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Zlema:
    """zlema: the exponential average of x + (x - x[(period - 1) // 2]).

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def dema(source: _Array, period: int) -> _Array:
    """dema: the double exponential average 2 p - q: p the ema, q the ema of p, each seeded by its own first rows.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Dema:
    """dema: the double exponential average 2 p - q: p the ema, q the ema of p, each seeded by its own first rows.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def tema(source: _Array, period: int) -> _Array:
    """tema: the triple exponential average 3 p - 3 q + r: p the ema, q the ema of p, r the ema of q, each seeded by its own first rows.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Tema:
    """tema: the triple exponential average 3 p - 3 q + r: p the ema, q the ema of p, r the ema of q, each seeded by its own first rows.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def t3(source: _Array, period: int, volume: float = 0.7) -> _Array:
    """t3: Tillson's T3: ((1 + volume) a - volume a^2)^3, where a^n is n exponential averages in a chain.

    period       rows that a value is made of: an integer from 1 to 5000
    volume       how much of the lag is taken back; 0 leaves three averages in a chain: a number from 0 to 1

    NaN: not known, before the first value and where an input is NaN.
    """

class T3:
    """t3: Tillson's T3: ((1 + volume) a - volume a^2)^3, where a^n is n exponential averages in a chain.

    period       rows that a value is made of: an integer from 1 to 5000
    volume       how much of the lag is taken back; 0 leaves three averages in a chain: a number from 0 to 1

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int, volume: float = 0.7) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def trix(source: _Array, period: int) -> _Array:
    """trix: the change (r - r[1]) / r[1] of three exponential averages in a chain, a fraction.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Trix:
    """trix: the change (r - r[1]) / r[1] of three exponential averages in a chain, a fraction.

    period       rows that a value is made of: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def kama(source: _Array, period: int = 10, fast: int = 2, slow: int = 30) -> _Array:
    """kama: Kaufman's adaptive average s + c c (x - s): c = e (a - b) + b, e = abs(x - x[period]) / sum of abs(x - x[1]) (0 where that is 0), a = 2 / (fast + 1), b = 2 / (slow + 1); the first s is the row before.

    period       rows over which the efficiency is measured: an integer from 1 to 5000
    fast         period of the exponential average that it is like in a straight move: an integer from 1 to 5000
    slow         period of the exponential average that it is like where nothing is gained: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Kama:
    """kama: Kaufman's adaptive average s + c c (x - s): c = e (a - b) + b, e = abs(x - x[period]) / sum of abs(x - x[1]) (0 where that is 0), a = 2 / (fast + 1), b = 2 / (slow + 1); the first s is the row before.

    period       rows over which the efficiency is measured: an integer from 1 to 5000
    fast         period of the exponential average that it is like in a straight move: an integer from 1 to 5000
    slow         period of the exponential average that it is like where nothing is gained: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 10, fast: int = 2, slow: int = 30) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

def atr(high: _Array, low: _Array, close: _Array, period: int = 14) -> _Array:
    """atr: the average true range: rma of max(high, close before) - min(low, close before); the first row has none.

    period       true ranges in the first average, and the length of its memory: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Atr:
    """atr: the average true range: rma of max(high, close before) - min(low, close before); the first row has none.

    period       true ranges in the first average, and the length of its memory: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 14) -> None: ...
    def step(self, high: float, low: float, close: float) -> float:
        """The value at the next row."""

class _ChandelierArrays(NamedTuple):
    long: _Array
    short: _Array

class _ChandelierValues(NamedTuple):
    long: float
    short: float

def chandelier(high: _Array, low: _Array, close: _Array, period: int = 22, multiplier: float = 3.0) -> _ChandelierArrays:
    """chandelier: the chandelier exit: long = highest high of `period` rows - multiplier * atr, short = lowest low + multiplier * atr.

    period       rows of the highest high, the lowest low and the average true range: an integer from 1 to 5000
    multiplier   average true ranges from the extreme to the exit: a number from 0.01 to 100

    Returns long, short.

    NaN: not known, before the first value and where an input is NaN.
    """

class Chandelier:
    """chandelier: the chandelier exit: long = highest high of `period` rows - multiplier * atr, short = lowest low + multiplier * atr.

    period       rows of the highest high, the lowest low and the average true range: an integer from 1 to 5000
    multiplier   average true ranges from the extreme to the exit: a number from 0.01 to 100

    Returns long, short.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 22, multiplier: float = 3.0) -> None: ...
    def step(self, high: float, low: float, close: float) -> _ChandelierValues:
        """The value at the next row."""

class _KeltnerArrays(NamedTuple):
    upper: _Array
    middle: _Array
    lower: _Array

class _KeltnerValues(NamedTuple):
    upper: float
    middle: float
    lower: float

def keltner(high: _Array, low: _Array, close: _Array, period: int = 20, atr_period: int = 10, multiplier: float = 2.0) -> _KeltnerArrays:
    """keltner: the Keltner channel: middle = ema of hlc3, upper and lower = middle ± multiplier * atr of atr_period; the two averages have their first value at the same row.

    period       rows of the average in the middle: an integer from 1 to 5000
    atr_period   rows of the average true range: an integer from 1 to 5000
    multiplier   average true ranges between the middle and a band: a number from 0.01 to 100

    Returns upper, middle, lower.

    NaN: not known, before the first value and where an input is NaN.
    """

class Keltner:
    """keltner: the Keltner channel: middle = ema of hlc3, upper and lower = middle ± multiplier * atr of atr_period; the two averages have their first value at the same row.

    period       rows of the average in the middle: an integer from 1 to 5000
    atr_period   rows of the average true range: an integer from 1 to 5000
    multiplier   average true ranges between the middle and a band: a number from 0.01 to 100

    Returns upper, middle, lower.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 20, atr_period: int = 10, multiplier: float = 2.0) -> None: ...
    def step(self, high: float, low: float, close: float) -> _KeltnerValues:
        """The value at the next row."""

def rsi(source: _Array, period: int = 14, momentum: int = 1) -> _Array:
    """rsi: Wilder's relative strength index 100 up / (up + down): up and down are the rma of the rises and falls of x - x[momentum]; 50 where both are 0.

    period       changes in the first averages, and the length of their memory: an integer from 1 to 5000
    momentum     rows over which a change is measured: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """

class Rsi:
    """rsi: Wilder's relative strength index 100 up / (up + down): up and down are the rma of the rises and falls of x - x[momentum]; 50 where both are 0.

    period       changes in the first averages, and the length of their memory: an integer from 1 to 5000
    momentum     rows over which a change is measured: an integer from 1 to 5000

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 14, momentum: int = 1) -> None: ...
    def step(self, source: float) -> float:
        """The value at the next row."""

class _StochRsiArrays(NamedTuple):
    k: _Array
    d: _Array

class _StochRsiValues(NamedTuple):
    k: float
    d: float

def stoch_rsi(source: _Array, period: int = 14, momentum: int = 1, stoch: int = 14, smooth: int = 3, signal: int = 3) -> _StochRsiArrays:
    """stoch_rsi: 100 (rsi - lowest) / (highest - lowest) of the last `stoch` values of the rsi, 50 where both are the same; `k` its mean over `smooth` rows, `d` the mean of k over `signal`.

    period       changes in the first averages, and the length of their memory: an integer from 1 to 5000
    momentum     rows over which a change is measured: an integer from 1 to 5000
    stoch        rows of the RSI whose highest and lowest it is measured by: an integer from 1 to 5000
    smooth       rows of the mean that makes `k`: an integer from 1 to 5000
    signal       rows of the mean of `k` that makes `d`: an integer from 1 to 5000

    Returns k, d.

    NaN: not known, before the first value and where an input is NaN.
    """

class StochRsi:
    """stoch_rsi: 100 (rsi - lowest) / (highest - lowest) of the last `stoch` values of the rsi, 50 where both are the same; `k` its mean over `smooth` rows, `d` the mean of k over `signal`.

    period       changes in the first averages, and the length of their memory: an integer from 1 to 5000
    momentum     rows over which a change is measured: an integer from 1 to 5000
    stoch        rows of the RSI whose highest and lowest it is measured by: an integer from 1 to 5000
    smooth       rows of the mean that makes `k`: an integer from 1 to 5000
    signal       rows of the mean of `k` that makes `d`: an integer from 1 to 5000

    Returns k, d.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 14, momentum: int = 1, stoch: int = 14, smooth: int = 3, signal: int = 3) -> None: ...
    def step(self, source: float) -> _StochRsiValues:
        """The value at the next row."""

class _MacdArrays(NamedTuple):
    line: _Array
    signal: _Array
    histogram: _Array

class _MacdValues(NamedTuple):
    line: float
    signal: float
    histogram: float

def macd(source: _Array, fast: int = 12, slow: int = 26, signal: int = 9) -> _MacdArrays:
    """macd: line = ema of `fast` - ema of `slow`, which have their first value at the same row; signal = ema of the line; histogram = line - signal.

    fast         period of the average that is reduced: an integer from 1 to 5000
    slow         period of the average that it is reduced by: an integer from 1 to 5000
    signal       period of the average of the line: an integer from 1 to 5000

    Returns line, signal, histogram.

    NaN: not known, before the first value and where an input is NaN.
    """

class Macd:
    """macd: line = ema of `fast` - ema of `slow`, which have their first value at the same row; signal = ema of the line; histogram = line - signal.

    fast         period of the average that is reduced: an integer from 1 to 5000
    slow         period of the average that it is reduced by: an integer from 1 to 5000
    signal       period of the average of the line: an integer from 1 to 5000

    Returns line, signal, histogram.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None: ...
    def step(self, source: float) -> _MacdValues:
        """The value at the next row."""

class _PpoArrays(NamedTuple):
    line: _Array
    signal: _Array

class _PpoValues(NamedTuple):
    line: float
    signal: float

def ppo(source: _Array, fast: int = 12, slow: int = 26, signal: int = 9) -> _PpoArrays:
    """ppo: line = (fast - slow) / slow, a fraction: the emas of both periods, each seeded by its own first rows; signal = ema of the line.

    fast         period of the average that is reduced: an integer from 1 to 5000
    slow         period of the average that it is reduced by: an integer from 1 to 5000
    signal       period of the average of the line: an integer from 1 to 5000

    Returns line, signal.

    NaN: not known, before the first value and where an input is NaN.
    """

class Ppo:
    """ppo: line = (fast - slow) / slow, a fraction: the emas of both periods, each seeded by its own first rows; signal = ema of the line.

    fast         period of the average that is reduced: an integer from 1 to 5000
    slow         period of the average that it is reduced by: an integer from 1 to 5000
    signal       period of the average of the line: an integer from 1 to 5000

    Returns line, signal.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None: ...
    def step(self, source: float) -> _PpoValues:
        """The value at the next row."""

class _AdxArrays(NamedTuple):
    adx: _Array
    plus: _Array
    minus: _Array

class _AdxValues(NamedTuple):
    adx: float
    plus: float
    minus: float

def adx(high: _Array, low: _Array, close: _Array, period: int = 14) -> _AdxArrays:
    """adx: Wilder's average directional index with the indicators plus and minus: 100 * movement / true range, each summed as s - s / period + x; adx is the rma of 100 * abs(plus - minus) / (plus + minus); 0 / 0 counts 0.

    period       rows in the first sums and averages, and the length of their memory: an integer from 1 to 5000

    Returns adx, plus, minus.

    NaN: not known, before the first value and where an input is NaN.
    """

class Adx:
    """adx: Wilder's average directional index with the indicators plus and minus: 100 * movement / true range, each summed as s - s / period + x; adx is the rma of 100 * abs(plus - minus) / (plus + minus); 0 / 0 counts 0.

    period       rows in the first sums and averages, and the length of their memory: an integer from 1 to 5000

    Returns adx, plus, minus.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 14) -> None: ...
    def step(self, high: float, low: float, close: float) -> _AdxValues:
        """The value at the next row."""

class _SupertrendArrays(NamedTuple):
    line: _Array
    direction: _Array

class _SupertrendValues(NamedTuple):
    line: float
    direction: float

def supertrend(high: _Array, low: _Array, close: _Array, period: int = 10, multiplier: float = 3.0) -> _SupertrendArrays:
    """supertrend: the line hl2 - multiplier * atr below a rise (direction 1), hl2 + multiplier * atr above a fall (-1): it moves towards the price alone, and the direction turns at a close beyond it.

    period       rows of the average true range: an integer from 1 to 5000
    multiplier   average true ranges between the middle of a candle and a band: a number from 0.01 to 100

    Returns line, direction.

    NaN: not known, before the first value and where an input is NaN.
    """

class Supertrend:
    """supertrend: the line hl2 - multiplier * atr below a rise (direction 1), hl2 + multiplier * atr above a fall (-1): it moves towards the price alone, and the direction turns at a close beyond it.

    period       rows of the average true range: an integer from 1 to 5000
    multiplier   average true ranges between the middle of a candle and a band: a number from 0.01 to 100

    Returns line, direction.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, period: int = 10, multiplier: float = 3.0) -> None: ...
    def step(self, high: float, low: float, close: float) -> _SupertrendValues:
        """The value at the next row."""

class _PsarArrays(NamedTuple):
    line: _Array
    direction: _Array

class _PsarValues(NamedTuple):
    line: float
    direction: float

def psar(high: _Array, low: _Array, start: float = 0.02, step: float = 0.02, most: float = 0.2) -> _PsarArrays:
    """psar: Wilder's parabolic stop and reverse: the line goes `start` of its way to the extreme of the move, `step` more with each new extreme, at most `most`; the direction (1 or -1) turns where a candle touches it.

    start        share of the way to the extreme that it goes in a candle after a turn: a number from 0.0001 to 1
    step         what each new extreme adds to that share: a number from 0.0001 to 1
    most         the largest share: a number from 0.0001 to 1

    Returns line, direction.

    NaN: not known, before the first value and where an input is NaN.
    """

class Psar:
    """psar: Wilder's parabolic stop and reverse: the line goes `start` of its way to the extreme of the move, `step` more with each new extreme, at most `most`; the direction (1 or -1) turns where a candle touches it.

    start        share of the way to the extreme that it goes in a candle after a turn: a number from 0.0001 to 1
    step         what each new extreme adds to that share: a number from 0.0001 to 1
    most         the largest share: a number from 0.0001 to 1

    Returns line, direction.

    NaN: not known, before the first value and where an input is NaN.
    """
    def __init__(self, start: float = 0.02, step: float = 0.02, most: float = 0.2) -> None: ...
    def step(self, high: float, low: float) -> _PsarValues:
        """The value at the next row."""
