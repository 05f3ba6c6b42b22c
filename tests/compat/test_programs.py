"""The two example programs of the first system run unchanged over stored synthetic candles."""

import os
import subprocess
import sys
from pathlib import Path

import safla
from tests.compat import samples
from tests.scale import some_of

ROOT = Path(__file__).parents[2]

BACKTEST = """\
import asyncio
from datetime import datetime
from safla.simulator import TradingSimulator

async def main():
    simulator = TradingSimulator(symbol='BTC/USDT')
    result = await simulator.run_backtest(start_date=datetime(2024, 1, 1), end_date=datetime(2024, 12, 31), speed_multiplier=float('inf'))
    print(result.total_pnl, result.win_rate, result.sharpe_ratio)
    await simulator.close()

asyncio.run(main())
"""  # noqa: E501  text for text

LIVE = """\
from safla.data_feed import BinanceDataFeed
from safla.simulator import RiskManager
from safla.strategies import SMAStrategy

async def main():
    balance = 100_000
    feed, strategy, risk = BinanceDataFeed(), SMAStrategy('BTC/USDT'), RiskManager(balance)
    async for candle in feed.stream_historical_as_live('BTC/USDT'):
        signal = strategy.process_candle(candle)
        check = risk.check_trade_risk(signal, balance)
        if check.allowed:
            print(signal.signal, signal.quantity, signal.price)
    await feed.close()
"""
CALLED = "import asyncio\nasyncio.run(main())\n"  # program 2 leaves that to its reader


def ran(folder: Path, program: str, **more: str) -> subprocess.CompletedProcess:
    (folder / "program.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-W", "error", "program.py"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_program_1_prints_the_figures_of_the_run(tmp_path):
    config = samples.write(tmp_path, candles=900)
    done = ran(tmp_path, BACKTEST)
    assert (done.returncode, done.stderr) == (0, "")
    summary = safla.run(
        config, out=tmp_path / "run", set={"data.start": "2024-01-01", "data.end": "2024-12-31"}
    ).summary
    assert done.stdout.split() == [str(summary[key]) for key in ("net_profit", "win_rate", "sharpe")]
    assert not (tmp_path / "logs").exists()


def test_program_2_prints_the_decisions_of_the_engine(tmp_path):
    config = samples.write(tmp_path)
    done = ran(tmp_path, LIVE + CALLED)
    assert (done.returncode, done.stderr) == (0, "")
    signals = safla.run(config, out=tmp_path / "run").events_of("signal")
    words = {"enter": "BUY", "exit": "SELL"}
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [word for word, _, _ in lines] == [words[one] for one in signals["signal"]]
    assert len(lines) > 20
    assert all(float(quantity) > 0 and float(price) > 0 for _, quantity, price in lines)
    assert not (tmp_path / "logs").exists()


@some_of("program", [BACKTEST, LIVE + CALLED], keep=(LIVE + CALLED,))
def test_without_network_and_stored_candles_both_programs_name_the_unreachable_exchange(tmp_path, program):
    away = {"SAFLA__EXCHANGE__REST_URL": "http://127.0.0.1:1", "SAFLA__EXCHANGE__RETRY_ATTEMPTS": "0"}
    done = ran(tmp_path, program, **away)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("safla.errors.ExchangeError: binance, its clock: ")
    assert "127.0.0.1" in last
    assert list(tmp_path.iterdir()) == [tmp_path / "program.py"]
