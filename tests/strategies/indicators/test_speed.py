"""What a kind costs compiled, in CPU time: twice the figure of a quiet machine fails."""

import time

import numpy as np
import pytest

from safla.core.values import Columns
from safla.strategies.indicators.graph import Graph, Indicator
from safla.strategies.indicators.register import KINDS
from tests.compiled_engine import compiled_entry, needs_library
from tests.strategies.indicators.chains import STEP, candles

ROWS = 65_536
# Nanoseconds a candle, period 20 where the kind has one; the columns of its sources are counted in.
QUIET = {
    "roc": 2, "sma": 2, "ema": 3, "vwap": 10, "macd": 8, "atr": 8, "rsi": 7, "rma": 7, "obv": 7, "psar": 11,
    "supertrend": 16, "keltner": 18, "donchian": 18, "adx": 26, "bollinger": 27, "stochastic": 31, "cci": 39, "mfi": 39,
}  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("kind", QUIET)
def test_a_kind_costs_no_more_than_twice_its_figure(kind: str) -> None:
    needs_library()
    drawn = candles(1, ROWS)
    rows = Columns(*(drawn[name].astype(np.int64) for name in Columns._fields))
    row = KINDS[kind]
    periods = {"period": 20} if "period" in row.section.model_fields and kind != "vwap" else {}
    indicator = Indicator(kind, row.section(**periods), row.source or "")
    wanted = [f"{kind}.{output}" for output in row.outputs]
    graph, best = Graph({kind: indicator}, wanted, step_ms=STEP, compiled=compiled_entry), np.inf
    for _ in range(9):  # the first one also makes room for the columns
        began = time.process_time()
        graph.feed(rows)
        best = min(best, time.process_time() - began)
    assert best / ROWS * 1e9 < 2 * QUIET[kind]
