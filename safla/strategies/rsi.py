"""RSI: buy when an oversold market turns up, sell when it is overbought. Cutler's form, with simple sums.

Cutler, D.: the relative strength index with sums of the last n changes, which depends on no candle before them;
100 * gains / (gains + losses).
"""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

from pydantic import Field

from safla.core.pure import entry_point
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


class RsiState(NamedTuple):
    """What is carried from one block of candles to the next."""

    seen: int  # candles so far
    gains: int  # sums of the last changes, price units
    losses: int
    was_below: int  # 0 or 1: below oversold at the last candle
    was_above: int  # 0 or 1: overbought or more there; the first RSI is no crossing, for it has none before it


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


def begin(_parameters: Rsi) -> RsiState:
    """The state before the first candle."""
    return RsiState(0, 0, 0, 0, 1)


def rows_before(parameters: Rsi) -> int:
    """How many candles before a block `feed` reads: both ends of the change that leaves the sums."""
    return parameters.period + 1


@entry_point
def feed(state: RsiState, columns: Columns, first: int, parameters: Rsi, signal: Int8, strength: Float64) -> RsiState:
    """Enter where the RSI rises from below `oversold` to it or above; exit where it reaches `overbought` from below.

    columns     int64[first + n] of closed candles, price units; close <= 2**62 // (100 * period)
    first       the row at which the block begins; the rows before it are at least the last `rows_before` ones that were
                fed, or all of them where there are fewer
    signal      int8[n], zeros; takes +1 for enter, -1 for exit
    strength    float64[n], zeros; takes 1 where there is a signal
    returns     the state after the block

    The levels are compared by multiplying across, in integers. Without a change in the period the RSI is 50.
    """
    close = columns.close
    period, oversold, overbought = parameters
    seen, gains, losses, was_below, was_above = state
    for i in range(len(signal)):
        at = first + i
        seen += 1
        if seen > 1:
            change = int(close[at]) - int(close[at - 1])
            gains += max(change, 0)
            losses += max(-change, 0)
        if seen > period + 1:
            change = int(close[at - period]) - int(close[at - period - 1])
            gains -= max(change, 0)
            losses -= max(-change, 0)
        if seen < period + 1:
            continue
        total = gains + losses
        scaled = 100 * gains if total > 0 else 50
        total = max(total, 1)
        is_below = 1 if scaled < oversold * total else 0
        is_above = 1 if scaled >= overbought * total else 0
        if seen > period + 1 and was_below > is_below:
            signal[i] = ENTER_SIGNAL
            strength[i] = 1.0
        elif seen > period + 1 and is_above > was_above:
            signal[i] = EXIT_SIGNAL
            strength[i] = 1.0
        was_below = is_below
        was_above = is_above
    return RsiState(seen, gains, losses, was_below, was_above)
