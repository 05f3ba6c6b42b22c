"""What a run came to, as values: all that summaries, tables and reports are made of."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Series
from safla.core.values import Int64, State
from safla.data.coverage import RequestedPeriod
from safla.runtime.fold import Block

KEPT = (v.MODE_CHANGED, v.ORDER_REFUSED, v.FILLED, v.TRADE_CLOSED, v.HALTED_ROW, v.RESUMED)  # what a summary reads


class Sources(NamedTuple):
    """What is known of where the candles of a run came from; nothing of a run that is read off its journal."""

    asked: RequestedPeriod = RequestedPeriod(None, None)
    bad_rows: tuple[int, ...] = ()  # rows left out, one number a symbol
    without_trade: tuple[int, ...] = ()
    incomplete: tuple[int, ...] = ()  # longer candles that were not built


NO_SOURCES = Sources()


class Outcome(NamedTuple):
    """The plan, the candles, what the engine told, and where it ended."""

    run: RunPlan
    series: tuple[Series, ...]  # given to the engine, lookback included
    ts: Int64  # [timestamps], open times
    equity: Int64  # [timestamps], money units, marked at the close
    trough: Int64  # [timestamps], the same at the worst price inside the candle that the stops leave
    rows: Int64  # [rows, values.ROW_WIDTH]
    state: State
    sources: Sources = NO_SOURCES


def thinned(block: Block) -> Block:
    """A block without its lines, and with the rows alone that a summary reads: what is kept of a long run."""
    return block._replace(lines=b"", rows=block.rows[np.isin(block.rows[:, 0], KEPT)])


def outcome_of(
    run: RunPlan, series: Sequence[Series], *, blocks: Sequence[Block], sources: Sources = NO_SOURCES
) -> Outcome:
    """What the blocks of a whole run come to."""
    return Outcome(
        run=run,
        series=tuple(series),
        ts=np.concatenate([block.ts for block in blocks]),
        equity=np.concatenate([block.equity for block in blocks]),
        trough=np.concatenate([block.trough for block in blocks]),
        rows=np.concatenate([block.rows for block in blocks]),
        state=blocks[-1].state,
        sources=sources,
    )
