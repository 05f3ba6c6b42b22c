"""Real candles, our engine over them, and one shape of trade for us and for the peers. No assertion."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from safla.core import values as v
from safla.core.strategies.sma_crossover import Crossover, sma_crossover, warm_up
from safla.core.values import Columns, Market, Rules, Signals
from tests.properties.folding import fold, named
from tests.properties.market import Case

FAST, SLOW = 10, 30
FEE = 0.001
DEPOSIT = 1_000_000_000  # never binds
MONEY = 10**8  # units of one quote coin; a million times a price unit, so that no fee is rounded
MARKET = Market(tick=1, lot=1, k=10**6, min_notional=0, quantity_up=10**8, volume_up=1)
WHOLE_COINS = 9_000_000  # what an entry may cost with its fee: some hundred coins, for backtesting.py sells no halves


class Trade(NamedTuple):
    """A closed trade: the candles of its fills, their prices, coins, and what is left after fees."""

    entry: int
    exit: int
    bought: float
    sold: float
    coins: int
    profit: float
    reason: str


def candles(path: Path, step_ms: int) -> Columns:
    """The rows of a file in units: prices of 2 decimals, volumes of 8."""
    table = pd.read_csv(path)
    prices = [np.rint(table[name].to_numpy() * 100).astype(np.int64) for name in ("open", "high", "low", "close")]
    volume = np.rint(table["volume"].to_numpy() * 10**8).astype(np.int64)
    ts = table["timestamp_ms"].to_numpy(np.int64)
    assert (np.diff(ts) % step_ms == 0).all()
    return Columns(ts, *prices, volume)


def rules(step_ms: int, **changed: int) -> Rules:
    """What backtesting.py and vectorbt can express too: next open, one fee, no slippage, no limit, holes passed over."""
    crossover = Crossover(FAST, SLOW, 0, 0, 0)
    quiet = dict.fromkeys(Rules._fields, 0) | {
        "step_ms": step_ms, "warm_up": warm_up(crossover), "max_gap_candles": 10**6, "max_fill_delay_candles": 100,
        "commission_ppm": 1_000, "maker_commission_ppm": 1_000, "max_position": WHOLE_COINS * MONEY * 10 // 9,
        "position_size_ppm": 1_000_000, "max_exposure_ppm": 1_000_000, "max_open_positions": 1,
    }  # fmt: skip
    return Rules(**(quiet | changed))
