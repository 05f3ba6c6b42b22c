"""RSI: buy when an oversold market turns up, sell when it is overbought. Cutler's form, with simple sums.

Cutler, D.: the relative strength index with sums of the last n changes, which depends on no candle before them;
100 * gains / (gains + losses).
"""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from safla.core.pure import pure
from safla.core.values import ENTER_SIGNAL, EXIT_SIGNAL, Columns, Float64, Int8
from safla.section import Section, key


class RsiSection(Section):
    """The parameters of `rsi`."""

    period: Annotated[int, Field(ge=2, le=5000)] = key(14, "changes of the close in the sums", plan=True)
    oversold: Annotated[int, Field(ge=1, le=99)] = key(30, "enter when the RSI rises to this or above", plan=True)
    overbought: Annotated[int, Field(ge=1, le=99)] = key(70, "exit when the RSI reaches this or more", plan=True)


class Rsi(NamedTuple):
    """Parameters: a period in candles, two levels from 1 to 99."""

    period: int
    oversold: int
    overbought: int


def resolve(keys: RsiSection) -> Rsi:
    """The keys as numbers."""
    return Rsi(keys.period, keys.oversold, keys.overbought)


def check(keys: RsiSection) -> Iterator[tuple[tuple[str, ...], str]]:
    """The rule between the keys."""
    if keys.oversold >= keys.overbought:
        yield ("oversold", "overbought"), f"expected an integer < overbought ({keys.overbought}), got {keys.oversold}"


def warm_up(parameters: Rsi) -> int:
    """How many candles a signal depends on: the changes of the sums, and those of the candle before."""
    return parameters.period + 2


def price_factor(parameters: Rsi) -> int:
    """The sums of changes are multiplied by 100."""
    return 100 * parameters.period


@pure
def rsi(columns: Columns, parameters: Rsi) -> tuple[Int8, Float64]:
    """Enter where the RSI rises from below `oversold` to it or above; exit where it reaches `overbought` from below.

    columns     int64[n] of closed candles, price units; close <= 2**62 // (100 * period)
    parameters  Rsi
    returns     signal int8[n]: +1 enter, -1 exit, 0; strength float64[n]: 1 where there is a signal

    The levels are compared by multiplying across, in integers. Without a change in the period the RSI is 50.
    """
    close = columns.close
    size = len(close)
    signal = np.zeros(size, np.int8)
    strength = np.zeros(size, np.float64)
    period, oversold, overbought = parameters
    gains = 0
    losses = 0
    was_below = False  # of oversold, at the candle before
    was_above = True  # overbought or more; the first RSI is no crossing, for it has none before it
    for i in range(1, size):
        change = int(close[i]) - int(close[i - 1])
        gains += max(change, 0)
        losses += max(-change, 0)
        if i > period:
            change = int(close[i - period]) - int(close[i - period - 1])
            gains -= max(change, 0)
            losses -= max(-change, 0)
        if i < period:
            continue
        total = gains + losses
        scaled = 100 * gains if total > 0 else 50
        total = max(total, 1)
        is_below = scaled < oversold * total
        is_above = scaled >= overbought * total
        if i > period and was_below and not is_below:
            signal[i] = ENTER_SIGNAL
            strength[i] = 1.0
        elif i > period and is_above and not was_above:
            signal[i] = EXIT_SIGNAL
            strength[i] = 1.0
        was_below = is_below
        was_above = is_above
    return signal, strength
