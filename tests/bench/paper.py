"""A candle of a paper run, from its arrival to its line on the disk; beside the same writes and syncs alone."""

import itertools
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from safla.config.loader import load
from safla.observe.update import Update
from safla.paper import runner
from safla.paper.runner import Listeners
from safla.paper.session import PaperSession
from safla.runs.interrupt import Flag

CONFIG = """\
mode: paper
paper: {source: replay, speed: max}
symbols: {primary: [BTC/USDT]}
data: {source: synthetic, synthetic: {candles: CANDLES}}
strategy: {fast_period: 10, slow_period: 30, entry_threshold_pct: 0, exit_threshold_pct: 0}
market_data: {timeframe: 1m, lookback_candles: 31}
risk: {max_daily_loss_pct: 0.002, trailing_stop_pct: 0.03, drawdown_pause_days: 2, max_drawdown_pct: 0.02}
"""


class Percentiles(NamedTuple):
    """Of one kind of moment, ms."""

    p50: float
    p99: float
    p999: float


class Synced(NamedTuple):
    """What a candle takes, and what the disk alone takes of it."""

    candle: Percentiles  # decided, appended, synced: from when it is taken up until it may be told (J23)
    floor: Percentiles  # the same bytes, by os.write and fdatasync


def measure(folder: Path, candles: int) -> Synced:
    """Run so many candles at full speed, then write what that wrote once more, batch by batch."""
    folder.mkdir()
    (folder / "paper.yaml").write_text(CONFIG.replace("CANDLES", str(candles)))
    taken, sizes, path = [], [0], folder / "run" / "journal.jsonl"
    began = time.monotonic()

    def notify(one: Update) -> None:
        taken.append(one.synced - began)
        sizes.append(path.stat().st_size)

    def taken_up(held: PaperSession, *arguments: Any, **named: Any) -> None:
        nonlocal began
        began = time.monotonic()
        fold(held, *arguments, **named)

    fold = PaperSession.fold
    PaperSession.fold = taken_up  # type: ignore[method-assign]
    try:
        runner.run_paper(
            load(folder / "paper.yaml"), folder / "run", force=False, say=lambda text: None, flag=Flag(),
            attach_listeners=lambda run, source: nullcontext(Listeners(notify, lambda *trouble: None)),
        )  # fmt: skip
    finally:
        PaperSession.fold = fold  # type: ignore[method-assign]
    text = path.read_bytes()
    batches = [text[first:end] for first, end in itertools.pairwise(sizes)]
    return Synced(_percentiles(taken[1:-1]), _percentiles(_alone(folder / "alone", batches)))


def _alone(path: Path, batches: list[bytes]) -> list[float]:
    sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    taken = []
    for batch in batches:
        began = time.perf_counter()
        os.write(descriptor, batch)
        sync(descriptor)
        taken.append(time.perf_counter() - began)
    os.close(descriptor)
    return taken


def _percentiles(seconds: list[float]) -> Percentiles:
    in_order = sorted(seconds)
    return Percentiles(*(in_order[int(share * (len(in_order) - 1))] * 1000 for share in (0.5, 0.99, 0.999)))
