"""The part of a run that figures measure: what comes after the lookback, in which nothing is traded (S16)."""

from functools import cached_property

import numpy as np

from safla.core.values import Float64, Int64
from safla.metrics.drawdown import Falls, falls
from safla.metrics.growth import daily_returns, length_ms
from safla.report.trades import Fills, Trades, fills_of, trades_of
from safla.runs.result import RunResult


class Window:
    """A result after its lookback, with the columns that several figures share; each is computed on first use."""

    def __init__(self, outcome: RunResult) -> None:
        self._begin = int(np.searchsorted(outcome.ts, outcome.run.plan.rules.start_ts))
        self.outcome = outcome
        self.ts: Int64 = outcome.ts[self._begin :]  # int64[timestamps], open times, ms
        self.equity: Int64 = outcome.equity[self._begin :]
        assert len(self.ts) > 0, "a run has a candle after its lookback"

    @property
    def step_ms(self) -> int:
        """The length of a candle."""
        return self.outcome.run.plan.rules.step_ms

    @property
    def ms(self) -> int:
        """The time from the first open to the last close, ms."""
        return length_ms(self.ts, self.step_ms)

    @cached_property
    def fills(self) -> Fills:
        """The fills of the run."""
        return fills_of(self.outcome)

    @cached_property
    def trades(self) -> Trades:
        """The closed trades of the run."""
        return trades_of(self.outcome, self.fills)

    @cached_property
    def returns(self) -> Float64:
        """The daily returns, from midnight to midnight UTC."""
        return daily_returns(self.ts, self.equity, self.outcome.run.balance, self.step_ms)

    @cached_property
    def falls(self) -> Falls:
        """The drawdowns."""
        trough = self.outcome.trough[self._begin :]
        return falls(self.ts, self.equity, trough, self.outcome.run.balance, self.step_ms)

    @cached_property
    def notional(self) -> int:
        """The notional of all fills together, money units."""
        return sum((self.fills.price * self.fills.quantity * self.fills.k).tolist())
