"""A run of thirteen candles that can be computed by hand, and its outcome. SYNTHETIC candles; no assertion.

Whole prices and coins, no slippage, 0.1 % commission rounded up, 8 991 an entry with its fee (S23), stop 5 %, target
10 %. Three trades: stopped (-463), stopped in a candle that spans both levels (-386), target (+881); one is still open.
"""

from pathlib import Path

from safla.runs.result import RunResult
from tests.small_runs import run, small

CANDLES = """\
timestamp,open,high,low,close,volume
0,100,100,100,100,1000
1,100,101,99,100,1000
2,100,101,100,101,1000
3,100,104,98,102,1000
4,102,103,94,96,1000
5,96,97,95,97,1000
6,97,109,92,100,1000
7,100,100,98,98,1000
8,98,99,98,99,1000
9,99,112,99,111,1000
10,111,111,105,105,1000
11,105,106,105,106,1000
12,106,108,104,107,1000
"""

CONFIG = """\
system: {name: Tiny}
symbols: {primary: [BTC/USDT]}
markets: {BTC/USDT: {price_decimals: 0, quantity_decimals: 0, volume_decimals: 0}}
data: {source: csv, path: candles.csv}
simulation: {slippage: {base_bps: 0, impact_coefficient: 0, max_slippage_bps: 0}}
strategy: {fast_period: 1, slow_period: 2, entry_threshold_pct: 0, exit_threshold_pct: 0}
risk: {stop_loss_pct: 0.05, take_profit_pct: 0.1}
"""

FIRST = 1_704_067_200_000  # 2024-01-01, a Monday
HOUR = 3_600_000


def tiny(folder: Path, *sets: str) -> RunResult:
    """The outcome of the thirteen candles; sets: KEY=VALUE that are not as above."""
    head, *rows = CANDLES.splitlines()
    placed = [f"{FIRST + HOUR * int(place)},{rest}" for place, _, rest in (row.partition(",") for row in rows)]
    (folder / "candles.csv").write_text("\n".join([head, *placed]) + "\n")
    return run(small(folder, *sets, text=CONFIG), folder / "run").outcome
