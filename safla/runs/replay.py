"""Verify a journal: its chain, its books, and every decision again (J43). This writes nothing and takes no lock."""

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from safla.config.plan import RunPlan
from safla.core.candles import Series
from safla.errors import attempt
from safla.journal import audit, reader
from safla.journal.audit import Books
from safla.journal.chain import event_bytes, unchecked_event
from safla.journal.diff import FirstDifference, first_difference
from safla.journal.events import CandleMissing, Event, RunEnded
from safla.journal.files import open_to_read
from safla.journal.reader import Journal, Tail
from safla.runs.engine_choice import choose
from safla.runs.journal_scan import BUFFER, HASH, Scan, bounded_lines, scan
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
    other_code: bool = False,
) -> ReplayResult:
    """Verify a run folder or its journal. JournalError for a broken chain, and for missing or damaged candles.

    register    the strategies by name, including those from Python (D5); ConfigError if that of the run is missing
    other_code  whether the run's strategy may have other code than it had; else that is a ConfigError (C6)
    """
    journal = reader.read(path)

    def plan() -> RunPlan:
        return run_of(journal.started, register=register, other_code=other_code)

    if not books_only:
        confirmed, _ = attempt(lambda: _confirmed(journal, plan=plan, engine=engine))
        if confirmed is not None:
            return confirmed
    inputs = Inputs(journal.started)
    books = audit.audit_events(read_events(journal, inputs))
    tail = journal.tail
    assert tail is not None, "the journal was read to its end"
    if books_only:
        return ReplayResult(tail, books, None, journal.anchored)
    run = plan()
    series = series_of(journal, inputs.rows)
    candles = sum(len(one.columns.ts) for one in series)
    if candles == 0:  # a run of detail `candles` was killed before its first candle line
        return ReplayResult(tail, books, Decisions(0, 0, None), journal.anchored)
    forms = choose(engine, run.strategy, candles=candles, say=say)
    blocks = fold_blocks(run, series, forms=forms, outside=inputs.outside, stop=inputs.stop)
    lines, difference = _compare(journal, blocks, tail=tail)
    return ReplayResult(tail, books, Decisions(candles, lines, difference), journal.anchored)


class _Recorded(NamedTuple):
    """What a journal holds, read without its checks."""

    series: tuple[Series, ...]
    inputs: Inputs
    tail: Tail
    books: Books


def _confirmed(journal: Journal, *, plan: Callable[[], RunPlan], engine: str) -> ReplayResult | None:
    """The result of a replay that finds no difference, in a fraction of the time; None where the strict way must look.

    The order is the other way round: the journal is read without checks, and every byte of it is compared with the
    lines that its own inputs give. Where all are equal, chain, spelling and amounts are those that safla writes, so
    that none of them needs a check of its own. Only the books are added up besides.
    """
    recorded = _read_candles(journal) if journal.started.detail == "candles" else _read_lines(journal)
    if recorded is None or recorded.books.differing or not _is_whole(journal, recorded.tail):
        return None
    series, run = recorded.series, plan()
    candles = sum(len(one.columns.ts) for one in series)
    forms = choose(engine, run.strategy, candles=candles, say=lambda text: None)
    blocks = fold_blocks(run, series, forms=forms, outside=recorded.inputs.outside, stop=recorded.inputs.stop)
    lines, difference = _compare(journal, blocks, tail=recorded.tail)
    if difference is not None:
        return None
    return ReplayResult(recorded.tail, recorded.books, Decisions(candles, lines, None), journal.anchored)


def _is_whole(journal: Journal, tail: Tail) -> bool:
    """Whether the checkpoint covers the journal to its end, or there is none."""
    head = journal.head
    return head is None or (head.n, head.offset, head.h) == (tail.lines, tail.offset, tail.h)


def _read_candles(journal: Journal) -> _Recorded | None:
    """A journal of detail `candles`, whose candle lines are read in one quick pass."""
    found = scan(journal.path)
    if found is None:
        return None
    books = audit.audit_lines(_with_places_of_candles(found), left_out=found.candle_lines)
    return _Recorded(found.series, found.inputs, found.tail, books)


def _with_places_of_candles(found: Scan) -> Iterator[tuple[int, Event]]:
    """The events other than candles with their line numbers, and one event wherever candle lines are left out."""
    before = 0
    for n, text in zip(found.numbers, found.outcomes, strict=True):
        if n > before + 1:
            yield n - 1, CandleMissing(ts=0, symbol=found.series[0].symbol)
        yield n, unchecked_event(text)
        before = n


def _read_lines(journal: Journal) -> _Recorded | None:
    """A journal without candles, which lie in a file beside it."""
    inputs = Inputs(journal.started)
    reading = _Lines(journal.path, inputs)
    books = audit.audit_lines(iter(reading))
    if not reading.is_whole:
        return None
    journal.ended = reading.last if isinstance(reading.last, RunEnded) else None
    tail = Tail(reading.n, reading.h, reading.offset, 0, unended=False)
    return _Recorded(series_of(journal, inputs.rows), inputs, tail, books)


class _Lines:
    """The lines of a journal with their numbers, without a check. The inputs among them are collected."""

    def __init__(self, path: Path, inputs: Inputs) -> None:
        self._path, self._inputs = path, inputs
        self.n = self.offset = 0
        self.h = ""
        self.last: Event | None = None
        self.is_whole = True

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        raw = b""
        with io.BufferedReader(open_to_read(self._path), BUFFER) as file:
            for raw in bounded_lines(file):
                self.n += 1
                self.offset += len(raw)
                self.last = unchecked_event(event_bytes(raw[:-1], self.n))
                self._inputs.note(self.last)
                yield self.n, self.last
        self.h, self.is_whole = raw[HASH].decode("ascii"), raw.endswith(b"\n")


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
