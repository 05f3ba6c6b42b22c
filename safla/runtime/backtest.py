"""A backtest: candles out of a source, through the fold, into a run folder. Starting again is going on (J39)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from safla.config.load import Loaded
from safla.config.plan import RunPlan, make_plan, price_limit, scales
from safla.config.text import resolved_yaml
from safla.core import values as v
from safla.core.candles import TIMEFRAMES, Series, between, digest, iso
from safla.core.machine import MODES
from safla.core.scale import to_text
from safla.data import source
from safla.errors import ConfigError, DataError, Problem
from safla.journal import candles_file
from safla.journal.files import CANDLES, JOURNAL, replace
from safla.runtime import folder as run_folder
from safla.runtime.fold import Block, fold
from safla.runtime.forms import choose, keep
from safla.runtime.interrupt import Flag
from safla.runtime.outcome import Outcome
from safla.runtime.progress import Progress, Watch
from safla.runtime.recovery import Continued

KEPT = (v.ORDER_REFUSED, v.FILLED, v.TRADE_CLOSED, v.HALTED_ROW, v.RESUMED)  # the rows that a summary reads


class Prepared(NamedTuple):
    """A run before its first candle."""

    run: RunPlan
    series: tuple[Series, ...]  # the window, with the lookback before it
    notes: tuple[str, ...]  # what the source said


class Ended(NamedTuple):
    """A run that reached its last candle."""

    outcome: Outcome
    folder: Path
    lines: int
    last_hash: str
    again: bool  # the journal was there already, and every byte of it came out again


def prepare(loaded: Loaded) -> Prepared:
    """Read the candles, cut the window, make the plan. Raises ConfigError, DataError."""
    config = loaded.config
    sourced = source.read(config, loaded.symbols, price_limit=price_limit(config))
    try:
        grids = scales(config, sourced.series)
        series, start = windowed(loaded, sourced.series)
        run = make_plan(config, loaded.symbols, grids, start=start)
    except ConfigError as error:
        raise located(error, loaded) from error
    return Prepared(run, series, sourced.notes)


def located(error: ConfigError, loaded: Loaded) -> ConfigError:
    """The same problems, each with the place where its key was written."""
    return ConfigError([Problem(loaded.origins.get(key, where), key, text) for where, key, text in error.problems])


def windowed(loaded: Loaded, series: Sequence[Series]) -> tuple[tuple[Series, ...], int]:
    """The candles of data.start to data.end with the lookback before them, and the first one behind it (S16)."""
    config = loaded.config
    step = TIMEFRAMES[config.market_data.timeframe]
    first = min(int(one.columns.ts[0]) for one in series)
    last = max(int(one.columns.ts[-1]) for one in series)
    end = last + step if config.data.end is None else config.data.end
    begin = first
    start = first
    if config.data.start is not None:
        behind = [int(ts) for one in series for ts in _first_from(one, config.data.start)]
        start = min(behind, default=end)
        begin = start - config.market_data.lookback_candles * step
    cut = tuple(one._replace(columns=between(one.columns, begin, end)) for one in series)
    if start >= end:
        raise DataError(
            f"no candle between data.start and data.end: the candles run from {iso(first)} to {iso(last + step)}"
        )
    return cut, start


def _first_from(series: Series, start: int) -> "np.ndarray":
    return series.columns.ts[np.searchsorted(series.columns.ts, start) :][:1]


def run(
    loaded: Loaded, *, stem: str, out: Path | None, engine: str, force: bool,
    watch: Watch, say: Callable[[str], None], flag: Flag,
) -> Ended:  # fmt: skip
    """Run a backtest to its last candle.

    stem    of the configuration's name, for the name of the folder
    out     the run folder, or None for one below storage.logs_directory
    engine  auto, interpreted or compiled
    """
    prepared = prepare(loaded)
    run, series = prepared.run, prepared.series
    for note in prepared.notes:
        say(note)
    shortest = min(len(one.columns.ts) for one in series)
    if shortest < run.plan.rules.warm_up:
        say(f"{shortest} candles, and the strategy needs {run.plan.rules.warm_up} before its first signal")
    folder = out or Path(loaded.config.storage.logs_directory) / run_folder.name_of(
        run, stem=stem, candles=digest(series, run.timeframe)
    )
    run_folder.make(folder, force=force)
    candles = sum(len(one.columns.ts) for one in series)
    forms = choose(engine, run.strategy.columns, candles=candles, say=say)
    _write_inputs(folder, loaded, run, series)
    kept: list[Block] = []
    with Continued(folder / JOURNAL) as journal:
        for block in fold(run, series, forms=forms):
            journal.append(block.lines)
            kept.append(block._replace(lines=b"", rows=block.rows[np.isin(block.rows[:, 0], KEPT)]))
            watch(_progress(run, block, total=candles))
            flag.check()
        again = journal.finish()
    keep(forms)
    outcome = Outcome(
        run=run, series=series,
        ts=np.concatenate([block.ts for block in kept]),
        equity=np.concatenate([block.equity for block in kept]),
        rows=np.concatenate([block.rows for block in kept]),
        state=kept[-1].state,
    )  # fmt: skip
    return Ended(outcome, folder, journal.lines, journal.last_hash, again)


def _write_inputs(folder: Path, loaded: Loaded, run: RunPlan, series: tuple[Series, ...]) -> None:
    """What stands in the folder before the first line: the resolved configuration, and the candles if no line holds them."""
    if run.detail != "candles" and not (folder / CANDLES).exists():
        candles_file.write(folder / CANDLES, series, timeframe=run.timeframe)
    if not (folder / run_folder.CONFIG).exists():
        replace(folder / run_folder.CONFIG, resolved_yaml(loaded).encode())


def _progress(run: RunPlan, block: Block, *, total: int) -> Progress:
    account = block.state.account
    return Progress(
        done=int(account[v.ROWS_FOLDED]),
        total=total,
        equity=f"{to_text(int(account[v.EQUITY]), run.money_decimals)} {run.quote}",
        modes=" ".join(MODES[int(row[v.MODE])] for row in block.state.book),
        trades=int(account[v.TRADES]),
    )
