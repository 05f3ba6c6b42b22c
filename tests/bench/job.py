"""The job that is measured: a year of one-minute candles, SMA 10/30 with thresholds 0, stops on. SYNTHETIC candles.

Beside it, what the machine could do at best: the floors that figures are held against in the same run.
"""

from typing import Any, NamedTuple

import numpy as np

from safla.core import account, engine
from safla.core import values as v
from safla.core.values import Columns
from safla.strategies import sma_crossover
from safla.strategies.register import FeedFunction
from safla.strategies.sma_crossover import Crossover

MINUTE = 60_000
YEAR = 525_600
PARAMETERS = Crossover(10, 30, 0, 0, 0)
MONEY = 10**7


class Folded(NamedTuple):
    """What a run of the engine came to."""

    rows: int
    trades: int  # begun
    positions: int  # open at the end
    equity: int


def candles(size: int, seed: int = 7) -> v.Columns:
    """A random walk of 60 % annual volatility, prices with 2 decimals; int64 columns."""
    chance = np.random.default_rng(seed)
    steps = chance.normal(0, 0.6 / np.sqrt(YEAR), size)
    close = np.rint(30_000 * np.exp(np.cumsum(steps)) * 100).astype(np.int64)
    opened = np.concatenate((close[:1], close[:-1]))
    spread = np.abs(chance.normal(0, 0.3 / np.sqrt(YEAR), (2, size)))
    high = np.rint(np.maximum(opened, close) * (1 + spread[0])).astype(np.int64)
    low = np.rint(np.minimum(opened, close) * (1 - spread[1])).astype(np.int64)
    volume = chance.integers(10**6, 10**8, size)
    return v.Columns(1_672_531_200_000 + MINUTE * np.arange(size), opened, high, low, close, volume)


def plan(*, common: bool) -> v.Plan:
    """Fees, slippage and stops as the defaults have them; no limit that would end the trading.

    common  the rules that peers can do too: no stops, no slippage, whole coins for a fixed sum
    """
    rules = v.Rules(
        step_ms=MINUTE, start_ts=0, warm_up=31, settle=31, max_gap_candles=0, sell_on_gap=0, max_fill_delay_candles=1,
        optimistic=0, touch=0, target_improvement=0, commission_ppm=1000, maker_commission_ppm=1000,
        base_slippage_ppm=200, impact_ppm=100_000, max_slippage_ppm=5000,
        confidence_cap_ppm=900_000, confidence_threshold_ppm=0,
        max_position=1000 * MONEY, position_size_ppm=1_000_000, equity_share_ppm=0, risk_ppm=0,
        max_exposure_ppm=600_000, stop_loss_ppm=20_000, take_profit_ppm=50_000, trailing_stop_ppm=0,
        trailing_activation_ppm=0, stop_distance=0, target_distance=0, trail_distance=0, break_even_after_ppm=0,
        break_even_offset_ppm=0, max_held_candles=0, max_open_positions=3, max_daily_loss_ppm=0, max_drawdown_ppm=0,
        drawdown_pause_days=0, max_daily_trades=0, cooldown_candles=0, flatten=1,
    )  # fmt: skip
    if not common:
        return v.Plan(rules, np.array([[1, 1, 1, 0, 10, 1]], np.int64))
    bare = rules._replace(
        base_slippage_ppm=0, impact_ppm=0, max_slippage_ppm=0, stop_loss_ppm=0, take_profit_ppm=0,
        max_position=10**7 * MONEY, max_exposure_ppm=1_000_000,
    )  # fmt: skip
    return v.Plan(bare, np.array([[1, 1, MONEY // 100, 0, 10**5, 1]], np.int64))


def fold(
    columns: v.Columns, loop: engine.Loop | None, feed: FeedFunction | None = None, *, common: bool = False
) -> Folded:
    """Signals and engine over all candles, in blocks as a backtest has them; rows are counted and dropped."""
    signal, strength = np.zeros(len(columns.ts), np.int8), np.zeros(len(columns.ts))
    (feed or sma_crossover.feed)(sma_crossover.begin(PARAMETERS), columns, 0, PARAMETERS, signal, strength)
    rules = plan(common=common)
    size = len(columns.ts)
    grid = v.Grid(columns.ts, *(column.reshape(1, -1) for column in columns[1:]))
    out = account.blank_out(1, engine.MAX_BLOCK, 16_384)
    state = engine.begin(account.new_state((10**9 if common else 100_000) * MONEY, 1), out, int(columns.ts[0]))
    done = rows = 0
    while done < size:
        end = min(done + engine.MAX_BLOCK, size)
        block = v.Grid(grid.ts[done:end], *(column[:, done:end] for column in grid[1:]))
        signals = v.Signals(signal[done:end].reshape(1, -1), strength[done:end].reshape(1, -1))
        state, folded, broken = engine.advance(rules, state, block, signals, out, loop)
        assert broken == 0, "the job keeps to the bounds"
        rows += int(out.used[0])
        out.used[0] = 0
        done += folded
    return Folded(rows, *(int(state.account[field]) for field in (v.TRADES, v.POSITIONS, v.EQUITY)))


def numpy_signals(columns: Columns) -> int:
    """Rolling sums and crossings by numpy alone: no fills, no stops."""
    total = np.concatenate(([0], np.cumsum(columns.close)))
    slow = total[30:] - total[:-30]
    fast = (total[10:] - total[:-10])[-len(slow) :]
    above = fast * 30 > slow * 10
    return int(np.count_nonzero(above[1:] & ~above[:-1]))


def numba_pass() -> Any:
    """One compiled pass of the bare arithmetic, floats, with stops and equity: no checks, no events."""
    import numba

    @numba.njit
    def bare(opened: Any, high: Any, low: Any, close: Any) -> float:
        fast = slow = 0.0
        cash, quantity, stop, target = 100_000.0, 0.0, 0.0, 0.0
        above = waits = leaves = False
        peak = 0.0
        for i in range(len(close)):
            if leaves and quantity > 0.0:
                cash += quantity * opened[i] * 0.999
                quantity = 0.0
            if waits and quantity == 0.0:
                quantity = 1000.0 / opened[i]
                cash -= 1001.0
                stop, target = opened[i] * 0.98, opened[i] * 1.05
            waits = leaves = False
            if quantity > 0.0:
                if low[i] <= stop:
                    cash += quantity * stop * 0.999
                    quantity = 0.0
                elif high[i] > target:
                    cash += quantity * target * 0.999
                    quantity = 0.0
            peak = max(peak, cash + quantity * close[i])
            fast += close[i] - (close[i - 10] if i >= 10 else 0.0)
            slow += close[i] - (close[i - 30] if i >= 30 else 0.0)
            if i >= 30:
                now = fast * 30 > slow * 10
                waits = now and not above
                leaves = above and not now
                above = now
        return peak + cash

    return bare
