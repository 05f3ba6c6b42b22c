"""Whole processes of `safla` at the job: start, load, run, journal, summary. The candles are SYNTHETIC, in Parquet."""

import shutil
from pathlib import Path

from tests.bench import job
from tests.bench.timing import Taken, process

YEAR_OF_MINUTES = """\
system: {name: Bench}
symbols: {primary: [BTC/USDT]}
market_data: {timeframe: 1m, lookback_candles: 31}
data: {source: parquet, path: candles.parquet}
strategy: {fast_period: 10, slow_period: 30, entry_threshold_pct: 0, exit_threshold_pct: 0, max_position_size_usd: 1000}
risk: {max_daily_loss_pct: null, max_drawdown_pct: null, max_daily_trades: null}
"""
YEAR_OF_HOURS = """\
system: {name: Year}
symbols: {primary: [BTC/USDT]}
data: {source: synthetic, synthetic: {candles: 8760}}
"""


def minutes(folder: Path, size: int, runs: int) -> Taken:
    """`safla run` over so many one-minute candles, each time into a new folder."""
    import polars as pl

    columns = job.candles(size)
    named = dict(zip(columns._fields[1:5], (column / 100 for column in columns[1:5]), strict=True))
    frame = pl.DataFrame({"ts": columns.ts, **named, "volume": columns.volume / 10**5})
    frame.write_parquet(folder / "candles.parquet")
    (folder / "job.yaml").write_text(YEAR_OF_MINUTES)
    return run(folder, "--engine", "compiled", runs=runs)


def hours(folder: Path, runs: int) -> Taken:
    """`safla run`, interpreted, over a year of hours."""
    (folder / "job.yaml").write_text(YEAR_OF_HOURS)
    return run(folder, "--engine", "interpreted", runs=runs)


def run(folder: Path, *options: str, runs: int) -> Taken:
    """The command on the folder's configuration."""
    out = folder / "run"
    command = ("-m", "safla", "run", str(folder / "job.yaml"), "--out", str(out), "--quiet", "--json", *options)
    return process(*command, runs=runs, before=lambda: shutil.rmtree(out, ignore_errors=True))
