"""Trades match vectorbt 1.2 on real candles; each class of difference is named and counted."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest

from safla.core.values import Columns
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

if find_spec("vectorbt") is None:  # with it numba, whose warning is named below
    pytest.skip("vectorbt is not installed: make soak installs it", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings(  # of its own code, where it is compiled for the first time
    "ignore::numba.core.errors.NumbaPendingDeprecationWarning"
)


@pytest.fixture(autouse=True)
def numba() -> None:
    """Its own default, whatever else of it is installed."""
    import vectorbt  # type: ignore[import-untyped]

    vectorbt.settings["engine"] = "numba"


HOURS = ("btcusdt-1h-2017-2025.csv.gz", 3_600_000)
MINUTES = ("btcusdt-5m-2023.csv.gz", 300_000)
NEARER = 1e-6  # it computes a level from a share of the price; so much nearer, the same candles touch it

DEAD = "it buys at a candle without volume, we at the first that has some"
ENTRY_CANDLE = "it looks at no level in the candle of the entry"
SIGNAL_AND_LEVEL = "a level inside a candle beats the exit signal that we sold for at its open"
JUMPED = "a target that the open jumped over gives it the open, and us the target"

CASES = (  # the job, target_price_improvement, and how many trades are the same or differ in which way
    (Job(*HOURS, thin=1, stop=0, target=0), 1, {"same": 1_428}),
    (Job(*MINUTES, thin=1, stop=0, target=0), 1, {"same": 2_180, DEAD: 1}),
    (Job(*HOURS, thin=1, stop=20_000, target=50_000), 1, {"same": 1_354, ENTRY_CANDLE: 30, SIGNAL_AND_LEVEL: 44}),
    (Job(*HOURS, thin=1, stop=10_000, target=20_000), 1, {"same": 1_214, ENTRY_CANDLE: 172, SIGNAL_AND_LEVEL: 42}),
    (
        Job(*MINUTES, thin=1, stop=10_000, target=20_000),
        1,
        {"same": 2_166, ENTRY_CANDLE: 1, SIGNAL_AND_LEVEL: 13, DEAD: 1},
    ),
    (Job(*HOURS, thin=6, stop=20_000, target=50_000), 1, {"same": 222, ENTRY_CANDLE: 8, SIGNAL_AND_LEVEL: 1}),
    (
        Job(*HOURS, thin=6, stop=20_000, target=50_000),
        0,
        {"same": 180, JUMPED: 42, ENTRY_CANDLE: 8, SIGNAL_AND_LEVEL: 1},
    ),
    (Job(*MINUTES, thin=12, stop=5_000, target=5_000), 1, {"same": 172, ENTRY_CANDLE: 6}),
)


@pytest.mark.soak
@pytest.mark.parametrize(("job", "improvement", "expected"), CASES)
def test_vectorbt_makes_the_same_trades_but_for_named_differences(
    real_data: Path, job: Job, improvement: int, expected: dict[str, int]
) -> None:
    columns = candles(real_data, job)
    stops, targets = levels(columns, job)
    ours = our_trades(columns, job, skipped=np.zeros(0, np.int64), improvement=improvement)

    def kind(one: Trade, other: Trade) -> str:
        if alike(one, other):
            return "same"
        if columns.volume[other.entry] == 0 and one.entry == next_with_volume(columns, other.entry):
            return DEAD
        if one.entry == one.exit < other.exit and one[0] == other[0]:
            return ENTRY_CANDLE
        if one[:2] != other[:2]:
            return "unexplained"
        at_level = min(abs(other.sold - stops[one.entry]), abs(other.sold - targets[one.entry])) < 2 * NEARER
        if one.reason == "signal" and at_level:
            return SIGNAL_AND_LEVEL
        opened = columns.open[one.exit] / 100
        return JUMPED if one.reason == "take_profit" and other.sold == opened > one.sold else "unexplained"

    assert paired(ours, their_trades(columns, job), kind) == expected


@some_of(("fast", "slow", "beside_ties"), [(10, 30, 0), (10, 20, 2), (5, 10, 2), (1, 2, 0)], keep=((10, 20, 2),))
def test_golden_crosses_differ_from_vectorbt_only_next_to_ties_of_the_averages(
    real_data: Path, fast: int, slow: int, beside_ties: int
) -> None:
    # its floats miss some ties
    import vectorbt  # type: ignore[import-untyped]

    columns = candles(real_data, CASES[1][0])
    close = pd.Series(columns.close / 100)
    quick, late = (vectorbt.MA.run(close, periods) for periods in (fast, slow))
    golden = quick.ma_crossed_above(late).to_numpy()
    assert differing(columns, golden=golden, fast=fast, slow=slow) == (beside_ties, 0)


def alike(one: Trade, other: Trade) -> bool:
    """Candles and coins are equal, prices and profit but for floats and for what a level is nearer."""
    apart = max(abs(one.bought - other.bought), abs(one.sold - other.sold))
    same = (one.entry, one.exit, one.coins) == (other.entry, other.exit, other.coins)
    return same and apart < 2 * NEARER and abs(one.profit - other.profit) < 2 * NEARER * one.coins


def their_trades(columns: Columns, job: Job) -> list[Trade]:
    """The closed trades of vectorbt, whose own averages cross; a signal acts at the next open."""
    import vectorbt

    prices = {name: pd.Series(getattr(columns, name) / 100) for name in ("open", "high", "low", "close")}
    fast, slow = (vectorbt.MA.run(prices["close"], periods) for periods in (FAST, SLOW))
    entries, exits = (
        crossed.shift(1, fill_value=False) for crossed in (fast.ma_crossed_above(slow), fast.ma_crossed_below(slow))
    )
    protection = {}
    if job.stop:
        stops, targets = levels(columns, job)
        shares = {"sl_stop": 1 - (stops + NEARER) / prices["open"], "tp_stop": (targets - NEARER) / prices["open"] - 1}
        protection = {**prices, **shares, "stop_entry_price": "fillprice"}
    portfolio = vectorbt.Portfolio.from_signals(
        **(protection | {"close": prices["close"], "entries": entries, "exits": exits, "price": prices["open"]}),
        size=pd.Series(coins(columns).astype(np.float64)), fees=FEE, init_cash=DEPOSIT, freq="1h",
    )  # fmt: skip
    closed = portfolio.trades.closed.records
    names = ["entry_idx", "exit_idx", "entry_price", "exit_price", "size", "pnl"]
    return [Trade(*row) for row in closed[names].itertuples(index=False)]
