"""The inputs of a recorded run, read from its journal: plan, candles, and inputs from outside (J1, J8, J15)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from safla.candles.validation import Bounds, Origin, check_candles
from safla.config.model import Config
from safla.config.plan import RunPlan, make_plan, price_limit
from safla.config.plan_text import CODE, from_plan_texts, with_code
from safla.core import values as v
from safla.core.candles import Scale, Series, digest
from safla.core.scale import to_units
from safla.core.timeframes import TIMEFRAMES
from safla.core.values import Columns
from safla.errors import ConfigError, DataError, JournalError, Problem
from safla.journal import reader, run_candles
from safla.journal.candle_lines import CANDLE_FIELDS
from safla.journal.encode import NO_INPUT, Input
from safla.journal.events import CandleEvent, CandleMissing, Event, Halted, Resumed, RunEnded, RunStarted, SymbolScale
from safla.journal.files import CANDLES
from safla.journal.reader import Journal
from safla.runs.runner import Outside
from safla.strategies.register import NO_FILE, STRATEGIES, Strategy

STRATEGY = "strategy.name"

CandleLines = dict[str, list[tuple[int, ...]]]  # the candle lines by symbol


class RecordedRun(NamedTuple):
    """The inputs of a run, as recorded in its folder (J1)."""

    started: RunStarted
    series: tuple[Series, ...]
    outside: tuple[Outside, ...]
    stop: Input  # the command that ended it


class Inputs:
    """The inputs in the lines that were read so far: candles, halts and resumes from outside, the stop command."""

    def __init__(self, started: RunStarted) -> None:
        self.rows: CandleLines = {one.symbol: [] for one in started.symbols}
        self.outside: list[Outside] = []
        self.stop = NO_INPUT
        self.rules: dict[int, int] = {}  # the rule of each halt, by its number
        self.ended = False  # whether the last line is run_ended
        self.last_ts: int | None = None  # the last timestamp that has a candle line
        self.known = 0  # how many symbols have their candle line at last_ts

    def note(self, event: Event) -> None:
        """Collect the input from outside of an event that is not a candle, if it has one."""
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
        """The ids of the recorded commands, each with the time at which it was given, ms."""
        inputs = [*(entry.input for entry in self.outside), self.stop]
        return {entry.id: entry.given for entry in inputs if entry.id is not None and entry.given is not None}


def read_recording(path: Path) -> RecordedRun:
    """Read the inputs of a run folder or its journal, and verify the journal's chain. Raises JournalError."""
    journal = reader.read(path)
    inputs = Inputs(journal.started)
    for _ in read_events(journal, inputs):
        pass
    series = series_of(journal, inputs.rows)
    if not any(len(one.columns.ts) for one in series):
        raise JournalError(
            f"{journal.path}: no candle is recorded yet; continue it with the same `safla run`",
            code="no_candle_recorded",
        )
    return RecordedRun(journal.started, series, tuple(inputs.outside), inputs.stop)


def read_events(journal: Journal, inputs: Inputs) -> Iterator[Event]:
    """The events of a journal. Their inputs are collected in `inputs` on the way, so that the file is read once."""
    scales = {scale.symbol: scale for scale in journal.started.symbols}
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


def run_of(started: RunStarted, *, register: Mapping[str, Strategy] = STRATEGIES, other_code: bool = False) -> RunPlan:
    """The plan of a run, made of its first line alone, without a YAML file (J15). JournalError if it is not valid.

    register    the strategies by name, including those from Python (D5); ConfigError if that of the run is missing, or
                has other code than the run had (C6)
    other_code  whether it may have other code
    """
    name = started.plan.get(STRATEGY, "")
    if name and name not in register:
        text = f"{name} is not registered here: it is from Python, or part of a later release; name its code with "
        text += f"--strategy {name}=FILE.py, or call safla.replay(run, strategies={{'{name}': function}})"
        raise ConfigError([Problem("line 1", STRATEGY, text, code="strategy_unknown")])
    recorded = started.plan.get(CODE)
    if not other_code:
        _check_same_code(name, recorded, register=register)
    try:
        run = changed_run(started, {}, register=register)
        return run._replace(texts=with_code(run.texts, recorded))
    except ConfigError as error:
        raise JournalError(f"line 1: the plan is not valid in this release: {error}", code="other_release") from error


def strategy_name(path: Path) -> str:
    """The name of the strategy that a run folder or journal is of. Raises JournalError."""
    return reader.read(path).started.plan.get(STRATEGY, "")


def has_code(started: RunStarted) -> bool:
    """Whether the strategy of a run is code of a user, or of another release."""
    return started.plan.get(STRATEGY, "") not in STRATEGIES


def plan_to_show(started: RunStarted) -> RunPlan:
    """The plan of a run whose state is shown, and nothing of it decided again: no code is needed, and none executed."""
    absent = Strategy(_absent, warm_up=lambda _parameters: 1)
    return run_of(started, register={started.plan.get(STRATEGY, ""): absent, **STRATEGIES})


def _absent(_candles: object, _parameters: object) -> NoReturn:
    raise AssertionError("a plan that is shown calls no strategy")


def _check_same_code(name: str, recorded: str | None, *, register: Mapping[str, Strategy]) -> None:
    """Raise ConfigError if the code of a strategy from Python is not that of the run. Code without a file always is."""
    code = register[name].code if name in register else None
    if code is None or NO_FILE in (recorded, code.identity) or recorded in (None, code.identity):
        return
    text = (
        f"the run had the code {recorded}, this is {code.identity}; the files of the run are kept in its folder under "
    )
    text += f"strategy/; to see what this code would have done: safla replay RUN --strategy {name}=FILE.py --other-code"
    raise ConfigError([Problem("line 1", CODE, text, code="code_differs")])


def changed_run(
    started: RunStarted, changes: Mapping[str, str], *, register: Mapping[str, Strategy] = STRATEGIES
) -> RunPlan:
    """The plan of a run with some values changed (J44). ConfigError if they are not valid."""
    config = _config(started, {**started.plan, **changes}, strategies=tuple(register))
    symbols = tuple(one.symbol for one in started.symbols)
    return make_plan(config, symbols, scales=symbol_scales(started), start=started.start, register=register)


def _config(started: RunStarted, texts: dict[str, str], *, strategies: tuple[str, ...]) -> Config:
    """The configuration that the texts of a plan describe. ConfigError if one is not valid. strategies: known names."""
    return from_plan_texts(
        texts, symbols=tuple(one.symbol for one in started.symbols), markets={}, detail=started.detail,
        timeframe=started.timeframe, strategies=strategies,
    )  # fmt: skip


def symbol_scales(started: RunStarted) -> tuple[Scale, ...]:
    """The scale of each symbol, from the first line of a journal."""
    return tuple(_scale(recorded, started.money_decimals) for recorded in started.symbols)


def _scale(recorded: SymbolScale, money_decimals: int) -> Scale:
    return Scale(
        price_decimals=recorded.price_decimals,
        quantity_decimals=recorded.quantity_decimals,
        volume_decimals=recorded.volume_decimals,
        tick=to_units(recorded.tick, recorded.price_decimals),
        lot=to_units(recorded.lot, recorded.quantity_decimals),
        min_notional=to_units(recorded.min_notional, money_decimals),
    )


def series_of(journal: Journal, rows: CandleLines) -> tuple[Series, ...]:
    """The candles that the engine was given: from lines of the journal, or from the Parquet file next to it (J8)."""
    if journal.started.detail != "candles":
        path = journal.path.parent / CANDLES
        series = run_candles.read(path)
        _check_same_candles(path, series, journal=journal)
        _check_valid_candles(series, journal.started, path=path, word="row")
        return series
    result = []
    for scale in journal.started.symbols:
        numbers = np.array(rows[scale.symbol], np.int64).reshape(-1, CANDLE_FIELDS)
        columns = Columns(*np.ascontiguousarray(numbers.T))
        result.append(Series(scale.symbol, scale.price_decimals, scale.volume_decimals, columns))
    _check_valid_candles(result, journal.started, path=journal.path, word="candle")
    return tuple(result)


def _check_valid_candles(series: Sequence[Series], started: RunStarted, *, path: Path, word: str) -> None:
    """Raise JournalError for candles that no source may give, so that no run can have had them (D1, S1).

    The hashes do not show this: whoever changes the candles can also compute all hashes again.
    """
    try:
        config = _config(started, started.plan, strategies=(started.plan.get(STRATEGY, ""),))
        step, limit = TIMEFRAMES[started.timeframe], price_limit(config)
        for one in series:
            bounds = Bounds(step, limit, one.price_decimals, one.volume_decimals)
            origin = Origin(f"{path}: {one.symbol}", word, np.arange(1, len(one.columns.ts) + 1))
            check_candles(one.columns, bounds, origin=origin)
            if (unordered := np.flatnonzero(np.diff(one.columns.ts) <= 0)).size:
                raise DataError(
                    f"{origin.at(int(unordered[0]) + 1)}: does not open later than the candle before it",
                    code="candles_out_of_order",
                )
    except DataError as error:
        raise JournalError(str(error), code="candles_damaged") from error
    except ConfigError as error:
        raise JournalError(f"{path}: the plan is not valid in this release: {error}", code="other_release") from error


def _check_same_candles(path: Path, series: tuple[Series, ...], *, journal: Journal) -> None:
    """Raise JournalError if symbols or decimals differ from line 1, or the digest differs from that of run_ended."""
    expected = [(scale.symbol, scale.price_decimals, scale.volume_decimals) for scale in journal.started.symbols]
    if [one[:3] for one in series] != expected:
        symbols = " ".join(one.symbol for one in series)
        raise JournalError(
            f"{path}: holds candles of {symbols}, but line 1 of the journal has other symbols or decimals",
            code="other_run",
        )
    if journal.ended is None:
        return
    actual = digest(series, journal.started.timeframe)
    if actual != journal.ended.digest:
        raise JournalError(
            f"{path}: its candles have the digest {actual}, but the journal has {journal.ended.digest}",
            code="other_run",
        )


def _numbers(candle: CandleEvent, scale: SymbolScale) -> tuple[int, ...]:
    """Open time, prices and volume as integers (ms, price units, volume units)."""
    prices = (to_units(text, scale.price_decimals) for text in (candle.open, candle.high, candle.low, candle.close))
    return candle.ts, *prices, to_units(candle.volume, scale.volume_decimals)
