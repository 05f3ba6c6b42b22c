"""What a journal holds of its run: the plan in its first line, and the candles that the engine was given (J15, J8)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from safla.candles.validation import Bounds, Origin, check_candles
from safla.config.model import Config
from safla.config.plan import RunPlan, make_plan, price_limit
from safla.config.plan_text import from_plan_texts
from safla.core import values as v
from safla.core.candles import Scale, Series, digest
from safla.core.scale import to_units
from safla.core.timeframes import TIMEFRAMES
from safla.core.values import Columns
from safla.errors import ConfigError, DataError, JournalError, Problem
from safla.journal import reader, run_candles
from safla.journal.encode import NO_INPUT, Input
from safla.journal.events import CandleEvent, CandleMissing, Event, Halted, Resumed, RunEnded, RunStarted, SymbolScale
from safla.journal.files import CANDLES
from safla.journal.reader import Journal
from safla.runs.runner import Outside
from safla.strategies.register import STRATEGIES, Strategy

CANDLE_FIELDS = 6
STRATEGY = "strategy.name"

CandleLines = dict[str, list[tuple[int, ...]]]  # the candle lines by symbol


class RecordedRun(NamedTuple):
    """A run as its folder tells it: its inputs (J1)."""

    started: RunStarted
    series: tuple[Series, ...]
    outside: tuple[Outside, ...]
    stop: Input  # the command that ended it


class Inputs:
    """What came from outside, as it stands in the lines that were read so far."""

    def __init__(self, started: RunStarted) -> None:
        self.rows: CandleLines = {one.symbol: [] for one in started.symbols}
        self.outside: list[Outside] = []
        self.stop = NO_INPUT
        self.rules: dict[int, int] = {}  # of every halt
        self.ended = False  # the last line is run_ended
        self.last_ts: int | None = None  # the last timestamp of which a candle line stands there
        self.known = 0  # how many symbols have their line there

    def note(self, event: Event) -> None:
        """What an event brought from outside, candles apart."""
        if isinstance(event, Halted):
            self.rules[event.halt] = rule = v.HALT_RULES.index(event.rule)
            if rule in (v.OPERATOR, v.STRATEGY_ERROR):
                self.outside.append(Outside(event.ts, rule, lifts=False, input=_input(event)))
        elif isinstance(event, Resumed) and event.by == "operator" and event.halt in self.rules:
            self.outside.append(Outside(event.ts, self.rules[event.halt], lifts=True, input=_input(event)))
        elif isinstance(event, RunEnded):
            self.stop, self.ended = Input(None, event.given, event.id), True

    @property
    def commands(self) -> dict[str, int]:
        """The commands that stand there, each with the time at which it was given, ms."""
        found = [*(one.input for one in self.outside), self.stop]
        return {one.id: one.given for one in found if one.id is not None and one.given is not None}


def read_recording(path: Path) -> RecordedRun:
    """First line and candles of a run folder or its journal, which is verified on the way. Raises JournalError."""
    journal = reader.read(path)
    inputs = Inputs(journal.started)
    for _ in noting(journal, inputs):
        pass
    series = series_of(journal, inputs.rows)
    if not any(len(one.columns.ts) for one in series):
        raise JournalError(f"{journal.path}: no candle is recorded yet; the same `safla run` goes on")
    return RecordedRun(journal.started, series, tuple(inputs.outside), inputs.stop)


def noting(journal: Journal, inputs: Inputs) -> Iterator[Event]:
    """The events; what came from outside leaves its values in inputs as it passes, so that the file is read once."""
    scales = {one.symbol: one for one in journal.started.symbols}
    for line in journal:
        event = line.event
        if isinstance(event, CandleEvent | CandleMissing):
            inputs.known = inputs.known + 1 if event.ts == inputs.last_ts else 1
            inputs.last_ts = event.ts
            if isinstance(event, CandleEvent):
                inputs.rows[event.symbol].append(_numbers(event, scales[event.symbol]))
        else:
            inputs.note(event)
        yield event


def _input(event: Halted | Resumed) -> Input:
    return Input(event.note, event.given, event.id)


def run_of(started: RunStarted, *, register: Mapping[str, Strategy] = STRATEGIES) -> RunPlan:
    """The plan that a first line tells, all of it, without a YAML file (J15). JournalError for one that is none.

    register  the strategies by name, those from Python among them (D5); ConfigError where that of the run is missing
    """
    name = started.plan.get(STRATEGY, "")
    if name and name not in register:
        text = f"{name} is not registered here: it came from Python, or from a later release; a run of a strategy from "
        text += f"Python is replayed by safla.replay(run, strategies={{'{name}': function}})"
        raise ConfigError([Problem("line 1", STRATEGY, text)])
    try:
        return changed_run(started, {}, register=register)
    except ConfigError as error:
        raise JournalError(f"line 1: the plan is none of this release: {error}") from error


def changed_run(
    started: RunStarted, changes: Mapping[str, str], *, register: Mapping[str, Strategy] = STRATEGIES
) -> RunPlan:
    """The same with some values changed (J44). ConfigError where they do not fit."""
    config = _config(started, {**started.plan, **changes}, strategies=tuple(register))
    symbols = tuple(one.symbol for one in started.symbols)
    return make_plan(config, symbols, scales=symbol_scales(started), start=started.start, register=register)


def _config(started: RunStarted, texts: dict[str, str], *, strategies: tuple[str, ...]) -> Config:
    """The configuration that a plan tells, which names one of the strategies. ConfigError."""
    return from_plan_texts(
        texts, symbols=tuple(one.symbol for one in started.symbols), markets={}, detail=started.detail,
        timeframe=started.timeframe, strategies=strategies,
    )  # fmt: skip


def symbol_scales(started: RunStarted) -> tuple[Scale, ...]:
    """The scale of each symbol, as a first line tells it."""
    return tuple(_scale(one, started.money_decimals) for one in started.symbols)


def _scale(one: SymbolScale, money_decimals: int) -> Scale:
    return Scale(
        price_decimals=one.price_decimals,
        quantity_decimals=one.quantity_decimals,
        volume_decimals=one.volume_decimals,
        tick=to_units(one.tick, one.price_decimals),
        lot=to_units(one.lot, one.quantity_decimals),
        min_notional=to_units(one.min_notional, money_decimals),
    )


def series_of(journal: Journal, rows: CandleLines) -> tuple[Series, ...]:
    """The candles that the engine was given: lines of the journal, or the Parquet file beside it (J8)."""
    if journal.started.detail != "candles":
        path = journal.path.parent / CANDLES
        series = run_candles.read(path)
        _refuse_others(path, series, journal=journal)
        _refuse_unsound(series, journal.started, path=path, word="row")
        return series
    found = []
    for one in journal.started.symbols:
        numbers = np.array(rows[one.symbol], np.int64).reshape(-1, CANDLE_FIELDS)
        columns = Columns(*np.ascontiguousarray(numbers.T))
        found.append(Series(one.symbol, one.price_decimals, one.volume_decimals, columns))
    _refuse_unsound(found, journal.started, path=journal.path, word="candle")
    return tuple(found)


def _refuse_unsound(series: Sequence[Series], started: RunStarted, *, path: Path, word: str) -> None:
    """Candles that no source gives, so that no run had them; whoever writes them can make every hash again (D1, S1)."""
    try:
        config = _config(started, started.plan, strategies=(started.plan.get(STRATEGY, ""),))
        for one in series:
            bounds = Bounds(TIMEFRAMES[started.timeframe], price_limit(config), one.price_decimals, one.volume_decimals)
            origin = Origin(f"{path}: {one.symbol}", word, np.arange(1, len(one.columns.ts) + 1))
            check_candles(one.columns, bounds, origin=origin)
            if (late := np.flatnonzero(np.diff(one.columns.ts) <= 0)).size:
                raise DataError(f"{origin.at(int(late[0]) + 1)}: opens no later than the one before")
    except DataError as error:
        raise JournalError(str(error)) from error
    except ConfigError as error:
        raise JournalError(f"{path}: the plan is none of this release: {error}") from error


def _refuse_others(path: Path, series: tuple[Series, ...], *, journal: Journal) -> None:
    """Candles of another run: other symbols or decimals than line 1 names, or another digest than run_ended tells."""
    ours = [(one.symbol, one.price_decimals, one.volume_decimals) for one in journal.started.symbols]
    if [one[:3] for one in series] != ours:
        theirs = " ".join(one.symbol for one in series)
        raise JournalError(f"{path}: holds candles of {theirs}, other symbols or decimals than line 1 of the journal")
    if journal.ended is None:
        return
    found = digest(series, journal.started.timeframe)
    if found != journal.ended.digest:
        raise JournalError(f"{path}: its candles have the digest {found}, the journal says {journal.ended.digest}")


def _numbers(candle: CandleEvent, scale: SymbolScale) -> tuple[int, ...]:
    prices = (to_units(text, scale.price_decimals) for text in (candle.open, candle.high, candle.low, candle.close))
    return candle.ts, *prices, to_units(candle.volume, scale.volume_decimals)
