"""SMA crossover: two moving averages of closes, and the signals when one crosses the other (S20-S22)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from safla.core.pure import pure
from safla.core.scale import MILLION, share_up
from safla.core.values import ENTER_SIGNAL, EXIT_SIGNAL, Columns, Float64, Int8

MAX_PERIOD_PRODUCT = 2**20  # D1: keeps the sums of closes times the periods within int64


class Crossover(NamedTuple):
    """Parameters: periods in candles, thresholds in parts per million of the slow average."""

    fast_period: int
    slow_period: int
    entry_threshold_ppm: int
    exit_threshold_ppm: int
    confirm_within_candles: int


def resolve(keys: Any) -> Crossover:
    """The keys of the section `strategy` as numbers: the first system had them there."""
    return Crossover(
        fast_period=keys.fast_period,
        slow_period=keys.slow_period,
        entry_threshold_ppm=int(keys.entry_threshold_pct * MILLION),  # exact: the keys have at most 6 decimals
        exit_threshold_ppm=int(keys.exit_threshold_pct * MILLION),
        confirm_within_candles=keys.confirm_within_candles,
    )


def check(keys: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """The rules between the keys."""
    fast, slow = keys.fast_period, keys.slow_period
    if fast >= slow:
        yield ("fast_period", "slow_period"), f"expected an integer < slow_period ({slow}), got {fast}"
    if fast * slow > MAX_PERIOD_PRODUCT:
        text = f"expected fast_period * slow_period <= {MAX_PERIOD_PRODUCT}, got {fast} * {slow} = {fast * slow}"
        yield ("fast_period", "slow_period"), text
    if keys.parameters:
        yield (
            ("parameters", "name"),
            "sma_crossover takes no parameters; set its own keys, such as strategy.fast_period",
        )


def price_factor(parameters: Crossover) -> int:
    """The sum of one average is multiplied by the period of the other (S20)."""
    return parameters.fast_period * parameters.slow_period


def warm_up(parameters: Crossover) -> int:
    """How many candles a signal depends on: a slow window, one more for the cross, and those that may confirm (S22)."""
    return parameters.slow_period + 1 + parameters.confirm_within_candles


@pure
def sma_crossover(columns: Columns, parameters: Crossover) -> tuple[Int8, Float64]:
    """Enter at a golden cross that is strong enough; exit once a death cross is strong enough.

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
    above = False  # fast > slow at the candle before; the first average is no cross, for it has none before it
    exit_was_met = False  # fast < slow by the exit threshold at the candle before
    open_until = -1  # the last index at which the latest cross may still be confirmed
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
                open_until = -1  # at most one enter signal for each cross
                if i >= first:
                    signal[i] = ENTER_SIGNAL
                    strength[i] = float(a - b) / float(b)
            above = True
            exit_was_met = False
        else:
            exit_met = a < b and b - a >= share_up(b, exit_ppm)
            if exit_met and not exit_was_met and i >= first:
                signal[i] = EXIT_SIGNAL
                strength[i] = float(b - a) / float(b)
            open_until = -1
            above = False
            exit_was_met = exit_met
    return signal, strength
