"""A backtest: candles from a source are simulated, and the journal is written into a run folder.

To start the same backtest again is to continue it (J39).
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.config.loader import Loaded
from safla.config.plan import RunPlan, make_plan, price_limit, scales
from safla.core import values as v
from safla.core.candles import Series, align, between, digest, iso, packed
from safla.core.machine import MODES
from safla.core.scale import MILLION, to_text
from safla.core.timeframes import TIMEFRAMES
from safla.data import coverage, source
from safla.data.coverage import RequestedPeriod
from safla.data.tables import Tables
from safla.errors import ConfigError, DataError, JournalError, Problem
from safla.journal import run_candles
from safla.journal.files import CANDLES, JOURNAL, replace
from safla.runs import folder as run_folder
from safla.runs.engine_choice import EngineForms, choose
from safla.runs.interrupt import Flag
from safla.runs.look_ahead import CutCheck
from safla.runs.progress import Progress, ProgressListener
from safla.runs.recovery import JournalAppender, recover
from safla.runs.result import NO_SOURCES, RunResult, Sources, simulate_plan
from safla.runs.runner import Block, started
from safla.runs.signal_sources import ArraySignals, SignalSource, signal_source
from safla.runs.strategy_calls import checked_signals, is_built_in, strategy_window
from safla.runs.strategy_code.kept import keep_code
from safla.strategies.register import STRATEGIES, Strategy

if TYPE_CHECKING:
    from safla.data.backfill import DownloadListener


USUAL_SLIPPAGE_PPM = 5000  # the default of max_slippage_bps


class Prepared(NamedTuple):
    """A run that is ready to start: its plan and its candles."""

    loaded: Loaded
    run: RunPlan
    series: tuple[Series, ...]  # from data.start to data.end, with the lookback before
    notes: tuple[str, ...]  # notes of the source, for the user
    digest: str  # of the candles (J7)
    sources: Sources = NO_SOURCES


class BacktestResult(NamedTuple):
    """A backtest that reached its last candle."""

    outcome: RunResult
    folder: Path
    lines: int
    last_hash: str
    again: bool  # the journal was complete before, and this run made the same bytes again


def prepare(
    loaded: Loaded, *, register: Mapping[str, Strategy] = STRATEGIES, listener: "DownloadListener | None" = None,
    tables: Tables | None = None,
) -> Prepared:  # fmt: skip
    """Read the candles, cut the period, make the plan. Raises ConfigError, DataError, ExchangeError.

    register  the strategies by name, including those from Python (D5)
    listener  is called with the progress of a download, if the candles come from an exchange
    tables    candles in memory, in place of those of data.source
    """
    config = loaded.config
    try:
        if config.mode != "backtest":
            raise ConfigError([Problem("", "mode", f"expected backtest, got {config.mode}", code="invalid_value")])
        sourced = source.read(config, loaded.symbols, price_limit=price_limit(config), listener=listener, tables=tables)
        grids = scales(config, sourced.series, rules=sourced.rules)
        cut, start = windowed(loaded, sourced.series)
        sourced = sourced._replace(series=())  # `cut` holds the last reference, so that packing frees the candles
        series = packed(cut)
        run = make_plan(config, loaded.symbols, scales=grids, start=start, register=register)
    except ConfigError as error:
        raise with_origins(error, loaded) from error
    sources = Sources(
        RequestedPeriod(config.data.start, config.data.end),
        *(tuple(getattr(one, name) for one in sourced.counts) for name in ("bad_rows", "without_trade", "incomplete")),
    )
    rules = run.plan.rules
    missing = uncovered(series, sources.asked, start=rules.start_ts, step=rules.step_ms, warm_up=rules.warm_up)
    notes = (*sourced.notes, *missing)
    return Prepared(loaded, run, series, notes, digest(series, run.timeframe), sources)


def uncovered(
    series: Sequence[Series], asked: RequestedPeriod, *, start: int, step: int, warm_up: int = 0
) -> list[str]:
    """Notes on the symbols whose candles do not cover the requested period, or whose prices jump.

    start    open time of the first candle after the lookback, ms; step: the length of a candle, ms
    warm_up  candles that the strategy needs before its first signal; 0: this is not checked
    """
    end = max((int(one.columns.ts[-1]) for one in series if len(one.columns.ts)), default=0) + step
    window = {"begin": start, "end": end, "step": step}
    return [
        line
        for one in series
        for line in coverage.notes(
            coverage.covered(one, asked, **window), asked, **window, warm_up=warm_up, decimals=one.price_decimals
        )
    ]


def with_origins(error: ConfigError, loaded: Loaded) -> ConfigError:
    """The same problems, each with the file and line in which its key was written."""
    return ConfigError([one._replace(where=loaded.origins.get(one.key, one.where)) for one in error.problems])


def windowed(loaded: Loaded, series: Sequence[Series]) -> tuple[list[Series], int]:
    """The candles from data.start to data.end with the lookback before them, and the start of the run, ms (S16)."""
    config = loaded.config
    step = TIMEFRAMES[config.market_data.timeframe]
    first = min(int(one.columns.ts[0]) for one in series)
    last = max(int(one.columns.ts[-1]) for one in series)
    end = last + step if config.data.end is None else config.data.end
    begin = first
    start = first
    if config.data.start is not None:
        first_candles = [int(ts) for one in series for ts in _first_from(one, config.data.start)]
        start = min(first_candles, default=end)
        begin = start - config.market_data.lookback_candles * step
    cut = [one._replace(columns=between(one.columns, begin, end)) for one in series]
    if start >= end:
        raise DataError(
            f"no candle between data.start and data.end: the candles run from {iso(first)} to {iso(last + step)}",
            code="no_candles_in_period",
        )
    return cut, start


def _first_from(series: Series, start: int) -> "np.ndarray":
    """The time of the first candle from a start on; empty if there is none."""
    return series.columns.ts[np.searchsorted(series.columns.ts, start) :][:1]


def backtest_folder(prepared: Prepared, *, stem: str, out: Path | None) -> Path:
    """The run folder: out, or a folder in storage.logs_directory whose name comes from plan and candles.

    stem  the name of the configuration file without its suffix
    """
    name = run_folder.name_of(prepared.run, stem=stem, candles=prepared.digest)
    return out or Path(prepared.loaded.config.storage.logs_directory) / name


def run_backtest(
    prepared: Prepared, folder: Path, *, engine: str, force: bool, watch: ProgressListener,
    say: Callable[[str], None], flag: Flag,
    conclude: Callable[[BacktestResult], None] = lambda ended: None,
) -> BacktestResult:  # fmt: skip
    """Run a backtest to its last candle.

    engine    auto, interpreted or compiled
    say       takes notes for the user
    conclude  is called with the result while the folder is still locked, so that it may write files there
    """
    plan, series = prepared.run, prepared.series
    for note in (*prepared.notes, *_too_short(prepared), *_coarse_ticks(prepared)):
        say(note)
    candles = sum(len(one.columns.ts) for one in series)
    forms = choose(engine, plan.strategy, candles=candles, say=say)
    source, check = _signals_before(prepared, forms, say=say)
    run_folder.make(folder, force=force)
    with run_folder.lock_run(folder):
        recover(folder / JOURNAL, started=started(plan, first_ts=_first_ts(series)), say=say)
        keep_code(folder, plan.strategy.code)
        _write_inputs(folder, prepared)
        if check is not None:
            _write_check(folder, prepared, check)
        with JournalAppender(folder / JOURNAL, say=say) as journal:
            recorder = _JournalRecorder(plan, journal, watch=watch, flag=flag, total=candles)
            outcome = simulate_plan(
                plan, series, forms=forms, recorder=recorder, known=prepared.digest,
                source=source, sources=prepared.sources,
            )  # fmt: skip
            again = journal.finish()
        ended = BacktestResult(outcome, folder, journal.lines, journal.last_hash, again)
        conclude(ended)
    return ended


def simulated(prepared: Prepared, *, say: Callable[[str], None]) -> RunResult:
    """The result of a backtest that writes nothing: no folder, and no journal. say: takes notes for the user."""
    plan, series = prepared.run, prepared.series
    for note in (*prepared.notes, *_too_short(prepared), *_coarse_ticks(prepared)):
        say(note)
    forms = choose("auto", plan.strategy, candles=sum(len(one.columns.ts) for one in series), say=say)
    source, _ = _signals_before(prepared, forms, say=say)
    return simulate_plan(plan, series, forms=forms, source=source, sources=prepared.sources)


def _signals_before(
    prepared: Prepared, forms: EngineForms, *, say: Callable[[str], None]
) -> tuple[SignalSource | None, CutCheck | None]:
    """The signals of a strategy from Python, asked and checked before anything is written; None for one of ours."""
    run, series = prepared.run, prepared.series
    if is_built_in(run):
        return None, None
    if run.strategy.per_candle is not None:
        return signal_source(run, series, forms=forms), None
    grid_ts = align([one.columns for one in series]).ts
    checked = checked_signals(
        run, series, columns=run.strategy.columns, grid_ts=grid_ts, known=prepared.digest, say=say
    )
    return ArraySignals(run, series, checked.signals), checked.check


def _write_check(folder: Path, prepared: Prepared, check: CutCheck) -> None:
    """Write look_ahead.json: what the look-ahead check covered, for which plan and candles. It is no proof (C15)."""
    plan = json.dumps(prepared.run.texts, sort_keys=True).encode("ascii")
    content = {
        "strategy": prepared.run.strategy_name,
        "window": strategy_window(prepared.run),
        "plan": hashlib.blake2b(plan, digest_size=16).hexdigest(),
        "candles": prepared.digest,
        "cuts": check.cuts,
        "changes": check.changes,
        "every_change_cut": check.changes_cut == check.changes,
    }
    replace(folder / run_folder.LOOK_AHEAD, json.dumps(content, indent=2).encode("ascii") + b"\n")


def _first_ts(series: Sequence[Series]) -> int:
    return min(int(one.columns.ts[0]) for one in series if len(one.columns.ts))


def _too_short(prepared: Prepared) -> list[str]:
    needed = prepared.run.plan.rules.warm_up
    return [
        f"{one.symbol}: {len(one.columns.ts)} candles, but the strategy needs {needed} before its first signal"
        for one in prepared.series
        if len(one.columns.ts) < needed
    ]


def _coarse_ticks(prepared: Prepared) -> list[str]:
    """Notes on symbols whose tick exceeds max_slippage_bps of the price: a market order may pay a whole tick (S25a).

    The first close and the lowest price are checked. If max_slippage_bps is 0, its default is used.
    """
    rules = prepared.run.plan.rules
    limit_ppm = rules.max_slippage_ppm or USUAL_SLIPPAGE_PPM
    notes = []
    for one, scale in zip(prepared.series, prepared.run.scales, strict=True):
        if not len(one.columns.ts):
            continue
        prices = (("its price", int(one.columns.close[0])), ("its lowest price", int(one.columns.low.min())))
        coarse = [(label, price) for label, price in prices if scale.tick * MILLION > limit_ppm * price]
        if coarse:
            label, price = coarse[0]
            tick, shown = (to_text(units, scale.price_decimals) for units in (scale.tick, price))
            share = f"{100 * scale.tick / price:.3f}".rstrip("0").rstrip(".")
            text = f"the tick of {one.symbol} is {share} % of {label} ({tick} of {shown})"
            notes.append(f"{text}; a market order may pay a whole tick, more than max_slippage_bps")
    return notes


def _write_inputs(folder: Path, prepared: Prepared) -> None:
    """Write what must be there before the first line: the configuration, and the candles if the journal has none."""
    if prepared.run.detail != "candles" and not _has_candles(folder / CANDLES, prepared):
        run_candles.write_run_candles(
            folder / CANDLES, prepared.series, timeframe=prepared.run.timeframe, known=prepared.digest
        )
    run_folder.keep_config(folder, prepared.loaded)


def _has_candles(path: Path, prepared: Prepared) -> bool:
    """Whether the file of candles exists. JournalError if its candles differ from those of the source (J32)."""
    if not path.exists():
        return False
    recorded = digest(run_candles.read(path), prepared.run.timeframe)
    if recorded != prepared.digest:
        text = f"its candles have the digest {recorded}, those of the source have {prepared.digest}"
        raise JournalError(f"{path}: {text}", code="other_run")
    return True


class _JournalRecorder:
    """The recorder of a backtest: it writes the journal, shows the progress, and stops at SIGINT and SIGTERM."""

    def __init__(
        self, run: RunPlan, journal: JournalAppender, *, watch: ProgressListener, flag: Flag, total: int
    ) -> None:
        self._run, self._journal, self._watch, self._flag, self._total = run, journal, watch, flag, total

    def block(self, block: Block) -> None:
        """Append the block and show the progress. Raises Interrupted if SIGINT or SIGTERM came."""
        self._journal.append(block.lines)
        self._watch(_progress(self._run, block, total=self._total))
        self._flag.check()


def _progress(run: RunPlan, block: Block, *, total: int) -> Progress:
    account = block.state.account
    return Progress(
        done=int(account[v.ROWS_FOLDED]),
        total=total,
        equity=f"{to_text(int(account[v.EQUITY]), run.money_decimals)} {run.quote}",
        modes=" ".join(MODES[int(row[v.MODE])] for row in block.state.book),
        trades=int(account[v.TRADES]),
    )
