"""Verify a journal: its chain, its books, and every decision again (J43). This writes nothing and takes no lock."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from safla.journal import audit, reader
from safla.journal.audit import Books
from safla.journal.diff import FirstDifference, first_difference
from safla.journal.files import open_to_read
from safla.journal.reader import Journal, Tail
from safla.runs.engine_choice import choose
from safla.runs.recording import Inputs, read_events, run_of, series_of
from safla.runs.runner import Block, fold_blocks
from safla.strategies.register import STRATEGIES, Strategy


class Decisions(NamedTuple):
    """The third step: every line is made again from the inputs alone and compared."""

    candles: int  # of all symbols together
    lines: int  # that were compared
    difference: FirstDifference | None


class ReplayResult(NamedTuple):
    """The result of a replay. decisions None: only the books were requested."""

    tail: Tail
    books: Books
    decisions: Decisions | None
    anchored: bool  # there is a file head, and the journal agrees with it


def replay_run(
    path: Path,
    *,
    books_only: bool,
    engine: str,
    say: Callable[[str], None],
    register: Mapping[str, Strategy] = STRATEGIES,
) -> ReplayResult:
    """Verify a run folder or its journal. JournalError for a broken chain, and for missing or damaged candles.

    register  the strategies by name, including those from Python (D5); ConfigError if that of the run is missing
    """
    journal = reader.read(path)
    inputs = Inputs(journal.started)
    books = audit.audit_events(read_events(journal, inputs))
    tail = journal.tail
    assert tail is not None, "the journal was read to its end"
    if books_only:
        return ReplayResult(tail, books, None, journal.anchored)
    run = run_of(journal.started, register=register)
    series = series_of(journal, inputs.rows)
    candles = sum(len(one.columns.ts) for one in series)
    if candles == 0:  # a run of detail `candles` was killed before its first candle line
        return ReplayResult(tail, books, Decisions(0, 0, None), journal.anchored)
    forms = choose(engine, run.strategy, candles=candles, say=say)
    blocks = fold_blocks(run, series, forms=forms, outside=inputs.outside, stop=inputs.stop)
    lines, difference = _compare(journal, blocks, tail=tail)
    return ReplayResult(tail, books, Decisions(candles, lines, difference), journal.anchored)


def _compare(journal: Journal, blocks: Iterator[Block], *, tail: Tail) -> tuple[int, FirstDifference | None]:
    """The number of equal lines, and the first difference. An unfinished file that ends early is no difference."""
    lines = 0
    with open_to_read(journal.path) as file:
        for block in blocks:
            recorded = file.read(min(len(block.lines), tail.offset - file.tell()))
            if not block.lines.startswith(recorded):
                return lines, first_difference(recorded + file.readline(), block.lines, n=lines)
            if file.tell() == tail.offset:
                return tail.lines, None
            lines += recorded.count(b"\n")
        rest = file.read(tail.offset - file.tell())
    return lines, first_difference(rest, b"", n=lines)
