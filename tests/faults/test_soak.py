"""Row 33: ten years of minutes in one run: memory and descriptors stay flat, and the block size changes no byte.

The normal suite takes 20 000 candles; `--scale release` takes 5 256 000. All of them are synthetic.
"""

import hashlib
import time

import numpy as np
import psutil
import pytest

from safla.core.engine import MAX_BLOCK
from safla.journal.append import Appender
from safla.runs import backtest
from safla.runs.engine_choice import choose
from safla.runs.replay import replay_run
from safla.runs.runner import fold_blocks
from tests.properties import reference
from tests.small_runs import journal, run, small

TEN_YEARS = 5_256_000
SLICE = 20_000
MIB = 2**20
MINUTES = """\
symbols: {primary: [BTC/USDT]}
data: {source: synthetic, synthetic: {candles: CANDLES, holes: 50}}
strategy: {fast_period: 10, slow_period: 30, entry_threshold_pct: 0, exit_threshold_pct: 0}
market_data: {timeframe: 1m, lookback_candles: 31}
risk: {max_daily_loss_pct: 0.002, trailing_stop_pct: 0.03, drawdown_pause_days: 2, max_drawdown_pct: 0.02}
journal: {detail: candles}
"""


@pytest.fixture(scope="module")
def soaked(tmp_path_factory, release):
    """A prepared run, the folder of its run in large blocks, and the digest of that journal."""
    folder = tmp_path_factory.mktemp("soak")
    loaded = small(folder, text=MINUTES.replace("CANDLES", str(TEN_YEARS if release else SLICE)))
    run(loaded, folder / "run", engine="auto")
    return backtest.prepare(loaded), folder / "run", hashlib.blake2b(journal(folder / "run")).hexdigest()


def blocks_of(prepared, engine, timestamps):
    """The same run again, with so many timestamps in a block."""
    forms = choose(engine, prepared.run.strategy, candles=1, say=lambda text: None)
    return fold_blocks(prepared.run, prepared.series, forms=forms, timestamps=timestamps)


def test_row_33_memory_and_descriptors_stay_flat_while_candles_are_processed(tmp_path, soaked, release, figure):
    """This does not count the two numbers that the summary keeps of each candle, for they are the result itself."""
    process = psutil.Process()
    memory, files = [], []
    with Appender(tmp_path / "journal.jsonl") as lines:
        for block in blocks_of(soaked[0], "auto", MAX_BLOCK if release else 500):
            lines.append(block.lines)
            memory.append(process.memory_info().rss)
            files.append(process.num_fds())
        lines.sync()
    half = np.array(memory[len(memory) // 2 :]) / MIB
    slope = float(np.polyfit(np.arange(len(half)), half, 1)[0]) * len(half)
    figure(f"row 33: memory {slope:+.2f} MiB over the second half of {len(memory)} blocks, {half[-1]:.0f} MiB in all")
    assert slope <= 1
    assert len(set(files)) == 1


@pytest.mark.parametrize(
    ("engine", "timestamps"),
    [
        pytest.param("interpreted", 1, marks=pytest.mark.soak),
        pytest.param("compiled", 1, marks=pytest.mark.soak),
        ("compiled", 7),
        pytest.param("compiled", 1_000, marks=pytest.mark.soak),
    ],
)
def test_row_33_the_journal_is_the_same_for_any_block_size(soaked, figure, engine, timestamps):
    total, candles, began = hashlib.blake2b(), len(soaked[0].series[0].columns.ts), time.monotonic()
    for block in blocks_of(soaked[0], engine, timestamps):
        assert len(block.ts) <= timestamps
        total.update(block.lines)
    figure(f"row 33: {candles} candles in blocks of {timestamps}, {engine}: {time.monotonic() - began:.0f} s")
    assert total.hexdigest() == soaked[2]


def test_row_33_a_replay_confirms_every_line(soaked, figure):
    prepared, folder, _ = soaked
    found = replay_run(folder, books_only=False, engine="auto", say=lambda text: None)
    assert found.books.differences == ()
    assert found.decisions is not None
    assert found.decisions.difference is None
    assert found.decisions.candles == len(prepared.series[0].columns.ts)
    assert found.decisions.lines == journal(folder).count(b"\n")
    figure(f"row 33: {found.decisions.lines} lines decided again, 0 differ")


def test_row_33_every_signal_equals_that_of_exact_fractions(soaked, figure):
    run, columns = soaked[0].run, soaked[0].series[0].columns
    signal, _ = run.strategy.columns(columns, run.parameters)
    assert signal.tolist() == reference.crossover(columns.close.tolist(), run.parameters)
    figure(f"row 33: {np.count_nonzero(signal)} signals of {len(signal)} candles by fractions, 0 differ")
