"""Real candles, our engine over them, and one shape of trade for us and for the peers. No assertion.

The rules are those that all of us can express: a moving average crossover with thresholds of 0, the next open, one fee,
no slippage, no limits, as much as a fixed sum buys, gaps passed over. Stop and target stand on our tick.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-untyped]

from safla.core import values as v
from safla.core.values import Columns, Int64, Market, Rules
from safla.strategies.register import STRATEGIES
from safla.strategies.sma_crossover import Crossover, warm_up
from tests.properties.cases import Case, fold, named

sma_crossover = STRATEGIES["sma_crossover"].columns
FAST, SLOW = 10, 30
FEE = 0.001
DEPOSIT = 1_000_000_000  # never binds
SUM = 9_000_000  # what an entry may cost with its fee: hundreds of coins, for backtesting.py sells no part of one
MONEY = 10**8  # units of one quote coin: a million times those of a price, so that no fee is rounded

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class Job(NamedTuple):
    """Candles and rules: `thin` keeps one candle in so many, which tears gaps between them; ppm, 0 for none."""

    file: str
    step_ms: int
    thin: int
    stop: int
    target: int


class Trade(NamedTuple):
    """A closed trade: the candles of its fills, their prices, coins, what is left after fees, and our exit reason."""

    entry: int
    exit: int
    bought: float
    sold: float
    coins: int
    profit: float
    reason: str = ""


def candles(folder: Path, job: Job) -> Columns:
    """The rows of a job's file in units: prices of 2 decimals, volumes of 8."""
    table = pd.read_csv(folder / job.file).iloc[:: job.thin]

    def units(name: str, scale: int) -> Int64:
        column: Floats = table[name].to_numpy(np.float64)
        return np.rint(column * scale).astype(np.int64)

    opens, highs, lows, closes = (units(name, 100) for name in ("open", "high", "low", "close"))
    return Columns(units("timestamp_ms", 1), opens, highs, lows, closes, units("volume", 10**8))


def our_trades(columns: Columns, job: Job, *, skipped: Int64, improvement: int) -> list[Trade]:
    """What our engine makes of a job; enter signals at skipped candles are struck out."""
    crossover = Crossover(FAST, SLOW, 0, 0, 0)
    signal, strength = sma_crossover(columns, crossover)
    signal[skipped] = np.minimum(signal[skipped], 0)
    rules = Rules(**dict.fromkeys(Rules._fields, 0))._replace(
        step_ms=job.step_ms, warm_up=warm_up(crossover), settle=1, max_gap_candles=10**6, max_fill_delay_candles=100,
        confidence_cap_ppm=900_000,
        commission_ppm=1_000, maker_commission_ppm=1_000, max_position=SUM * MONEY * 10 // 9,  # of which 0.9 (S23)
        position_size_ppm=1_000_000, max_exposure_ppm=1_000_000, max_open_positions=1,
        stop_loss_ppm=job.stop, take_profit_ppm=job.target, touch=1, target_improvement=improvement,
    )  # fmt: skip
    market = Market(tick=1, lot=1, k=MONEY // 100, min_notional=0, quantity_up=10**8, volume_up=1)
    case = Case(rules, (market,), DEPOSIT * MONEY, (columns,), ((signal, strength),), ())
    rows = fold(case, cuts=range(50_000, len(columns.ts), 50_000), room=20_000, closed=False).rows
    place = {int(ts): i for i, ts in enumerate(columns.ts)}
    return [trade_of(named(row), place) for row in rows if row[0] == v.TRADE_CLOSED]


def trade_of(row: dict[str, Any], place: dict[int, int]) -> Trade:
    """A trade_closed row as a trade; place is that of a time among the candles."""
    prices = (row["entry"] / 100, row["exit"] / 100)
    reason = str(v.REASONS[row["reason"]])
    return Trade(place[row["opened"]], place[row["ts"]], *prices, row["quantity"], row["net"] / MONEY, reason)


def coins(columns: Columns) -> Int64:
    """How many whole coins the sum buys at each open, the fee inside (S23)."""
    return SUM * 100 * 1_000 // 1_001 // columns.open


def levels(columns: Columns, job: Job) -> tuple[Floats, Floats]:
    """Stop and target of a position that is bought at each open (S27), prices; both rounded up to the tick."""
    stops = columns.open - columns.open * job.stop // 1_000_000
    targets = columns.open - -columns.open * job.target // 1_000_000
    return stops / 100, targets / 100


def differing(columns: Columns, *, golden: Bools, fast: int, slow: int) -> tuple[int, int]:
    """How many golden crosses only one of us sees: where the exact averages tie there or just before, and elsewhere."""
    sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(columns.close)))
    tied = np.zeros(len(columns.ts), np.bool_)
    ends = np.arange(slow, len(sums))
    tied[slow - 1 :] = (sums[ends] - sums[ends - fast]) * slow == (sums[ends] - sums[ends - slow]) * fast
    beside = tied | np.roll(tied, 1)
    apart = golden != (sma_crossover(columns, Crossover(fast, slow, 0, 0, 0))[0] == v.ENTER_SIGNAL)
    return int((apart & beside).sum()), int((apart & ~beside).sum())


def next_with_volume(columns: Columns, place: int) -> int:
    """The first candle with volume, from one on."""
    return place + int(np.flatnonzero(columns.volume[place:])[0])


def paired(ours: list[Trade], theirs: list[Trade], kind: Callable[[Trade, Trade], str]) -> dict[str, int]:
    """How many pairs of trades, first with first, are of which kind; a list that is longer is not cut short."""
    kinds = [kind(one, other) for one, other in zip(ours, theirs, strict=True)]
    return {name: kinds.count(name) for name in dict.fromkeys(kinds)}
