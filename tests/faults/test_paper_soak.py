"""A paper run of many candles at full speed with all its listeners: memory stays flat, nothing leaks.

The normal suite takes 2 000 candles; `--scale release` takes 100 000. All of them are synthetic.
"""

import json
import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

from tests.faults.command import ROOT
from tests.faults.invariants import check_run
from tests.small_runs import journal

MANY, SLICE = 100_000, 2_000
MIB = 2**20
MOST_MIB = 150  # above the memory after the imports
SLOPE_MIB = 1  # over the second half
CONFIG = """\
mode: paper
paper: {source: replay, speed: max}
symbols: {primary: [BTC/USDT]}
data: {source: synthetic, synthetic: {candles: CANDLES, holes: 50}}
strategy: {fast_period: 10, slow_period: 30, entry_threshold_pct: 0, exit_threshold_pct: 0}
market_data: {timeframe: 1m, lookback_candles: 31}
risk: {max_daily_loss_pct: 0.002, trailing_stop_pct: 0.03, drawdown_pause_days: 2, max_drawdown_pct: 0.02}
"""

# The run has its own process, so that leftovers of other tests do not count.
PROGRAM = """\
import asyncio, gc, json, sys, threading
import psutil
from safla import cli
from safla.cli import run
from safla.report import summary, tables
from safla.paper import listeners, runner, session
process, found, every = psutil.Process(), [], int(sys.argv[1])
take = session.PaperSession._take
def noted(held, block, **named):
    take(held, block, **named)
    noted.count += 1
    if noted.count % every == 0:
        gc.collect()
        tasks = len(asyncio.all_tasks())
        found.append([process.memory_info().rss, process.num_fds(), threading.active_count(), tasks])
noted.count = 0
session.PaperSession._take = noted
before = process.memory_info().rss
code = cli.main(sys.argv[2:])
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([code, before, int(peak) * 1024, found]))
"""


class Soaked(NamedTuple):
    """The measurements of a soak run."""

    code: int
    before: int  # bytes, with everything imported
    most: int
    memory: list[int]
    descriptors: list[int]
    threads: list[int]
    tasks: list[int]


@pytest.fixture
def soaked(tmp_path, release) -> Soaked:
    """Run in a separate process, which is measured at intervals."""
    (tmp_path / "soak.yaml").write_text(CONFIG.replace("CANDLES", str(MANY if release else SLICE)))
    words = [
        str((MANY if release else SLICE) // 50),
        "run",
        tmp_path / "soak.yaml",
        "--out",
        tmp_path / "run",
        "--quiet",
    ]
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, timeout=900, check=True,
    )  # fmt: skip
    assert b"Traceback" not in found.stderr
    code, before, most, looks = json.loads(found.stdout.splitlines()[-1])
    memory, *rest = zip(*looks, strict=True)
    return Soaked(code, before, most, list(memory), *map(list, rest))


def test_a_long_paper_run_leaks_no_memory_descriptors_threads_or_tasks(soaked, tmp_path, release, figure):
    half = np.array(soaked.memory[len(soaked.memory) // 2 :]) / MIB
    slope = float(np.polyfit(np.arange(len(half)), half, 1)[0]) * len(half)
    beyond = (soaked.most - soaked.before) / MIB
    candles = journal(tmp_path / "run").count(b'"type":"candle"')
    figure(f"soak, paper: {candles} candles, memory {slope:+.2f} MiB over the second half, {beyond:.0f} MiB at most")
    assert soaked.code == 0
    assert slope <= SLOPE_MIB * (1 if release else 2)  # with few measurements the noise is larger
    assert beyond < MOST_MIB
    middle = len(soaked.descriptors) // 2
    for looks in (soaked.descriptors, soaked.threads, soaked.tasks):
        assert min(looks[middle:]) <= max(looks[:middle])  # monitoring opens a descriptor now and then, and closes it
        assert max(looks) <= min(looks[1:]) + 3  # the log may be opened after the first measurement
    check_run(tmp_path / "run", max_positions=2)
