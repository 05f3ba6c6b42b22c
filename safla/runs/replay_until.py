"""The state of a recorded run at a candle: modes, positions and account, from simulating up to that candle (J43)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from safla.config.plan import RunPlan
from safla.core.candles import between, iso
from safla.core.values import State
from safla.errors import UsageError
from safla.runs.engine_choice import choose
from safla.runs.recording import read_recording, run_of
from safla.runs.runner import fold_blocks
from safla.strategies.register import STRATEGIES, Strategy


class ReplayState(NamedTuple):
    """The state of a run after one of its candles."""

    run: RunPlan
    ts: int  # open time of the last candle folded
    state: State


def until(
    path: Path, moment: int, *, engine: str, say: Callable[[str], None],
    register: Mapping[str, Strategy] = STRATEGIES,
) -> ReplayState:  # fmt: skip
    """Simulate up to the last candle that opens at or before a time (ms). UsageError if it is before the first one."""
    started, series, outside, _ = read_recording(path)
    run = run_of(started, register=register)
    first = min(int(one.columns.ts[0]) for one in series if len(one.columns.ts))
    if moment < first:
        raise UsageError(
            f"--until {iso(moment)}: the first candle opens at {iso(first)}; choose this time or a later one",
            code="invalid_argument",
        )
    cut = tuple(one._replace(columns=between(one.columns, first, moment + 1)) for one in series)
    candles = sum(len(one.columns.ts) for one in cut)
    forms = choose(engine, run.strategy, candles=candles, say=say)
    blocks = fold_blocks(run, cut, forms=forms, outside=[entry for entry in outside if entry.ts <= moment])
    last = None
    for block in blocks:
        if len(block.ts):  # leave out the closing lines, after which every symbol is idle
            last = block
    assert last is not None, "a candle opens at or before the time"
    return ReplayState(run, int(last.ts[-1]), last.state)
