"""The journal by itself: how fast lines are made and appended, verified, read strictly, and a run recovered."""

import itertools
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from safla.config.loader import load
from safla.journal import reader
from safla.journal.append import Appender
from safla.journal.verify import survey
from safla.runs import backtest
from safla.runs.engine_choice import EngineForms, choose
from safla.runs.interrupt import Flag
from safla.runs.runner import fold_blocks
from tests.bench.job import MINUTE
from tests.bench.whole import YEAR_OF_MINUTES

START = 1_672_531_200_000  # of the job's candles, ms


class Speeds(NamedTuple):
    """Of one journal with all candles."""

    lines: int
    append_us: float  # an event: folded, built, encoded, chained, written; one sync at the end
    live_us: float  # a candle: interpreted engine and lines, one timestamp a block
    chain: float  # lines a second
    strict: float  # lines a second
    recovery_s: float  # of a run whose journal was cut in the middle: verified, compared, gone on with


def measure(folder: Path, candles: int) -> Speeds:
    """Write the journal of so many candles of a folder's candles.parquet, and go through it in each way."""
    (folder / "journal.yaml").write_text(YEAR_OF_MINUTES)
    sets = ["journal.detail=candles", f"data.end={START + MINUTE * candles}"]
    prepared = backtest.prepare(load(folder / "journal.yaml", sets=sets))
    out = folder / "whole"
    shutil.rmtree(out, ignore_errors=True)
    _run(prepared, out)
    journal = out / "journal.jsonl"
    lines = survey(journal, None).lines
    chain = lines / _seconds(lambda: survey(journal, None))
    strict = lines / _seconds(lambda: sum(1 for _ in reader.read(journal)))
    append = _seconds(lambda: _append(prepared, folder / "append.jsonl")) / lines
    text = journal.read_bytes()
    journal.write_bytes(text[: text.index(b"\n", len(text) // 2) + 20])
    (out / "head").unlink()
    recovery = _seconds(lambda: _run(prepared, out))
    assert journal.read_bytes() == text, "recovered to the byte"
    return Speeds(lines, append * 1e6, _live(prepared) * 1e6, chain, strict, recovery)


def _run(prepared: backtest.Prepared, out: Path) -> None:
    backtest.run_backtest(
        prepared, out, engine="compiled", force=False, watch=lambda progress: None, say=lambda text: None, flag=Flag()
    )


def _append(prepared: backtest.Prepared, path: Path) -> None:
    path.unlink(missing_ok=True)
    with Appender(path) as journal:
        for block in fold_blocks(prepared.run, prepared.series, forms=_forms(prepared, "compiled")):
            journal.append(block.lines)
        journal.sync()


def _live(prepared: backtest.Prepared) -> float:
    blocks = fold_blocks(prepared.run, prepared.series, forms=_forms(prepared, "interpreted"), timestamps=1)
    next(blocks)  # with the signals of the whole history
    return _seconds(lambda: sum(1 for _ in itertools.islice(blocks, 5_000))) / 5_000


def _forms(prepared: backtest.Prepared, engine: str) -> EngineForms:
    return choose(engine, prepared.run.strategy, candles=1, say=lambda text: None)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
