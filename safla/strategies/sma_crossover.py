"""SMA crossover: two averages of closes, and what it means when one passes the other (S20-S22)."""

from typing import NamedTuple

import numpy as np

from safla.core.pure import pure
from safla.core.scale import share_up
from safla.core.values import ENTER_SIGNAL, EXIT_SIGNAL, Columns, Float64, Int8


class Crossover(NamedTuple):
    """The parameters; periods in candles, thresholds in parts per million of the slow average."""

    fast_period: int
    slow_period: int
    entry_threshold_ppm: int
    exit_threshold_ppm: int
    confirm_within_candles: int


def warm_up(parameters: Crossover) -> int:
    """Candles that decide one signal: a slow window, the one before it, and the candles that may confirm (S22)."""
    return parameters.slow_period + 1 + parameters.confirm_within_candles


@pure
def sma_crossover(columns: Columns, parameters: Crossover) -> tuple[Int8, Float64]:
    """Enter at a golden cross that is strong enough, leave where the death cross has become so.

    columns     int64[n] of closed candles, price units; close <= 2**62 // (fast * slow)
    parameters  Crossover
    returns     signal int8[n]: +1 enter, -1 exit, 0; strength float64[n]: |fast - slow| / slow where there is a signal

    The averages are compared by multiplying their sums across, in integers (S20): fast > slow is a > b below.
    """
    close = columns.close
    size = len(close)
    signal = np.zeros(size, np.int8)
    strength = np.zeros(size, np.float64)
    fast, slow, entry_ppm, exit_ppm, confirm = parameters
    first = slow + confirm  # the index of the first candle with a full window
    fast_sum = 0
    slow_sum = 0
    above = False  # fast > slow at the candle before; no cross is seen at the first average, for it has none before
    leaving = False  # fast < slow by the exit threshold at the candle before
    open_until = -1  # the last index at which the cross seen last may still be confirmed
    for i in range(size):
        price = int(close[i])
        fast_sum += price
        slow_sum += price
        if i >= fast:
            fast_sum -= int(close[i - fast])
        if i >= slow:
            slow_sum -= int(close[i - slow])
        if i < slow - 1:
            continue
        a = fast_sum * slow
        b = slow_sum * fast
        if a > b:
            if not above and i >= slow:
                open_until = i + confirm
            if i <= open_until and a - b >= share_up(b, entry_ppm):
                open_until = -1  # once a cross
                if i >= first:
                    signal[i] = ENTER_SIGNAL
                    strength[i] = float(a - b) / float(b)
            above = True
            leaving = False
        else:
            left = a < b and b - a >= share_up(b, exit_ppm)
            if left and not leaving and i >= first:
                signal[i] = EXIT_SIGNAL
                strength[i] = float(b - a) / float(b)
            open_until = -1
            above = False
            leaving = left
    return signal, strength
