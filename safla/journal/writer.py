"""Make the lines of a run in their order (J18): rows of the engine in, bytes out. No files, and no decisions."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from safla.core import values as v
from safla.core.machine import MODES, START, TRIGGERS, next_mode
from safla.core.values import Detail, Float64, Grid, Int64, Int64Table, State
from safla.errors import IllegalMove
from safla.journal.chain import ORIGIN, Chain, EventComparison, encoded
from safla.journal.encode import (
    CANDLE,
    CANDLE_MISSING,
    EVENT_TYPES,
    KINDS,
    NO_INPUT,
    PLAIN,
    EngineRows,
    Input,
    Make,
    makers,
    run_decimals,
    run_ended,
)
from safla.journal.event_texts import WriteFunction, event_texts, templates_of
from safla.journal.events import DETAILS, LEVELS, CandleEvent, Fact, RunStarted

FEW = 32  # rows; fewer are encoded one by one, which is quicker than a call of compiled code
_SLICE = 1_024  # rows that are converted at a time


class LineEncoder:
    """Turns the rows of one run into its lines. The bytes do not depend on how the rows are cut into calls (J4)."""

    def __init__(self, started: RunStarted, *, check_moves: bool = False, write: WriteFunction | None = None) -> None:
        """
        started      the first line; its detail decides which events are written (J15)
        check_moves  compare every mode_changed with the state machine (D4): about 6 us for each move
        write        the compiled form of `write_events`; None: each event is encoded by itself
        """
        self.chain = Chain(0, ORIGIN)
        self._comparison = EventComparison(())
        self._started = started
        self._places = run_decimals(started)
        self._write = write
        self._check_moves = check_moves
        self._choose(started.detail)

    def _choose(self, detail: Detail) -> None:
        """Choose the events that are written."""
        self._table = _table(detail)
        self._with_candles = is_written(CandleEvent, detail)
        written = [kind for kind in PLAIN if self._table[kind] is not None]
        self._templates = templates_of(self._places, written)

    def block(self, grid: Grid, first: int, *, last: int, rows: Int64, strengths: Float64) -> bytes:
        """The lines of the timestamps grid.ts[first:last].

        grid       all candles of the run, or any part that holds these timestamps
        rows       int64[m, ROW_WIDTH], what the engine wrote for them; in the first block of a run, preceded by the
                   rows of `begin`
        strengths  float64[m], by row: the strength of a signal
        """
        lines = [self.chain.line(self._started)] if self.chain.n == 0 else []
        # The rows of `begin` have the ts of the first candle, but their lines come before it (J18).
        starts = _count_starts(rows) if lines else 0
        if self._with_candles and last - first == 1:  # a live candle
            lines.append(self._lines_of_one(grid, first, rows=rows, strengths=strengths, starts=starts))
            return b"".join(lines)
        if self._with_candles:
            rows, strengths = with_candles(grid, rows, strengths=strengths, first=first, last=last, starts=starts)
        lines.append(self._lines(rows, strengths, given=NO_INPUT))
        return b"".join(lines)

    def compare(self, read: Iterable[bytes]) -> None:
        """Compare events with the bytes of those that were read, from the first line on, instead of making lines.

        `read` has no candles: they are inputs, so a comparison would prove nothing. From now on the methods that make
        lines return no bytes, and raise Unequal at the first event that differs.
        """
        self.chain = self._comparison = EventComparison(read)
        self._choose(min(self._started.detail, "decisions", key=DETAILS.index))

    def go_on(self, n: int, p: str) -> None:
        """Make lines again, after n lines, the last of which has the hash p. Raises Unequal if events are left over."""
        self._comparison.finish()
        self.chain = Chain(n, p.encode("ascii"))
        self._choose(self._started.detail)

    def outside(self, rows: Int64, given: Input) -> bytes:
        """The lines of an input from outside and of what follows from it, after those of its timestamp (J17)."""
        return self._lines(rows, np.zeros(len(rows)), given=given)

    def closing(self, rows: Int64, state: State, *, digest: str, stop: Input) -> bytes:
        """The lines after the last candle (J3).

        rows, state  of the engine's `finish`
        digest       of all candles (J7)
        stop         the command that ended the run, or NO_INPUT
        """
        ended = run_ended(self._places, state, digest=digest, stop=stop)
        return self.outside(rows, NO_INPUT) + self.chain.line(ended)

    def _lines(self, rows: Int64Table, strengths: Float64, *, given: Input) -> bytes:
        """The lines of rows in their order."""
        if self._check_moves:
            _refuse_illegal_moves(rows)
        if self._write is not None and len(rows) >= FEW:
            lists = EngineRows(_Lists(rows, 1), _Lists(strengths, 1), given)
            return self.chain.texts(
                *event_texts(
                    self._write, self._templates, rows=rows, strengths=strengths,
                    encode=lambda i: self._encoded(lists, i),
                )
            )  # fmt: skip
        lists = EngineRows(_Lists(rows, _SLICE), _Lists(strengths, _SLICE), given)
        return self._one_by_one(rows[:, 0].tolist(), lists)

    def _lines_of_one(self, grid: Grid, place: int, *, rows: Int64Table, strengths: Float64, starts: int) -> bytes:
        """The lines of one timestamp with its candles, in plain lists: arrays take longer for so few rows."""
        if self._check_moves:
            _refuse_illegal_moves(rows)
        lists, powers, ts = rows.tolist(), strengths.tolist(), int(grid.ts[place])
        candles = [
            [CANDLE if cells[0] > 0 else CANDLE_MISSING, ts, s, *cells]  # a price is never 0
            for s, cells in enumerate(zip(*(column[:, place].tolist() for column in grid[1:]), strict=True))
        ]
        lists[starts:starts], powers[starts:starts] = candles, [0.0] * len(candles)
        return self._one_by_one([row[0] for row in lists], EngineRows(lists, powers, NO_INPUT))

    def _one_by_one(self, kinds: Sequence[int], rows: EngineRows) -> bytes:
        line, places, table = self.chain.line, self._places, self._table
        makers = [table[kind] for kind in kinds]
        return b"".join([line(make(places, rows, i)) for i, make in enumerate(makers) if make is not None])

    def _encoded(self, rows: EngineRows, i: int) -> bytes:
        """The event of a row that has no template; an empty text if it has no line."""
        make = self._table[rows.rows[i][0]]
        return b"" if make is None else encoded(make(self._places, rows, i))


class _Lists(Sequence[Any]):
    """An array as plain numbers and lists of them, of which some rows are converted at a time."""

    def __init__(self, array: Int64Table | Float64, size: int) -> None:
        """size: how many rows are converted when one of them is read; all at once would take much memory."""
        self._array, self._size = array, size
        self._part, self._items = -1, list[Any]()

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, i: Any) -> Any:
        part, place = divmod(i, self._size)
        if part != self._part:
            self._part, self._items = part, self._array[part * self._size : (part + 1) * self._size].tolist()
        return self._items[place]


def with_candles(
    grid: Grid, rows: Int64Table, *, strengths: Float64, first: int, last: int, starts: int
) -> tuple[Int64Table, Float64]:
    """The rows with one for each candle: those of a timestamp come before its outcomes (J18).

    starts  how many rows at the beginning come before the first candle
    """
    symbols, count = len(grid.open), (last - first) * len(grid.open)
    candles = np.zeros((count, v.ROW_WIDTH), np.int64)
    candles[:, 1] = np.repeat(grid.ts[first:last], symbols)
    candles[:, 2] = np.tile(np.arange(symbols), last - first)
    for column, prices in enumerate(grid[1:], 3):
        candles[:, column] = prices[:, first:last].T.reshape(-1)
    candles[:, 0] = np.where(candles[:, 3] == 0, CANDLE_MISSING, CANDLE)  # a price is never 0
    after = np.searchsorted(candles[:, 1], rows[:, 1], "right")  # the candles before each row
    after[:starts] = 0
    places = after + np.arange(len(rows))
    whole = np.empty((count + len(rows), v.ROW_WIDTH), np.int64)
    is_candle = np.ones(len(whole), np.bool_)
    is_candle[places] = False
    whole[is_candle], whole[places] = candles, rows
    powers = np.zeros(len(whole))
    powers[places] = strengths
    return whole, powers


def is_written(event: type[Fact], detail: Detail) -> bool:
    """Whether a journal with this detail has the event (J15)."""
    return DETAILS.index(LEVELS[event]) <= DETAILS.index(detail)


def _table(detail: Detail) -> list[Make | None]:
    """By kind of row: the function that makes its event; None if a journal with this detail has no line for it."""
    found = {kind: make for kind, make in makers().items() if is_written(EVENT_TYPES[kind], detail)}
    return [found.get(kind) for kind in range(KINDS)]


def _count_starts(rows: Int64Table) -> int:
    """How many rows at the beginning are the `start` of a symbol, which comes before the first candles (J18)."""
    is_start = (rows[:, 0] == v.MODE_CHANGED) & (rows[:, 3] == START)
    return len(rows) if is_start.all() else int(np.argmin(is_start))


def _refuse_illegal_moves(rows: Int64) -> None:
    for row in rows[rows[:, 0] == v.MODE_CHANGED].tolist():
        trigger, source, target = TRIGGERS[row[3]], MODES[row[4]], MODES[row[5]]
        if next_mode(source, trigger) != target:
            raise IllegalMove(
                f"{trigger} from {source} to {target}: core/machine.py has no such row", code="illegal_move"
            )
