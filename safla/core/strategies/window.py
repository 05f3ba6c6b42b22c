"""The one check that makes cheating impossible: a signal equals the signal on the window that ends at it (D5)."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from safla.core.strategies import Function
from safla.core.values import Columns, Float64, Int8


class Miss(NamedTuple):
    """A candle at which the whole history and the trailing window give different answers."""

    candle: int  # its index
    whole: tuple[int, float]  # signal, strength
    window: tuple[int, float]


def first_miss(
    function: Function, columns: Columns, *, parameters: Any, warm_up: int, signal: Int8, strength: Float64,
    points: Iterable[int],
) -> Miss | None:  # fmt: skip
    """The first of the points at which the strategy looks ahead, or needs more candles than its warm_up."""
    for index in points:
        window = Columns(*(column[index + 1 - warm_up : index + 1] for column in columns))
        signals, strengths = function(window, parameters)
        alone = (int(signals[-1]), float(strengths[-1]))
        whole = (int(signal[index]), float(strength[index]))
        if alone != whole:
            return Miss(index, whole, alone)
    return None


def spread_points(candles: int, warm_up: int, count: int) -> list[int]:
    """So many indices spread evenly from the first candle with a full window to the last."""
    first, last = warm_up - 1, candles - 1
    if last < first:
        return []
    count = min(count, last - first + 1)
    return sorted({first + (last - first) * i // max(count - 1, 1) for i in range(count)})
