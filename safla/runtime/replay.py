"""A journal, verified: its chain, its books, and every decision again (J43). It writes nothing and takes no lock."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from safla.errors import JournalError
from safla.journal import books, reader
from safla.journal import head as anchor
from safla.journal.books import Books
from safla.journal.compare import Parting, first_parting
from safla.journal.head import HEAD
from safla.journal.reader import Journal, Tail
from safla.journal.survey import survey
from safla.runtime.fold import Block, fold
from safla.runtime.forms import choose
from safla.runtime.recorded import no_rows, noting_candles, run_of, series_of


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


def replay(path: Path, *, books_only: bool, engine: str, say: Callable[[str], None]) -> Replayed:
    """Verify a run folder or its journal. JournalError for a broken chain, and for candles missing or damaged."""
    journal = reader.read(path)
    refuse_shortened(journal.path)
    rows = no_rows(journal.started)
    found = books.check(noting_candles(journal, rows))
    tail = journal.tail
    assert tail is not None, "the journal was read to its end"
    if books_only:
        return Replayed(tail, found, None)
    run = run_of(journal.started)
    series = series_of(journal, rows)
    candles = sum(len(one.columns.ts) for one in series)
    forms = choose(engine, run.strategy.columns, candles=candles, say=say)
    lines, difference = _compared(journal, fold(run, series, forms=forms), tail=tail)
    return Replayed(tail, found, Decisions(candles, lines, difference))


def refuse_shortened(journal: Path) -> None:
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
