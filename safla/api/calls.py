"""run and replay as functions. They print nothing and leave signals, umask, folder and logging as they are."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from safla.api.configuration import ConfigSource, OptionalOverrides, SymbolList, load_config, path_of, root_of, stem
from safla.api.registered import GivenStrategy, looked_back, register_for, register_with, registered
from safla.api.result import Result, Simulation, Verdict
from safla.config.loader import Loaded
from safla.config.plan import RunPlan
from safla.config.root_folder import refuse_outside
from safla.core import values as v
from safla.core.machine import MODES
from safla.core.scale import to_text
from safla.data.provenance import source_name
from safla.data.tables import tables_of
from safla.errors import UsageError
from safla.journal.checkpoint import HEAD
from safla.journal.files import CANDLES, JOURNAL
from safla.observe.update import Update
from safla.paper import runner
from safla.paper.runner import Listeners
from safla.paper.sources import CandleSource
from safla.report.summary import summarise, write_summary
from safla.runs import backtest
from safla.runs import replay as verification
from safla.runs.backtest import BacktestResult, Prepared
from safla.runs.folder import SUMMARY
from safla.runs.interrupt import Flag
from safla.runs.progress import Progress
from safla.runs.recording import strategy_name
from safla.strategies.register import Strategy

READ = (JOURNAL, HEAD, CANDLES)  # the files of a run folder that a replay reads
MOST_NOTES = 1_000  # of a paper run, which may run for months


def run(
    config: ConfigSource = None,
    *,
    candles: Any = None,
    set: OptionalOverrides = None,  # noqa: A002  the command's word
    strategies: Mapping[str, GivenStrategy] | None = None,
    out: str | os.PathLike[str] | None = None,
    symbols: SymbolList = "primary",
    progress: Callable[[Progress], None] | None = None,
    root: str | os.PathLike[str] | None = None,
) -> Result:
    """Run what a configuration describes and write its run folder, as `safla run` does.

    The same call again continues an interrupted run, or confirms a finished one.

    `mode: paper` runs until its source ends (`paper.source: replay`, `data.end`), until `safla stop` ends it, or until
    KeyboardInterrupt, after which the same call continues it. It may be called in any thread, and in a notebook.

    config      a path, a dict, what load_config gives; None for ./config.yaml if it exists, else the defaults
    candles     candles in memory in place of those of data.source: a frame of polars or pandas, a table of Arrow or a
                dict of arrays for one symbol (or with a column `symbol`), or a mapping of symbols to these. Columns are
                found by their usual names, times in a column or a datetime index; data.columns, data.time_zone and
                data.bad_rows hold for them too. They are checked as strictly as a file, and floats are read at their
                shortest decimal text
    set         overlays: {"risk.stop_loss_pct": 0.03}, or ["risk.stop_loss_pct=0.03"]; numbers may be those of numpy,
                and a float is rounded to the decimals that its key takes, with a note
    strategies  your functions or classes by name, for strategy.name (StrategyFunction, CandleStrategy)
    out         the run folder; else one below storage.logs_directory, named after configuration, plan and candles
    symbols     the list in use: symbols.primary or symbols.test
    root        for programs that run configurations of other people: a folder in which out and every path of the
                configuration must be, links resolved; else ConfigError with the key. Default folders are inside it too
    progress    called with the progress of the run, a few times a second at most; nothing is printed
    returns     Result: summary, trades, events, equity, the journal's path

    Raises ConfigError, StrategyError, DataError, JournalError, UsageError; Finding for a strategy that looks ahead, and
    for an existing journal that differs; HostError where another process or thread uses the run folder. Several threads
    may call it at once.

        result = safla.run("config.yaml", set={"strategy.fast_period": 5})
        result.trades
    """
    folder_path = None if out is None else path_of(out, "out")
    if folder_path is not None:
        refuse_outside(folder_path, root_of(root), key="out")
    loaded = load_config(config, set=set, strategies=strategies, symbols=symbols, root=root)
    register = register_for(loaded, strategies, environment=os.environ)
    loaded = looked_back(loaded, register)
    if candles is not None and loaded.config.mode == "paper":
        raise UsageError("candles: mode is paper, which takes its own candles; leave them out", code="invalid_argument")
    if loaded.config.mode == "paper":
        return _outside_event_loop(lambda: _paper(loaded, register, out, strategies, progress or _ignore_progress))
    prepared = _prepared(loaded, register, candles)
    folder = backtest.backtest_folder(prepared, stem=stem(loaded), out=folder_path)
    summary: dict[str, Any] = {}

    def conclude(ended: BacktestResult) -> None:
        summary.update(
            summarise(
                ended.outcome,
                risk_free_rate=float(loaded.config.report.risk_free_rate),
                source=_source(loaded, candles),
            )
        )
        write_summary(folder / SUMMARY, summary)

    notes = _warnings(loaded, strategies)
    ended = backtest.run_backtest(
        prepared, folder, engine="auto", force=False, watch=progress or _ignore_progress, say=notes.append, flag=Flag(),
        conclude=conclude,
    )  # fmt: skip
    return Result(
        summary=summary, notes=tuple(notes), folder=folder, same_journal=ended.again, lines=ended.lines,
        last_hash=ended.last_hash, _outcome=ended.outcome,
    )  # fmt: skip


def simulate(
    config: ConfigSource = None,
    *,
    candles: Any = None,
    set: OptionalOverrides = None,  # noqa: A002  the command's word
    strategies: Mapping[str, GivenStrategy] | None = None,
    symbols: SymbolList = "primary",
    root: str | os.PathLike[str] | None = None,
) -> Simulation:
    """A backtest without a run folder and without a journal: nothing is written, and it takes a fraction of the time.

    Trades, equity and figures are those of `run` on the same candles. Arguments as in `run`; the result has no folder,
    no journal and no events. UsageError for `mode: paper`, other errors as in `run`.

        result = safla.simulate({"symbols": {"primary": ["BTC/USDT"]}}, candles=frame)
        result.summary["net_profit"], result.trades, result.equity
    """
    loaded = load_config(config, set=set, strategies=strategies, symbols=symbols, root=root)
    register = register_for(loaded, strategies, environment=os.environ)
    loaded = looked_back(loaded, register)
    if loaded.config.mode == "paper":
        raise UsageError("mode is paper: simulate makes backtests; call safla.run", code="invalid_argument")
    notes = _warnings(loaded, strategies)
    prepared = _prepared(loaded, register, candles)
    outcome = backtest.simulated(prepared, say=notes.append)
    summary = summarise(
        outcome, risk_free_rate=float(loaded.config.report.risk_free_rate), source=_source(loaded, candles)
    )
    return Simulation(summary=summary, notes=tuple(notes), _outcome=outcome)


def _prepared(loaded: Loaded, register: Mapping[str, Strategy], candles: Any) -> Prepared:
    tables = None if candles is None else tables_of(candles, loaded.symbols)
    return backtest.prepare(loaded, register=register, tables=tables)


def _source(loaded: Loaded, candles: Any) -> str:
    """Where the candles are from, for the summary."""
    return source_name(loaded.config, loaded.symbols) if candles is None else "memory: a table from Python"


def _paper(
    loaded: Loaded, register: Mapping[str, Strategy], out: str | os.PathLike[str] | None,
    strategies: Mapping[str, GivenStrategy] | None, watch: Callable[[Progress], None],
) -> Result:  # fmt: skip
    """Run a paper run to its end. Nothing is printed; troubles with the source become notes."""
    folder = runner.paper_folder(loaded, stem=stem(loaded), out=None if out is None else path_of(out, "out"))
    notes = _warnings(loaded, strategies)

    def note(text: str) -> None:
        if len(notes) < MOST_NOTES:
            notes.append(text)

    @contextmanager
    def attach_listeners(plan: RunPlan, _source: CandleSource) -> Iterator[Listeners]:
        yield Listeners(lambda update: watch(_progress(plan, update)), lambda kind, symbol, text: note(text))

    done = runner.run_paper(
        loaded, folder, force=False, say=note, flag=Flag(), attach_listeners=attach_listeners, register=register
    )
    outcome = runner.outcome_of(folder, register=register)
    summary = summarise(outcome, risk_free_rate=float(loaded.config.report.risk_free_rate))
    write_summary(folder / SUMMARY, summary)
    return Result(
        summary=summary, notes=tuple(notes), folder=folder, same_journal=done.again, lines=done.lines,
        last_hash=done.last_hash, _outcome=outcome,
    )  # fmt: skip


def _warnings(loaded: Loaded, strategies: Mapping[str, GivenStrategy] | None) -> list[str]:
    """The warnings of the configuration, and one where it does not use the strategies that were passed."""
    warnings = [f"warning: {warning}" for warning in loaded.warnings]
    name = loaded.config.strategy.name
    if strategies and name not in strategies:
        unused = min(strategies)
        warnings.append(
            f"warning: strategy.name is {name}, so {unused} is not used; choose it with "
            f"set={{'strategy.name': '{unused}'}}"
        )
    return warnings


def _progress(run: RunPlan, update: Update) -> Progress:
    """The progress of a paper run. Its total is unknown, so that it is the number of candles so far."""
    account = update.state.account
    done = int(account[v.ROWS_FOLDED])
    return Progress(
        done=done,
        total=done,
        equity=f"{to_text(int(account[v.EQUITY]), run.money_decimals)} {run.quote}",
        modes=" ".join(MODES[int(row[v.MODE])] for row in update.state.book),
        trades=int(account[v.TRADES]),
    )


def _outside_event_loop(call: Callable[[], Result]) -> Result:
    """Call in this thread, or in another one if an event loop runs in this one, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def replay(
    path: str | os.PathLike[str],
    *,
    strategies: Mapping[str, GivenStrategy] | None = None,
    other_code: bool = False,
    root: str | os.PathLike[str] | None = None,
) -> Verdict:
    """Verify a run folder or its journal: the chain, the books, and every decision again. It writes nothing.

    path        the run folder, or its journal file
    strategies  the strategies of the run, if they were passed from Python (StrategyFunction)
    other_code  whether a strategy may come from another file than that of the run, or from a changed one: the verdict
                then says whether it decides the same; else other code is a ConfigError. Code that is in no file, as in
                a notebook, is not compared
    root        for programs that serve other people: a folder in which the run folder and its files must be, links
                resolved; else ConfigError with `path`
    returns     Verdict: true where nothing differs

    JournalError for a journal or candles that are missing or damaged, ConfigError for a strategy that is not passed.

        assert safla.replay("logs/btc-0123abcd")
    """
    register: Mapping[str, Strategy] = registered(strategies)
    journal = path_of(path, "path")
    below = root_of(root)
    for file in (journal, *((journal if journal.is_dir() else journal.parent) / name for name in READ)):
        refuse_outside(file, below, key="path")
    name = strategy_name(journal)
    if name not in register:
        register = {**register, **register_with(name, {})}
    result = verification.replay_run(
        journal, books_only=False, engine="auto", say=_ignore_note, register=register, other_code=other_code
    )
    assert result.decisions is not None, "decisions are only left out with books_only"
    return Verdict(result.tail, result.books, result.decisions)


def _ignore_progress(_progress: Progress) -> None:
    return


def _ignore_note(_text: str) -> None:
    return
