"""Runs for tests: a small configuration over synthetic candles, and a backtest of it without a command line."""

from pathlib import Path
from typing import Any

from safla.config.loader import Loaded, load
from safla.runs import backtest
from safla.runs.backtest import BacktestResult
from safla.runs.interrupt import Flag

SMALL = """\
system: {name: Small}
symbols: {primary: [BTC/USDT, ETH/USDT]}
data:
  source: synthetic
  synthetic: {candles: 900, holes: 3}
strategy: {fast_period: 3, slow_period: 8, entry_threshold_pct: 0, exit_threshold_pct: 0}
market_data: {lookback_candles: 9}
risk: {max_daily_loss_pct: 0.002, trailing_stop_pct: 0.03, drawdown_pause_days: 2, max_drawdown_pct: 0.02}
"""


def small(folder: Path, *sets: str, text: str = SMALL) -> Loaded:
    """The small configuration, loaded from a file in the folder."""
    path = folder / "small.yaml"
    path.write_text(text)
    return load(path, sets=sets)


def run(loaded: Loaded, out: Path, **changes: Any) -> BacktestResult:
    """A backtest into a folder; changes: the arguments of backtest.run that are not as here."""
    arguments: dict[str, Any] = {"engine": "interpreted", "force": False, "flag": Flag()}
    silent: dict[str, Any] = {"watch": lambda progress: None, "say": lambda text: None}
    return backtest.run_backtest(backtest.prepare(loaded), out, **{**arguments, **silent, **changes})


def journal(folder: Path) -> bytes:
    """The bytes of a run's journal."""
    return (folder / "journal.jsonl").read_bytes()
