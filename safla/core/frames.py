"""Candles of a higher timeframe, built from those of the run: a fold whose candles are seen once they are closed (V11).

The candle of a time is `time // frame`: open of its first row, highest high, lowest low, close of its last row, sum of
the volumes. It is visible from the row that closes it: the first that ends at its end or later. Rows that are missing
are just missing; a candle without rows does not exist. The first candle of a run counts only if its first row opens it.
"""

from typing import NamedTuple

from safla.core.pure import entry_point, pure
from safla.core.timeframes import TIMEFRAMES
from safla.core.values import DAY_MS, NONE, Columns, Int64

WEEK = "1w"


class Frame(NamedTuple):
    """A higher timeframe, in ms: how long it is, and how far its first candle begins before 1970."""

    length: int
    shift: int


FRAMES = {**{name: Frame(length, 0) for name, length in TIMEFRAMES.items()}, WEEK: Frame(7 * DAY_MS, 3 * DAY_MS)}


class CandleNumbers(NamedTuple):
    """A candle without its time."""

    open: int
    high: int
    low: int
    close: int
    volume: int


class FrameState(NamedTuple):
    """The last candle of the higher timeframe, which `is_open` while rows of it may follow."""

    closed: int  # candles so far
    bucket: int  # its number since 1970; NONE: no row was there yet
    is_open: int  # 0 or 1; 0 too for a first candle that the run's first row does not open
    open: int
    high: int
    low: int
    close: int
    volume: int


def begin_frame() -> FrameState:
    """The state before the first row."""
    return FrameState(0, NONE, 0, 0, 0, 0, 0, 0)


@pure
def frame_step(state: FrameState, row: CandleNumbers, bucket: int, opens: int) -> FrameState:
    """One row into its candle.

    bucket  the number of the candle of the row
    opens   0 or 1: whether the row is the first that can be in that candle
    """
    if bucket != state.bucket:
        is_open = 1 if state.bucket != NONE or opens == 1 else 0
        return FrameState(state.closed, bucket, is_open, row.open, row.high, row.low, row.close, row.volume)
    high, low = max(state.high, row.high), min(state.low, row.low)
    volume = state.volume + row.volume
    return FrameState(state.closed, bucket, state.is_open, state.open, high, low, row.close, volume)


@pure
def close_candle(state: FrameState, ts: int, out: Columns, place: int) -> FrameState:
    """Write the candle, which opened at `ts`, and close it."""
    out.ts[place] = ts
    out.open[place] = state.open
    out.high[place] = state.high
    out.low[place] = state.low
    out.close[place] = state.close
    out.volume[place] = state.volume
    return FrameState(
        state.closed + 1, state.bucket, 0, state.open, state.high, state.low, state.close, state.volume
    )  # fmt: skip


@entry_point
def higher_candles(
    state: FrameState, rows: Columns, step_ms: int, length: int, shift: int, visible: Int64, out: Columns
) -> FrameState:
    """Build the candles of a higher timeframe from the next rows of the run.

    rows           int64[n], the rows of the block
    step_ms        the length of a row; `length` is a multiple of it
    length, shift  of a Frame
    visible        int64[n], takes at each row the number of the latest candle that is closed, counted from 0 since the
                   first row of the run; -1: none
    out            int64[n + 1] each, takes the candles that close in the block, as many as `closed` grows by
    returns        the state after the block
    """
    before = state.closed
    for i in range(len(visible)):
        time = int(rows.ts[i]) + shift
        bucket = time // length
        if state.is_open == 1 and bucket != state.bucket:  # its last row is missing
            state = close_candle(state, state.bucket * length - shift, out, state.closed - before)
        row = CandleNumbers(
            int(rows.open[i]), int(rows.high[i]), int(rows.low[i]), int(rows.close[i]), int(rows.volume[i])
        )
        state = frame_step(state, row, bucket, 1 if time == bucket * length else 0)
        if state.is_open == 1 and time + step_ms >= (bucket + 1) * length:
            state = close_candle(state, bucket * length - shift, out, state.closed - before)
        visible[i] = state.closed - 1
    return state
