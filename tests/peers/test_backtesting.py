"""Trades match backtesting.py 0.6.6 on real candles; each class of difference is named and counted."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest

from safla.core.values import Columns, Int64
from tests.peers.ours import (
    DEPOSIT,
    FAST,
    FEE,
    SLOW,
    Job,
    Trade,
    candles,
    coins,
    differing,
    levels,
    next_with_volume,
    our_trades,
    paired,
)
from tests.scale import some_of

HOURS = ("btcusdt-1h-2017-2025.csv.gz", 3_600_000)
MINUTES = ("btcusdt-5m-2023.csv.gz", 300_000)

DEAD = "it buys at a candle without volume, we at the first that has some"
JUMPED = "a target that the open jumped over gives it the open, and us the target"

CASES = (  # the job, target_price_improvement, and how many trades are the same or differ in which way
    (Job(*HOURS, thin=1, stop=0, target=0), 0, {"same": 1_428}),
    (Job(*MINUTES, thin=1, stop=0, target=0), 0, {"same": 2_180, DEAD: 1}),
    (Job(*HOURS, thin=1, stop=20_000, target=50_000), 0, {"same": 1_428}),
    (Job(*HOURS, thin=1, stop=10_000, target=20_000), 0, {"same": 1_428}),
    (Job(*MINUTES, thin=1, stop=10_000, target=20_000), 0, {"same": 2_180, DEAD: 1}),
    (Job(*HOURS, thin=6, stop=20_000, target=50_000), 0, {"same": 176, JUMPED: 40}),
    (Job(*HOURS, thin=6, stop=20_000, target=50_000), 1, {"same": 216}),
    (Job(*MINUTES, thin=12, stop=5_000, target=5_000), 0, {"same": 106, JUMPED: 50}),
    (Job(*MINUTES, thin=12, stop=5_000, target=5_000), 1, {"same": 156}),
)


@pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofweek is deprecated")
@pytest.mark.filterwarnings("ignore:Some trades remain open at the end of backtest")
@some_of(("job", "improvement", "expected"), CASES, keep=CASES[5:7])
def test_backtesting_py_makes_the_same_trades_but_for_named_differences(
    real_data: Path, job: Job, improvement: int, expected: dict[str, int]
) -> None:
    columns = candles(real_data, job)
    skipped = beyond_its_check(columns, job)
    ours = our_trades(columns, job, skipped=skipped, improvement=improvement)

    def kind(one: Trade, other: Trade) -> str:
        if alike(one, other):
            return "same"
        if columns.volume[other.entry] == 0 and one.entry == next_with_volume(columns, other.entry):
            return DEAD
        opened = columns.open[one.exit] / 100
        jumped = one.reason == "take_profit" and other.sold == opened > one.sold
        return JUMPED if jumped and alike(one._replace(sold=other.sold, profit=other.profit), other) else "unexplained"

    assert paired(ours, their_trades(columns, job, skipped), kind) == expected


@pytest.mark.parametrize(("fast", "slow", "beside_ties"), [(10, 30, 0), (10, 20, 2), (5, 10, 4), (1, 2, 236)])
def test_golden_crosses_differ_from_backtesting_py_only_next_to_ties_of_the_averages(
    real_data: Path, fast: int, slow: int, beside_ties: int
) -> None:
    # its cross begins strictly below, ours below or equal (S21); and its floats miss some ties
    from backtesting.lib import crossover  # type: ignore[import-untyped]

    columns = candles(real_data, CASES[1][0])
    quick, late = (average(columns.close / 100, periods).to_numpy() for periods in (fast, slow))
    golden = np.array([k > 1 and crossover(quick[k - 2 : k], late[k - 2 : k]) for k in range(1, len(quick) + 1)])
    assert differing(columns, golden=golden, fast=fast, slow=slow) == (beside_ties, 0)


def test_the_jobs_cover_every_kind_of_exit(real_data: Path) -> None:
    job = CASES[5][0]
    columns = candles(real_data, job)
    ours = our_trades(columns, job, skipped=beyond_its_check(columns, job), improvement=0)
    stops = levels(columns, job)[0]
    assert {trade.reason for trade in ours} == {"signal", "stop_loss", "take_profit"}
    assert any(trade.entry == trade.exit for trade in ours)
    assert any(trade.sold < stops[trade.entry] for trade in ours)  # a gap through the stop


def alike(one: Trade, other: Trade) -> bool:
    """All is equal except the last digits of the profit: they add floats, we add integers."""
    return one[:5] == other[:5] and abs(one.profit - other.profit) < 1e-6


def beyond_its_check(columns: Columns, job: Job) -> Int64:
    """Returns candles whose close is not between the levels of the next open: it would reject an order there."""
    if job.stop == 0:
        return np.zeros(0, np.int64)
    stops, targets = levels(columns, job)
    last = columns.close[:-1] / 100
    return np.flatnonzero((last <= stops[1:]) | (last >= targets[1:]))


def their_trades(columns: Columns, job: Job, skipped: Int64) -> list[Trade]:
    """Returns the closed trades of backtesting.py, which gets the levels in advance: it cannot set them at the fill."""
    from backtesting import Backtest, Strategy  # type: ignore[import-untyped]
    from backtesting.lib import crossover

    size, (stops, targets), out = coins(columns), levels(columns, job), set(skipped.tolist())

    class Crossing(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.fast = self.I(average, self.data.Close, FAST)
            self.slow = self.I(average, self.data.Close, SLOW)

        def next(self) -> None:
            i = len(self.data)  # the place of the next candle
            if i == len(size):
                return
            if crossover(self.fast, self.slow) and not self.position and i - 1 not in out:
                protection = {"sl": stops[i], "tp": targets[i]} if job.stop else {}
                self.buy(size=int(size[i]), **protection)
            elif crossover(self.slow, self.fast) and self.position:
                self.position.close()

    trades = Backtest(frame(columns), Crossing, cash=DEPOSIT, commission=FEE).run()._trades
    names = ["EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "Size", "PnL"]
    return [Trade(*row) for row in trades[names].itertuples(index=False)]


def average(prices: Any, periods: int) -> Any:
    """The moving average of its own example: in floats."""
    return pd.Series(prices).rolling(periods).mean()


def frame(columns: Columns) -> pd.DataFrame:
    """Candles as it takes them."""
    prices = {name.title(): getattr(columns, name) / 100 for name in ("open", "high", "low", "close")}
    return pd.DataFrame(prices | {"Volume": columns.volume / 10**8}, index=pd.to_datetime(columns.ts, unit="ms"))
