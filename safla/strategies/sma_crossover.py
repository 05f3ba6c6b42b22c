"""SMA crossover: two moving averages of closes, and the signals when one crosses the other (S20-S22)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from safla.core.pure import entry_point
from safla.core.scale import MILLION, share_up
from safla.core.sizing import Confidence
from safla.core.values import ENTER_SIGNAL, EXIT_SIGNAL, Columns, Float64, Int8

MAX_PERIOD_PRODUCT = 2**20  # D1: keeps the sums of closes times the periods within int64


class Crossover(NamedTuple):
    """Parameters: periods in candles, thresholds in parts per million of the slow average."""

    fast_period: int
    slow_period: int
    entry_threshold_ppm: int
    exit_threshold_ppm: int
    confirm_within_candles: int


class CrossoverState(NamedTuple):
    """What is carried from one block of candles to the next."""

    seen: int  # candles so far
    fast_sum: int  # of the last closes
    slow_sum: int
    above: int  # 0 or 1: fast > slow at the last candle; the first average is no cross, for it has none before it
    exit_was_met: int  # 0 or 1: fast < slow by the exit threshold at the last candle
    open_until: int  # the last candle, counted like `seen`, at which the latest cross may still be confirmed


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


def confidence(parameters: Crossover) -> Confidence:
    """What a strength is worth (S23): as in the first system 0.9 at most, whatever the threshold."""
    return Confidence(900_000, parameters.entry_threshold_ppm)


def begin(_parameters: Crossover) -> CrossoverState:
    """The state before the first candle."""
    return CrossoverState(0, 0, 0, 0, 0, 0)


def rows_before(parameters: Crossover) -> int:
    """How many candles before a block `feed` reads: the close that leaves the slow sum."""
    return parameters.slow_period


@entry_point
def feed(
    state: CrossoverState, columns: Columns, first: int, parameters: Crossover, signal: Int8, strength: Float64
) -> CrossoverState:
    """Enter at a golden cross that is strong enough; exit once a death cross is strong enough.

    columns     int64[first + n] of closed candles, price units; close <= 2**62 // (fast * slow)
    first       the row at which the block begins; the rows before it are at least the last `rows_before` ones that were
                fed, or all of them where there are fewer
    signal      int8[n], zeros; takes +1 for enter, -1 for exit
    strength    float64[n], zeros; takes |fast - slow| / slow where there is a signal
    returns     the state after the block

    The averages are compared by multiplying their sums across, in integers (S20): fast > slow is a > b below.
    """
    close = columns.close
    fast, slow, entry_ppm, exit_ppm, confirm = parameters
    seen, fast_sum, slow_sum, above, exit_was_met, open_until = state
    for i in range(len(signal)):
        at = first + i
        price = int(close[at])
        seen += 1
        fast_sum += price
        slow_sum += price
        if seen > fast:
            fast_sum -= int(close[at - fast])
        if seen > slow:
            slow_sum -= int(close[at - slow])
        if seen < slow:
            continue
        a = fast_sum * slow
        b = slow_sum * fast
        if a > b:
            if above == 0 and seen > slow:
                open_until = seen + confirm
            if seen <= open_until and a - b >= share_up(b, entry_ppm):
                open_until = 0  # at most one enter signal for each cross
                if seen > slow + confirm:
                    signal[i] = ENTER_SIGNAL
                    strength[i] = float(a - b) / float(b)
            above = 1
            exit_was_met = 0
        else:
            exit_met = 1 if a < b and b - a >= share_up(b, exit_ppm) else 0
            if exit_met > exit_was_met and seen > slow + confirm:
                signal[i] = EXIT_SIGNAL
                strength[i] = float(b - a) / float(b)
            open_until = 0
            above = 0
            exit_was_met = exit_met
    return CrossoverState(seen, fast_sum, slow_sum, above, exit_was_met, open_until)
