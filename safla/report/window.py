"""What of a run is measured: its candles, fills and trades behind the lookback, which is only looked at (S16)."""

from typing import NamedTuple

import numpy as np

from safla.core.values import Float64, Int64
from safla.metrics.drawdown import Falls, falls
from safla.metrics.growth import daily_returns, length_ms
from safla.report.trades import Fills, Trades, fills_of, trades_of
from safla.runs.result import Outcome


class Window(NamedTuple):
    """An outcome from its start on, and what several figures are made of."""

    outcome: Outcome
    ts: Int64  # [candles] from the start on, open times
    equity: Int64
    fills: Fills
    trades: Trades
    returns: Float64  # from midnight to midnight
    falls: Falls
    ms: int  # from the first open to the last close
    notional: int  # of all fills, money units


def measured_window(outcome: Outcome) -> Window:
    """The part of a run that is measured."""
    rules = outcome.run.plan.rules
    begin = int(np.searchsorted(outcome.ts, rules.start_ts))
    ts, equity = outcome.ts[begin:], outcome.equity[begin:]
    assert len(ts) > 0, "a run has a candle behind its lookback"
    fills = fills_of(outcome)
    return Window(
        outcome=outcome,
        ts=ts,
        equity=equity,
        fills=fills,
        trades=trades_of(outcome, fills),
        returns=daily_returns(ts, equity, outcome.run.balance, rules.step_ms),
        falls=falls(ts, equity, outcome.trough[begin:], outcome.run.balance, rules.step_ms),
        ms=length_ms(ts, rules.step_ms),
        notional=sum((fills.price * fills.quantity * fills.k).tolist()),
    )
