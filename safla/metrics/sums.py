"""Sums, means and deviations: exact or rounded once, the same on every processor, in blocks to save memory."""

import math
from itertools import chain

import numpy as np

from safla.core.candles import row_blocks
from safla.core.values import Float64, Int64


def total(values: Float64) -> float:
    """The sum of float64[n], rounded once (math.fsum)."""
    return math.fsum(chain.from_iterable(values[part].tolist() for part in row_blocks(len(values))))


def total_units(column: Int64) -> int:
    """The sum of int64[n], exact: upper and lower 32 bits are summed apart, because their sums do not wrap."""
    parts = [column[part] for part in row_blocks(len(column))]
    return sum((int(np.sum(part >> 32)) << 32) + int(np.sum(part & 0xFFFF_FFFF)) for part in parts)


def mean(values: Float64) -> float:
    """The mean of float64[n], n >= 1."""
    return total(values) / len(values)


def deviation(values: Float64) -> float:
    """The sample standard deviation of float64[n] (ddof = 1), n >= 2; exactly 0 where all values are equal."""
    if np.all(values == values[0]):
        return 0.0
    return math.sqrt(total(np.square(values - mean(values))) / (len(values) - 1))


def median(values: Float64) -> float:
    """The middle value of float64[n], or the mean of the two in the middle; n >= 1."""
    middle = np.sort(values)[(len(values) - 1) // 2 : len(values) // 2 + 1]
    return mean(middle)
