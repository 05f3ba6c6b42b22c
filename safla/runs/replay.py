"""A journal, verified: its chain, its books, and every decision again (J43). It writes nothing and takes no lock."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from safla.journal import audit, reader
from safla.journal.audit import Books
from safla.journal.diff import FirstDifference, first_difference
from safla.journal.files import open_to_read
from safla.journal.reader import Journal, Tail
from safla.runs.engine_choice import choose
from safla.runs.recording import Inputs, noting, run_of, series_of
from safla.runs.runner import Block, fold_blocks
from safla.strategies.register import STRATEGIES, Strategy


class Decisions(NamedTuple):
    """The third step: every line again, out of the inputs alone."""

    candles: int  # folded, all symbols together
    lines: int  # compared
    difference: FirstDifference | None


class Replayed(NamedTuple):
    """What a replay found; decisions None where only the books were asked for."""

    tail: Tail
    books: Books
    decisions: Decisions | None
    anchored: bool  # there is a head, and what it remembers is there


def replay_run(
    path: Path,
    *,
    books_only: bool,
    engine: str,
    say: Callable[[str], None],
    register: Mapping[str, Strategy] = STRATEGIES,
) -> Replayed:
    """Verify a run folder or its journal. JournalError for a broken chain, and for candles missing or damaged.

    register  the strategies by name, those from Python among them (D5); ConfigError where that of the run is missing
    """
    journal = reader.read(path)
    inputs = Inputs(journal.started)
    found = audit.audit_events(noting(journal, inputs))
    tail = journal.tail
    assert tail is not None, "the journal was read to its end"
    if books_only:
        return Replayed(tail, found, None, journal.anchored)
    run = run_of(journal.started, register=register)
    series = series_of(journal, inputs.rows)
    candles = sum(len(one.columns.ts) for one in series)
    if candles == 0:  # a kill can leave a journal of all candles that holds none of them
        return Replayed(tail, found, Decisions(0, 0, None), journal.anchored)
    forms = choose(engine, run.strategy.columns, candles=candles, say=say)
    blocks = fold_blocks(run, series, forms=forms, outside=inputs.outside, stop=inputs.stop)
    lines, difference = _compared(journal, blocks, tail=tail)
    return Replayed(tail, found, Decisions(candles, lines, difference), journal.anchored)


def _compared(journal: Journal, blocks: Iterator[Block], *, tail: Tail) -> tuple[int, FirstDifference | None]:
    """How many lines of the file came out again, and the first that did not. What an unfinished run lacks is none."""
    lines = 0
    with open_to_read(journal.path) as file:
        for block in blocks:
            there = file.read(min(len(block.lines), tail.offset - file.tell()))
            if not block.lines.startswith(there):
                return lines, first_difference(there + file.readline(), block.lines, n=lines)
            if file.tell() == tail.offset:
                return tail.lines, None
            lines += there.count(b"\n")
        rest = file.read(tail.offset - file.tell())
    return lines, first_difference(rest, b"", n=lines)
