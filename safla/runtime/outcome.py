"""What a run came to, as values: all that summaries, tables and reports are made of."""

from typing import NamedTuple

from safla.config.plan import RunPlan
from safla.core.candles import Series
from safla.core.values import Int64, State


class Outcome(NamedTuple):
    """The plan, the candles, what the engine told, and where it ended."""

    run: RunPlan
    series: tuple[Series, ...]  # given to the engine, lookback included
    ts: Int64  # [timestamps], open times
    equity: Int64  # [timestamps], money units, marked at the close
    rows: Int64  # [rows, values.ROW_WIDTH]
    state: State
