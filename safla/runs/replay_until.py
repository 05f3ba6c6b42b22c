"""Where a recorded run stood at a candle: modes, positions and account, by folding up to it (J43)."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from safla.config.plan import RunPlan
from safla.core.candles import between, iso
from safla.core.values import State
from safla.errors import UsageError
from safla.runs.engine_choice import choose
from safla.runs.recording import read_recording, run_of
from safla.runs.runner import fold_blocks


class Stand(NamedTuple):
    """A run behind one of its candles."""

    run: RunPlan
    ts: int  # open time of the last candle folded
    state: State


def until(path: Path, moment: int, *, engine: str, say: Callable[[str], None]) -> Stand:
    """Fold up to the candle that opens at a moment (ms), or the last before it. UsageError: before all of them."""
    started, series, outside, _ = read_recording(path)
    run = run_of(started)
    first = min(int(one.columns.ts[0]) for one in series if len(one.columns.ts))
    if moment < first:
        raise UsageError(f"--until {iso(moment)}: the first candle opens at {iso(first)}")
    cut = tuple(one._replace(columns=between(one.columns, first, moment + 1)) for one in series)
    candles = sum(len(one.columns.ts) for one in cut)
    forms = choose(engine, run.strategy.columns, candles=candles, say=say)
    blocks = fold_blocks(run, cut, forms=forms, outside=[one for one in outside if one.ts <= moment])
    last = None
    for block in blocks:
        if len(block.ts):  # the closing lines have none, and after them every symbol is idle
            last = block
    assert last is not None, "there is a candle before the moment"
    return Stand(run, int(last.ts[-1]), last.state)
