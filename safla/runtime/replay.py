"""A journal, verified: its chain, its books, and every decision again (J43). It writes nothing and takes no lock."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from safla.config.plan import RunPlan, make_plan
from safla.config.text import from_plan_texts
from safla.core.candles import Scale, Series
from safla.core.scale import to_units
from safla.core.values import Columns
from safla.errors import ConfigError, JournalError
from safla.journal import books, candles_file, reader
from safla.journal import head as anchor
from safla.journal.books import Books
from safla.journal.compare import Parting, first_parting
from safla.journal.events import Candle, Event, RunStarted, SymbolScale
from safla.journal.files import CANDLES
from safla.journal.head import HEAD
from safla.journal.reader import Journal, Tail
from safla.journal.survey import survey
from safla.runtime.fold import Block, fold
from safla.runtime.forms import choose

CANDLE_FIELDS = 6


class Decisions(NamedTuple):
    """The third step: every line again, out of the inputs alone."""

    candles: int  # folded, all symbols together
    lines: int  # compared
    difference: Parting | None


class Replayed(NamedTuple):
    """What a replay found; decisions None where only the books were asked for."""

    tail: Tail
    books: Books
    decisions: Decisions | None


Rows = dict[str, list[tuple[int, ...]]]  # the candle lines by symbol


def replay(path: Path, *, books_only: bool, engine: str, say: Callable[[str], None]) -> Replayed:
    """Verify a run folder or its journal. JournalError for a broken chain, and for candles missing or damaged."""
    journal = reader.read(path)
    _refuse_shortened(journal.path)
    rows: Rows = {one.symbol: [] for one in journal.started.symbols}
    found = books.check(_noting_candles(journal, rows))
    tail = journal.tail
    assert tail is not None, "the journal was read to its end"
    if books_only:
        return Replayed(tail, found, None)
    run = run_of(journal.started)
    series = _series(journal, rows)
    candles = sum(len(one.columns.ts) for one in series)
    forms = choose(engine, run.strategy.columns, candles=candles, say=say)
    lines, difference = _compared(journal, fold(run, series, forms=forms), tail=tail)
    return Replayed(tail, found, Decisions(candles, lines, difference))


def _refuse_shortened(journal: Path) -> None:
    """What head remembers must still be there (J34 g); without one, a tail lost at a line's end shows nowhere."""
    head = anchor.read(journal.with_name(HEAD))
    found = survey(journal, head) if head else None
    if found and found.kind == "corrupt":
        raise JournalError(f"{journal}: line {found.lines + 1}, byte {found.offset}: corrupt: {found.what}")


def _compared(journal: Journal, blocks: Iterator[Block], *, tail: Tail) -> tuple[int, Parting | None]:
    """How many lines of the file came out again, and the first that did not. What an unfinished run lacks is none."""
    lines = 0
    with journal.path.open("rb") as file:
        for block in blocks:
            there = file.read(min(len(block.lines), tail.offset - file.tell()))
            if not block.lines.startswith(there):
                return lines, first_parting(there + file.readline(), block.lines, n=lines)
            lines += there.count(b"\n")
            if file.tell() == tail.offset:
                return lines, None
        rest = file.read(tail.offset - file.tell())
    return lines, first_parting(rest, b"", n=lines)


def _noting_candles(journal: Journal, rows: Rows) -> Iterator[Event]:
    """The events; candles leave their numbers in rows as they pass, so that the file is read once."""
    scales = {one.symbol: one for one in journal.started.symbols}
    for line in journal:
        event = line.event
        if isinstance(event, Candle):
            rows[event.symbol].append(_numbers(event, scales[event.symbol]))
        yield event


def run_of(started: RunStarted) -> RunPlan:
    """The plan that a first line tells, all of it, without a YAML file (J15). JournalError for one that is none."""
    symbols = tuple(one.symbol for one in started.symbols)
    try:
        config = from_plan_texts(
            started.plan, symbols=symbols, markets={}, detail=started.detail, timeframe=started.timeframe
        )
        grids = tuple(_scale(one, started.money_decimals) for one in started.symbols)
        return make_plan(config, symbols, scales=grids, start=started.start)
    except ConfigError as error:
        raise JournalError(f"line 1: the plan is none of this release: {error}") from error


def _scale(one: SymbolScale, money_decimals: int) -> Scale:
    return Scale(
        price_decimals=one.price_decimals,
        quantity_decimals=one.quantity_decimals,
        volume_decimals=one.volume_decimals,
        tick=to_units(one.tick, one.price_decimals),
        lot=to_units(one.lot, one.quantity_decimals),
        min_notional=to_units(one.min_notional, money_decimals),
    )


def _series(journal: Journal, rows: Rows) -> tuple[Series, ...]:
    """The candles that the engine was given: lines of the journal, or the Parquet file beside it (J8)."""
    if journal.started.detail != "candles":
        return candles_file.read(journal.path.parent / CANDLES)
    found = []
    for one in journal.started.symbols:
        numbers = np.array(rows[one.symbol], np.int64).reshape(-1, CANDLE_FIELDS)
        columns = Columns(*np.ascontiguousarray(numbers.T))
        found.append(Series(one.symbol, one.price_decimals, one.volume_decimals, columns))
    return tuple(found)


def _numbers(candle: Candle, scale: SymbolScale) -> tuple[int, ...]:
    prices = (to_units(text, scale.price_decimals) for text in (candle.open, candle.high, candle.low, candle.close))
    return candle.ts, *prices, to_units(candle.volume, scale.volume_decimals)
